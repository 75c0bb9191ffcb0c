//! Journals that are written, torn, damaged, newer than this version and resumed.

use std::io::Write;

use garth::protocol::{Answer, Approach, Event, Level, Message, NO_REPLY, ToolCall, ToolSpec, ToolStatus, TurnEnd};
use garth::session::{FORK_INTERRUPTED, FindError, INTERRUPTED, Journal, MEND_INTERRUPTED, Store, load, resume};
use serde_json::{Value, json};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path().join("sessions/project"));
    (dir, store)
}

fn said(text: &str) -> Message {
    Message::Assistant { text: text.into(), reasoning: None, calls: Vec::new() }
}

fn context(system: &str) -> Event {
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let tools = vec![ToolSpec { name: "read".into(), description: "Reads.".into(), input_schema: schema }];
    Event::ContextStarted { system: system.into(), tools }
}

fn started(resumed: bool) -> Event {
    Event::SessionStarted {
        protocol: 1,
        session: "s".into(),
        cwd: "/".into(),
        provider: "scripted".into(),
        model: "m".into(),
        approval: Default::default(),
        resumed,
    }
}

fn turn(turn: u64, task: &str) -> Event {
    Event::TurnStarted { turn, task: task.into() }
}

fn call(id: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.into(), name: "read".into(), arguments, recovered: None }
}

fn reply(calls: Vec<ToolCall>) -> Event {
    Event::AssistantMessage { text: "I read.".into(), reasoning: Some("hm".into()), calls }
}

fn finished(id: &str, text: &str) -> Event {
    let (call_id, tool, text) = (id.into(), "read".into(), text.into());
    Event::ToolFinished {
        call_id,
        tool,
        status: ToolStatus::Ok,
        text,
        data: None,
        programs: Vec::new(),
        duration_ms: 1,
    }
}

fn result(id: &str, text: &str) -> Message {
    Message::Tool { call_id: id.into(), tool: "read".into(), text: text.into() }
}

fn system(text: &str) -> Message {
    Message::System { text: text.into() }
}

fn written(events: &[Event]) -> (tempfile::TempDir, Store, String) {
    let (dir, store) = store();
    let mut journal = store.create().unwrap();
    events.iter().for_each(|event| journal.append(event).unwrap());
    let id = journal.id().to_string();
    (dir, store, id)
}

#[test]
fn what_is_appended_is_read_back_without_what_streams() {
    let delta = Event::TextDelta { text: "x".into() };
    let notice = Event::Notice { level: Level::Info, text: "a\nb\u{2028}\u{0}\"".into() };
    let end = Event::TurnEnded { turn: 1, end: TurnEnd::StepLimit { max_steps: 4 }, steps: 4, denied: 0 };
    let events = [
        started(false),
        context("s"),
        turn(1, "t"),
        delta.clone(),
        notice,
        reply(vec![call("1", json!({"z": 1, "a": [null]}))]),
        finished("1", "ok"),
        end,
    ];
    let (_dir, store, id) = written(&events);
    let log = load(&store.file(&id)).unwrap();
    let read: Vec<Event> = log.entries.iter().map(|entry| entry.event.clone()).collect();
    let kept: Vec<Event> = events.into_iter().filter(|event| *event != delta).collect();
    assert_eq!((read, log.unknown, log.damaged), (kept, 0, 0));
    assert!(log.entries.iter().all(|entry| entry.at > 1_600_000_000_000));
}

#[test]
fn a_torn_line_is_left_alone_and_nothing_is_glued_to_it() {
    for torn in ["{\"at\":1,\"type\":\"turn_sta", "{", "\u{fffd}", "{\"at\":1}"] {
        let (_dir, store, id) = written(&[started(false), turn(1, "a")]);
        let file = store.file(&id);
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(torn.as_bytes()).unwrap();
        let before = load(&file).unwrap();
        assert_eq!((before.entries.len(), before.unknown + before.damaged), (2, 1));
        let mut journal = store.open(&id).unwrap();
        journal.append(&turn(2, "b")).unwrap();
        journal.append(&turn(3, "c")).unwrap();
        let log = load(&file).unwrap();
        assert_eq!((log.entries.len(), log.unknown + log.damaged), (4, 1), "{torn}");
        assert!(std::fs::read_to_string(&file).unwrap().contains(&format!("\n{torn}\n")), "what was written stays");
    }
    // A whole entry that only lacks its newline counts.
    let (_dir, store, id) = written(&[turn(1, "a")]);
    let file = store.file(&id);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.trim_end()).unwrap();
    store.open(&id).unwrap().append(&turn(2, "b")).unwrap();
    assert_eq!(load(&file).unwrap().entries.len(), 2);
}

