//! Sessions: the journal as it is written, and going on with it.

use serde_json::json;

use super::Project;
use crate::server::{Dialect, Reply, Server};

#[test]
fn resuming_sends_the_same_bytes_and_goes_on() {
    let project = Project::new(&[("a.txt", "one\n")]);
    let first = Server::openai(vec![
        Reply::text("I look.").and_call("read_file", json!({"path": "a.txt"})),
        Reply::text("It says one."),
    ]);
    project.run(&first, Dialect::OpenAi, &[], "what does a.txt say?").expect(0);
    project.write("b.txt", "the snapshot of a new session would name this file");

    let second = Server::openai(vec![Reply::text("As I said, one.")]);
    let ran = project.run(&second, Dialect::OpenAi, &["--resume", "latest"], "and again?");
    ran.expect(0);
    assert_eq!(ran.all("session_started")[0]["resumed"], true);
    let before = first.requests().pop().unwrap().json();
    let after = second.requests().pop().unwrap().json();
    let messages = |request: &serde_json::Value| request["messages"].as_array().unwrap().clone();
    let (before_messages, after_messages) = (messages(&before), messages(&after));
    assert_eq!(before_messages[..], after_messages[..before_messages.len()]);
    assert_eq!(after_messages.len(), before_messages.len() + 2, "the last answer and the new question");
    assert_eq!(before["tools"], after["tools"]);
}

#[test]
fn what_a_call_replaces_is_kept_before_it_runs() {
    let project = Project::new(&[("a.txt", "the old text\n")]);
    let server = Server::openai(vec![
        Reply::call("write_file", json!({"path": "a.txt", "content": "new\n"})),
        Reply::call("write_file", json!({"path": "new/b.txt", "content": "b\n"})),
        Reply::text("Written."),
    ]);
    let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "write");
    ran.expect(0);
    let replaced = ran.all("file_replaced");
    assert_eq!(replaced.len(), 2, "{:?}", ran.events);
    assert_eq!(replaced[0]["path"], "a.txt");
    assert!(replaced[1]["before"].is_null());
    let position = |kind: &str| ran.events.iter().position(|event| event["type"] == kind).unwrap();
    assert!(position("file_replaced") < position("tool_finished"));

    let session = ran.all("session_started")[0]["session"].as_str().unwrap().to_string();
    let digest = replaced[0]["before"].as_str().unwrap();
    let blob = find(&std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("garth-home"), digest, &session);
    assert_eq!(std::fs::read_to_string(blob).unwrap(), "the old text\n");
}

#[test]
fn a_turn_without_a_reply_leaves_a_conversation_that_can_go_on() {
    let project = Project::new(&[]);
    let refused = Server::openai(vec![Reply::status(400, "no")]);
    project.run(&refused, Dialect::OpenAi, &[], "first").expect(1);
    let server = Server::openai(vec![Reply::text("Here I am.")]);
    project.run(&server, Dialect::OpenAi, &["--resume", "latest"], "second").expect(0);
    let request = server.requests().pop().unwrap().json();
    let roles: Vec<&str> = request["messages"].as_array().unwrap().iter().filter_map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[cfg(unix)]
#[test]
fn instructions_that_are_a_link_to_a_secret_stay_out_of_the_prompt() {
    let project = Project::new(&[(".env", "TOKEN=hidden\n")]);
    std::os::unix::fs::symlink(".env", project.root().join("AGENTS.md")).unwrap();
    let server = Server::openai(vec![Reply::text("Hello.")]);
    project.run(&server, Dialect::OpenAi, &[], "hello").expect(0);
    assert!(!server.requests()[0].body.contains("hidden"));
}

/// The file called `name` in the folder of the session, wherever sessions are kept.
fn find(folder: &std::path::Path, name: &str, session: &str) -> std::path::PathBuf {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => walk(&entry.path(), found),
                _ => found.push(entry.path()),
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, &mut files);
    let there = |file: &std::path::PathBuf| file.ends_with(name) && file.display().to_string().contains(session);
    files.into_iter().find(there).unwrap_or_else(|| panic!("{name} of session {session} is nowhere"))
}
