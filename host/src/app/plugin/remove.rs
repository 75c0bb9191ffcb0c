//! `garth plugin remove`: takes a plugin away, in the order opposite to that of adding: first nothing of it counts.

use std::io::ErrorKind;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::installed::Installed;
use super::place;
use crate::app::Context;
use crate::cli::Exit;
use crate::cli::args::Place;
use crate::plugins::Holder;
use crate::plugins::manifest::is_plugin_name;
use crate::terminal::one_line;

pub fn run(context: &Context, name: &str, from: Place) -> Result<u8> {
    let at = Installed::open(context, place(from))?;
    let unknown = || {
        let other = if at.flag().is_empty() { " --user" } else { "" };
        format!(
            "there is no plugin '{}' {}; `garth plugin remove NAME{other}` looks elsewhere",
            one_line(name),
            at.whose()
        )
    };
    if !is_plugin_name(name) {
        bail!(unknown());
    }
    let mut lock = at.lock()?;
    let granted =
        at.consents.list().iter().any(|it| (it.holder, it.plugin.as_str()) == (Holder::Installed(at.place), name));
    let was_known = at.consents.accepted(at.place, name).is_some() || granted;
    at.consents.forget(at.place, name)?;
    let was_there = at.remove(name)?;
    let was_locked = lock.plugins.remove(name).is_some();
    if was_locked {
        lock.write(&at.lock_file())?;
    }
    if !(was_known || was_there || was_locked) {
        bail!(unknown());
    }
    let elsewhere = Installed::all(context)?.iter().any(|other| other.place != at.place && other.file(name).exists());
    if !elsewhere {
        // Another plugin that comes by this name later is not to find it.
        let state = context.paths.project_state().join("plugins").join(name);
        match std::fs::remove_dir_all(&state) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} could not be removed", state.display()));
            }
            _ => {}
        }
    }
    let text = format!("Removed {name}, {}, with what was granted to it and what it kept.", at.whose());
    context.answer(&json!({"name": name, "place": at.place.to_string(), "removed": true}), &text)?;
    Ok(Exit::Done.code())
}
