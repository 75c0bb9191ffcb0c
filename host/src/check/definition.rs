//! The table: `[checks.NAME]` as it is written, and what it means once patterns and expressions have been read.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use globset::GlobSet;
use regex::Regex;
use serde::Deserialize;

use super::messages::{Finding, read};
use super::syntax::Syntax;
use crate::policy::{check_glob, glob_set};
use crate::protocol::Span;

/// Stands in a command for the file that was written.
const FILE: &str = "{file}";

/// `[checks.NAME]`. With `command`, a program is run; with `syntax`, Garth reads the file itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Definition {
    pub enabled: bool,
    /// Patterns as in `.gitignore`.
    pub files: Vec<String>,
    /// Likewise, of files that `files` means and this check does not understand.
    pub except: Vec<String>,
    pub syntax: Option<Syntax>,
    /// An argument vector.
    pub command: Vec<String>,
    /// Names of files. The check runs in the nearest folder upwards that has the first of them, or else the second, …; where
    /// there is none, it does not run. Without names it runs in the workspace's root.
    pub root: Vec<String>,
    /// What the program may write, below the folder that it runs in; a folder ends with a slash.
    pub writes: Vec<String>,
    /// A regular expression over the program's whole output, with the groups `line` and `message`, and perhaps `file` and
    /// `column`; `^` and `$` are ends of lines.
    pub messages: String,
    /// A regular expression of messages that mean nothing.
    pub ignore: String,
    /// How long the program may take.
    pub time: Span,
}

impl Default for Definition {
    fn default() -> Self {
        Definition {
            enabled: true,
            files: Vec::new(),
            except: Vec::new(),
            syntax: None,
            command: Vec::new(),
            root: Vec::new(),
            writes: Vec::new(),
            messages: String::new(),
            ignore: String::new(),
            time: Span(Duration::from_secs(20)),
        }
    }
}

/// All checks that are switched on, by name.
#[derive(Clone, Debug, Default)]
pub struct Checks(Vec<Check>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: String,
    files: Patterns,
    except: Patterns,
    pub how: How,
}

/// Patterns that can be read. They are compiled when a file is first written: for the whole table that takes longer than
/// everything else at the start.
#[derive(Clone, Debug)]
struct Patterns {
    written: Vec<String>,
    compiled: OnceLock<GlobSet>,
}

#[derive(Clone, Debug)]
pub enum How {
    Syntax(Syntax),
    Program(Program),
}

/// A check that runs a program.
#[derive(Clone, Debug)]
pub struct Program {
    command: Vec<String>,
    pub root: Vec<String>,
    pub writes: Vec<String>,
    pub time: Duration,
    messages: String,
    ignore: String,
}

impl Checks {
    /// The error names the setting. What is only switched on, by a project that is not trusted with the rest, is no check.
    pub fn new(definitions: &BTreeMap<String, Definition>) -> Result<Checks, String> {
        let is_there = |one: &Definition| !one.files.is_empty() || !one.command.is_empty() || one.syntax.is_some();
        let enabled = definitions.iter().filter(|(_, definition)| definition.enabled && is_there(definition));
        let check = |(name, definition): (&String, &Definition)| {
            Check::new(name, definition).map_err(|error| format!("checks.{name}.{error}"))
        };
        Ok(Checks(enabled.map(check).collect::<Result<_, _>>()?))
    }

    /// Those that fit the file, a normalised path below the workspace.
    pub fn of(&self, path: &str) -> impl Iterator<Item = &Check> {
        self.0.iter().filter(move |check| check.files.mean(path) && !check.except.mean(path))
    }
}

impl Check {
    fn new(name: &str, definition: &Definition) -> Result<Check, String> {
        let how = match (definition.syntax, definition.command.is_empty()) {
            (Some(syntax), true) => How::Syntax(syntax),
            (None, false) => How::Program(Program::new(definition)?),
            (Some(_), false) => return Err("syntax and command exclude each other; remove one".into()),
            (None, true) => return Err("command is missing: write command = [\"program\", \"{file}\"]".into()),
        };
        if definition.files.is_empty() {
            return Err("files is missing: write files = [\"*.ext\"]".into());
        }
        let set = |field: &str, written| Patterns::new(written).map_err(|error| format!("{field}: {error}"));
        let (files, except) = (set("files", &definition.files)?, set("except", &definition.except)?);
        Ok(Check { name: name.to_string(), files, except, how })
    }
}