#[test]
fn what_a_newer_version_wrote_is_skipped_and_counted() {
    let (_dir, store, id) = written(&[turn(1, "a")]);
    let file = store.file(&id);
    let more = "{\"at\":2,\"type\":\"checkpoint\",\"n\":1}\n\n\u{1}\n{\"at\":3,\"type\":\"turn_started\",\"turn\":2,\"task\":\"b\",\"mood\":\"new\"}\n";
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(more.as_bytes()).unwrap();
    let log = load(&file).unwrap();
    assert_eq!((log.entries.len(), log.unknown, log.damaged), (2, 1, 1));
    assert_eq!(log.entries[1].event, turn(2, "b"));
}

#[test]
fn two_writers_cannot_have_one_session() {
    let (_dir, store) = store();
    let journal = store.create().unwrap();
    let id = journal.id().to_string();
    let error = store.open(&id).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    assert!(error.to_string().contains(&id) && error.to_string().contains("another Garth"));
    drop(journal);
    assert_eq!(store.open(&id).unwrap().id(), id);
    assert_eq!(
        Journal::create(store.file(&id).parent().unwrap().parent().unwrap(), &id).unwrap_err().kind(),
        std::io::ErrorKind::AlreadyExists
    );
}

#[test]
fn a_conversation_is_rebuilt_byte_for_byte() {
    // Values that a careless reader changes: order of keys, large numbers, floats, empty and odd strings.
    let odd = json!({"z": 0.123_456_789_012_345_67, "a": 1.0, "n": 18446744073709551615u64, "m": -0.0, "e": 1e-300, "x": 5e-324,
        "y": 2.225073858507201e-308, "s": "\u{0}\u{2028}ä\\\"", "deep": {"b": [], "a": {}}, "q": 7.038531e-26, "w": 1.7976931348623157e308});
    let calls = vec![call("1", odd), call("2", json!({}))];
    let sent = vec![
        Message::System { text: "system".into() },
        Message::User { text: "first\r\n task ".into() },
        Message::Assistant { text: "I read.".into(), reasoning: Some("hm".into()), calls: calls.clone() },
        result("1", "one"),
        result("2", "two"),
        Message::Assistant { text: String::new(), reasoning: None, calls: vec![] },
        Message::User { text: "second".into() },
    ];
    let (_dir, store, id) = written(&[
        started(false),
        context("system"),
        turn(1, "first\r\n task "),
        reply(calls),
        finished("2", "two"), // they ran in parallel
        finished("1", "one"),
        Event::AssistantMessage { text: String::new(), reasoning: None, calls: vec![] },
        turn(2, "second"),
    ]);
    let transcript = resume(&load(&store.file(&id)).unwrap().entries);
    assert_eq!(serde_json::to_string(&transcript.messages).unwrap(), serde_json::to_string(&sent).unwrap());
    assert_eq!((transcript.turns, transcript.interrupted, transcript.orphaned), (2, 0, 0));
    let Event::ContextStarted { tools, .. } = context("") else { panic!() };
    assert_eq!(serde_json::to_string(&transcript.tools).unwrap(), serde_json::to_string(&tools).unwrap());
}

#[test]
fn floats_of_every_size_survive_the_journal() {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let numbers: Vec<f64> = std::iter::repeat_with(|| {
        bits = bits.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        f64::from_bits(bits)
    })
    .filter(|number| number.is_finite())
    .take(5_000)
    .collect();
    let (_dir, store, id) = written(&[context("s"), turn(1, "t"), reply(vec![call("1", json!({ "n": numbers }))])]);
    let Message::Assistant { calls, .. } = &resume(&load(&store.file(&id)).unwrap().entries).messages[2] else {
        panic!()
    };
    assert_eq!(calls[0].arguments.to_string(), json!({ "n": numbers }).to_string());
}

#[test]
fn a_call_without_a_result_was_interrupted() {
    let events =
        [context("s"), turn(1, "t"), reply(vec![call("1", json!({})), call("2", json!({}))]), finished("2", "two")];
    let (_dir, store, id) = written(&events);
    let interrupted = resume(&load(&store.file(&id)).unwrap().entries);
    assert_eq!(interrupted.messages[3..], [result("1", INTERRUPTED), result("2", "two"), said(NO_REPLY)]);
    assert_eq!(interrupted.interrupted, 1);
    // Going on gives the same bytes, and so does the next resume.
    let mut journal = store.open(&id).unwrap();
    for event in [started(true), context("s"), turn(2, "go on"), reply(vec![])] {
        journal.append(&event).unwrap();
    }
    let again = resume(&load(&store.file(&id)).unwrap().entries);
    assert_eq!(again.messages[..6], interrupted.messages[..]);
    assert_eq!((again.messages.len(), again.turns), (8, 2));
}

