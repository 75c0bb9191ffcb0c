//! `garth commands new`: a small file that works, to be edited. It never overwrites, and writes nowhere but into the folder
//! of commands of this project or this user.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::super::{Context, catalogue};
use crate::cli::Exit;
use crate::cli::args::{NewKind, NewPlace};
use crate::repl;
use crate::terminal::one_line;

const COMMAND: &str = include_str!("new_command.md");
const SKILL: &str = include_str!("new_skill.md");
/// Of a skill's name, by the Agent Skills specification; more than enough for a command's.
const LONGEST: usize = 64;

pub fn write(context: &Context, name: &str, kind: NewKind, place: NewPlace) -> Result<u8> {
    if let Err(reason) = check(name, kind) {
        writeln!(std::io::stderr(), "garth: {}", one_line(&reason))?;
        return Ok(Exit::Usage.code());
    }
    let (root, home) = match place {
        NewPlace::Project => {
            context.check_workspace()?;
            (context.workspace.clone(), context.workspace.join(".garth"))
        }
        NewPlace::User => (context.paths.config.clone(), context.paths.config.clone()),
    };
    let file = home.join(relative(name, kind));
    let folder = file.parent().unwrap_or(&home);
    make(&root, folder)?;
    let template = if kind == NewKind::Skill { SKILL } else { COMMAND };
    let mut options = std::fs::File::options();
    let created = options.write(true).create_new(true).open(&file);
    let mut created = match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already, and stays as it is; edit it, or choose another name", file.display())
        }
        created => created.with_context(|| format!("{} could not be written", file.display()))?,
    };
    created.write_all(template.replace("NAME", name).as_bytes())?;
    let catalogue = catalogue::open(context)?.current();
    let mut out = std::io::stdout();
    writeln!(out, "Wrote {}. Edit it: what is saved is live at once.", one_line(&file.display().to_string()))?;
    match catalogue.find(name) {
        Some(entry) if entry.place.path != file => {
            writeln!(out, "/{name} still calls {}, which comes first.", one_line(&entry.place.shown))?;
        }
        _ => writeln!(
            out,
            "Call it with /{name} in a conversation, or see what it becomes: garth commands expand {name}"
        )?,
    }
    Ok(Exit::Done.code())
}

/// Why a file of this name could not be called by it.
fn check(name: &str, kind: NewKind) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("a name has at most {LONGEST} characters"));
    }
    let (parts, of, rule) = match kind {
        NewKind::Skill => (vec![name], "the name of a skill", "lower-case letters and digits, words joined by one -"),
        NewKind::Command => (
            name.split(':').collect(),
            "the name of a command",
            "letters, digits, - and _, and : after a folder's name",
        ),
    };
    let plain = |part: &&str| match kind {
        NewKind::Skill => {
            let ends = part.starts_with('-') || part.ends_with('-') || part.contains("--");
            !ends && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        }
        NewKind::Command => {
            !part.starts_with('-') && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        }
    };
    if !parts.iter().all(|part| !part.is_empty() && plain(part)) {
        return Err(format!("'{name}' cannot be {of}: write {rule}"));
    }
    // Files of these names have a meaning of their own.
    if parts.last().is_some_and(|last| matches!(last.to_lowercase().as_str(), "readme" | "skill")) {
        return Err(format!("'{name}' cannot be {of}: README.md and SKILL.md are no commands"));
    }
    if repl::reserved().any(|reserved| reserved == name) {
        return Err(format!("'{name}' cannot be {of}: /{name} is the conversation's own"));
    }
    Ok(())
}

fn relative(name: &str, kind: NewKind) -> PathBuf {
    match kind {
        NewKind::Skill => Path::new("skills").join(name).join("SKILL.md"),
        NewKind::Command => Path::new("commands").join(format!("{}.md", name.replace(':', "/"))),
    }
}

/// Makes the folder. A project could have put a link there that leads elsewhere.
fn make(root: &Path, folder: &Path) -> Result<()> {
    let failed = || format!("{} could not be made", folder.display());
    let there = folder.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(root);
    let real = there.canonicalize().with_context(failed)?;
    if !real.starts_with(root.canonicalize().with_context(failed)?) {
        bail!("{} leads out of {}; nothing was written", there.display(), root.display());
    }
    std::fs::create_dir_all(folder).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{self, Kind, Origin, Place, Syntax};

    #[test]
    fn names_that_cannot_be_are_refused() {
        let check = |name: &str, kind, reason: Option<&str>| match (check(name, kind), reason) {
            (Ok(()), None) => {}
            (Err(said), Some(reason)) => assert!(said.contains(reason), "{name}: {said}"),
            (result, _) => panic!("{name}: {result:?}"),
        };
        for name in ["review", "git:amend", "a:b:c-2", "Big_Name"] {
            check(name, NewKind::Command, None);
        }
        check("pdf-tables", NewKind::Skill, None);
        for name in ["a b", "../x", "a:", ":a", "-a", "a.b", "é", "x\u{202e}y", ""] {
            check(name, NewKind::Command, Some("letters, digits, - and _"));
            check(name, NewKind::Skill, Some("lower-case letters"));
        }
        for name in ["Tables", "a_b", "a--b", "a-"] {
            check(name, NewKind::Skill, Some("words joined by one -"));
        }
        check("git:amend", NewKind::Skill, Some("cannot be the name of a skill"));
        check("model", NewKind::Command, Some("/model is the conversation's own"));
        check("q", NewKind::Skill, Some("/q is the conversation's own"));
        check("docs:ReadMe", NewKind::Command, Some("README.md"));
        check(&"x".repeat(65), NewKind::Command, Some("at most 64"));
    }

    #[test]
    fn what_is_written_has_nothing_odd() {
        for (kind, template) in [(Kind::Command, COMMAND), (Kind::Skill, SKILL)] {
            let place = Place {
                kind,
                name: "my-name".into(),
                path: "/p/skills/my-name/SKILL.md".into(),
                shown: "SKILL.md".into(),
                origin: Origin::Project,
                syntax: Syntax::Dollar,
            };
            let entry = commands::parse(place, template.replace("NAME", "my-name").as_bytes()).unwrap();
            assert_eq!(entry.diagnostics, [], "{kind:?}");
            assert!(!entry.description.is_empty() && !entry.body.contains("NAME"));
        }
    }
}