impl Patterns {
    fn new(written: &[String]) -> Result<Patterns, String> {
        written.iter().try_for_each(|pattern| check_glob(pattern))?;
        Ok(Patterns { written: written.to_vec(), compiled: OnceLock::new() })
    }

    fn mean(&self, path: &str) -> bool {
        self.compiled.get_or_init(|| glob_set(&self.written).unwrap_or_default()).is_match(path)
    }
}

impl Program {
    fn new(definition: &Definition) -> Result<Program, String> {
        let has =
            |group: &str| ["(?<", "(?P<"].iter().any(|open| definition.messages.contains(&format!("{open}{group}>")));
        if !has("line") || !has("message") {
            return Err("messages: it needs the groups (?<line>…) and (?<message>…)".into());
        }
        let up = |path: &&String| path.starts_with('/') || path.split('/').any(|part| part == "..");
        if let Some(path) = definition.writes.iter().find(up) {
            return Err(format!("writes: '{path}' is not below the folder; write names such as \"target/\""));
        }
        if let Some(name) = definition.root.iter().find(|name| name.is_empty() || name.contains('/')) {
            return Err(format!("root: '{name}' is not the name of a file"));
        }
        Ok(Program {
            command: definition.command.clone(),
            root: definition.root.clone(),
            writes: definition.writes.clone(),
            time: definition.time.0,
            messages: definition.messages.clone(),
            ignore: definition.ignore.clone(),
        })
    }

    /// The argument vector for one file, relative to the folder that the program runs in.
    pub fn argv(&self, file: &str) -> Vec<String> {
        // A name that begins with a dash is no option.
        let file = if file.starts_with('-') { format!("./{file}") } else { file.to_string() };
        self.command.iter().map(|word| word.replace(FILE, &file)).collect()
    }

    /// Whether it looks at more than the file that was written.
    pub fn reads_all(&self) -> bool {
        !self.command.iter().any(|word| word.contains(FILE))
    }

    /// What the program's output says, in its order. The expressions were read with the configuration.
    pub fn findings(&self, output: &str) -> Vec<Finding> {
        let ignore = (!self.ignore.is_empty()).then(|| expression(&self.ignore).ok()).flatten();
        expression(&self.messages).map_or_else(|_| Vec::new(), |messages| read(&messages, ignore.as_ref(), output))
    }
}

/// Reads an expression as the table means it.
pub fn expression(text: &str) -> Result<Regex, String> {
    let expression = regex::RegexBuilder::new(text).multi_line(true).size_limit(1 << 20).build();
    expression.map_err(|error| error.to_string().lines().last().unwrap_or_default().trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        Definition {
            files: vec!["*.x".into()],
            command: vec!["check".into(), FILE.into()],
            messages: "^(?<line>\\d+): (?<message>.*)$".into(),
            ..Definition::default()
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |change: fn(&mut Definition), said: &str| {
            let mut definition = definition();
            change(&mut definition);
            let error = Checks::new(&[("mine".to_string(), definition)].into()).err().unwrap_or_default();
            assert!(error.starts_with("checks.mine.") && error.contains(said), "{error}");
        };
        check(|one| one.command.clear(), "command is missing");
        check(|one| one.files.clear(), "files is missing");
        check(|one| one.files = vec!["[".into()], "files: ");
        check(|one| one.syntax = Some(Syntax::Json), "exclude each other");
        check(|one| one.messages = "(?<line>x)".into(), "(?<message>…)");
        check(|one| one.writes = vec!["../x".into()], "writes: '../x'");
        check(|one| one.root = vec!["a/b".into()], "root: 'a/b'");
    }

    #[test]
    fn a_check_is_found_by_its_patterns_and_fills_in_the_file() {
        let mut one = definition();
        one.except = vec!["gen/**".into()];
        let off = Definition { enabled: false, command: vec!["x".into()], ..Definition::default() };
        let all = [("mine", one), ("off", off), ("only on", Definition::default())];
        let checks = Checks::new(&all.map(|(name, one)| (name.to_string(), one)).into()).unwrap();
        let names = |path: &str| checks.of(path).map(|check| check.name.clone()).collect::<Vec<_>>();
        assert_eq!(names("src/a.x"), ["mine"]);
        assert!(names("gen/a.x").is_empty() && names("a.y").is_empty());
        let How::Program(program) = &checks.0[0].how else { panic!("it has a command") };
        assert_eq!(program.argv("src/a.x"), ["check", "src/a.x"]);
        assert_eq!(program.argv("-a.x"), ["check", "./-a.x"]);
    }
}