#[test]
fn a_new_context_begins_anew_and_stray_results_are_left_out() {
    let approval = Event::ApprovalResolved { id: 1, call_id: "1".into(), answer: Answer::Yes };
    let events = [
        context("old"),
        turn(1, "old"),
        finished("9", "stray"),
        Event::TurnEnded { turn: 1, end: TurnEnd::Done, steps: 1, denied: 0 },
        context("new"),
        turn(2, "new"),
        approval,
        reply(vec![call("1", json!({}))]),
        finished("1", "a"),
        finished("1", "b"),
    ];
    let (_dir, store, id) = written(&events);
    let transcript = resume(&load(&store.file(&id)).unwrap().entries);
    let user = |text: &str| Message::User { text: text.into() };
    assert_eq!(transcript.messages[..2], [system("new"), user("new")]);
    assert_eq!((&transcript.messages[3], transcript.messages.len(), transcript.orphaned), (&result("1", "a"), 5, 2));
}

#[test]
fn the_turn_that_opens_a_context_is_part_of_it() {
    let messages = |events: &[Event]| {
        let (_dir, store, id) = written(events);
        resume(&load(&store.file(&id)).unwrap().entries).messages
    };
    let user = |text: &str| Message::User { text: text.into() };
    assert_eq!(messages(&[started(false), turn(1, "a"), context("s")]), [system("s"), user("a")]);
    // It crashed before the context was made: nothing was sent, and the next turn opens it.
    assert_eq!(messages(&[started(false), turn(1, "a")]), []);
    assert_eq!(
        messages(&[started(false), turn(1, "a"), started(true), turn(2, "b"), context("s")]),
        [system("s"), user("b")]
    );
    assert_eq!(messages(&[]), []);
}

fn command(name: &str) -> Event {
    let (name, arguments, file) = (name.into(), String::new(), "x.md".into());
    Event::CommandStarted { name, arguments, file, restricts: None, approves: vec![] }
}

fn prompted(text: &str) -> Event {
    Event::Prompted { text: text.into(), spans: vec![] }
}

fn step() -> Event {
    Event::StepStarted { step: 1, max_steps: 9 }
}

fn says(text: &str) -> Event {
    Event::AssistantMessage { text: text.into(), reasoning: None, calls: vec![] }
}

fn ended(turn: u64, steps: u32) -> Event {
    Event::TurnEnded { turn, end: TurnEnd::Done, steps, denied: 0 }
}

#[test]
fn commands_and_forks_are_rebuilt_as_they_were_sent() {
    let user = |text: &str| Message::User { text: text.into() };
    let model = said;
    let check = |events: Vec<Event>, mut expected: Vec<Message>, counts: (usize, usize)| {
        if matches!(expected.last(), Some(Message::Tool { .. })) {
            expected.push(said(NO_REPLY));
        }
        let events =
            [vec![started(false), turn(1, "hello"), context("s"), step(), says("Hello."), ended(1, 1)], events];
        let (_dir, store, id) = written(&events.concat());
        let expected = [vec![system("s"), user("hello"), model("Hello.")], expected].concat();
        let transcript = resume(&load(&store.file(&id)).unwrap().entries);
        assert_eq!(transcript.messages, expected);
        assert_eq!((transcript.interrupted, transcript.orphaned), counts);
        // A resumed session that goes on gives the same.
        let mut journal = store.open(&id).unwrap();
        [started(true), turn(9, "more"), step(), says("More.")].iter().for_each(|event| journal.append(event).unwrap());
        let again = resume(&load(&store.file(&id)).unwrap().entries);
        assert_eq!(again.messages, [expected, vec![user("more"), model("More.")]].concat());
    };
    // What was sent, not what was typed; what ran before it is no result.
    let prepared = || vec![turn(2, "/x"), command("x"), finished("own_2_1", "out"), prompted("Do x.")];
    check([prepared(), vec![step(), says("Done."), ended(2, 1)]].concat(), vec![user("Do x."), model("Done.")], (0, 0));
    check([prepared(), vec![step()]].concat(), vec![user("Do x.")], (0, 0));
    // The model was not asked: it failed, it was only shown, Garth ended.
    check([prepared(), vec![ended(2, 0)]].concat(), vec![], (0, 0));
    check(vec![turn(2, "/x"), command("x"), finished("own_2_1", "out"), ended(2, 0)], vec![], (0, 0));
    check(vec![turn(2, "/x"), ended(2, 0)], vec![], (0, 0));
    check(vec![turn(2, "/x"), command("x"), finished("own_2_1", "out")], vec![], (0, 0));
    check(prepared(), vec![], (0, 0));
    // A skill's lines run while the model's call does.
    let skill = vec![
        turn(2, "go"),
        step(),
        reply(vec![call("1", json!({}))]),
        command("skill"),
        finished("own_2_1", "out"),
        finished("1", "the skill"),
        finished("7", "stray"),
    ];
    let sent =
        Message::Assistant { text: "I read.".into(), reasoning: Some("hm".into()), calls: vec![call("1", json!({}))] };
    check(skill, vec![user("go"), sent, result("1", "the skill")], (0, 1));
    // Of a fork only its end remains.
    let forked = || {
        let tools = vec![];
        vec![
            turn(2, "/x"),
            command("x"),
            Event::ForkStarted { system: "own".into(), tools },
            prompted("Do x."),
            step(),
            reply(vec![call("1", json!({})), call("2", json!({}))]),
            finished("1", "one"),
        ]
    };
    let end =
        || vec![finished("2", "two"), step(), says("Found."), Event::ForkEnded { text: "Found.".into() }, ended(2, 2)];
    check([forked(), end()].concat(), vec![user("/x"), model("Found.")], (0, 0));
    check(forked(), vec![user("/x"), model(FORK_INTERRUPTED)], (0, 0));
}

