//! `garth plugin new`: a folder with a plugin that works, to be changed. It writes only into a folder that is new or empty.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use serde_json::json;

use super::{pack, project, templates};
use crate::app::Context;
use crate::cli::Exit;
use crate::cli::args::Language;
use crate::plugins::manifest::is_plugin_name;
use crate::terminal::{one_line, quoted};

pub fn make(context: &Context, name: &str, language: Language, folder: Option<&Path>) -> Result<u8> {
    if let Err(reason) = check(name) {
        writeln!(std::io::stderr(), "garth: {}", one_line(&reason))?;
        return Ok(Exit::Usage.code());
    }
    let folder = context.cwd.join(folder.unwrap_or(Path::new(name)));
    let failed = || format!("{} could not be made", folder.display());
    std::fs::create_dir_all(&folder).with_context(failed)?;
    if std::fs::read_dir(&folder).with_context(failed)?.next().is_some() {
        bail!("{} is not empty, and stays as it is; choose another folder with --dir", folder.display());
    }
    for (path, text) in templates::files(name, language) {
        let file = folder.join(path);
        let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&file, text))
            .with_context(|| format!("{} could not be written", file.display()))?;
    }
    let shown = pack::shown(context, &folder).display().to_string();
    let (word, setup) = match language {
        Language::Rust => ("rust", None),
        Language::Python => ("python", Some("python3 -m venv .venv && .venv/bin/pip install -r requirements-dev.txt")),
        Language::Js => ("js", Some("npm install")),
    };
    let next: Vec<&str> = setup.into_iter().chain(["garth plugin build", "garth plugin test"]).collect();
    let (place, enter) = match shown.as_str() {
        "" => ("the current folder".to_owned(), String::new()),
        shown => (one_line(shown).into_owned(), format!("  cd {}\n", one_line(&quoted(shown)))),
    };
    let json = json!({"name": name, "language": word, "folder": folder, "next": next});
    let next = next.join("\n  ");
    context.answer(&json, &format!("Made the plugin '{name}' in {place}. Now:\n\n{enter}  {next}"))?;
    Ok(Exit::Done.code())
}

/// Why no plugin can have this name.
fn check(name: &str) -> Result<(), String> {
    if !is_plugin_name(name) {
        return Err(format!(
            "'{name}' cannot be the name of a plugin: write at most 64 lower-case letters, digits, - and _, \
             beginning with a letter"
        ));
    }
    let tool = templates::tool_name(name);
    let own = project::own_names().map_err(|error| format!("{error:#}"))?;
    match own.plugins.contains(name) || own.tools.contains_key(&tool) {
        true => Err(format!("'{name}' is the name of something that Garth has built in; choose another")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_are_refused() {
        let check = |name: &str, said: &str| {
            let reason = check(name).err().unwrap_or_default();
            assert!(reason.contains(said) && reason.is_empty() == said.is_empty(), "{name}: {reason}");
        };
        check("notes", "");
        check("todo-finder_2", "");
        for name in ["", "Notes", "2x", "a b", "../x", "a/b", "a\u{1b}", &"a".repeat(65)] {
            check(name, "lower-case letters");
        }
        for name in ["git", "read_file", "read-file", "skill"] {
            check(name, "built in");
        }
    }
}
