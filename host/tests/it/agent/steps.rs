//! Ten steps, served well and badly, in both protocols; what was sent is the same prefix each time.

use serde_json::{Value, json};

use super::Project;
use crate::server::{Dialect, Fault, Recorded, Reply, Server};

const CODE: &str = "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n";

fn project() -> Project {
    Project::new(&[("src/lib.rs", CODE), ("notes/todo.md", "- add adds\n- nothing else\n"), (".gitignore", "*.log\n")])
}

/// The replies of a session that looks, repairs, checks and tells.
fn ten_steps() -> Vec<Reply> {
    vec![
        Reply::call("list_dir", json!({})),
        Reply::call("glob", json!({"pattern": "**/*.rs"})),
        Reply::call("grep", json!({"pattern": "a - b"})).usage(900, 20, 800),
        Reply::call("read_file", json!({"path": "src/lib.rs"})).and_call("read_file", json!({"path": "notes/todo.md"})),
        Reply::call("think", json!({"thought": "subtraction where addition is meant"})),
        Reply::call("edit_file", json!({"path": "src/lib.rs", "old_text": "a - b", "new_text": "a + b"})),
        Reply::call("run", json!({"command": "grep -c 'a + b' src/lib.rs"})),
        Reply::call("write_file", json!({"path": "notes/done.md", "content": "add adds\n"})),
        Reply::call("read_file", json!({"path": "notes/done.md"})),
        Reply::text("Repaired: add adds now."),
    ]
}

/// Runs the ten steps with every reply changed by `spoil`, and checks that nothing of it shows.
fn check(dialect: Dialect, spoil: impl Fn(usize, Reply) -> Reply) {
    let project = project();
    let replies: Vec<Reply> = ten_steps().into_iter().enumerate().map(|(step, reply)| spoil(step, reply)).collect();
    let server = match dialect {
        Dialect::OpenAi => Server::openai(replies),
        Dialect::Ollama => Server::ollama(replies),
        Dialect::Anthropic => Server::anthropic(replies),
    };
    let ran = project.run(&server, dialect, &["--approval", "auto"], "repair add");
    ran.expect(0);
    assert_eq!(ran.end(), "done");
    assert_eq!(project.read("src/lib.rs"), CODE.replace("a - b", "a + b"));
    assert_eq!(project.read("notes/done.md"), "add adds\n");
    let results = ran.results();
    assert_eq!(results.len(), 10, "{results:?}");
    assert!(results.iter().all(|(status, _)| *status == "ok"), "{results:#?}");
    assert!(results[2].1.contains("src/lib.rs"), "{}", results[2].1);
    assert!(results[9].1.contains("add adds"), "{}", results[9].1);
    prefix_is_stable(&server.requests());
}

/// Invariant 1: request k+1 begins with request k, byte for byte, and offers the same tools.
pub fn prefix_is_stable(requests: &[Recorded]) {
    let messages = |request: &Recorded| {
        let text = request.json()["messages"].to_string();
        text.trim_end_matches(']').to_string()
    };
    for pair in requests.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert!(messages(after).starts_with(&messages(before)), "{}\n{}", before.body, after.body);
        assert_eq!(before.json()["tools"].to_string(), after.json()["tools"].to_string());
        let shared = before.body.bytes().zip(after.body.bytes()).take_while(|(a, b)| a == b).count();
        let history = before.body.find("\"messages\":").unwrap() + messages(before).len();
        assert!(shared >= history, "the bodies part at {shared}, before the end of the history at {history}");
    }
}

#[test]
fn openai_well_behaved() {
    check(Dialect::OpenAi, |_, reply| reply);
}

#[test]
fn ollama_well_behaved() {
    check(Dialect::Ollama, |_, reply| reply);
}

#[test]
fn anthropic_well_and_badly_behaved() {
    check(Dialect::Anthropic, |_, reply| reply.reasoning("Let me think."));
    check(Dialect::Anthropic, |step, reply| match step {
        0 => reply.fault(Fault::Split(1)),
        1 => reply.fault(Fault::KeepAlive).fault(Fault::Windows),
        4 => as_text(reply),
        5 => reply.reasoning("Let me think.").fault(Fault::Split(7)),
        _ => reply,
    });
}

