//! The ways in which a turn ends, and their exit codes.

use serde_json::json;

use super::{Project, steps::prefix_is_stable};
use crate::server::{Dialect, Reply, Server};

fn check(replies: Vec<Reply>, args: &[&str], code: i32, end: &str) -> super::project::Ran {
    let project = Project::new(&[("a.txt", "one\n")]);
    let ran = project.run(&Server::openai(replies), Dialect::OpenAi, args, "do it");
    ran.expect(code);
    assert_eq!(ran.end(), end);
    ran
}

#[test]
fn at_the_step_limit() {
    let read = |line: u32| Reply::call("read_file", json!({"path": "a.txt", "start": line}));
    check(vec![read(1), read(2), read(3)], &["--max-steps", "2"], 3, "step_limit");
}

/// Many templates refuse the user's words behind a result.
#[test]
fn so_that_the_next_can_begin() {
    let project = Project::new(&[("a.txt", "one\n")]);
    let call = "<tool_call>{\"name\": \"read_file\", \"arguments\": {\"path\": \"a.txt\"}}</tool_call>";
    let server = Server::openai(vec![Reply::text(call), Reply::text("one")]);
    project.run(&server, Dialect::OpenAi, &["--max-steps", "1"], "do it").expect(3);
    project.run(&server, Dialect::OpenAi, &["--resume", "latest"], "go on").expect(0);
    let sent = server.requests()[1].json();
    let said = sent["messages"].as_array().unwrap().iter().skip(1).map(|message| {
        let text = message["content"].as_str().unwrap();
        format!("{}: {text}", message["role"].as_str().unwrap())
    });
    let said: Vec<String> = said.collect();
    assert_eq!((said[0].as_str(), said[2].split(':').next()), ("user: do it", Some("tool")));
    assert_eq!(said[3..], ["assistant: (no reply: the turn ended before it)", "user: go on"]);
    let id = &sent["messages"][2]["tool_calls"][0]["id"];
    assert_eq!(id, "call00001", "Mistral's templates want nine letters and digits");
}

#[test]
fn in_a_circle() {
    let read = || Reply::call("read_file", json!({"path": "a.txt"}));
    let ran = check(vec![read(), read(), read(), Reply::text("never asked for")], &[], 1, "loop");
    assert_eq!(ran.all("turn_ended")[0]["end"]["times"], 3);
}

#[test]
fn in_a_circle_of_two_calls() {
    let read = |line: u32| Reply::call("read_file", json!({"path": "a.txt", "start": line}));
    let replies = [1, 2, 1, 2, 1, 2].map(read).into_iter().chain([Reply::text("never asked for")]).collect();
    let ran = check(replies, &[], 1, "loop");
    assert_eq!(ran.all("turn_ended")[0]["end"]["times"], 3);
    assert_eq!(ran.results().len(), 6);
}

#[test]
fn with_an_empty_reply_only_when_it_comes_twice() {
    let ran = check(vec![Reply::text(""), Reply::text(" ")], &[], 1, "failed");
    assert!(ran.error().contains("empty reply"), "{}", ran.error());
    let project = Project::new(&[("a.txt", "one\n")]);
    let read = Reply::call("read_file", json!({"path": "a.txt"}));
    let server = Server::openai(vec![read, Reply::text(""), Reply::text("It says one.")]);
    let ran = project.run(&server, Dialect::OpenAi, &[], "do it");
    assert_eq!(ran.expect(0).end(), "done");
    assert!(ran.all("noted")[0]["text"].as_str().unwrap().contains("Your reply was empty"));
    let requests = server.requests();
    prefix_is_stable(&requests);
    assert!(requests[2].body.contains("Your reply was empty"), "{}", requests[2].body);
    let resumed = Server::openai(vec![Reply::text("Yes.")]);
    project.run(&resumed, Dialect::OpenAi, &["--resume", "latest"], "again").expect(0);
    prefix_is_stable(&[requests[2].clone(), resumed.requests().remove(0)]);
}

#[test]
fn with_a_reply_that_repeats_itself() {
    let endless = || Reply::text(&format!("Let me see.\n{}", "I look at the file again.\n".repeat(2_000)));
    let project = Project::new(&[]);
    let server = Server::openai(vec![endless(), Reply::text("I stop.")]);
    let ran = project.run(&server, Dialect::OpenAi, &[], "do it");
    assert_eq!(ran.expect(0).end(), "done");
    let said = ran.all("assistant_message")[0]["text"].as_str().unwrap().to_string();
    assert_eq!(said, "Let me see.\nI look at the file again.\n");
    assert!(server.requests()[1].body.contains("repeated itself and was cut"));
    let ran = check(vec![endless(), endless()], &[], 1, "failed");
    assert!(ran.error().contains("repeats itself"), "{}", ran.error());
}

/// A chunk with a piece of the arguments of a call of `write_file`.
fn arguments(piece: &str) -> serde_json::Value {
    let call = json!({"index": 0, "id": "a", "function": {"name": "write_file", "arguments": piece}});
    json!({"choices": [{"delta": {"tool_calls": [call]}}]})
}

#[test]
fn with_a_call_that_repeats_itself() {
    let line = |times| "the same line again and again\\n".repeat(times);
    let pieces =
        [arguments("{\"path\": \"b.txt\", \"content\": \"")].into_iter().chain((0..40).map(|_| arguments(&line(20))));
    let endless = Reply::raw(pieces.map(|piece| format!("data: {piece}\n\n")));
    let project = Project::new(&[]);
    let server = Server::openai(vec![endless, Reply::text("I stop.")]);
    let ran = project.run(&server, Dialect::OpenAi, &[], "do it");
    assert_eq!(ran.expect(0).end(), "done");
    assert!(!project.root().join("b.txt").exists() && ran.results().is_empty());
    assert!(server.requests()[1].body.contains("repeated itself and was cut"));
    let short = "the same line again and again\n".repeat(100);
    let server = Server::openai(vec![
        Reply::call("write_file", json!({"path": "b.txt", "content": short})),
        Reply::text("It is written."),
    ]);
    project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "do it").expect(0);
    assert!(project.root().join("b.txt").exists());
}

#[test]
fn only_when_a_call_that_was_cut_was_made_again() {
    let chunks = [
        json!({"choices": [{"delta": {"content": "I write it."}}]}),
        arguments("{\"path\": \"b.txt\", \"content\": \"x"),
        json!({"choices": [{"delta": {}, "finish_reason": "length"}]}),
    ];
    let raw = Reply::raw(chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".into()]));
    let project = Project::new(&[]);
    let server = Server::openai(vec![raw, Reply::text("I give up.")]);
    let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "do it");
    assert_eq!(ran.expect(0).end(), "done");
    assert!(!project.root().join("b.txt").exists());
    let results = ran.results();
    assert_eq!(results.len(), 1);
    assert!(results[0].1.contains("token limit in the middle of the call. Nothing was done"), "{results:?}");
}

#[test]
fn with_a_server_that_refuses() {
    let ran = check(vec![Reply::status(400, "no such model: test")], &[], 1, "failed");
    assert!(ran.all("turn_ended")[0]["end"]["error"].as_str().unwrap().contains("no such model"));
}

#[test]
fn because_the_arguments_are_wrong() {
    let project = Project::new(&[]);
    for args in [&["run", "--approval", "perhaps", "x"][..], &["run", "--no-such-flag", "x"], &["modles"]] {
        let output = project.garth(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
