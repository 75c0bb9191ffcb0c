//! Compaction: one deliberate step that makes a long conversation short, by rules. The system prompt, the user's words and
//! the last answers stay; old results become a line each.
//!
//! 1. Results behind the last few become one line, reasoning goes, long arguments are cut. A call that was made again with the
//!    same arguments, and a file that was read again, keep only the newest result. Pinned results stay whole.
//! 2. Where that is not enough, fewer results stay whole.
//! 3. Then whole turns, the oldest first, become a line in a note that opens the conversation; at last also the older steps
//!    of the turn that runs. What was pinned stays in the note. That has a bound of its own; what it loses then is counted there.
//! 4. Where it would not fit the window even so, the results that are left are cut.
//!
//! Every call keeps exactly one result, since servers insist on it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::held::{Holds, Standing};
use super::note::{Told, put_note};
use super::told::{Done, changed_files, done, in_short, places, short_argument, told_steps, told_turn, turns};
use super::{Matters, bounded};
use crate::protocol::{Message, ToolCall};

/// Results that stay whole, tried in this order.
const WHOLE: [usize; 3] = [5, 3, 1];
/// The least number of steps of the running turn that stay.
const STEPS: usize = 2;
/// Width of the results that would not fit otherwise, and the least that is left of them.
const LAST_RESORT: usize = 4_000;
const LEAST_RESULT: usize = 250;

/// Width that the note may have in any window, and of that what one thing may have that holds.
const LEAST_NOTE: usize = 1_200;
const HELD_SHARE: usize = 3;

/// What must stay whole, of the newest result for each thing that a call is about.
pub type Pinned<'a> = &'a dyn Fn(&ToolCall, &str) -> bool;

/// Tokens for the messages: how many they should have at most, and how many they may have.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub target: usize,
    pub most: usize,
}

/// The shorter conversation; `size` counts its tokens. `None`: there is nothing to shorten. The result may still be larger than
/// there is room for.
pub fn compact(
    messages: &[Message],
    size: &dyn Fn(&[Message]) -> usize,
    Room { target, most }: Room,
    pinned: Pinned<'_>,
) -> Option<Vec<Message>> {
    let mut best = messages.to_vec();
    for whole in WHOLE {
        best = shorten(messages, whole, pinned);
        if size(&best) <= target {
            return changed(messages, best);
        }
    }
    // A quarter of the target, at four characters a token.
    let room = target.max(LEAST_NOTE);
    let (turns, standing) = (turns(&best), Standing::of(&best, pinned));
    for kept in (1..turns.len()).rev() {
        let folded = fold_turns(&best, (&turns, kept), &standing, room);
        let fits = size(&folded) <= target;
        if fits || kept == 1 {
            best = folded;
        }
        if fits {
            return changed(messages, best);
        }
    }
    let (steps, standing) = (replies(&best).len(), Standing::of(&best, pinned));
    for kept in (STEPS..steps).rev() {
        let folded = fold_steps(&best, kept, &standing, room);
        let fits = size(&folded) <= target;
        if fits || kept == STEPS {
            best = folded;
        }
        if fits {
            return changed(messages, best);
        }
    }
    let mut limit = LAST_RESORT;
    loop {
        let cut = with_results(&best, limit);
        if size(&cut) <= most || limit <= LEAST_RESULT {
            return changed(messages, cut);
        }
        limit /= 2;
    }
}

/// With results that are at most `limit` wide.
fn with_results(messages: &[Message], limit: usize) -> Vec<Message> {
    let mut cut = messages.to_vec();
    for message in &mut cut {
        if let Message::Tool { text, .. } = message {
            *text = bounded(text, limit, Matters::Head, "call the tool again for a part of it");
        }
    }
    cut
}

/// What a provider wanted back unchanged goes with what stood before it: it holds for that conversation only.
fn changed(before: &[Message], mut after: Vec<Message>) -> Option<Vec<Message>> {
    if after == before {
        return None;
    }
    for message in &mut after {
        if let Message::Assistant { reasoning: Some(reasoning), .. } = message {
            reasoning.kept = None;
        }
    }
    Some(after)
}

