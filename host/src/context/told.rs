//! What a shortened conversation says of its calls, steps and turns, in a line each: what a call was about, what its result
//! began with, which files were changed. Which of them are told at all is `compact`'s matter.

use serde_json::Value;

use super::note::{ANSWERED, ASKED, CALLED, CHANGED, SAID, is_note, split_note, words};
use super::tokens::{first, width};
use crate::protocol::{Message, NO_REPLY, ToolCall};

/// Width of what is left of a result, an argument, a task or an answer.
const LINE: usize = 160;
/// A result, or an argument, that is not longer stays as it is.
const SHORT: usize = 240;
/// Arguments by which calls name what they are about.
const PATHS: [&str; 2] = ["path", "file"];
/// Arguments that hold what is to be written.
const CONTENTS: [&str; 6] = ["content", "new", "new_text", "old_text", "edits", "patch"];
/// How the results of tools begin that have changed a file, before its path and ` (+1 -1 lines)`.
const DID: [&str; 3] = ["changed ", "created ", "deleted "];
/// Behind how many lines a result had, and before what is left of it.
const LEFT_OUT: &str = " lines, left out";
const BEGAN: &str = ". They began: ";
/// Further files that are named of one result.
const MOST_CHANGED: usize = 20;

/// A call and its result, with the places of both.
pub(super) struct Done<'a> {
    pub call: &'a ToolCall,
    pub result: usize,
}

/// All calls with a result, in their order.
pub(super) fn done(messages: &[Message]) -> Vec<Done<'_>> {
    let mut done = Vec::new();
    let mut open: Vec<&ToolCall> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        match message {
            Message::Assistant { calls, .. } => open = calls.iter().collect(),
            Message::Tool { call_id, .. } => {
                if let Some(at) = open.iter().position(|call| call.id == *call_id) {
                    done.push(Done { call: open.remove(at), result: place });
                }
            }
            Message::System { .. } | Message::User { .. } => {}
        }
    }
    done
}

/// What a call is about: the file, or the tool itself.
pub(super) fn subject(call: &ToolCall) -> String {
    path(call).unwrap_or(&call.name).trim_start_matches("./").to_string()
}

fn path(call: &ToolCall) -> Option<&str> {
    PATHS.iter().find_map(|name| arguments(call).get(name)?.as_str())
}

/// Whether its result is all that matters of the tool: an older one says nothing beside it.
pub(super) fn says_all(call: &ToolCall) -> bool {
    path(call).is_none() && !writes(call)
}

/// Those of the tool that is called in the end, for a call through another.
fn arguments(call: &ToolCall) -> &Value {
    call.arguments.get("arguments").filter(|inner| inner.is_object()).unwrap_or(&call.arguments)
}

/// Whether the call brought something to be written.
fn writes(call: &ToolCall) -> bool {
    CONTENTS.iter().any(|name| arguments(call).get(name).is_some())
}

/// What was learned, in a line, and one for each further file that was changed.
pub(super) fn in_short(call: &ToolCall, text: &str) -> String {
    if width(text) <= SHORT || is_short(text) {
        return text.to_string();
    }
    let lines = text.lines().count();
    let begin = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let again = if writes(call) { "" } else { "; call again for them" };
    let mut kept = cut(begin);
    if writes(call) {
        let others: Vec<&str> = text.lines().filter(|line| *line != begin && changed_path(line).is_some()).collect();
        others.iter().take(MOST_CHANGED).for_each(|line| kept.extend(["\n", &cut(line)]));
        if let Some(more) = others.len().checked_sub(MOST_CHANGED).filter(|more| *more > 0) {
            kept.push_str(&format!("\nand {more} more files"));
        }
    }
    let short = format!("[{lines}{LEFT_OUT}{again}{BEGAN}{kept}]");
    if short.len() < text.len() { short } else { text.to_string() }
}

/// Whether this is what is left of a result.
fn is_short(text: &str) -> bool {
    let lines = text.strip_prefix('[').and_then(|text| text.split_once(LEFT_OUT));
    lines.is_some_and(|(lines, _)| lines.parse::<usize>().is_ok()) && text.lines().count() <= MOST_CHANGED + 2
}

/// A long text in an argument, as its first line.
pub(super) fn short_argument(text: &str) -> Option<String> {
    (width(text) > SHORT).then(|| cut(text))
}

/// At most [`LINE`] of the text's first line.
pub(super) fn cut(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match first(line, LINE) {
        kept if kept.len() < line.len() => format!("{kept}…"),
        _ if text.trim().lines().count() > 1 => format!("{line} …"),
        _ => line.to_string(),
    }
}

/// What became of a turn.
pub(super) fn told_turn(turn: &[Message]) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Message::User { text }) = turn.first() {
        let (earlier, task) = split_note(text);
        lines.extend(earlier);
        lines.push(format!("{ASKED}{}", cut(words(task))));
    }
    let changed = changed_files(turn);
    if !changed.is_empty() {
        lines.push(format!("{CHANGED}{}", changed.join(", ")));
    }
    let mut said: Vec<&str> = turn.iter().filter_map(own_words).collect();
    let answer = said.pop();
    lines.extend(said.into_iter().map(|text| format!("  {SAID}{}", cut(text))));
    lines.extend(answer.map(|text| format!("{ANSWERED}{}", cut(text))));
    lines
}

