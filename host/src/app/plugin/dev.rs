//! `garth plugin dev`: builds a plugin on every save, and puts what it built where the conversations of this project take it
//! from without a question, until it ends. A build that fails leaves the one before in place.
//!
//! The watcher says that something may have changed; what is built next is decided by a digest of the sources, taken before
//! each build. Sources that change while a build runs are built once more; where each of several builds changes them again,
//! they are what the build itself writes, and the next one waits for a change outside of a build.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::project::{Project, check_names};
use super::{build, pack, sources};
use crate::app::Context;
use crate::app::plugins::roots;
use crate::cli::Exit;
use crate::plugins::{Spot, Writing};
use crate::private;
use crate::terminal::{duration, interrupts, one_line};
use crate::watch::{self, Answer, Mode, Report};

pub async fn run(context: &Context, folder: Option<&Path>) -> Result<u8> {
    let mut end = end();
    let project = Project::open(context, folder)?;
    check_names(&project.manifest)?;
    let (root, slot) = (project.root, Slot::take(context, &project.manifest.name)?);
    let (reports, mut changed) = mpsc::unbounded_channel();
    let _watch = follow(root.clone(), reports)?;
    let shown = pack::shown(context, &root).display().to_string();
    let shown = if shown.is_empty() { ".".into() } else { shown };
    say(&format!("watching {shown} for the conversations in {}; Ctrl-C ends it", context.workspace.display()))?;
    let mut builds = Builds::default();
    loop {
        let before = sources::look(&root).digest;
        if builds.is_due(before) {
            let built = tokio::select! {
                biased;
                _ = end.recv() => break,
                built = once(context, &root, &slot) => built,
            };
            if let Err(error) = built {
                say(&format!("{error:#}"))?;
            }
            if builds.ended(before, sources::look(&root).digest) == Next::Wait {
                say("sources changed again while they were built; the next save builds them")?;
            }
        } else {
            tokio::select! {
                biased;
                _ = end.recv() => break,
                report = changed.recv() => match report {
                    Some(Some(reason)) => say(&format!("changes are found by looking once a second: {reason}"))?,
                    Some(None) => {}
                    None => bail!("{} is no longer watched", root.display()),
                },
            }
        }
    }
    drop(slot);
    say("ended; the conversations no longer have the plugin")?;
    Ok(Exit::Done.code())
}

/// One build. The manifest is read anew: it is part of what is edited.
async fn once(context: &Context, root: &Path, slot: &Slot) -> Result<()> {
    let start = Instant::now();
    let took = || duration(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
    let project = Project::open(context, Some(root))?;
    let (name, version) = (&project.manifest.name, &project.manifest.version);
    if *name != slot.name {
        bail!("the plugin is called '{name}' now; end this, and run garth plugin dev again");
    }
    let packed = build::packed(context, &project).await?;
    if std::fs::read(&slot.file).is_ok_and(|live| live == packed) {
        return say(&format!("{name} {version}: nothing new ({})", took()));
    }
    pack::write(&project.output(), &packed)?;
    private::write(&slot.file, &packed).with_context(|| format!("{} could not be written", slot.file.display()))?;
    let tools: Vec<&str> = project.manifest.tools.keys().map(String::as_str).collect();
    say(&format!("{name} {version} is live: {} ({})", tools.join(", "), took()))
}

/// Which sources were built, so that the next look can say whether to build again.
#[derive(Debug, Default)]
struct Builds {
    built: Option<[u8; 32]>,
    /// What a build made of the sources, that is not to be built.
    left: Option<[u8; 32]>,
    /// How many builds one after the other had sources that changed while they ran.
    again: u32,
}

/// Builds in a row whose sources may change while they run: somebody who saves often is no build that writes its own sources.
const MOST_AGAIN: u32 = 4;

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Look,
    /// Nothing is built until the sources change once more.
    Wait,
}

impl Builds {
    fn is_due(&self, sources: [u8; 32]) -> bool {
        self.built != Some(sources) && self.left != Some(sources)
    }

    /// What the sources were when the build began and when it ended.
    fn ended(&mut self, before: [u8; 32], after: [u8; 32]) -> Next {
        let again = if before == after { 0 } else { self.again + 1 };
        let wait = again > MOST_AGAIN;
        *self = Builds { built: Some(before), left: wait.then_some(after), again: if wait { 0 } else { again } };
        if wait { Next::Wait } else { Next::Look }
    }
}

/// The plugin's place among those that are being written, held by one `dev` at a time and empty when it ends.
struct Slot {
    name: String,
    file: PathBuf,
    _writing: Writing,
}

impl Slot {
    fn take(context: &Context, name: &str) -> Result<Slot> {
        let roots = roots(context);
        let failed = || format!("{} could not be written", roots.folder(Spot::Dev).display());
        let Some(writing) = Writing::begin(&roots, name).with_context(failed)? else {
            bail!("another garth plugin dev runs for '{name}' in this project; end it first")
        };
        let slot = Slot { name: name.to_owned(), file: roots.file(Spot::Dev, name), _writing: writing };
        // One that was killed left its plugin behind.
        slot.clear();
        Ok(slot)
    }

    fn clear(&self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Watches the sources. A message for each change, with the reason where changes are found only by looking.
fn follow(root: PathBuf, reports: mpsc::UnboundedSender<Option<String>>) -> Result<watch::Watch> {
    let folders = |root: &Path| Arc::new(sources::look(root).folders);
    let start = folders(&root);
    let failed = format!("{} cannot be watched", root.display());
    let sink = move |report| {
        let said = match report {
            Report::Changed(paths) if !paths.iter().any(|path| sources::matters(&root, path)) => {
                return Answer::default();
            }
            Report::Polling(reason) => Some(reason),
            Report::Changed(_) | Report::Rescan | Report::Woken => None,
        };
        let _ = reports.send(said);
        Answer { folders: Some(folders(&root)), again: None }
    };
    watch::start(start, Mode::Auto, sink).with_context(|| failed)
}

/// A message when it is to end: by Ctrl-C, or as whoever supervises processes and terminals ends them.
fn end() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    let mut interrupts = interrupts();
    let interrupted = sender.clone();
    tokio::spawn(async move {
        if interrupts.recv().await.is_some() {
            let _ = interrupted.send(()).await;
        }
    });
    #[cfg(unix)]
    for kind in [SignalKind::terminate(), SignalKind::hangup()] {
        let Ok(mut signals) = signal(kind) else { continue };
        let sender = sender.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                let _ = sender.send(()).await;
            }
        });
    }
    receiver
}

/// Lines on standard error, beside what the compilers say there.
fn say(text: &str) -> Result<()> {
    for line in text.lines() {
        writeln!(std::io::stderr(), "garth: {}", one_line(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_no_reason_for_another() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|byte| [byte; 32]);
        let mut builds = Builds::default();
        assert!(builds.is_due(a));
        assert_eq!(builds.ended(a, a), Next::Look);
        assert!(!builds.is_due(a), "nothing has changed");
        // Saved while it was built: once more.
        assert!(builds.is_due(b));
        assert_eq!(builds.ended(b, c), Next::Look);
        assert!(builds.is_due(c));
        assert_eq!(builds.ended(c, c), Next::Look);
        // A build that writes sources each time.
        for (before, after) in [(a, b), (b, a), (a, b), (b, a)] {
            assert!(builds.is_due(before));
            assert_eq!(builds.ended(before, after), Next::Look);
        }
        assert_eq!(builds.ended(a, d), Next::Wait);
        assert!(!builds.is_due(d), "no loop");
        assert!(builds.is_due(c), "a save builds again");
    }
}