#[test]
fn attempts_and_reports_are_rebuilt_as_they_were_told() {
    let begun = || Event::MendStarted {
        approach: Approach::Narrow,
        reason: "it failed twice".into(),
        check: "rust".into(),
        file: "a.rs".into(),
        line: 1,
        message: "wrong".into(),
        system: "S".into(),
        tools: Vec::new(),
    };
    let ended_with = |text: &str| Event::MendEnded { mended: false, steps: 1, text: text.into() };
    let gave_up =
        || Event::GaveUp { text: "I stop.".into(), failing: Vec::new(), files: Vec::new(), restore: String::new() };
    let before = || vec![context("s"), turn(1, "t"), step(), reply(vec![call("1", json!({}))]), finished("1", "one")];
    let beside = || vec![begun(), prompted("repair"), step(), reply(vec![call("2", json!({}))]), finished("2", "two")];
    let check = |events: Vec<Event>, last: &str, answer: Option<&str>| {
        let (_dir, store, id) = written(&events);
        let messages = resume(&load(&store.file(&id)).unwrap().entries).messages;
        assert_eq!(messages[3..], [result("1", last), said(answer.unwrap_or(NO_REPLY))]);
    };
    let done = || [before(), beside(), vec![ended_with("[tried]")]].concat();
    check(done(), "one\n\n[tried]", None);
    check(
        [done(), vec![begun(), step(), says("No."), ended_with("[again]")]].concat(),
        "one\n\n[tried]\n\n[again]",
        None,
    );
    check([done(), vec![gave_up(), ended(1, 3)]].concat(), "one\n\n[tried]", Some("I stop."));
    check([before(), beside()].concat(), &format!("one\n\n{MEND_INTERRUPTED}"), None);
    check([before(), vec![Event::Noted { text: "[note]".into() }]].concat(), "one\n\n[note]", None);
}

