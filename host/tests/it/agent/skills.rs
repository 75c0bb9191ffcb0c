//! Skills end to end: how they are listed, what the tool `skill` gives, what it refuses.

use serde_json::json;

use super::Project;
use super::commands::last_user;
use super::project::Ran;
use crate::server::{Dialect, Reply, Server};

const PDF: &str = "---\nname: pdf\ndescription: Fills PDF forms.\n---\nUse scripts/fill.py.\n";

fn project() -> Project {
    Project::new(&[
        (".claude/skills/pdf/SKILL.md", PDF),
        (".claude/skills/pdf/scripts/fill.py", "print('fill')\n"),
        (".claude/skills/pdf/.env", "TOKEN=hidden\n"),
        (
            ".claude/skills/mine/SKILL.md",
            "---\ndescription: Mine.\ndisable-model-invocation: true\n---\nFor the user.\n",
        ),
        (".claude/skills/quiet/SKILL.md", "---\ndescription: Quiet.\nuser-invocable: false\n---\nFor the model.\n"),
        (".claude/commands/review.md", "Review it.\n"),
        (".claude/agents/helper.md", "---\nname: helper\ndescription: Helps.\n---\nHelp.\n"),
    ])
}

/// The model calls the tool with this name: status and text of the result.
fn check(project: &Project, name: &str, args: &[&str]) -> (String, String, Ran) {
    let server = Server::openai(vec![Reply::call("skill", json!({ "name": name })), Reply::text("That was it.")]);
    let ran = project.run(&server, Dialect::OpenAi, args, "do it");
    let (status, text) = ran.results().into_iter().next_back().expect("a result");
    (status.to_string(), text.to_string(), ran)
}

#[test]
fn the_prompt_lists_what_the_model_may_call() {
    let server = Server::ollama(vec![Reply::text("Hello.")]);
    project().run(&server, Dialect::Ollama, &[], "hello").expect(0);
    let request = server.requests()[0].json();
    let system = request["messages"][0]["content"].as_str().unwrap();
    let (_, list) = system.split_once("\n# Skills\n").unwrap_or_else(|| panic!("no list in {system}"));
    assert!(list.contains("\n- pdf: Fills PDF forms.\n") && list.contains("\n- quiet: Quiet."), "{list}");
    assert!(!list.contains("Mine.") && !list.contains("Helps."), "{list}");
    let tools = request["tools"].as_array().unwrap();
    let last: Vec<&str> = tools.iter().rev().take(2).map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(last, ["call_tool", "skill"]);

    let server = Server::openai(vec![Reply::text("Hello.")]);
    Project::new(&[]).run_at_home(&server, tempfile::tempdir().unwrap().path(), &[], "hello").expect(0);
    let tools = server.requests()[0].json()["tools"].clone();
    assert!(tools.as_array().unwrap().iter().any(|tool| tool["function"]["name"] == "skill"), "{tools}");
}

#[test]
fn a_long_skill_is_given_whole() {
    let steps: String = (1..=700).map(|number| format!("Step {number}: fill a field.\n")).collect();
    let skill = format!("---\nname: long\ndescription: Long.\n---\n{steps}");
    let project = Project::new(&[(".claude/skills/long/SKILL.md", skill.as_str())]);
    let (status, text, _) = check(&project, "long", &[]);
    assert_eq!(status, "ok", "{text}");
    assert!(text.contains(steps.trim_end()) && !text.contains("left out here"), "{text}");
}

