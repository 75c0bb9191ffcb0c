//! What a command's file takes away, and what it approves beforehand: each with its allow and its deny, on what happened.

use std::path::Path;

use serde_json::{Value, json};

use super::Project;
use super::project::Ran;
use crate::server::{Dialect, Reply, Server};

const FILES: &[(&str, &str)] = &[("a.txt", "one\ntwo\n"), ("docs/b.md", "b\n")];

/// A command with this front matter calls a tool: the call's status and text.
fn check(fields: &str, args: &[&str], tool: &str, arguments: Value) -> (String, String, Project) {
    let project = Project::new(FILES);
    project.write(".claude/commands/narrow.md", &format!("---\n{fields}\n---\nDo it.\n"));
    let server = Server::openai(vec![Reply::call(tool, arguments), Reply::text("That was it.")]);
    let ran = project.run(&server, Dialect::OpenAi, args, "/narrow");
    let (status, text) = ran.results().into_iter().next_back().expect("a result");
    let (status, text) = (status.to_string(), text.to_string());
    (status, text, project)
}

fn edit() -> Value {
    json!({"path": "a.txt", "old_text": "two", "new_text": "2"})
}

const AUTO: &[&str] = &["--approval", "auto"];

#[test]
fn only_the_tools_that_are_listed_run() {
    let (status, text, project) = check("tools: Read, Grep", AUTO, "edit_file", edit());
    assert_eq!(status, "denied", "{text}");
    assert!(text.contains("/narrow") && text.contains(".claude/commands/narrow.md"), "{text}");
    assert_eq!(project.read("a.txt"), "one\ntwo\n");
    let (status, text, _) = check("tools: Read, Grep", AUTO, "read_file", json!({"path": "a.txt"}));
    assert_eq!(status, "ok", "{text}");
    let (status, _, project) = check("tools: [Edit]", AUTO, "edit_file", edit());
    assert_eq!((status.as_str(), project.read("a.txt").as_str()), ("ok", "one\n2\n"));
    let (status, _, _) = check("disallowed-tools: Edit", AUTO, "edit_file", edit());
    assert_eq!(status, "denied");
    let (status, _, _) = check("disallowed-tools: Write", AUTO, "read_file", json!({"path": "a.txt"}));
    assert_eq!(status, "ok");
    let (status, text, _) = check("tools: Read", AUTO, "skill", json!({"name": "x"}));
    assert_eq!(status, "denied", "{text}");
}

#[test]
fn the_workspace_is_narrowed_in_the_sandbox() {
    let read_only = "capabilities:\n  workspace: read";
    let (status, text, project) = check(read_only, AUTO, "edit_file", edit());
    assert_eq!(status, "denied", "{text}");
    assert_eq!(project.read("a.txt"), "one\ntwo\n");
    // Programs inherit it.
    let line = json!({"command": "cat a.txt; echo x > c.txt; echo x > docs/b.md"});
    let (status, text, project) = check(read_only, AUTO, "run", line.clone());
    assert_eq!(status, "ok", "{text}");
    assert!(text.contains("one\ntwo"), "{text}");
    assert!(!project.root().join("c.txt").exists() && project.read("docs/b.md") == "b\n");
    // A file of the project spares nobody a question by that; the user's own does.
    let (status, text, _) = check(read_only, &[], "run", line.clone());
    assert_eq!(status, "denied", "{text}");
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("config/commands")).unwrap();
    std::fs::write(home.path().join("config/commands/look.md"), format!("---\n{read_only}\n---\nLook.\n")).unwrap();
    let server = Server::openai(vec![Reply::call("run", line), Reply::text("That was it.")]);
    let project = Project::new(FILES);
    let ran = project.run_at_home(&server, home.path(), &[], "/look");
    assert_eq!(ran.results()[0].0, "ok", "{:?}", ran.results());
    assert!(!project.root().join("c.txt").exists());
    let docs = "capabilities:\n  workspace:\n    - path: docs\n      access: write";
    let write = |path: &str| json!({"path": path, "content": "new\n"});
    let (status, text, project) = check(docs, AUTO, "write_file", write("docs/b.md"));
    assert_eq!((status.as_str(), project.read("docs/b.md").as_str()), ("ok", "new\n"), "{text}");
    let (status, text, project) = check(docs, AUTO, "write_file", write("a.txt"));
    assert_ne!(status, "ok", "{text}");
    assert_eq!(project.read("a.txt"), "one\ntwo\n");
    let (status, text, _) = check("capabilities:\n  workspace: none", AUTO, "read_file", json!({"path": "a.txt"}));
    assert_eq!(status, "denied", "{text}");
}

