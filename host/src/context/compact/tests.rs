//! Conversations of turns and steps, shortened: what is left of them, as a model reads it. What each must keep whatever happens
//! is in `is_whole`.

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
    let last = turn("third", &[("read_file", "d"), ("write_file", "e"), ("read_file", "f"), ("read_file", "g")], "");
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
    insta::assert_snapshot!(shown(&after[..2]), @r"
    system: You are careful.
    user: [Earlier in this conversation, shortened to fit the context window:
    - (1 earlier lines are left out here)
    - You said: I take way B: A breaks f7. …
    - You called write_file (good.py): created good.py (+1 -0 lines)
    - You called write_file (bad.py): created bad.py (+2 -0 lines) …
    - You called read_file (bad.py): 1	def x(:
    - You called apply_patch (apply_patch): changed p.py (+1 -1 lines) …
    - You called read_file (f4): some words of a file
    - You said: Next.
    - You called read_file (f5): some words of a file
    - Files that you changed: good.py, bad.py, p.py
    - The newest result about todo (todo):
        [x] look
        [>] mend f3
        1 of 2 open
    - The newest result about bad.py (write_file):
        created bad.py (+2 -0 lines)
        python found an error:
        bad.py:1: SyntaxError
    - The newest result about p.py (apply_patch):
        changed p.py (+1 -1 lines)
        python found an error:
        p.py:7: wrong
    ]

    mend it
    ");
    let mended = step(8, "", "edit_file", "bad.py", "changed bad.py (+1 -1 lines)");
    let patched = step(21, "", "edit_file", "p.py", "changed p.py (+1 -1 lines)");
    let renewed = step(9, "", "todo", "", "[x] mend f3\nall done");
    let more = [after, [mended, patched, renewed].concat(), reads(10).flatten().collect()].concat();
    let again = to(&more, 400, &pinned).unwrap();
    is_whole(&again);
    let note = shown(&again[..2]);
    let held =
        "way B: A breaks f7. …|Files that you changed: good.py, bad.py, p.py|(todo):\n    [x] mend f3\n    all done";
    held.split('|').for_each(|held| assert!(note.contains(held), "{held}: {note}"));
    assert_eq!(note.matches("The newest result about").count(), 1, "{note}");
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
    assert!(text.contains(" earlier lines are left out here)") && text.contains("The user asked: task 19"), "{text}");
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
