//! `garth commands check`: reads everything under a folder as a session would, and says what is odd about it. The folder
//! may be any repository's: files are read and nothing in them is run.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use crate::commands::{self, Diagnostic, Entry, Kind, Place, Severity, Unusable};
use crate::terminal::{one_line, plural};

/// What was found, in the order of the files' paths.
pub struct Report {
    files: Vec<File>,
}

struct File {
    /// Relative to the folder.
    shown: String,
    kind: Option<Kind>,
    name: String,
    read: Result<Box<Entry>, Unusable>,
}

impl Report {
    pub fn of(folder: &Path) -> Result<Report> {
        match folder.metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => bail!("{} is not a folder; name the folder that the file is in", folder.display()),
            Err(error) => bail!("{}: {error}", folder.display()),
        }
        let folder = folder.canonicalize()?;
        let (places, problems) = commands::folder(&folder);
        let mut files: Vec<File> = places.into_iter().map(File::read).collect();
        files.extend(problems.into_iter().map(|problem| File {
            shown: problem.shown.clone(),
            kind: None,
            name: String::new(),
            read: Err(problem),
        }));
        files.sort_by(|one, other| one.shown.cmp(&other.shown));
        Ok(Report { files })
    }

    /// How many cannot be used at all.
    pub fn unusable(&self) -> usize {
        self.files.iter().filter(|file| file.read.is_err()).count()
    }

    /// Diagnostics, one a line: `file:line: severity: message`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            for diagnostic in file.line().diagnostics {
                text.push_str(&line(&file.shown, &diagnostic));
            }
        }
        text
    }

    /// One object for each file.
    pub fn lines(&self) -> impl Iterator<Item = commands::Report> {
        self.files.iter().map(File::line)
    }

    /// `12 files: 9 commands, 2 skills, 1 agent; 3 are odd, 0 cannot be used`.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
        self.files.iter().filter_map(|file| file.kind).for_each(|kind| *kinds.entry(kind).or_default() += 1);
        let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| plural(count, word(kind))).collect();
        let odd = |file: &&File| file.read.as_ref().is_ok_and(|entry| !entry.diagnostics.is_empty());
        let odd = self.files.iter().filter(odd).count();
        let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
        let are = if odd == 1 { "is" } else { "are" };
        format!(
            "{}{kinds}; {odd} {are} odd and used all the same, {} cannot be used",
            plural(self.files.len() as u64, "file"),
            self.unusable()
        )
    }
}

/// `.claude/commands/x.md:3: warning: …`, with the line's end.
pub fn line(file: &str, diagnostic: &Diagnostic) -> String {
    let at = if diagnostic.line == 0 { String::new() } else { format!(":{}", diagnostic.line) };
    let severity = match diagnostic.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    format!("{}\n", one_line(&format!("{file}{at}: {severity}: {}", diagnostic.message)))
}

pub fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Skill => "skill",
        Kind::Agent => "agent",
    }
}

impl File {
    fn read(place: Place) -> File {
        let (shown, kind, name) = (place.shown.clone(), Some(place.kind), place.name.clone());
        File { shown, kind, name, read: commands::load(place).map(Box::new) }
    }

    fn line(&self) -> commands::Report {
        match &self.read {
            Ok(entry) => commands::Report::of(entry),
            Err(unusable) => commands::Report::unusable(unusable, self.kind, &self.name),
        }
    }
}