#[test]
fn programs_are_narrowed() {
    let none = "capabilities:\n  process: []";
    let (status, text, project) = check(none, AUTO, "run", json!({"command": "touch c.txt"}));
    assert_eq!(status, "denied", "{text}");
    assert!(!project.root().join("c.txt").exists());
    let (status, text, _) = check("tools: Bash(echo:*)", AUTO, "run", json!({"command": "echo a && echo b"}));
    assert_eq!(status, "ok", "{text}");
    for line in ["touch c.txt", "echo a > c.txt", "echo $(touch c.txt)", "echo a; touch c.txt"] {
        let (status, text, project) = check("tools: Bash(echo:*)", AUTO, "run", json!({"command": line}));
        assert_eq!(status, "denied", "{line}: {text}");
        assert!(!project.root().join("c.txt").exists(), "{line}");
    }
}

#[test]
fn the_offered_tools_stay_and_the_model_is_told() {
    let project = Project::new(FILES);
    project.write(".claude/commands/narrow.md", "---\ntools: Read\n---\nDo it.\n");
    let request = |task: &str| {
        let server = Server::openai(vec![Reply::text("Done.")]);
        project.run(&server, Dialect::OpenAi, &[], task).expect(0);
        server.requests()[0].json()
    };
    let (plain, narrow) = (request("do it"), request("/narrow"));
    assert_eq!(plain["tools"], narrow["tools"]);
    let sent = super::commands::last_user(&narrow);
    assert!(sent.starts_with("Do it.\n\n[While /narrow runs") && sent.contains("only read_file"), "{sent}");
}

#[test]
fn the_author_s_own_lines_need_no_tool_of_the_model() {
    let project = Project::new(FILES);
    let body =
        "---\ntools: Read\ncapabilities:\n  workspace: read\n---\nHere: !`cat docs/b.md; echo x > c.txt || true`\n";
    project.write(".claude/commands/narrow.md", body);
    let server = Server::openai(vec![Reply::text("Done.")]);
    project.run(&server, Dialect::OpenAi, AUTO, "/narrow").expect(0);
    assert!(super::commands::last_user(&server.requests()[0].json()).starts_with("Here: b\n"));
    assert!(!project.root().join("c.txt").exists(), "the line's files are narrowed");
}

#[test]
fn the_lines_of_a_skill_keep_to_what_the_command_leaves() {
    let project = Project::new(FILES);
    project.write(".claude/skills/probe/SKILL.md", "---\ndescription: Probes.\n---\nHere: !`echo x > c.txt`\n");
    for fields in
        ["tools: read_file, skill", "disallowed-tools: Bash", "capabilities:\n  process: [[\"git\", \"log\"]]"]
    {
        project.write(".claude/commands/narrow.md", &format!("---\n{fields}\n---\nDo it.\n"));
        let server = Server::openai(vec![Reply::call("skill", json!({"name": "probe"})), Reply::text("That was it.")]);
        let ran = project.run(&server, Dialect::OpenAi, AUTO, "/narrow");
        let (status, text) = ran.results().into_iter().next().expect("a result");
        assert_eq!(status.to_string(), "denied", "{fields}: {text}");
        assert!(!project.root().join("c.txt").exists(), "{fields}");
    }
}

