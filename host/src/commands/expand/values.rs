//! What a call gives for each placeholder. `$ARGUMENTS` is the text as it was typed; the others are its words, split as a
//! shell would. It does not know where a value is put.

use std::path::Path;

use super::placeholder::{Placeholder, Variable};
use super::tokens::Token;
use super::{Call, Source};
use crate::commands::entry::{Entry, Origin};

pub(super) struct Values {
    raw: String,
    pub words: Vec<String>,
    /// The quotes of the arguments do not match.
    pub unbalanced: bool,
    /// Whether `$0` is the first argument.
    zero: bool,
    skill_dir: Option<String>,
    project: String,
    session: String,
    plugin_root: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub text: &'a str,
    pub source: Source,
}

impl Values {
    pub(super) fn new(entry: &Entry, call: &Call<'_>, tokens: &[Token]) -> Values {
        // A zero byte cannot be handed to a program, and stands in for `#` below.
        let raw = call.arguments.replace('\0', "").trim().to_owned();
        let split = split(&raw);
        let zero = entry.fields.arguments.is_some()
            || tokens
                .iter()
                .flat_map(Token::placeholders)
                .any(|placeholder| matches!(placeholder, Placeholder::Number(0) | Placeholder::Index(_)));
        Values {
            unbalanced: split.is_none(),
            words: split.unwrap_or_else(|| raw.split_whitespace().map(str::to_owned).collect()),
            raw,
            zero,
            skill_dir: folder(&entry.place.path),
            project: call.project.to_owned(),
            session: call.session.to_owned(),
            plugin_root: plugin_root(entry),
        }
    }

    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    pub(super) fn are_given(&self) -> bool {
        !self.raw.is_empty()
    }

    /// Which of the words a placeholder means, from 0.
    pub(super) fn index(&self, placeholder: Placeholder) -> Option<usize> {
        match placeholder {
            Placeholder::Index(index) | Placeholder::Named(index) => Some(index),
            Placeholder::Number(number) if self.zero => Some(number),
            Placeholder::Number(number) => number.checked_sub(1),
            Placeholder::All | Placeholder::Variable(_) => None,
        }
    }

    /// `None`: it stays as it is written.
    pub(super) fn get(&self, placeholder: Placeholder) -> Option<Value<'_>> {
        let argument = |text| Value { text, source: Source::Argument };
        match placeholder {
            Placeholder::All => Some(argument(&self.raw)),
            Placeholder::Variable(variable) => {
                self.variable(variable).map(|text| Value { text, source: Source::Variable })
            }
            other => self.words.get(self.index(other)?).map(|word| argument(word.as_str())),
        }
    }

    fn variable(&self, variable: Variable) -> Option<&str> {
        match variable {
            Variable::SkillDir => self.skill_dir.as_deref(),
            Variable::ProjectDir => Some(&self.project),
            Variable::SessionId => Some(&self.session),
            Variable::PluginRoot => self.plugin_root.as_deref(),
        }
    }
}

/// As a shell splits words. But a `#` is no comment: `fix #12`.
fn split(raw: &str) -> Option<Vec<String>> {
    let words = shell_words::split(&raw.replace('#', "\0")).ok()?;
    Some(words.into_iter().map(|word| word.replace('\0', "#")).collect())
}

/// The folder of a file. A built-in has none.
fn folder(path: &Path) -> Option<String> {
    path.is_absolute().then(|| path.parent()).flatten().map(|folder| folder.to_string_lossy().into_owned())
}

/// The folder that holds the `commands`, `skills` or `agents` of a plugin. A plugin of a project belongs to the project, so
/// the name tells: it has the plugin's before what the path gives.
fn plugin_root(entry: &Entry) -> Option<String> {
    let place = &entry.place;
    let is_holder = |folder: &&Path| {
        folder.file_name().is_some_and(|name| ["commands", "skills", "agents"].iter().any(|kind| name == *kind))
    };
    let holder = place.path.ancestors().skip(1).find(is_holder).filter(|_| place.path.is_absolute())?;
    let below = place.path.strip_prefix(holder).ok()?;
    let own = below.components().count() - usize::from(below.ends_with("SKILL.md"));
    let carried = matches!(place.origin, Origin::Plugin(_)) || place.name.split(':').count() > own;
    holder.parent().filter(|_| carried).map(|root| root.to_string_lossy().into_owned())
}
