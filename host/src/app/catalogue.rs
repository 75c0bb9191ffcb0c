//! Commands and skills from settings to services: where they are looked for, who follows their files while a conversation
//! lives, and what of a project's files the user has trusted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc;

use super::inspect::Asking;
use super::{Context, follow, plugins};
use crate::agent::Trusts;
use crate::cli::TaskError;
use crate::commands::{Carried, Catalogue, Entry, Family, Kind, Live, Origin, Roots, Setup, Source};
use crate::config::{self, Trust, Watching};
use crate::protocol::{Event, Level};
use crate::repl;
use crate::terminal::{is_name_like, one_line, slash_name};
use crate::watch::{self, Answer, Mode, Report, Watch};

/// Whether changes of the files are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    Files,
    Nothing,
}

/// Reads everything that the settings name, and what the plugins carry that are live now.
pub fn open(context: &Context) -> Result<Live> {
    Ok(open_with(context, plugins::carried(&plugins::now(context)?.current())))
}

/// Reads everything that the settings name.
pub fn open_with(context: &Context, carried: Vec<Carried>) -> Live {
    let settings = &context.loaded.settings.commands;
    let paths = &context.paths;
    let setup = Setup {
        directories: settings.directories.clone(),
        plugins: settings.plugins.clone(),
        order: settings.order.iter().filter_map(|word| Source::parse(word)).collect(),
        carried,
        families: settings.families.iter().filter_map(|word| Family::parse(word)).collect(),
        ..Setup::new(&context.cwd, &context.workspace, &paths.config, paths.home.as_deref())
    };
    let reserved: Vec<String> = repl::reserved().map(str::to_owned).collect();
    Live::open(Roots::find(&setup), &reserved)
}

/// Takes in what changes until the watch is dropped. What the watcher has to say goes to the front end as a notice.
pub fn follow(context: &Context, live: &Live, events: mpsc::Sender<Event>) -> Option<Watch> {
    // A front end that reads nothing must not hold the watcher up.
    let say = move |text: String| drop(events.try_send(Event::Notice { level: Level::Warn, text }));
    let polling = say.clone();
    let watch = follow::follow(live, mode(context), move |reason| polling(polled(&reason)));
    watch.map_err(|error| say(format!("changes of commands are not seen until garth is started again: {error}"))).ok()
}

/// Why changes are found only by looking for them; `None` where the system tells of them.
pub fn polls(context: &Context, live: &Live) -> Option<String> {
    let (sender, told) = std::sync::mpsc::channel();
    let sink = move |report| {
        let _ = sender.send(report);
        Answer::default()
    };
    let watch = match watch::start(live.folders(), mode(context), sink) {
        Ok(watch) => watch,
        Err(error) => return Some(format!("changes are not seen: {error}")),
    };
    let first = told.recv_timeout(PATIENCE);
    drop(watch);
    match (first, mode(context)) {
        (Ok(Report::Polling(reason)), _) => Some(polled(&reason)),
        (_, Mode::Poll) => Some(polled("commands.watch says so")),
        (Ok(_), Mode::Auto) => None,
        (Err(_), Mode::Auto) => Some("the watcher did not say that it watches".into()),
    }
}

/// How long the watcher may take to begin.
const PATIENCE: Duration = Duration::from_secs(5);

/// How changes of files are found.
pub fn mode(context: &Context) -> Mode {
    match context.loaded.settings.commands.watch {
        Watching::Auto => Mode::Auto,
        Watching::Poll => Mode::Poll,
    }
}

fn polled(reason: &str) -> String {
    format!("changes of commands are looked for once a second: {reason}")
}

/// Where uses of skills are counted.
pub fn usage_file(context: &Context) -> PathBuf {
    context.paths.state.join("skills.json")
}

/// Whether a file's approvals beforehand count: always those of the user's own files and of this program, those of a project
/// or a plugin once the user has trusted exactly these bytes.
pub fn trust(context: &Context, entry: &Entry) -> Trust {
    match entry.place.origin {
        Origin::User | Origin::Builtin => Trust::Trusted,
        Origin::Project | Origin::Plugin(_) => config::command_trust(&context.paths, &entry.place.shown, &entry.digest),
    }
}

/// The same for the loop, which asks only about files of others.
pub fn trusts(context: &Context) -> Trusts {
    let paths = context.paths.clone();
    Box::new(move |entry| config::trusts_command(&paths, &entry.place.shown, &entry.digest))
}

/// The files that ask to do something without a question and are not the user's own.
pub fn asking(context: &Context) -> Result<Vec<Asking>> {
    let catalogue = open(context)?.current();
    let others = catalogue.entries().iter().filter(|entry| {
        let own = matches!(entry.place.origin, Origin::User | Origin::Builtin);
        !own && entry.place.kind != Kind::Agent && !entry.fields.allowed_tools.is_empty()
    });
    let asking = |entry: &Arc<Entry>| Asking {
        shown: entry.place.shown.clone(),
        digest: entry.digest.clone(),
        approves: entry.fields.allowed_tools.iter().map(|pattern| pattern.written.clone()).collect(),
    };
    Ok(others.map(asking).collect())
}

/// Refuses a task that looks like a command and is none.
pub fn check_called(catalogue: &Catalogue, task: &str) -> Result<(), TaskError> {
    let Some((name, _)) = slash_name(task) else { return Ok(()) };
    match catalogue.find(name).or_else(|| catalogue.agent(name)) {
        None if is_name_like(name) => Err(no_command(catalogue, name)),
        None => Ok(()),
        Some(entry) if entry.place.kind == Kind::Agent => {
            Err(TaskError::NotTyped(format!("{name} is an agent ({}), and nothing runs agents yet", entry.place.shown)))
        }
        Some(entry) if entry.fields.user_invocable == Some(false) => Err(TaskError::NotTyped(format!(
            "{name} is for the model alone: {} says `user-invocable: false`",
            entry.place.shown
        ))),
        Some(_) => Ok(()),
    }
}

pub fn no_command(catalogue: &Catalogue, name: &str) -> TaskError {
    if repl::reserved().any(|reserved| reserved == name) {
        return TaskError::NotTyped(format!("/{name} is the conversation's own: start garth, and type it there"));
    }
    let nearest = catalogue.nearest(name).iter().map(|name| one_line(name).into_owned()).collect();
    TaskError::NoCommand { name: one_line(name).into_owned(), nearest }
}
