//! What a command's file says about a tool and what it is called with: `Bash(git:*)`, `Edit(src/**)`, `read_file`. Plain data and
//! its meaning in both directions: what it surely covers (for approvals and for 'only these') and what it may meet (for 'not these').
//! Where that cannot be told, it covers nothing and meets everything.

use std::fmt;

use super::compound::does;
use super::prefix::refused_option;
use super::suggest::is_open_ended;
use super::{Action, Request, glob, line, shell};

/// A tool as a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As written: `Bash(git:*)`.
    pub written: String,
    /// The tools that are meant, by their names here; none where there is no such tool.
    pub tools: Vec<String>,
    /// What stands between the parentheses: the beginning of a command line, or a pattern for paths.
    pub argument: Option<String>,
}

/// Which file says so, for reasons and denials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// `/commit`, or `the skill 'pdf'`.
    pub command: String,
    /// Where its file is: `.claude/commands/commit.md`, with a line where one is known.
    pub place: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.command, self.place)
    }
}

/// The shape of a command's beginning: each word, and whether more may follow.
struct Shape {
    words: Vec<Word>,
    open: bool,
}

enum Word {
    Is(String),
    /// The last word of `pytest*`.
    Begins(String),
    /// `*` between other words: one word, whatever it is.
    Any,
}

impl Pattern {
    /// Whether it speaks of the tool at all.
    pub(super) fn names(&self, tool: &str) -> bool {
        self.tools.iter().any(|name| name == tool)
    }

    /// Whether it speaks of what the tool does.
    pub(super) fn concerns(&self, tool: &str) -> bool {
        self.tools.iter().any(|name| does(tool, name))
    }

    /// Whether it speaks of everything that the tool may do.
    pub(super) fn is_whole(&self) -> bool {
        self.argument.as_deref().is_none_or(|argument| argument.trim() == "*")
    }

    /// Whether the request may do what is meant. Errs toward yes.
    pub(super) fn may_meet(&self, request: &Request) -> bool {
        if !self.concerns(&request.tool) {
            return false;
        }
        let Some(argument) = self.argument.as_deref().filter(|_| !self.is_whole()) else { return true };
        match &request.action {
            Action::Run { argv } => {
                let shape = Shape::read(argument);
                let literal = shape.iter().flat_map(|shape| &shape.words).map_while(|word| match word {
                    Word::Is(word) => Some(word.clone()),
                    Word::Begins(_) | Word::Any => None,
                });
                match literal.collect::<Vec<_>>() {
                    prefix if prefix.is_empty() => true,
                    prefix => shell::may_contain(argv, &prefix),
                }
            }
            Action::Write { paths } => paths.iter().any(|path| may_cover(argument, path)),
            Action::Read | Action::Unknown => true,
        }
    }

    fn covers_path(&self, path: &str) -> bool {
        self.argument.as_deref().is_none_or(|argument| match inside(argument) {
            Some(glob) => self.is_whole() || glob::check_glob(glob).is_ok() && glob::covers(glob, path),
            None => false,
        })
    }

    fn covers_command(&self, command: &[String]) -> bool {
        self.is_whole() || self.argument.as_deref().and_then(Shape::read).is_some_and(|shape| shape.covers(command))
    }
}

/// Whether the patterns together cover all of what the request does: each path that is written, each simple command of a
/// line. The paths are normalised.
pub(super) fn cover(patterns: &[Pattern], request: &Request) -> bool {
    let own: Vec<&Pattern> = patterns.iter().filter(|pattern| pattern.names(&request.tool)).collect();
    if own.iter().any(|pattern| pattern.is_whole()) {
        return true;
    }
    match &request.action {
        Action::Read | Action::Unknown => false,
        Action::Write { paths } => {
            !paths.is_empty() && paths.iter().all(|path| own.iter().any(|pattern| pattern.covers_path(path)))
        }
        Action::Run { argv } => {
            let commands = match argv.as_slice() {
                [shell, option, line] if shell == "sh" && option == "-c" => line::commands(line),
                _ => Some(vec![argv.clone()]),
            };
            let covered = |command: &Vec<String>| own.iter().any(|pattern| pattern.covers_command(command));
            commands.is_some_and(|commands| !commands.is_empty() && commands.iter().all(covered))
        }
    }
}