/// Rule 1 with `whole` results that stay as they are.
fn shorten(messages: &[Message], whole: usize, pinned: Pinned<'_>) -> Vec<Message> {
    let done = done(messages);
    let kept = kept(messages, &done, whole, pinned);
    // Of what comes before the last results, only these stay whole.
    let recent = done.len().checked_sub(whole).map_or(0, |first| done[first].result);
    let mut short = messages.to_vec();
    for Done { call, result } in &done {
        if let Message::Tool { text, .. } = &mut short[*result]
            && !kept.contains(result)
        {
            *text = in_short(call, text);
        }
    }
    for message in short.iter_mut().take(recent) {
        if let Message::Assistant { reasoning, calls, .. } = message {
            *reasoning = None;
            calls.iter_mut().for_each(|call| shorten_arguments(&mut call.arguments));
        }
    }
    short
}

/// The results that stay whole: the last ones, but of the same call only the newest, and what is pinned.
fn kept(messages: &[Message], done: &[Done<'_>], whole: usize, pinned: Pinned<'_>) -> BTreeSet<usize> {
    let (mut kept, mut seen) = (Standing::of(messages, pinned).places(), BTreeSet::new());
    for (age, Done { call, result }) in done.iter().rev().enumerate() {
        if seen.insert((call.name.clone(), call.arguments.to_string())) && age < whole {
            kept.insert(*result);
        }
    }
    kept
}

/// What was written is in the files by now.
fn shorten_arguments(value: &mut Value) {
    match value {
        Value::String(text) => short_argument(text).into_iter().for_each(|short| *text = short),
        Value::Array(items) => items.iter_mut().for_each(shorten_arguments),
        Value::Object(fields) => fields.values_mut().for_each(shorten_arguments),
        _ => {}
    }
}

/// Where the replies are of the last turn.
fn replies(messages: &[Message]) -> Vec<usize> {
    let start = turns(messages).last().copied().unwrap_or(0);
    let replies = places(messages, |message| matches!(message, Message::Assistant { .. }));
    replies.into_iter().filter(|place| *place > start).collect()
}

/// Keeps the last turns; the others become lines of the note.
fn fold_turns(
    messages: &[Message],
    (turns, kept): (&[usize], usize),
    standing: &Standing,
    room: usize,
) -> Vec<Message> {
    let cut_at = turns[turns.len() - kept];
    let mut lines = Vec::new();
    for (index, start) in turns.iter().enumerate().take(turns.len() - kept) {
        let turn = &messages[*start..turns.get(index + 1).copied().unwrap_or(messages.len())];
        lines.extend(told_turn(turn));
    }
    let mut folded: Vec<Message> = messages[..turns[0]].to_vec();
    folded.extend_from_slice(&messages[cut_at..]);
    let Holds { entries: held, settled } = standing.without(messages, &(turns[0]..cut_at), room / HELD_SHARE);
    put_note(&mut folded, turns[0], Told { lines, files: Vec::new(), held, settled }, room);
    folded
}

/// Keeps the last steps of the turn that runs; the others become lines of the note.
fn fold_steps(messages: &[Message], kept: usize, standing: &Standing, room: usize) -> Vec<Message> {
    let replies = replies(messages);
    let (from, to) = (replies[0], replies[replies.len() - kept]);
    let (lines, files) = (told_steps(&messages[from..to]), changed_files(&messages[from..to]));
    let Holds { entries: held, settled } = standing.without(messages, &(from..to), room / HELD_SHARE);
    let mut folded = [&messages[..from], &messages[to..]].concat();
    put_note(&mut folded, from - 1, Told { lines, files, held, settled }, room);
    folded
}

#[cfg(test)]
mod tests {
    use super::super::note::{EARLIER, NOTHING_SAID};
    use super::*;
    use crate::protocol::{Kept, NO_REPLY, Reasoning};
    use serde_json::json;

    /// A turn: the user's words, and steps that read or write a file, each with a long result.
    fn turn(task: &str, steps: &[(&str, &str)], answer: &str) -> Vec<Message> {
        let mut messages = vec![Message::User { text: task.into() }];
        for (index, (tool, path)) in steps.iter().enumerate() {
            let id = format!("{task}-{index}");
            let mut arguments = json!({"path": path});
            if *tool == "write_file" {
                arguments["content"] = json!("a line of code\n".repeat(60));
            }
            let call = ToolCall { id: id.clone(), name: tool.to_string(), arguments, recovered: None };
            let reasoning = Some("thinking ".repeat(40).into());
            messages.push(Message::Assistant { text: String::new(), reasoning, calls: vec![call] });
            let did = if *tool == "write_file" { format!("changed {path} (+60 -1 lines); ") } else { String::new() };
            let text = format!("{did}{tool} {path} {index}\n{}", "content\n".repeat(100));
            messages.push(Message::Tool { call_id: id, tool: tool.to_string(), text });
        }
        if !answer.is_empty() {
            messages.push(Message::Assistant { text: answer.into(), reasoning: None, calls: Vec::new() });
        }
        messages
    }

    fn conversation(turns: &[Vec<Message>]) -> Vec<Message> {
        let system = vec![Message::System { text: "You are careful.".into() }];
        std::iter::once(&system).chain(turns).flatten().cloned().collect()
    }

    fn size(messages: &[Message]) -> usize {
        super::super::Gauge::default().messages(messages)
    }

    /// Shortened to so many tokens, in a window that is not much larger.
    fn to(messages: &[Message], target: usize, pinned: Pinned<'_>) -> Option<Vec<Message>> {
        compact(messages, &size, Room { target, most: target * 2 }, pinned)
    }

    #[test]
    fn what_a_provider_wants_back_ends_with_its_conversation() {
        let steps: Vec<(&str, &str)> = ["a", "b", "c", "d", "e", "f", "g"].map(|path| ("read_file", path)).into();
        let mut messages = conversation(&[turn("go", &steps, "")]);
        for message in &mut messages {
            if let Message::Assistant { reasoning: Some(reasoning), .. } = message {
                reasoning.kept = Some(Kept { by: "x".into(), blocks: vec![json!({"type": "thinking"})] });
            }
        }
        let short = to(&messages, size(&messages) / 2, NOTHING).unwrap();
        let kept = |message: &Message| {
            matches!(message, Message::Assistant { reasoning: Some(Reasoning { kept: Some(_), .. }), .. })
        };
        assert!(messages.iter().any(kept) && !short.iter().any(kept));
    }

    /// As a model reads it, a line each.
    fn shown(messages: &[Message]) -> String {
        let one = |message: &Message| match message {
            Message::System { text } => format!("system: {text}"),
            Message::User { text } => format!("user: {text}"),
            Message::Assistant { text, reasoning, calls } => {
                let calls: Vec<String> = calls.iter().map(|call| format!("{} {}", call.name, call.arguments)).collect();
                let thought = if reasoning.is_some() { " (with reasoning)" } else { "" };
                format!("model: {text}{}{thought}", calls.join(", "))
            }
            Message::Tool { text, .. } if text.lines().count() > 50 => {
                format!("result: {} lines", text.lines().count())
            }
            Message::Tool { text, .. } => format!("result: {text}"),
        };
        messages
            .iter()
            .map(|message| match message {
                Message::User { .. } => one(message),
                _ => one(message).chars().take(150).collect(),
            })
            .collect::<Vec<String>>()
            .join("\n")
    }

    /// Every call has one result, behind it and in its order; the user's last words and the system prompt are there.
    fn is_whole(messages: &[Message]) {
        let calls: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                Message::Assistant { calls, .. } => Some(calls),
                _ => None,
            })
            .flatten()
            .map(|call| call.id.as_str())
            .collect();
        let results: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                Message::Tool { call_id, .. } => Some(call_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(calls, results);
        assert!(matches!(messages.first(), Some(Message::System { .. })));
        assert!(messages.iter().any(|message| matches!(message, Message::User { .. })));
    }

    const NOTHING: Pinned<'static> = &|_, _| false;

    #[test]
    fn old_results_become_a_line_and_the_last_five_stay() {
        let steps = [
            ("read_file", "a"),
            ("write_file", "b"),
            ("read_file", "c"),
            ("read_file", "d"),
            ("read_file", "c"),
            ("write_file", "a"),
            ("read_file", "e"),
            ("read_file", "f"),
        ];
        let before = conversation(&[turn("mend it", &steps, "")]);
        let pinned = |call: &ToolCall, _: &str| call.arguments["path"] == "b";
        let after = to(&before, size(&before) * 9 / 10, &pinned).unwrap();
        is_whole(&after);
        insta::assert_snapshot!(shown(&after), @r#"
        system: You are careful.
        user: mend it
        model: read_file {"path":"a"}
        result: [101 lines, left out; call again for them. They began: read_file a 0]
        model: write_file {"path":"b","content":"a line of code …"}
        result: 101 lines
        model: read_file {"path":"c"}
        result: [101 lines, left out; call again for them. They began: read_file c 2]
        model: read_file {"path":"d"}
        result: 101 lines
        model: read_file {"path":"c"} (with reasoning)
        result: 101 lines
        model: write_file {"path":"a","content":"a line of code\na line of code\na line of code\na line of code\na line of code\na line of code\na line of cod
        result: 101 lines
        model: read_file {"path":"e"} (with reasoning)
        result: 101 lines
        model: read_file {"path":"f"} (with reasoning)
        result: 101 lines
        "#);
        assert_eq!(to(&after, size(&after), &pinned), None, "nothing is shortened twice");
    }

    #[test]
    fn old_turns_become_a_note_and_then_old_steps_too() {
        let first = turn("first", &[("read_file", "a"), ("write_file", "b")], "First is done.\nIt was easy.");
        let second = turn("second", &[("write_file", "c")], "Second is done.");
        let last =
            turn("third", &[("read_file", "d"), ("write_file", "e"), ("read_file", "f"), ("read_file", "g")], "");
        let before = conversation(&[first, second, last]);
        let after = to(&before, 420, NOTHING).unwrap();
        is_whole(&after);
        assert!(size(&after) <= 420);
        insta::assert_snapshot!(shown(&after), @r#"
        system: You are careful.
        user: [Earlier in this conversation, shortened to fit the context window:
        - The user asked: first
          Files that were changed: b
          You answered: First is done. …
        - The user asked: second
          Files that were changed: c
          You answered: Second is done.
        - You called read_file (d): read_file d 0
        ]

        third
        model: write_file {"path":"e","content":"a line of code …"}
        result: [101 lines, left out. They began: changed e (+60 -1 lines); write_file e 1]
        model: read_file {"path":"f"}
        result: [101 lines, left out; call again for them. They began: read_file f 2]
        model: read_file {"path":"g"}
        result: 101 lines
        "#);
        let more = [after, turn("fourth", &[("read_file", "h")], "")].concat();
        let again = to(&more, 300, NOTHING).unwrap();
        is_whole(&again);
        let note = shown(&again);
        assert_eq!(note.matches(EARLIER).count(), 1, "{note}");
        assert!(note.contains("The user asked: first") && note.contains("The user asked: third"), "{note}");
    }

    #[test]
    fn what_still_holds_stays_when_the_steps_are_gone() {
        let step = |number: usize, said: &str, tool: &str, path: &str, text: &str| {
            let id = format!("c{number}");
            let arguments = if path.is_empty() { json!({"items": []}) } else { json!({"path": path}) };
            let call = ToolCall { id: id.clone(), name: tool.into(), arguments, recovered: None };
            let reply = Message::Assistant { text: said.into(), reasoning: None, calls: vec![call] };
            [reply, Message::Tool { call_id: id, tool: tool.into(), text: text.into() }]
        };
        let reads = |from: usize| {
            (from..from + 4)
                .map(move |n| step(n, "Next.", "read_file", &format!("f{n}"), &"some words of a file\n".repeat(100)))
        };
        let pinned = |call: &ToolCall, text: &str| call.name == "todo" || text.contains("found an error:");
        let wrong = "created bad.py (+2 -0 lines)\npython found an error:\nbad.py:1: SyntaxError";
        let steps = [
            step(0, "I take way B: A breaks f7.\nAnd so on.", "todo", "", "[x] look\n[>] mend f3\n1 of 2 open"),
            step(1, "", "write_file", "good.py", "created good.py (+1 -0 lines)"),
            step(2, "", "write_file", "bad.py", wrong),
            step(3, "", "read_file", "bad.py", "1\tdef x(:"),
            step(20, "", "apply_patch", "", "changed p.py (+1 -1 lines)\npython found an error:\np.py:7: wrong"),
        ];
        let task = || vec![Message::User { text: "mend it".into() }];
        let before = conversation(&[task(), steps.into_iter().chain(reads(4)).flatten().collect()]);
        let after = to(&before, 400, &pinned).unwrap();
        is_whole(&after);
        insta::assert_snapshot!(shown(&after[..2]), @"");
        let mended = step(8, "", "edit_file", "bad.py", "changed bad.py (+1 -1 lines)");
        let patched = step(21, "", "edit_file", "p.py", "changed p.py (+1 -1 lines)");
        let renewed = step(9, "", "todo", "", "[x] mend f3\nall done");
        let more = [after, [mended, patched, renewed].concat(), reads(10).flatten().collect()].concat();
        let again = to(&more, 400, &pinned).unwrap();
        is_whole(&again);
        insta::assert_snapshot!(shown(&again[..2]), @"");
    }

    #[test]
    fn what_the_host_says_between_two_steps_is_no_turn_and_hides_no_task() {
        let note = |text: &str| vec![Message::User { text: text.into() }];
        let nothing = vec![Message::Assistant { text: NO_REPLY.into(), reasoning: None, calls: Vec::new() }];
        let steps = &turn("", &[("read_file", "a"), ("read_file", "b"), ("read_file", "c")], "")[1..];
        let first = [note("[New tools:\n- x]\n\nthe first task\nin two lines"), nothing.clone()].concat();
        let last = [note("the last task\nwith a condition"), nothing, note(NOTHING_SAID), steps.to_vec()].concat();
        let after = to(&conversation(&[first, last]), 200, NOTHING).unwrap();
        is_whole(&after);
        insta::assert_snapshot!(shown(&after), @r#"
        system: You are careful.
        user: [Earlier in this conversation, shortened to fit the context window:
        - The user asked: the first task …
        - You called read_file (a): read_file a 0
        ]

        the last task
        with a condition
        model: read_file {"path":"b"}
        result: [101 lines, left out; call again for them. They began: read_file b 1]
        model: read_file {"path":"c"}
        result: 101 lines
        "#);
    }

    #[test]
    fn a_conversation_of_many_turns_always_gets_short() {
        let mut messages = conversation(&[]);
        for number in 0..200 {
            messages.extend(turn(&format!("task {number}"), &[("read_file", "a"), ("write_file", "b")], "done"));
            if size(&messages) > 1_200 {
                messages = to(&messages, 800, NOTHING).unwrap();
                assert!(size(&messages) <= 800, "{} in turn {number}", size(&messages));
            }
        }
        let text = shown(&messages);
        assert!(
            text.contains(" earlier lines are left out here)") && text.contains("The user asked: task 19"),
            "{text}"
        );
    }

    #[test]
    fn any_conversation_stays_whole_and_grows_no_longer() {
        let tools = ["read_file", "write_file", "grep"];
        // A small generator with a fixed seed.
        let mut seed = 7_u64;
        let mut next = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % most
        };
        for _ in 0..200 {
            let turns: Vec<Vec<Message>> = (0..1 + next(4))
                .map(|number| {
                    let steps: Vec<(&str, String)> =
                        (0..next(12)).map(|_| (tools[next(3)], format!("file{}", next(5)))).collect();
                    let steps: Vec<(&str, &str)> = steps.iter().map(|(tool, path)| (*tool, path.as_str())).collect();
                    turn(&format!("task {number}"), &steps, if next(2) == 0 { "done" } else { "" })
                })
                .collect();
            let before = conversation(&turns);
            let target = next(size(&before).max(1));
            if let Some(after) = to(&before, target, NOTHING) {
                is_whole(&after);
                assert!(size(&after) <= size(&before), "{} to {}", size(&before), size(&after));
            }
        }
    }
}