#[test]
fn a_restriction_ends_with_the_turn() {
    let project = Project::new(FILES);
    project.write(".claude/commands/narrow.md", "---\ntools: Read\n---\nDo it.\n");
    let first = Server::openai(vec![Reply::text("Done.")]);
    project.run(&first, Dialect::OpenAi, AUTO, "/narrow").expect(0);
    let second = Server::openai(vec![Reply::call("edit_file", edit()), Reply::text("Done.")]);
    project.run(&second, Dialect::OpenAi, &["--approval", "auto", "--resume", "latest"], "edit it").expect(0);
    assert_eq!(project.read("a.txt"), "one\n2\n");
}

/// The author's own line is approved by the same word.
const APPROVES: &str = "---\nallowed-tools: Edit, Bash(echo:*)\n---\nDo it with !`echo this`.\n";

/// `/tidy` edits and runs a line, in the user's own home: the statuses, that of its own line first.
fn approve(project: &Project, home: &Path, args: &[&str], line: &str) -> (Vec<String>, Ran) {
    project.write("a.txt", FILES[0].1);
    let server = Server::openai(vec![
        Reply::call("edit_file", edit()).and_call("run", json!({"command": line})),
        Reply::text("That was it."),
    ]);
    let ran = project.run_at_home(&server, home, args, "/tidy");
    let statuses = ran.results().into_iter().map(|(status, _)| status.to_string()).collect();
    (statuses, ran)
}

#[test]
fn the_user_s_own_file_approves_for_its_turn_and_never_beats_a_rule() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = home.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("config/commands/tidy.md", APPROVES);
    let project = Project::new(FILES);
    let (statuses, ran) = approve(&project, home.path(), &[], "echo a && echo b");
    assert_eq!(statuses, ["ok", "ok", "ok"], "{:?}", ran.results());
    assert_eq!(ran.all("command_started")[0]["approves"], json!(["Edit", "Bash(echo:*)"]));
    for line in ["echo a; touch c.txt", "echo a > c.txt", "echo `touch c.txt`"] {
        let (statuses, ran) = approve(&project, home.path(), &[], line);
        assert_eq!(statuses, ["ok", "ok", "denied"], "{line}: {:?}", ran.results());
    }
    // It ends with the turn.
    let server = Server::openai(vec![Reply::call("edit_file", edit()), Reply::text("That was it.")]);
    project.write("a.txt", FILES[0].1);
    project.run_at_home(&server, home.path(), &["--resume", "latest"], "again").expect(4);
    // Rules and 'ask' outrank it.
    for effect in ["deny", "ask"] {
        write("config/config.toml", &format!("[[approval.rules]]\neffect = \"{effect}\"\ntool = \"edit_file\"\n"));
        let (statuses, ran) = approve(&project, home.path(), &[], "echo a");
        assert_eq!(statuses, ["ok", "denied", "ok"], "{effect}: {:?}", ran.results());
    }
}

#[test]
fn a_project_s_file_approves_only_the_bytes_that_the_user_trusts() {
    let home = tempfile::tempdir().unwrap();
    let project = Project::new(FILES);
    project.write(".claude/commands/tidy.md", APPROVES);
    let (statuses, ran) = approve(&project, home.path(), &[], "echo a");
    assert_eq!(statuses, ["denied"], "the model is not asked: {:?}", ran.results());
    assert!(ran.notices().contains("`garth trust`"), "{}", ran.notices());
    assert_eq!(ran.all("command_started")[0]["approves"], json!([]));

    let trust = |answer: &str| {
        let mut garth = project.garth(&["trust"]);
        garth.env("GARTH_HOME", home.path()).stdin(std::process::Stdio::piped());
        let mut child = garth.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let shown = trust("y\n");
    assert!(shown.contains("tidy.md"), "{shown}");
    let (statuses, ran) = approve(&project, home.path(), &[], "echo a");
    assert_eq!(statuses, ["ok", "ok", "ok"], "{:?}\n{shown}", ran.results());

    project.write(".claude/commands/tidy.md", &format!("{APPROVES}And more.\n"));
    let (statuses, ran) = approve(&project, home.path(), &[], "echo a");
    assert_eq!(statuses, ["denied"], "the model is not asked: {:?}", ran.results());
}