#[test]
fn openai_badly_behaved() {
    check(Dialect::OpenAi, |step, reply| match step {
        0 => reply.fault(Fault::Split(1)),
        1 => reply.fault(Fault::KeepAlive).fault(Fault::Windows),
        2 => reply.finish("stop"),
        3 => reply.fault(Fault::NoDone),
        4 => as_text(reply),
        5 => reply.fault(Fault::ContentType("text/plain")).fault(Fault::Split(7)),
        9 => reply.finish("tool_calls"),
        _ => reply,
    });
}

#[test]
fn ollama_badly_behaved() {
    check(Dialect::Ollama, |step, reply| match step {
        0 => reply.fault(Fault::Split(1)),
        1 => reply.fault(Fault::Windows),
        4 | 6 => as_text(reply),
        _ => reply.fault(Fault::Split(13)),
    });
}

/// What small models do: the call as text, in the middle of words, with a trailing comma.
fn as_text(reply: Reply) -> Reply {
    let (name, arguments) = reply.calls[0].clone();
    let call = json!({"name": name, "arguments": arguments}).to_string();
    let sloppy = format!("I do it.\n\n```json\n{},}}\n```", call.strip_suffix('}').unwrap());
    Reply::text(&sloppy)
}

#[test]
fn failures_on_the_way_are_told_and_survived() {
    let project = project();
    let server = Server::openai(vec![
        Reply::status(503, "loading"),
        Reply::call("read_file", json!({"path": "src/lib.rs"})).fault(Fault::Break),
        Reply::call("raed_file", json!({"path": "src/lib.rs"})),
        Reply::call("read_file", json!({"file": "src/lib.rs"})),
        Reply::call("read_file", json!({"path": "src/none.rs"})),
        Reply::call("read_file", json!({"path": "src/lib.rs", "start": "2", "end": "2"})),
        Reply::text("Read."),
    ]);
    let ran = project.run(&server, Dialect::OpenAi, &[], "read it");
    ran.expect(0);
    assert!(!ran.all("retry").is_empty(), "{:?}", ran.events);
    let check = |(status, text): (&str, &str), expected: &str, part: &str| {
        assert_eq!(status, expected, "{text}");
        assert!(text.contains(part), "{text}");
    };
    let results = ran.results();
    assert_eq!(results.len(), 4, "{results:#?}");
    check(results[0], "invalid", "the nearest are read_file");
    check(results[1], "invalid", "\"path\" is a required property");
    check(results[2], "failed", "src/none.rs");
    check(results[3], "ok", "a - b");
    assert!(!results[3].1.contains("pub fn"), "only line 2 was asked for: {}", results[3].1);
    // The model saw each of these, in the same words.
    let last = server.requests().pop().unwrap().json();
    let seen: Vec<&str> =
        last["messages"].as_array().unwrap().iter().filter(|m| m["role"] == "tool").map(text).collect();
    assert_eq!(seen, results.iter().map(|(_, text)| *text).collect::<Vec<_>>());
}

#[test]
fn calls_and_thoughts_in_the_text_are_taken_apart_and_spoiled_calls_are_told() {
    let project = project();
    let server = Server::openai(vec![
        Reply::text(
            "<think>\nI could <tool_call>.\n</think>\n\nI look.\n<tool_call>\n\
             {\"name\": \"read_file\", \"arguments\": {\"path\": \"src/lib.rs\"}}\n</tool_call>",
        )
        .fault(Fault::Split(3)),
        Reply::text(
            "<tool_call>\n<function=write_file>\n<parameter=path>\nnotes/half.md\n</parameter>\n<parameter=content>\nhalf of",
        ),
        Reply::text("<tool_call>{\"name\": \"read_file\", \"arguments\": {\"path\": \"src/l").fault(Fault::Split(5)),
        Reply::text("Read.<|im_end|>"),
    ]);
    let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "read it");
    ran.expect(0);
    let joined = |kind: &str| ran.all(kind).iter().map(|event| event["text"].as_str().unwrap()).collect::<String>();
    assert_eq!(
        (joined("reasoning_delta").as_str(), joined("text_delta").as_str()),
        ("I could <tool_call>.", "I look.Read.")
    );
    let results = ran.results();
    assert_eq!(results.iter().map(|(status, _)| *status).collect::<Vec<_>>(), ["ok", "invalid", "invalid"]);
    for (_, told) in &results[1..] {
        assert!(told.contains("the reply ended in the middle of the call. Nothing was done"), "{told}");
    }
    assert!(!project.root().join("notes/half.md").exists());
    prefix_is_stable(&server.requests());
}

