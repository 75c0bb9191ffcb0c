//! The ways in which a turn ends, and their exit codes.

use serde_json::json;

use super::Project;
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

#[test]
fn in_a_circle() {
    let read = || Reply::call("read_file", json!({"path": "a.txt"}));
    let ran = check(vec![read(), read(), read(), Reply::text("never asked for")], &[], 1, "loop");
    assert_eq!(ran.all("turn_ended")[0]["end"]["times"], 3);
}

#[test]
fn with_an_empty_reply() {
    let ran = check(vec![Reply::text("")], &[], 1, "failed");
    assert!(ran.all("turn_ended")[0]["end"]["error"].as_str().unwrap().contains("empty reply"));
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
