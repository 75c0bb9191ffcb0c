//! What a model did not quite get right is mended, or answered, unless the user has switched that off.

use serde_json::json;

use super::Project;
use crate::server::{Dialect, Reply, Server};

/// Plays `reply`, with the setting at its default and switched off: the results of the calls, and how the turn ended.
fn check(setting: &str, reply: impl Fn() -> Reply, on: (&[&str], &str), off: (&[&str], &str)) {
    for (value, (results, end)) in [(true, on), (false, off)] {
        let project = Project::new(&[("a", "1\n"), (".garth/config.toml", &format!("[agent]\n{setting} = {value}\n"))]);
        let server = Server::openai(vec![reply(), Reply::text("Done.")]);
        let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "do it");
        let found: Vec<&str> = ran.results().into_iter().map(|(status, _)| status).collect();
        assert_eq!((found.as_slice(), ran.end()), (results, end), "{setting} = {value}: {}", ran.stderr);
        assert_eq!(project.read("a"), if results == ["ok"] { "2\n" } else { "1\n" });
    }
}

#[test]
fn calls_from_text_can_be_switched_off() {
    let call = r#"<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "2\n"}}</tool_call>"#;
    check("text_calls", || Reply::text(call), (&["ok"], "done"), (&[], "done"));
}

#[test]
fn repair_can_be_switched_off() {
    let broken = r#"{"path": "a", "content": "2\n",}"#;
    check("repair_calls", || Reply::call("write_file", json!(broken)), (&["ok"], "done"), (&["invalid"], "done"));
    let types = || json!({"path": "a", "old_text": "1", "new_text": "2", "replace_all": "true"});
    check("repair_calls", || Reply::call("edit_file", types()), (&["ok"], "done"), (&["invalid"], "done"));
}

#[test]
fn the_nudge_can_be_switched_off() {
    check("nudge", || Reply::text(" "), (&[], "done"), (&[], "failed"));
}