#[test]
fn sessions_are_listed_and_found_by_what_a_person_types() {
    let (_dir, store) = store();
    assert!(matches!(store.latest(), Err(FindError::Empty)) && matches!(store.find("x"), Err(FindError::Empty)));
    assert_eq!(store.list().unwrap(), []);
    let mut ids = Vec::new();
    for task in [Some("first \"type\":\"turn_started\""), Some("second"), None] {
        let mut journal = store.create().unwrap();
        journal.append(&started(false)).unwrap();
        if let Some(task) = task {
            journal.append(&turn(1, task)).unwrap();
            journal.append(&turn(2, "more")).unwrap();
        }
        ids.push(journal.id().to_string());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(ids.is_sorted(), "{ids:?}");
    let list = store.list().unwrap();
    let listed: Vec<_> =
        list.iter().map(|summary| (summary.id.clone(), summary.task.as_str(), summary.turns)).collect();
    assert_eq!(
        listed,
        [(ids[1].clone(), "second", 2), (ids[0].clone(), "first \"type\":\"turn_started\"", 2)],
        "those in which something was said"
    );
    assert!(list.iter().all(|summary| summary.started > 1_600_000_000_000));
    assert_eq!(store.find("latest").unwrap(), ids[1], "the last one in which something was said");
    assert_eq!(store.find(&ids[0]).unwrap(), ids[0]);
    assert_eq!(store.find(&ids[0].to_uppercase()).unwrap(), ids[0]);
    assert_eq!(store.find(&ids[1][6..]).unwrap(), ids[1]);
    let ambiguous = store.find(&ids[0][..4]).unwrap_err().to_string();
    assert!(ids.iter().all(|id| ambiguous.contains(id)), "{ambiguous}");
    let typo = format!("{}!", &ids[0][..11]);
    assert!(store.find(&typo).unwrap_err().to_string().contains("the nearest is"));
    assert!(store.find("../../etc").unwrap_err().to_string().contains("latest"));
    assert!(store.find("").is_err());
}

#[test]
fn sessions_in_which_nothing_was_said_are_removed_first() {
    let (_dir, store) = store();
    assert_eq!(store.prune(0).unwrap(), 0, "there is no directory yet");
    let begin = |events: &[Event]| {
        std::thread::sleep(std::time::Duration::from_millis(2));
        let mut journal = store.create().unwrap();
        events.iter().for_each(|event| journal.append(event).unwrap());
        journal
    };
    let there = |id: &str| store.file(id).exists();
    let said: Vec<String> =
        (0..3).map(|_| begin(&[started(false), turn(1, "a"), context("s")]).id().to_string()).collect();
    let silent = [vec![], vec![started(false)], vec![started(false), context("s")]];
    let silent = silent.map(|events| begin(&events).id().to_string());
    let open = begin(&[started(false)]);

    assert_eq!(store.prune(3).unwrap(), 3, "starts without a task evict nothing in which something was said");
    assert!(said.iter().all(|id| there(id)) && !silent.iter().any(|id| there(id)));
    assert!(there(open.id()), "the one that is open stays");

    let busy = store.open(&said[0]).unwrap();
    assert_eq!(store.prune(1).unwrap(), 1, "the oldest is open");
    assert!(there(&said[0]) && !there(&said[1]) && there(&said[2]));
    drop((busy, open));
    assert_eq!(store.prune(1).unwrap(), 2);
    assert_eq!(store.list().unwrap().iter().map(|summary| &summary.id).collect::<Vec<_>>(), [&said[2]]);
}

#[test]
fn a_session_whose_damage_may_hide_a_turn_is_kept() {
    for line in ["{\"at\":1,\"type\":\"turn_sta", "{\"at\":2,\"type\":\"turn_of_a_newer_version\"}\n"] {
        let (_dir, store, id) = written(&[started(false)]);
        std::fs::OpenOptions::new().append(true).open(store.file(&id)).unwrap().write_all(line.as_bytes()).unwrap();
        assert_eq!((store.prune(1).unwrap(), store.list().unwrap().len()), (0, 0), "{line}");
        assert_eq!(store.prune(0).unwrap(), 1, "it counts as one of those to keep: {line}");
    }
}

#[test]
fn contents_are_kept_once_and_checked() {
    let (_dir, store) = store();
    let journal = store.create().unwrap();
    let digest = journal.keep_blob(b"old text").unwrap();
    assert_eq!(journal.keep_blob(b"old text").unwrap(), digest);
    assert_eq!(journal.read_blob(&digest).unwrap(), b"old text");
    assert_eq!(journal.keep_blob(b"").unwrap(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let blobs = journal.file().with_file_name("blobs");
    assert_eq!(std::fs::read_dir(&blobs).unwrap().count(), 2);
    std::fs::write(blobs.join(&digest), "tampered").unwrap();
    assert_eq!(journal.read_blob(&digest).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    for wrong in ["../journal.jsonl", "", &"g".repeat(64), &"../".repeat(21)] {
        assert!(journal.read_blob(wrong).is_err());
    }
}

#[cfg(unix)]
#[test]
fn a_session_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, store, id) = written(&[turn(1, "a")]);
    let journal = store.open(&id).unwrap();
    let digest = journal.keep_blob(b"x").unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let session = journal.file().parent().unwrap().to_path_buf();
    for private in
        [dir.path().join("sessions"), session.parent().unwrap().into(), session.clone(), session.join("blobs")]
    {
        assert_eq!(mode(&private), 0o700, "{}", private.display());
    }
    assert_eq!((mode(&journal.file()), mode(&session.join("blobs").join(digest))), (0o600, 0o600));
}
