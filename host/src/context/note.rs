//! The note that opens a compacted conversation, at the beginning of a user's message: what was left out, in lines. By the
//! rules of `compact`, or by a summary of the model's. The next compaction reads it and goes on with it.

use crate::protocol::Message;

/// Opens the note.
pub const EARLIER: &str = "[Earlier in this conversation, shortened to fit the context window:";
/// How lines of it begin.
pub const ASKED: &str = "- The user asked: ";
pub const CHANGED: &str = "  Files that were changed: ";
const SUMMARY: &str = "- Your own summary:";

/// Puts a summary in the place of what the rules say of steps and answers that were left out. What the user asked for, and
/// the files that were changed, stay.
pub fn sum_up(messages: &mut [Message], summary: Vec<String>) {
    let noted =
        messages.iter().position(|message| matches!(message, Message::User { text } if text.starts_with(EARLIER)));
    let Some(Message::User { text }) = noted.map(|place| &mut messages[place]) else { return };
    let (told, task) = split_note(text);
    let facts = told.into_iter().filter(|line| line.starts_with(ASKED) || line.starts_with(CHANGED));
    let lines: Vec<String> = facts.chain([SUMMARY.to_string()]).chain(summary).collect();
    *text = noted_before(&lines, task);
}

/// Adds the lines to the note at the beginning of the user's message at `place`.
pub fn put_note(messages: &mut [Message], place: usize, lines: Vec<String>) {
    let Some(Message::User { text }) = messages.get_mut(place) else { return };
    let (earlier, task) = split_note(text);
    let lines: Vec<String> = earlier.into_iter().chain(lines).collect();
    if !lines.is_empty() {
        *text = noted_before(&lines, task);
    }
}

fn noted_before(lines: &[String], task: &str) -> String {
    format!("{EARLIER}\n{}\n]\n\n{task}", lines.join("\n"))
}

/// The lines of the note, and what stands behind it.
pub fn split_note(text: &str) -> (Vec<String>, &str) {
    let split = text.strip_prefix(EARLIER).and_then(|rest| rest.strip_prefix('\n')?.split_once("\n]\n\n"));
    match split {
        Some((lines, task)) => (lines.lines().map(String::from).collect(), task),
        None => (Vec::new(), text),
    }
}
