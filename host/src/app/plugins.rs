//! Plugins from settings to services: where their files are looked for, who follows them while a conversation lives, and what
//! they carry besides tools.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, anyhow};
use tokio::sync::mpsc;

use super::plugin::question::{Asking, Before, describe_acceptance, held};
use super::{Context, catalogue, follow, services};
use crate::agent;
use crate::commands::{self, Carried};
use crate::plugins::{Accepted, Changes, Consents, Live, Options, Plugins, Question, Roots};
use crate::protocol::{Event, Level};
use crate::registry;
use crate::terminal::one_line;
use crate::watch::Watch;

/// Where plugin files are looked for.
pub fn roots(context: &Context) -> Roots {
    Roots::new(&context.workspace, &context.paths.config, &context.paths.project_state())
}

/// Whether the signature beside a plugin file is one of its bytes by this key.
pub fn signed(file: &Path, bytes: &[u8], key: &str) -> Result<(), String> {
    match registry::read_signature(file).map_err(|error| error.to_string())? {
        None => Err(format!("its signature is missing; `garth plugin add` brings it again, by key {key}")),
        Some(signature) => registry::verify(bytes, &signature, key).map_err(|error| error.to_string()),
    }
}

/// Reads the built-in plugins and the files that the user has accepted; nothing is compiled or run.
pub fn open(context: &Context, consents: Consents) -> Result<Live> {
    let (paths, settings) = (&context.paths, &context.loaded.settings);
    let [enabled, granted] = [settings.plugins.clone(), settings.plugins.clone()];
    let known = consents.clone();
    Live::open(Options {
        roots: roots(context),
        consents,
        sandbox: services::sandbox(paths)?,
        workspace: context.workspace.clone(),
        protection: services::protection(settings)?,
        limits: settings.limits.clone(),
        state: services::plugin_state(paths),
        enabled: Box::new(move |name| enabled.get(name).is_none_or(|plugin| plugin.enabled)),
        grant: Box::new(move |name, tool| granted.get(name).cloned().unwrap_or_default().grant(tool)),
        reserved: agent::host_tools().into_iter().map(|tool| tool.name).collect(),
        signed: Box::new(signed),
        question: Box::new(move |asked| question(&known, asked)),
    })
}

/// The same for a command that does not change what the user has said.
pub fn now(context: &Context) -> Result<Live> {
    open(context, services::consents(&context.paths))
}

/// What is asked before a file is used.
fn question(consents: &Consents, question: &Question<'_>) -> String {
    let Question { file, place, shown, locked, signed_by, before } = question;
    let before = Before::of(before.cloned(), *locked);
    describe_acceptance(&Asking {
        file,
        shown,
        source: locked.map(|locked| locked.source.as_str()),
        signed_by: *signed_by,
        before: before.as_ref(),
        grants: &Accepted::of(file, *locked).lock_grants,
        held: &held(consents, *place, file),
    })
}

/// Hands what the plugins carry to the commands, from now on.
pub fn carry(live: &Live, commands: &commands::Live) {
    let commands = commands.clone();
    live.listen(move |plugins| drop(commands.carry(carried(plugins))));
}

/// Takes in what changes, until the watch is dropped.
pub fn follow(context: &Context, live: &Live, events: mpsc::Sender<Event>) -> Option<Watch> {
    // A front end that reads nothing must not hold the watcher up.
    let say = move |text: String| drop(events.try_send(Event::Notice { level: Level::Warn, text }));
    // What cannot be watched, and so is looked for once a second, is said of the commands already.
    let watch = follow::plugins(live, catalogue::mode(context));
    watch.map_err(|error| say(format!("changes of plugins are not seen until garth is started again: {error}"))).ok()
}

/// The commands and skills of these plugins.
pub fn carried(plugins: &Plugins) -> Vec<Carried> {
    let carrying = plugins.plugins().iter().filter(|plugin| !plugin.commands().is_empty());
    let files = |(path, text): (&String, &String)| (path.clone(), text.clone().into_bytes());
    carrying
        .map(|plugin| Carried { plugin: plugin.name.clone(), files: plugin.commands().iter().map(files).collect() })
        .collect()
}

/// Says on standard error what waits for the user's word, and what cannot be used.
pub fn say(live: &Live) {
    let Changes { waiting, problems, .. } = Changes::between(&[], &live.list());
    let mut err = std::io::stderr();
    for line in waiting.iter().chain(&problems) {
        let _ = writeln!(err, "garth: plugin {}", one_line(line));
    }
}

/// The first start compiles the plugins; later ones find them in the cache.
pub async fn compile(live: &Live) -> Result<()> {
    let missing = live.current().uncompiled();
    if missing == 0 {
        return Ok(());
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "compiling {missing} plugins for this machine, once … ");
    let _ = err.flush();
    let start = std::time::Instant::now();
    live.compile().await.map_err(|error| anyhow!(error))?;
    let _ = writeln!(err, "done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
