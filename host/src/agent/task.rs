//! Reads the user's words: a command of the catalogue with its arguments, or a task as it is. Text only; nothing runs.

use std::sync::Arc;

use crate::commands::{Catalogue, Entry, Kind};

/// What was submitted.
pub(super) enum Task<'a> {
    Plain,
    Command {
        entry: Arc<Entry>,
        /// What follows the name, without the space around it.
        arguments: &'a str,
    },
    /// It looks like a command and cannot be one; why, and what to write instead.
    Refused(String),
}

/// A task is a command when it begins with `/name`. `/etc/hosts is wrong` names nothing and is a task; so is everything
/// with a space before the slash.
pub(super) fn read<'a>(text: &'a str, catalogue: &Catalogue) -> Task<'a> {
    let Some(rest) = text.strip_prefix('/') else { return Task::Plain };
    let (name, arguments) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    if let Some(entry) = catalogue.find(name).or_else(|| catalogue.agent(name)) {
        return match untypeable(entry) {
            Some(reason) => Task::Refused(reason),
            None => Task::Command { entry: entry.clone(), arguments: arguments.trim() },
        };
    }
    // With a dot it is rather a file at the root of the machine.
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-');
    let nearest = match !name.is_empty() && name.chars().all(is_name) {
        true => catalogue.nearest(name),
        false => Vec::new(),
    };
    match nearest.is_empty() {
        true => Task::Plain,
        false => {
            let names: Vec<String> = nearest.iter().map(|name| format!("/{name}")).collect();
            let near = if names.len() == 1 { "the nearest is" } else { "the nearest are" };
            Task::Refused(format!(
                "there is no command '/{name}'; {near} {}. Put a space before the slash to send the line as a task.",
                names.join(", ")
            ))
        }
    }
}

/// Why `/name` does not call it.
fn untypeable(entry: &Entry) -> Option<String> {
    let name = &entry.place.name;
    match entry.place.kind {
        Kind::Agent => Some(format!(
            "'/{name}' is an agent ({}); agents are listed, and cannot be called by name yet",
            entry.place.shown
        )),
        Kind::Skill if entry.fields.user_invocable == Some(false) => Some(format!(
            "'/{name}' is a skill for the model alone: {} says `user-invocable: false`",
            entry.place.shown
        )),
        Kind::Command if entry.fields.user_invocable == Some(false) => {
            Some(format!("'/{name}' cannot be typed: {} says `user-invocable: false`", entry.place.shown))
        }
        Kind::Command | Kind::Skill => None,
    }
}