/// What steps of the turn that runs have brought, and what the model said with them: why it does what it does stands there.
pub(super) fn told_steps(steps: &[Message]) -> Vec<String> {
    let mut done = done(steps).into_iter().peekable();
    let mut lines = Vec::new();
    for (place, message) in steps.iter().enumerate() {
        lines.extend(own_words(message).map(|text| format!("- {SAID}{}", cut(text))));
        if let Some(Done { call, .. }) = done.next_if(|done| done.result == place)
            && let Message::Tool { text, .. } = message
        {
            lines.push(format!("{CALLED}{} ({}): {}", call.name, cut(&subject(call)), cut(began(text))));
        }
    }
    lines
}

/// What the model said in a reply.
fn own_words(message: &Message) -> Option<&str> {
    match message {
        Message::Assistant { text, .. } if !text.trim().is_empty() && text != NO_REPLY => Some(text),
        _ => None,
    }
}

/// A result's beginning, also where only that is left of it.
fn began(text: &str) -> &str {
    let left = text.strip_prefix('[').and_then(|text| text.split_once(BEGAN)?.1.strip_suffix(']'));
    left.unwrap_or(text)
}

/// Files that the results say were changed, the first first.
pub(super) fn changed_files(turn: &[Message]) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for message in turn {
        let Message::Tool { text, .. } = message else { continue };
        for path in changed_in(text) {
            if !files.iter().any(|known| known == path) {
                files.push(path.to_string());
            }
        }
    }
    files
}

fn changed_in(text: &str) -> impl Iterator<Item = &str> {
    began(text).lines().filter_map(changed_path)
}

/// The file that a line of a result says was changed.
fn changed_path(line: &str) -> Option<&str> {
    let rest = DID.iter().find_map(|did| line.strip_prefix(did))?;
    rest.split_once(" (+").map(|(path, _)| path)
}

/// Where the turns begin: what the host says between two steps begins none.
pub(super) fn turns(messages: &[Message]) -> Vec<usize> {
    let words = |message: &Message| matches!(message, Message::User { text } if !is_note(text));
    let first = places(messages, |message| matches!(message, Message::User { .. })).into_iter().next();
    let mut turns = places(messages, words);
    if let Some(first) = first.filter(|first| turns.first() != Some(first)) {
        turns.insert(0, first);
    }
    turns
}

pub(super) fn places(messages: &[Message], is: impl Fn(&Message) -> bool) -> Vec<usize> {
    messages.iter().enumerate().filter(|(_, message)| is(message)).map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_files_of_a_patch_are_remembered() {
        let call = |arguments| ToolCall { id: "1".into(), name: "x".into(), arguments, recovered: None };
        let patch = call(json!({ "patch": "…" }));
        let result = |files: usize, did: &str| -> String {
            let lines: Vec<String> = (0..files).map(|file| format!("{did} src/f{file}.rs (+1 -1 lines)")).collect();
            format!("{}\nNow src/f0.rs has an error:\n{}", lines.join("\n"), "1\tsome code\n".repeat(40))
        };
        let check = |call: &ToolCall, text: &str, files: usize, last: &str| {
            let short = in_short(call, text);
            assert!(short.len() < text.len() && short.ends_with(last), "{short}");
            assert_eq!(changed_in(&short).count(), files, "{short}");
            assert_eq!(in_short(call, &short), short, "it is as short as it gets");
        };
        check(&patch, &result(1, "changed"), 1, "They began: changed src/f0.rs (+1 -1 lines)]");
        check(&patch, &result(3, "created"), 3, "\ncreated src/f2.rs (+1 -1 lines)]");
        check(&patch, &result(30, "deleted"), 21, "\ndeleted src/f20.rs (+1 -1 lines)\nand 9 more files]");
        check(&call(json!({ "path": "log" })), &result(3, "changed"), 1, "changed src/f0.rs (+1 -1 lines)]");
        let task = Message::User { text: "mend it".into() };
        let calls = vec![patch.clone()];
        let step = [
            Message::Assistant { text: String::new(), reasoning: None, calls },
            Message::Tool { call_id: "1".into(), tool: "x".into(), text: in_short(&patch, &result(3, "changed")) },
        ];
        assert_eq!(told_steps(&step), ["- You called x (x): changed src/f0.rs (+1 -1 lines) …"]);
        assert_eq!(changed_files(&step), ["src/f0.rs", "src/f1.rs", "src/f2.rs"]);
        let turn = [&[task][..], &step].concat();
        assert_eq!(told_turn(&turn)[1], "  Files that were changed: src/f0.rs, src/f1.rs, src/f2.rs");
    }
}
