//! Makes the prompt of a command or a skill: its shell lines run, the files it names are read, and what they bring is put
//! in its place, once. All of it goes the way of a call (gate, sandbox, journal, events); the first failure ends it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::Asked;
use super::call::{self, By, CallResult};
use super::include;
use super::turn::Turn;
use crate::commands::{self, Call, Entry, Part, Prompt, Severity};
use crate::context::{Matters, bounded, width};
use crate::protocol::{Event, Level, ToolCall, ToolStatus};

/// The tool that runs a shell line.
pub(super) const SHELL: &str = "run";
/// Seconds that one line may take.
const LINE_TIMEOUT: u32 = 120;
/// The most characters that one line, or one file, adds to the prompt.
const EACH: usize = 24_000;

/// Why there is no prompt.
pub(super) enum Stop {
    Cancelled,
    Failed(String),
}

/// How much more the lines and files of one prompt may add.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    /// A quarter of the window, at four characters a token.
    fn new(turn: &Turn) -> Budget {
        Budget { left: turn.window() }
    }

    /// What fits of a text; `rest` says how to get what does not.
    pub fn take(&mut self, text: &str, rest: &str) -> String {
        let limit = EACH.min(self.left);
        self.left -= width(text).min(limit);
        bounded(text, limit, Matters::Head, rest)
    }
}

/// The prompt of `entry`, called with these arguments.
pub(super) async fn prompt(turn: &Arc<Turn>, entry: &Entry, arguments: &str) -> Result<Prompt, Stop> {
    let services = &turn.services;
    let project = services.workspace.display().to_string();
    let call = Call { arguments, project: &project, session: &turn.session };
    turn.looked_into(&entry.place.path);
    let template = commands::template(entry, &call);
    for note in template.notes.iter().filter(|note| note.severity > Severity::Info) {
        turn.notice(Level::Warn, format!("/{}: {}", entry.place.name, note.message)).await;
    }
    let (mut filled, mut budget) = (Vec::new(), Budget::new(turn));
    for part in &template.parts {
        match part {
            Part::Text { .. } => {}
            Part::Shell { line, .. } => {
                let stdout = shell(turn, entry, line).await?;
                filled.push(Some(budget.take(&stdout, "run the line yourself for the rest")));
            }
            Part::Include { path, written, .. } => {
                filled.push(include::read(turn, entry, path, written, &mut budget).await?);
            }
        }
    }
    let prompt = template.finish(filled);
    match prompt.text.trim().is_empty() {
        true => Err(Stop::Failed(format!("{} says nothing, so there is nothing to ask the model", entry.place.shown))),
        false => Ok(prompt),
    }
}

/// What the line writes to its standard output.
async fn shell(turn: &Arc<Turn>, entry: &Entry, line: &str) -> Result<String, Stop> {
    let command = match entry.fields.shell.as_deref() {
        Some("bash") => format!("bash -c '{}'", line.replace('\'', r"'\''")),
        _ => line.to_string(),
    };
    let result = by_author(turn, SHELL, json!({"command": command, "timeout": LINE_TIMEOUT})).await?;
    let data = result.data.as_ref();
    let field = |name: &str| data.and_then(|data| data.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default();
    let code = field("exit_code").and_then(Value::as_i64);
    let in_time = field("timed_out").and_then(Value::as_bool) == Some(false);
    let nothing_found = code == Some(1) && text("stderr").trim().is_empty() && searches(line);
    if result.status == ToolStatus::Ok && in_time && (code == Some(0) || nothing_found) {
        return Ok(text("stdout").trim_end().to_string());
    }
    Err(Stop::Failed(format!(
        "/{}: the line `{line}` of {} failed, so the model was not asked\n{}",
        entry.place.name, entry.place.shown, result.text
    )))
}

/// Runs one call that no model asked for. Cancelling the turn is the only error: whatever else goes wrong is in the result.
pub(super) async fn by_author(turn: &Arc<Turn>, tool: &str, arguments: Value) -> Result<CallResult, Stop> {
    let call = ToolCall { id: turn.own_call_id(), name: tool.to_string(), arguments, recovered: None };
    // On the heap: a call may be that of a skill, which makes calls of its own.
    let result =
        Box::pin(call::run(turn, &Asked { call, unreadable: None, through: None, instead: Vec::new() }, By::Author))
            .await;
    match turn.cancel.is_cancelled() {
        true => Err(Stop::Cancelled),
        false => Ok(result),
    }
}

/// Programs that end with 1 when they have found nothing, or a difference.
const SEARCHES: &[&str] =
    &["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "diff", "cmp", "pgrep", "which", "find", "fd"];

/// Whether the end of the line is a search, whose 1 is no failure.
fn searches(line: &str) -> bool {
    let last = line.trim().rsplit(['|', ';', '&', '\n', '(', '{']).next().unwrap_or_default();
    let mut words = last.split_whitespace().skip_while(|word| word.contains('=') || *word == "command");
    match (words.next(), words.next()) {
        (Some("git"), Some(second)) => matches!(second, "grep" | "diff"),
        (Some(program), _) => SEARCHES.contains(&program.rsplit('/').next().unwrap_or(program)),
        (None, _) => false,
    }
}

impl Turn {
    /// Tells the user.
    pub async fn notice(&self, level: Level, text: String) {
        self.services.recorder.emit(Event::Notice { level, text }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_of_a_search_is_no_failure() {
        let check = |line: &str, expected: bool| assert_eq!(searches(line), expected, "{line}");
        check("grep -rn TODO src", true);
        check("git ls-files | grep -v test", true);
        check("cd src && rg --files", true);
        check("LC_ALL=C /usr/bin/grep x y", true);
        check("git diff --exit-code", true);
        check("git grep -n TODO", true);
        check("git status", false);
        check("grep x y; make", false);
        check("grep x y | sort", false);
        check("", false);
    }
}
