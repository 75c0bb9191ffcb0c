//! Connects the loop with a front end: the conversation in the terminal, and `garth run`.

use std::io::{BufReader, IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::auto_model::AutoModel;
use super::catalogue::{self, Follow};
use super::context::{Context, style};
use super::{graph, plugins as app_plugins, services, tiers};
use crate::agent::{Agent, Connect, Recorder, Services};
use crate::approval::Approvals;
use crate::audit::Exposures;
use crate::cli::args::{Resume, TaskSource};
use crate::cli::headless::{self, Console, Form};
use crate::cli::read_task;
use crate::commands::Live;
use crate::model::{self, Model, ModelError};
use crate::plugins::{self, Consents};
use crate::session::{self, Journal, Log, Transcript};
use crate::terminal::{self, Link, one_line};
use crate::{
    config::{self, Profiles},
    repl,
};

/// Ops and events that may wait.
const QUEUE: usize = 1_024;

/// The conversation in a terminal, or with lines from a pipe.
pub async fn repl(context: &Context, task: Option<String>) -> Result<u8> {
    context.check_workspace()?;
    let around = surroundings(context)?;
    around.say();
    let (link, running) = start(context, connect(context), around, Follow::Files).await?;
    let out_style = context.style(&std::io::stdout());
    let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let keyboard = if interactive {
        repl::open_terminal(&context.paths.state.join("history"), out_style)
            .context("the terminal cannot be read line by line")?
    } else {
        repl::Keyboard::pipe(BufReader::new(std::io::stdin()))
    };
    let colour = context.loaded.settings.ui.colour;
    let mut options = repl::Options::new(move || style(colour, &std::io::stdout()));
    options.task = task;
    options.warm_up = interactive && context.loaded.settings.model.warm_up;
    let end = repl::run(link, keyboard, std::io::stdout(), options, terminal::interrupts()).await;
    let _ = running.await;
    Ok(end.code())
}

/// One task; text or events on standard output.
pub async fn headless(context: &Context, task: TaskSource) -> Result<u8> {
    let task = read_task(task, std::io::stdin())?;
    context.check_workspace()?;
    let around = surroundings(context)?;
    around.say();
    catalogue::check_called(&around.commands.current(), &task)?;
    let (link, running) = start(context, connect(context), around, Follow::Files).await?;
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut console = console(context);
    if interactive && console.form == Form::Text {
        console.answers = Some(terminal::read_lines(BufReader::new(std::io::stdin())));
    }
    let exit = headless::run(link, task, console, terminal::interrupts()).await;
    let _ = running.await;
    Ok(exit.code())
}

/// What a conversation finds around it, as files that come and go.
pub struct Surroundings {
    pub plugins: plugins::Live,
    pub commands: Live,
    /// What the user has said of the plugins.
    pub consents: Consents,
    /// What goes to models that are not local is the user's to know, wherever the rest is kept.
    pub exposures: Exposures,
}

impl Surroundings {
    /// With the plugins of the binary alone.
    pub fn builtin(context: &Context, commands: Live) -> Result<Surroundings> {
        let plugins = plugins::Live::fixed(context.plugins_in(&context.workspace)?);
        let (consents, exposures) = (services::consents(&context.paths), services::exposures(&context.paths));
        Ok(Surroundings { plugins, commands, consents, exposures })
    }

    /// Says on standard error what cannot be used, and what waits for the user's word.
    fn say(&self) {
        let problems = self.commands.current().problems().len() as u64;
        if problems > 0 {
            let files = terminal::plural(problems, "file");
            warn(&format!("{files} of commands or skills cannot be used; 'garth commands' says why"));
        }
        app_plugins::say(&self.plugins);
    }
}

/// Plugins, commands and skills.
pub fn surroundings(context: &Context) -> Result<Surroundings> {
    let consents = services::consents(&context.paths);
    let plugins = app_plugins::open(context, consents.clone())?;
    let commands = catalogue::open_with(context, app_plugins::carried(&plugins.current()));
    Ok(Surroundings { plugins, commands, consents, exposures: services::exposures(&context.paths) })
}

/// Where `garth run` and the demo write; nobody is asked yet.
pub fn console(context: &Context) -> Console {
    Console {
        form: if context.flags.json { Form::Json } else { Form::Text },
        out: std::io::stdout(),
        out_style: context.style(&std::io::stdout()),
        err: std::io::stderr(),
        err_style: context.style(&std::io::stderr()),
        answers: None,
    }
}

/// Builds the services and starts the loop; the front end's end of the wire and the loop's end.
pub async fn start(
    context: &Context,
    connect: Connect,
    around: Surroundings,
    follow: Follow,
) -> Result<(Link, JoinHandle<()>)> {
    let settings = &context.loaded.settings;
    let Surroundings { plugins, commands, consents, exposures } = around;
    app_plugins::compile(&plugins).await?;
    let model = connect(settings.model.name.as_deref().unwrap_or_default())?;
    let (journal, transcript) = journal(context)?;
    let spent = transcript.as_ref().map(|transcript| transcript.spent.clone());
    let (routing, problems) = tiers::routing(context, spent.unwrap_or_default())?;
    problems.iter().for_each(|problem| warn(problem));
    // One session of many that a command runs: the next one wants the same model.
    let routing = if follow == Follow::Nothing { routing.staying() } else { routing };
    let (ops_in, ops_out) = mpsc::channel(QUEUE);
    let (events_in, events_out) = mpsc::channel(QUEUE);
    let paths = context.paths.clone();
    let remember =
        move |rule: &crate::policy::Rule| config::remember(&paths, rule).map(|_| ()).map_err(|error| error.to_string());
    let session = journal.id().to_string();
    app_plugins::carry(&plugins, &commands);
    let code = graph::open(context, events_in.clone());
    let watch = match follow {
        Follow::Files => [
            catalogue::follow(context, &commands, events_in.clone()),
            app_plugins::follow(context, &plugins, events_in.clone()),
            graph::follow(&code, &context.workspace, catalogue::mode(context)),
        ],
        Follow::Nothing => [None, None, None],
    };
    let services = Services {
        settings: services::agent_settings(settings),
        workspace: context.workspace.clone(),
        plugins,
        commands,
        usage: catalogue::usage_file(context),
        trusts: catalogue::trusts(context),
        runner: services::runner(settings)?,
        checks: services::checks(settings)?,
        secrets: services::secrets_in_use(&context.paths, settings),
        approvals: Approvals::new(settings.approval.mode, settings.approval.rules.clone(), Box::new(remember)),
        consents,
        recorder: Recorder::new(journal, events_in),
        routing,
        graph: code,
        audit: services::audit(&context.paths),
        exposures,
        unaudited: Default::default(),
    };
    let store = context.sessions();
    let new_journal = Box::new(move || store.create());
    let agent = Agent::new(services, model, connect, new_journal, session, transcript);
    let running = async move {
        agent.run(ops_out).await;
        drop(watch); // ends with the loop: both hold an end of the events
    };
    Ok((Link::new(ops_in, events_out), tokio::spawn(running)))
}

/// Connections to the configured server, by model name.
pub fn connect(context: &Context) -> Connect {
    connect_to(&context.loaded.settings.model, &context.profiles)
}

/// The same to the server of any such settings.
pub fn connect_to(settings: &config::settings::Model, profiles: &Profiles) -> Connect {
    let (settings, profiles) = (settings.clone(), profiles.clone());
    let endpoint = Arc::new(move |name: &str| services::endpoint(&settings, &profiles, name));
    Box::new(move |name| -> Result<Arc<dyn Model>, ModelError> {
        let found = endpoint(name)?;
        if name.is_empty() && found.provider != model::Provider::Scripted {
            return Ok(Arc::new(AutoModel::new(found, endpoint.clone())));
        }
        model::connect(found)
    })
}

/// A new session, or the one to go on with.
fn journal(context: &Context) -> Result<(Journal, Option<Transcript>)> {
    let store = context.sessions();
    let wanted = match &context.flags.resume {
        None => {
            // Nothing was said in the one that begins, so it is not one of those to keep.
            if let Err(error) = store.prune(context.loaded.settings.session.keep as usize) {
                warn(&format!("old sessions could not be removed: {error}"));
            }
            return Ok((store.create().context("the session's journal could not be begun")?, None));
        }
        Some(Resume::Latest) => "latest",
        Some(Resume::Id(id)) => id,
    };
    let journal = context.open_session(wanted)?;
    let (id, file) = (journal.id().to_string(), journal.file());
    let log = session::load(&file).with_context(|| format!("session {id}: {}", file.display()))?;
    let transcript = session::resume(&log.entries);
    if let Some(damage) = damage(&log, &transcript) {
        warn(&format!("session {id}: {damage}; look at the state before you go on"));
    }
    Ok((journal, Some(transcript)))
}

/// What is missing from a resumed conversation; `None` when it is whole.
fn damage(log: &Log, transcript: &Transcript) -> Option<String> {
    let found = [
        (log.damaged + log.unknown, "line could not be read", "lines could not be read"),
        (
            transcript.interrupted,
            "call was interrupted before its result was known",
            "calls were interrupted before their results were known",
        ),
        (
            transcript.orphaned,
            "result is left out because its call is lost",
            "results are left out because their calls are lost",
        ),
    ];
    let found: Vec<String> = found
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

/// One line for the user, beside the conversation.
fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "garth: {}", one_line(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_says_what_is_missing() {
        let check = |damaged, unknown, interrupted, orphaned, expected: Option<&str>| {
            let log = Log { damaged, unknown, ..Log::default() };
            let transcript = Transcript { interrupted, orphaned, ..Transcript::default() };
            assert_eq!(damage(&log, &transcript).as_deref(), expected);
        };
        check(0, 0, 0, 0, None);
        check(1, 0, 0, 0, Some("1 line could not be read"));
        check(0, 0, 1, 0, Some("1 call was interrupted before its result was known"));
        check(
            1,
            1,
            2,
            3,
            Some(
                "2 lines could not be read, 2 calls were interrupted before their results were known, 3 results are left \
                 out because their calls are lost",
            ),
        );
    }
}