impl Shape {
    /// `None` where it is no plain beginning of a command: `$X *`, `* --version`, `a && b`.
    fn read(argument: &str) -> Option<Shape> {
        let argument = argument.trim();
        let (text, mut open) = match argument.strip_suffix(":*").or_else(|| argument.strip_suffix(" *")) {
            Some(text) => (text.trim_end(), true),
            None => (argument, false),
        };
        let mut words = match text.contains('*') {
            false => line::words(text)?.into_iter().map(Word::Is).collect::<Vec<_>>(),
            true => text.split_whitespace().map(starred).collect::<Option<Vec<_>>>()?,
        };
        let last = words.pop()?;
        if words.iter().any(|word| matches!(word, Word::Begins(_))) {
            return None;
        }
        open |= matches!(last, Word::Begins(_));
        words.push(last);
        // Which program it is must be said.
        (!matches!(words.first(), Some(Word::Any))).then_some(Shape { words, open })
    }

    fn covers(&self, command: &[String]) -> bool {
        let enough = if self.open { command.len() >= self.words.len() } else { command.len() == self.words.len() };
        let same = self.words.iter().zip(command).all(|(word, given)| match word {
            Word::Is(word) => word == given,
            // `./scripts/*` says nothing about `./scripts/../x`.
            Word::Begins(start) => given.starts_with(start.as_str()) && given.split('/').all(|part| part != ".."),
            Word::Any => true,
        });
        enough && same && (self.is_exact() || !self.is_more_than_said(command))
    }

    fn is_exact(&self) -> bool {
        !self.open && self.words.iter().all(|word| matches!(word, Word::Is(_)))
    }

    /// Options that write or run something else, and subcommands that run whatever follows them, unless they are named.
    fn is_more_than_said(&self, command: &[String]) -> bool {
        let Some((program, rest)) = command.split_first() else { return true };
        let program = program.rsplit('/').next().unwrap_or(program);
        let plain: Vec<String> = std::iter::once(program.to_string()).chain(rest.iter().cloned()).collect();
        refused_option(&plain).is_some() || program == "git" && self.starts_other(rest)
    }

    /// Whether git's subcommand runs whatever follows it, and the pattern does not name it. Behind an option it may be any word.
    fn starts_other(&self, rest: &[String]) -> bool {
        let candidates = match rest.first() {
            Some(first) if !first.starts_with('-') => &rest[..1],
            _ => rest,
        };
        let named = |word: &String| self.words.iter().any(|own| matches!(own, Word::Is(own) if own == word));
        candidates.iter().any(|word| is_open_ended(word) && !named(word))
    }
}

fn starred(piece: &str) -> Option<Word> {
    let plain = |text: &str| match line::words(text)?.as_slice() {
        [word] if !text.contains(['\'', '"']) => Some(word.clone()),
        _ => None,
    };
    match piece.strip_suffix('*') {
        Some("") => Some(Word::Any),
        Some(start) => plain(start).map(Word::Begins),
        None => plain(piece).map(Word::Is),
    }
}

/// The pattern as one inside the workspace; `None` for what begins at the root of the machine or at somebody's home.
fn inside(argument: &str) -> Option<&str> {
    let argument = argument.trim();
    let outside = argument.starts_with("//") || argument.starts_with('~');
    (!outside).then(|| argument.strip_prefix("./").unwrap_or(argument))
}

/// As [`Pattern::covers_path`], erring toward yes: a pattern from outside the workspace may lead into it at any of its folders.
fn may_cover(argument: &str, path: &str) -> bool {
    let says = |glob: &str| glob::check_glob(glob).is_err() || glob::covers_any_case(&[glob], path);
    match inside(argument) {
        Some(glob) => says(glob),
        None => {
            let parts = argument.trim().split('/').filter(|part| !part.is_empty() && !part.starts_with('~'));
            let parts: Vec<&str> = parts.collect();
            let all_below = |start: usize| start > 0 && parts[start].chars().all(|c| c == '*');
            let ends = (0..parts.len()).filter(|start| !all_below(*start)).map(|start| parts[start..].join("/"));
            parts.is_empty() || ends.into_iter().any(|end| says(&format!("/{end}")))
        }
    }
}
