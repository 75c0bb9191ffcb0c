//! `garth plugin remove`: takes a plugin away, in the order opposite to that of adding: first nothing of it counts. What the
//! user has said about it goes with it in every project, and what it kept; another plugin of its name loses nothing.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::grant::origin;
use super::installed::Installed;
use super::place;
use crate::app::plugins::roots;
use crate::app::{Context, services};
use crate::cli::Exit;
use crate::cli::args::Place;
use crate::plugins::manifest::is_plugin_name;
use crate::plugins::{self, Consents, Granted, Holder, Spot, Writing, state_folder};
use crate::terminal::one_line;

pub fn run(context: &Context, name: &str, from: Place) -> Result<u8> {
    let at = Installed::open(context, place(from))?;
    if !is_plugin_name(name) {
        bail!(unknown(&at, name));
    }
    if at.place == plugins::Place::Project
        && let Some(code) = left_over(context, &at, name)?
    {
        return Ok(code);
    }
    let mut lock = at.lock()?;
    let was_known = at.consents.accepted(at.place, name).is_some();
    let mut withdrawn = withdraw(context, &at.consents, Holder::Installed(at.place), name)?;
    let was_there = at.remove(name)?;
    let was_locked = lock.plugins.remove(name).is_some();
    if was_locked {
        lock.write(&at.lock_file())?;
    }
    if !(was_known || was_there || was_locked) && withdrawn.lines.is_empty() {
        bail!(unknown(&at, name));
    }
    let removed = format!("Removed {name}, {}, with what it kept.", at.whose());
    let word = was_known.then(|| "your word for its file".to_string());
    withdrawn.lines.splice(0..0, word);
    withdrawn.tell(context, json!({"name": name, "place": at.place.to_string(), "removed": true}), &removed, None)
}

fn unknown(at: &Installed<'_>, name: &str) -> String {
    let other = if at.flag().is_empty() { " --user" } else { "" };
    let name = one_line(name);
    format!("there is no plugin '{name}' {}; `garth plugin remove NAME{other}` looks elsewhere", at.whose())
}

/// Clears what a `garth plugin dev` left that was killed, and that alone. `None`: there is nothing of that.
fn left_over(context: &Context, at: &Installed<'_>, name: &str) -> Result<Option<u8>> {
    let roots = roots(context);
    let file = roots.file(Spot::Dev, name);
    if file.symlink_metadata().is_err() {
        return Ok(None);
    }
    let cannot = || format!("{} could not be removed", file.display());
    let stays = at.file(name).exists();
    let Some(_writing) = Writing::begin(&roots, name).with_context(cannot)? else {
        if stays {
            return Ok(None);
        }
        bail!("a `garth plugin dev` that runs builds '{name}'; end it, and nothing of it is left");
    };
    std::fs::remove_file(&file).with_context(cannot)?;
    let withdrawn = withdraw(context, &at.consents, Holder::Dev, name)?;
    let removed = format!("Removed what a `garth plugin dev` that was killed had left of {name}, with what it kept.");
    let stays =
        stays.then(|| format!("This project's own {name} stays; `garth plugin remove {name}` takes it away now."));
    Ok(Some(withdrawn.tell(context, json!({"name": name, "place": "dev", "removed": true}), &removed, stays)?))
}

/// What no longer counts, for people, and what could not be looked at.
struct Withdrawn {
    lines: Vec<String>,
    problems: Vec<String>,
}

impl Withdrawn {
    /// Says what was removed, what was withdrawn with it, and `last`; the exit code.
    fn tell(&self, context: &Context, mut data: Value, removed: &str, last: Option<String>) -> Result<u8> {
        data["withdrawn"] = json!(self.lines);
        let head = (!self.lines.is_empty()).then(|| "Withdrawn with it:".to_string());
        let lines = head.into_iter().chain(self.lines.iter().map(|line| format!("  {}", one_line(line))));
        let text: Vec<String> = std::iter::once(removed.to_string()).chain(lines).chain(last).collect();
        context.answer(&data, &text.join("\n"))?;
        self.problems.iter().try_for_each(|problem| writeln!(std::io::stderr(), "garth: {}", one_line(problem)))?;
        Ok(if self.problems.is_empty() { Exit::Done.code() } else { Exit::Failed.code() })
    }
}

/// Takes back all that was granted to a plugin, and removes what it kept: in every project where it could be used.
fn withdraw(context: &Context, consents: &Consents, holder: Holder, name: &str) -> Result<Withdrawn> {
    let line =
        |granted: &Granted, from: String| format!("{}  {} ({from})", granted.tool, granted.capabilities.describe());
    let here = consents.forget(holder, name)?;
    let mut withdrawn = Withdrawn {
        lines: here.iter().map(|granted| line(granted, origin(granted.by))).collect(),
        problems: Vec::new(),
    };
    keep_nothing(&state_folder(&services::plugin_state(&context.paths), holder, name))?;
    if holder != Holder::Installed(plugins::Place::User) {
        return Ok(withdrawn);
    }
    for (project, folder) in other_projects(context) {
        let there = services::consents_of(&context.paths, &folder);
        let unreadable = there.problems();
        withdrawn
            .problems
            .extend(unreadable.iter().map(|problem| format!("{problem}; what it grants to {name} stays in it")));
        let has = there.list().iter().any(|granted| (granted.holder, granted.plugin.as_str()) == (holder, name));
        if unreadable.is_empty() && has {
            let from = format!("in the project {project}");
            withdrawn.lines.extend(there.forget(holder, name)?.iter().map(|granted| line(granted, from.clone())));
        }
        keep_nothing(&state_folder(&services::plugin_state_of(&folder), holder, name))?;
    }
    Ok(withdrawn)
}

/// The user's other projects, by the names that the user's directories have for them.
fn other_projects(context: &Context) -> Vec<(String, PathBuf)> {
    let own = context.paths.project_state();
    let Ok(entries) = std::fs::read_dir(context.paths.projects()) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path()).filter(|folder| *folder != own && folder.is_dir());
    let named = |folder: PathBuf| (folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), folder);
    let mut all: Vec<_> = folders.map(named).collect();
    all.sort();
    all
}

/// Another plugin that comes by this name later is not to find it.
fn keep_nothing(state: &Path) -> Result<()> {
    match std::fs::remove_dir_all(state) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", state.display()))
        }
        _ => Ok(()),
    }
}