#[test]
fn the_tool_gives_the_text_and_the_files() {
    let project = project();
    let (status, text, ran) = check(&project, "pdf", &[]);
    assert_eq!(status, "ok", "{text}");
    assert!(text.contains("Use scripts/fill.py.") && text.contains("pdf/<file>:\nscripts/fill.py]"), "{text}");
    assert!(!text.contains(".env"), "{text}");
    assert_eq!(ran.all("command_started")[0]["name"], "pdf");
    let (status, text, _) = check(&project, "pdf/scripts/fill.py", &[]);
    assert_eq!((status.as_str(), text.as_str()), ("ok", "print('fill')\n"));
    for path in ["pdf/../../../a", "pdf/.env", "pdf//etc/passwd"] {
        let (status, text, _) = check(&project, path, &[]);
        assert_eq!(status, "denied", "{path}: {text}");
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn the_user_s_rules_reach_the_tool() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    let rule = "[[approval.rules]]\neffect = \"deny\"\ntool = \"skill\"\n";
    std::fs::write(home.path().join("config/config.toml"), rule).unwrap();
    let server =
        Server::openai(vec![Reply::call("skill", json!({"name": "pdf/scripts/fill.py"})), Reply::text("That was it.")]);
    let ran = project().run_at_home(&server, home.path(), &[], "do it");
    let results = ran.results();
    let (status, text) = results.first().expect("a result");
    assert!(*status == "denied" && text.contains("denied by the rule") && !text.contains("fill')"), "{status}: {text}");
}

#[test]
fn what_is_no_skill_is_refused_with_a_clear_word() {
    let project = project();
    for (name, part) in [
        ("pfd", "the nearest are pdf"),
        ("mine", "for the user alone"),
        ("review", "is a command"),
        ("helper", "is an agent"),
        ("", "required"),
    ] {
        let (status, text, _) = check(&project, name, &[]);
        assert_eq!(status, "invalid", "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
    }
    let server = Server::openai(vec![Reply::text("Yes.")]);
    project.run(&server, Dialect::OpenAi, &[], "/mine").expect(0);
    assert_eq!(last_user(&server.requests()[0].json()).trim_end(), "For the user.");
}

#[test]
fn a_skill_s_lines_run_and_its_restriction_holds_for_the_rest_of_the_turn() {
    let project = Project::new(&[
        ("a.txt", "one\n"),
        (".claude/skills/state/SKILL.md", "---\ndescription: State.\ntools: Read\n---\nNow: !`cat a.txt`\n"),
        (".claude/skills/broken/SKILL.md", "---\ndescription: Broken.\n---\n!`exit 7`\n"),
    ]);
    let write = json!({"path": "b.txt", "content": "b\n"});
    let server = Server::openai(vec![
        Reply::call("write_file", write.clone()).and_call("skill", json!({"name": "state"})),
        Reply::call("write_file", json!({"path": "c.txt", "content": "c\n"})),
        Reply::text("That was it."),
    ]);
    let ran = project.run(&server, Dialect::OpenAi, &["--approval", "auto"], "do it");
    let statuses: Vec<(&str, &str)> = ran
        .all("tool_finished")
        .into_iter()
        .map(|event| (event["tool"].as_str().unwrap(), event["status"].as_str().unwrap()))
        .collect();
    assert_eq!(statuses, [("write_file", "ok"), ("run", "ok"), ("skill", "ok"), ("write_file", "denied")]);
    assert!(ran.results()[2].1.contains("Now: one\n"), "{}", ran.results()[2].1);
    assert!(project.root().join("b.txt").exists() && !project.root().join("c.txt").exists());
    super::steps::prefix_is_stable(&server.requests());

    let (status, text, ran) = check(&project, "broken", &["--approval", "auto"]);
    assert_eq!(status, "failed", "{text}");
    assert!(text.contains("exit code 7"), "{text}");
    assert_eq!(ran.end(), "done", "a skill that fails is a result, and the turn goes on");
}

#[test]
fn a_skill_of_the_user_lies_outside_the_project_and_is_read_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let skill = home.path().join("config/skills/notes");
    std::fs::create_dir_all(&skill).unwrap();
    std::fs::write(skill.join("SKILL.md"), "---\ndescription: Notes.\n---\nRead style.md.\n").unwrap();
    std::fs::write(skill.join("style.md"), "Short.\n").unwrap();
    let server = Server::openai(vec![
        Reply::call("skill", json!({"name": "notes"})),
        Reply::call("skill", json!({"name": "notes/style.md"})),
        Reply::text("That was it."),
    ]);
    let ran = Project::new(&[]).run_at_home(&server, home.path(), &[], "do it");
    ran.expect(0);
    let results = ran.results();
    assert!(
        results[0].1.contains("Read style.md.") && results[0].1.contains("outside the project"),
        "{}",
        results[0].1
    );
    assert_eq!(results[1], ("ok", "Short.\n"));
    let counted = std::fs::read_to_string(home.path().join("state/skills.json")).unwrap();
    assert!(counted.contains("\"notes\":{\"count\":1"), "{counted}");
}

#[test]
fn a_skill_s_turn_is_resumed_byte_for_byte() {
    let project = Project::new(&[
        ("a.txt", "one\n"),
        (".claude/skills/state/SKILL.md", "---\ndescription: State.\n---\nNow: !`cat a.txt`\n"),
    ]);
    let first = Server::openai(vec![Reply::call("skill", json!({"name": "state"})), Reply::text("One.")]);
    project.run(&first, Dialect::OpenAi, &["--approval", "auto"], "do it").expect(0);
    project.write(".claude/skills/new/SKILL.md", "---\ndescription: New.\n---\nNew.\n");
    let second = Server::openai(vec![Reply::text("Still one.")]);
    let ran = project.run(&second, Dialect::OpenAi, &["--resume", "latest"], "and now?");
    ran.expect(0);
    assert!(!ran.stderr.contains("left out"), "{}", ran.stderr);
    let messages = |server: &Server| server.requests().pop().unwrap().json()["messages"].as_array().unwrap().clone();
    let (before, after) = (messages(&first), messages(&second));
    assert_eq!(before[..], after[..before.len()]);
    let last = after.last().unwrap()["content"].as_str().unwrap();
    assert_eq!(last, "[New or changed skills:\n- new: New.]\n\nand now?", "what is new is said at the end");

    let third = Server::openai(vec![Reply::text("Still.")]);
    project.run(&third, Dialect::OpenAi, &["--resume", "latest"], "once more?").expect(0);
    assert_eq!(last_user(&third.requests()[0].json()), "once more?", "and said once");
}
