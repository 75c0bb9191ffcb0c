//! `garth debug recover` as a process: our own cases, which all pass, and files that do not.

use std::process::Output;

use serde_json::{Value, json};

use crate::agent::Project;

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/recover_cases.jsonl");

fn debug(project: &Project, args: &[&str]) -> Output {
    project.garth(&[&["debug", "recover", "--cases"], args].concat()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A case with this reply, in which the parsers find `calls`.
fn case(family: &str, reply: &str, calls: &Value, agreed: bool) -> String {
    let tools = json!([{"name": "read_file", "parameters": {"type": "object"}}]);
    let accept = json!([{ "calls": calls, "text": "" }]);
    let id = format!("{family}/1");
    json!({"id": id, "family": family, "chunks": [reply], "tools": tools, "accept": accept, "agreed": agreed})
        .to_string()
}

#[test]
fn our_own_cases_all_pass() {
    let output = debug(&Project::new(&[]), &[OWN, "--verbose"]);
    insta::assert_snapshot!("debug_recover", text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn below_the_goal_it_fails_and_shows_what_is_wrong() {
    let read = json!([{"name": "read_file", "arguments": {"path": "a"}}]);
    let good = r#"<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>"#;
    let lines = [case("x\u{1b}[2J", "nothing\u{1b}[2J", &read, true), case("y", good, &read, false)].join("\n\n");
    let project = Project::new(&[("cases.jsonl", &lines)]);
    let file = project.root().join("cases.jsonl");
    let file = file.to_str().unwrap();
    let output = debug(&project, &[file, "--verbose"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("debug_recover_missed", text(&output.stdout));
    let output = debug(&project, &[file, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(&output.stdout).contains('\u{1b}'));
    let score: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&score["agreed"]["failed"], &score["rest"]["passed"], &score["met"], &score["families"]["y"]["rest"]["total"]),
        (&json!(1), &json!(1), &json!(false), &json!(1))
    );
    assert_eq!(score["failures"][0]["accepted"], json!([read]));
}

#[test]
fn a_line_that_is_no_case_is_named() {
    let good = case("x", "nothing", &json!([]), true);
    for (lines, complaint) in [
        (format!("{good}\n{{\"id\": 1}}\n"), "cases.jsonl, line 2: this is no case: invalid type"),
        (format!("{good}\n\nno json"), "cases.jsonl, line 3: this is no case: expected"),
        ("\n".to_string(), "cases.jsonl holds no cases"),
    ] {
        let project = Project::new(&[("cases.jsonl", &lines)]);
        let output = debug(&project, &[project.root().join("cases.jsonl").to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(complaint), "{}", text(&output.stderr));
    }
    let output = debug(&Project::new(&[]), &["/nowhere/cases.jsonl"]);
    assert!(
        text(&output.stderr).contains("the cases cannot be read: /nowhere/cases.jsonl"),
        "{}",
        text(&output.stderr)
    );
}