/// The template of this family begins the thought; a call that is drafted in it is none.
#[test]
fn a_thought_that_the_prompt_begins_is_no_answer_and_its_calls_are_not_made() {
    let call = |path: &str| {
        let call = json!({"name": "write_file", "arguments": {"path": path, "content": "x"}});
        format!("<tool_call>\n{call}\n</tool_call>")
    };
    for model in ["qwq", "test"] {
        let project = project();
        let thought = format!("I could\n{}\nbut no.", call("notes/draft.md"));
        let server = Server::openai(vec![
            Reply::text(&format!("{thought}\n</think>\n\n{}", call("notes/meant.md"))).fault(Fault::Split(3)),
            Reply::text("It is done.\n</think>\n\nDone."),
        ]);
        let url = server.url();
        let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--approval", "auto"];
        let ran = project.finish(project.garth(&[&fixed[..], &["--model", model, "write it"]].concat()));
        ran.expect(0);
        let messages = ran.all("assistant_message");
        let said = |at: usize| (messages[at]["text"].as_str().unwrap(), messages[at]["reasoning"].as_str().unwrap());
        assert_eq!((said(0), said(1)), (("", thought.as_str()), ("Done.", "It is done.")), "{model}");
        assert!(project.root().join("notes/meant.md").exists() && !project.root().join("notes/draft.md").exists());
        prefix_is_stable(&server.requests());
    }
}

fn text(message: &Value) -> &str {
    message["content"].as_str().unwrap()
}

#[test]
fn a_long_output_is_shown_in_part_and_stays_readable() {
    let project = project();
    let path = ".garth/output/1.txt";
    let read = json!({"path": path, "start": 9_999, "end": 10_001});
    let server = Server::openai(vec![
        Reply::call("run", json!({"command": "seq 20000"})),
        Reply::call("read_file", read.clone()),
        Reply::call("grep", json!({"pattern": "^12345$", "path": path})),
        Reply::call("edit_file", json!({"path": path, "old_text": "9999\n", "new_text": "x\n"})),
        Reply::call("run", json!({"command": format!("cat {path}")})),
        Reply::text("Read."),
        Reply::call("read_file", read),
        Reply::text("Read again."),
    ]);
    let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "count");
    ran.expect(0);
    let results = ran.results();
    let shown = &results[0].1;
    assert!(shown.starts_with("1\n2\n") && shown.ends_with("\n20000"), "{shown}");
    assert!(
        shown.contains("lines left out here; all of it is in .garth/output/1.txt: read or search that file]"),
        "{shown}"
    );
    assert!(shown.len() < 13_000, "{}", shown.len());
    assert!(results[1].1.contains("10000\t10000\n"), "{}", results[1].1);
    assert!(results[2].1.contains("12345"), "{}", results[2].1);
    // Only what reads finds it.
    assert!(results[3].0 != "ok" && results[4].1.contains("No such file"), "{results:#?}");
    assert!(!project.root().join(".garth/output").exists());
    // It lies in the session's folder, so a resumed session still has it.
    let again = project.run(&server, Dialect::OpenAi, &["--resume", "latest"], "once more");
    again.expect(0);
    assert!(again.results()[0].1.contains("10000\t10000\n"), "{:?}", again.results());
}
