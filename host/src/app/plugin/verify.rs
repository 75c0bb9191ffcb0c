//! `garth plugin verify`: every installed byte against the lock files, and each signature again. Nothing is run, and nothing is
//! asked of the network.

use std::io::Write;

use anyhow::Result;
use serde_json::json;

use super::installed::{Found, Installed};
use crate::app::Context;
use crate::app::plugins::signed;
use crate::cli::Exit;
use crate::plugins::{self, Locked};
use crate::terminal::{escape_json, one_line, plural};

/// What was found of one plugin; no problems: all is right.
struct Checked {
    name: String,
    place: String,
    problems: Vec<String>,
}

pub fn run(context: &Context) -> Result<u8> {
    let mut checked = Vec::new();
    for at in Installed::all(context)? {
        let lock = match at.lock() {
            Ok(lock) => lock,
            Err(error) => {
                let (name, place) = (at.shown(&at.lock_file()), at.place.to_string());
                checked.push(Checked { name, place, problems: vec![error.to_string()] });
                continue;
            }
        };
        let mut names = at.names()?;
        names.extend(lock.plugins.keys().cloned());
        for name in names {
            let problems = problems(&at, &name, lock.plugins.get(&name))?;
            checked.push(Checked { name, place: at.place.to_string(), problems });
        }
    }
    let wrong = checked.iter().filter(|one| !one.problems.is_empty()).count();
    let mut out = std::io::stdout();
    for one in &checked {
        if context.flags.json {
            let json =
                json!({"name": one.name, "place": one.place, "ok": one.problems.is_empty(), "problems": one.problems});
            writeln!(out, "{}", escape_json(&json.to_string()))?;
            continue;
        }
        let place = &one.place;
        match one.problems.is_empty() {
            true => writeln!(out, "{} ({place}): as garth.lock names it", one_line(&one.name))?,
            false => one
                .problems
                .iter()
                .try_for_each(|problem| writeln!(out, "{} ({place}): {}", one_line(&one.name), one_line(problem)))?,
        }
    }
    if !context.flags.json {
        let plugins = plural(checked.len() as u64, "plugin");
        let result = if wrong == 0 { "nothing is wrong".into() } else { format!("{wrong} wrong") };
        writeln!(out, "{plugins} checked, {result}")?;
    }
    Ok(if wrong == 0 { Exit::Done.code() } else { Exit::Failed.code() })
}

/// What is wrong with one, each with a way out.
fn problems(at: &Installed<'_>, name: &str, locked: Option<&Locked>) -> Result<Vec<String>> {
    let flag = at.flag();
    let file = match (at.read(name), locked) {
        (Found::Wrong(reason), _) => return Ok(vec![reason]),
        (Found::Nothing, _) => return Ok(vec!["its file is not here; `garth plugin install` brings it".into()]),
        (Found::Plugin(_), None) => {
            let say = format!(
                "garth.lock does not name it; `garth plugin add {}{flag}` records it",
                at.shown(&at.file(name))
            );
            return Ok(vec![say]);
        }
        (Found::Plugin(file), Some(_)) => file,
    };
    let Some(locked) = locked else { return Ok(Vec::new()) };
    if file.digest() != locked.sha256 {
        let say = format!(
            "its SHA-256 is {}, and garth.lock names {}; `garth plugin install` brings that one back, `garth plugin update \
             {name}{flag}` a new one",
            file.digest(),
            locked.sha256
        );
        return Ok(vec![say]);
    }
    if !locked.is_of(&file) {
        let found = file.manifest.as_deref().unwrap_or("missing");
        let named = locked.manifest.as_deref().unwrap_or("none");
        let say = format!(
            "the SHA-256 of the manifest beside it is {found}, and garth.lock names {named}; `garth plugin install` brings that \
             one back, `garth plugin add` records another"
        );
        return Ok(vec![say]);
    }
    let mut problems = plugins::unlike(&file, locked);
    if locked.signed_by.is_some() && file.manifest.is_some() {
        problems.push("the manifest beside it is signed by nobody; `garth plugin pack` makes one file of both".into());
    }
    problems.extend(locked.signed_by.iter().filter_map(|key| signed(&at.file(name), &file.wasm, key).err()));
    Ok(problems)
}
