//! Expands the body of a command: text in, parts out. What the parts ask for (programs, files) is fetched by the loop and
//! handed to [`Template::finish`]. It runs and reads nothing, and no value that it puts in is looked at again.
//!
//! 1. `ground`: Markdown says of each byte whether it is prose, inline code, code in a language …
//! 2. `tokens`: what looks like a placeholder, a shell line or an include, where it may be one.
//! 3. `values`: what the caller gave for it. What has no value stays as it is written.
//! 4. `render`: text and values become [`Part`]s; in a shell line a value becomes a quoted word (`quoting`), or the line is
//!    refused.

mod amount;
mod braces;
mod evaluators;
mod ground;
mod include;
mod placeholder;
mod prompt;
mod quoting;
mod render;
mod tokens;
mod values;

#[cfg(test)]
mod tests;

use super::entry::{Diagnostic, Entry, Syntax};
use render::Render;
use tokens::Token;
use values::Values;

pub use prompt::Prompt;

/// What a command is called with.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// As typed after the name.
    pub arguments: &'a str,
    /// The workspace, absolute.
    pub project: &'a str,
    pub session: &'a str,
}

/// An expanded body that still lacks what its shell lines print and its files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// In the order of the body.
    pub parts: Vec<Part>,
    /// What was not done, and why.
    pub notes: Vec<Diagnostic>,
}

/// Lines are those of the file, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text {
        text: String,
        source: Source,
        /// The placeholder; `None` for the body itself.
        written: Option<String>,
        line: u32,
    },
    /// To be run by a shell; its output takes the place of `written`.
    Shell { line: String, written: String, at: u32 },
    /// A file or a folder: relative to the workspace and inside it, as far as its spelling tells. It may not exist.
    Include { path: String, written: String, at: u32 },
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Body,
    Argument,
    Variable,
    /// The host's own words.
    Note,
}

/// Takes the body apart and puts in what `call` gives. `written` of a part is what stood in the file.
pub fn template(entry: &Entry, call: &Call<'_>) -> Template {
    let tokens = tokens(entry);
    let values = Values::new(entry, call, &tokens);
    Render::new(entry, call.project, &values).render(&tokens)
}

/// What a body uses, each spelling once and in order: `$ARGUMENTS`, `$1`, `` !`git log` ``, `@src/main.rs`.
pub fn placeholders(entry: &Entry) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    tokens(entry)
        .iter()
        .filter(|token| !matches!(token.what, tokens::What::Escape))
        .map(|token| entry.body[token.range.clone()].to_owned())
        .filter(|written| seen.insert(written.clone()))
        .collect()
}

fn tokens(entry: &Entry) -> Vec<Token> {
    match entry.place.syntax {
        Syntax::Dollar => tokens::tokens(entry),
        Syntax::Braces => braces::tokens(&entry.body),
    }
}
