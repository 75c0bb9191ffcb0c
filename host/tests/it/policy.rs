//! Decisions as a table, the rules that 'always' stores, and capabilities as manifests write them.

use garth::policy::{Action, Capabilities, Decision, Effect, Request, Rule, Workspace, decide, suggest_rule};
use garth::protocol::ApprovalMode::{self, Ask, Auto, Never};

fn write(paths: &[&str]) -> Action {
    Action::Write { paths: paths.iter().map(|path| path.to_string()).collect() }
}

fn run(line: &[&str]) -> Action {
    Action::Run { argv: line.iter().map(|word| word.to_string()).collect() }
}

fn request(action: Action) -> Request {
    Request { tool: "tool".into(), plugin: "plugin".into(), action }
}

fn rule(json: &str) -> Rule {
    let mut rule: Rule = serde_json::from_str(json).unwrap();
    rule.check().unwrap();
    rule.origin = format!("user (config.toml:{})", json.len());
    rule
}

fn decision(rules: &[&str], mode: ApprovalMode, action: Action) -> Decision {
    decide(&request(action), &rules.iter().map(|json| rule(json)).collect::<Vec<_>>(), mode)
}

#[track_caller]
fn check(rules: &[&str], mode: ApprovalMode, action: Action, expected: Effect) {
    let decided = decision(rules, mode, action.clone());
    assert_eq!(decided.effect, expected, "{rules:?} {mode:?} {action:?}: {decided:?}");
    assert!(!decided.reason.is_empty());
}

const ALLOW_SRC: &str = r#"{"effect": "allow", "path": "src/**"}"#;
const DENY_SQL: &str = r#"{"effect": "deny", "path": "*.sql"}"#;
const ASK_TOOL: &str = r#"{"effect": "ask", "tool": "tool"}"#;
const ALLOW_TEST: &str = r#"{"effect": "allow", "argv": ["cargo", "test"]}"#;
const DENY_PUSH: &str = r#"{"effect": "deny", "argv": ["git", "push"]}"#;

#[test]
fn without_a_rule_reading_is_allowed_and_the_mode_decides() {
    for mode in [Ask, Auto, Never] {
        check(&[], mode, Action::Read, Effect::Allow);
    }
    for action in [write(&["a"]), run(&["ls"]), Action::Unknown] {
        check(&[], Ask, action.clone(), Effect::Ask);
        check(&[], Auto, action.clone(), Effect::Allow);
        check(&[], Never, action, Effect::Deny);
    }
}

#[test]
fn a_rule_against_a_tool_is_one_against_what_does_the_same() {
    let decided = |effect: &str, tool: &str, called: &str| {
        let rule = rule(&format!(r#"{{"effect": "{effect}", "tool": "{tool}"}}"#));
        let request = Request { tool: called.into(), plugin: "plugin".into(), action: run(&["sh", "-c", "x"]) };
        decide(&request, &[rule], Ask).effect
    };
    assert_eq!(decided("deny", "run", "create_and_run"), Effect::Deny);
    assert_eq!(decided("deny", "write_file", "create_and_run"), Effect::Deny);
    assert_eq!(decided("deny", "create_and_run", "run"), Effect::Ask);
    assert_eq!(decided("allow", "run", "create_and_run"), Effect::Ask);
    assert_eq!(decided("allow", "create_and_run", "create_and_run"), Effect::Allow);
}

#[test]
fn the_strictest_rule_wins_in_any_order() {
    for rules in [[ALLOW_SRC, DENY_SQL], [DENY_SQL, ALLOW_SRC]] {
        check(&rules, Auto, write(&["src/x.sql"]), Effect::Deny);
        check(&rules, Never, write(&["src/x.rs"]), Effect::Allow);
    }
    check(&[ALLOW_SRC, ASK_TOOL], Auto, write(&["src/x.rs"]), Effect::Ask);
    check(&[ALLOW_SRC, ASK_TOOL], Never, write(&["src/x.rs"]), Effect::Deny);
    check(&[ASK_TOOL], Auto, Action::Read, Effect::Ask);
    check(&[r#"{"effect": "deny", "plugin": "plugin"}"#], Auto, Action::Read, Effect::Deny);
    check(&[r#"{"effect": "deny", "plugin": "other"}"#], Auto, Action::Read, Effect::Allow);
}

#[test]
fn several_paths_are_as_strict_as_the_strictest() {
    check(&[ALLOW_SRC], Ask, write(&["src/a", "src/b"]), Effect::Allow);
    check(&[ALLOW_SRC], Ask, write(&["src/a", "docs/b"]), Effect::Ask);
    check(&[DENY_SQL], Auto, write(&["src/a", "db/b.sql"]), Effect::Deny);
    check(&[ALLOW_SRC], Auto, write(&["src/a", "AGENTS.md"]), Effect::Ask);
    check(&[ALLOW_SRC], Auto, write(&["src/a", "../b"]), Effect::Deny);
    check(&[ALLOW_SRC], Ask, write(&[]), Effect::Ask); // nothing named, so nothing known
}

#[test]
fn paths_outside_and_paths_that_take_effect_outside_are_denied_whatever_a_rule_says() {
    let all = r#"{"effect": "allow", "tool": "tool"}"#;
    for path in [
        "/etc/passwd",
        "../x",
        "src/../../x",
        "",
        ".",
        ".git/hooks/post-commit",
        "sub/.git/config",
        ".GIT/config",
        ".garth/config.toml",
        "garth.lock",
        "a\nb",
    ] {
        check(&[all], Auto, write(&[path]), Effect::Deny);
    }
    check(&[all], Ask, write(&["./src//x.rs", ".gitignore"]), Effect::Allow);
    check(&[all], Auto, run(&[]), Effect::Deny);
    check(&[all], Auto, run(&[""]), Effect::Deny);
}

#[test]
fn instruction_files_are_asked_about_each_time() {
    let all = r#"{"effect": "allow", "tool": "tool"}"#;
    for path in [
        "AGENTS.md",
        "docs/agents.md",
        "CLAUDE.md",
        ".claude/commands/x.md",
        ".cursor/rules",
        "commands/deploy.md",
        ".github/workflows/ci.yml",
        "sub/.agents/skills/x/SKILL.md",
        "./CLAUDE.md",
    ] {
        check(&[all], Auto, write(&[path]), Effect::Ask);
        check(&[all], Never, write(&[path]), Effect::Deny);
        check(&[r#"{"effect": "deny", "tool": "tool"}"#], Auto, write(&[path]), Effect::Deny);
        assert_eq!(suggest_rule(&request(write(&[path]))), None);
        assert!(!decision(&[], Ask, write(&[path])).storable);
    }
    check(&[], Auto, write(&["src/commands/mod.rs"]), Effect::Allow);
}

#[test]
fn arguments_are_compared_word_by_word() {
    check(&[ALLOW_TEST], Ask, run(&["cargo", "test", "-q"]), Effect::Allow);
    check(&[ALLOW_TEST], Ask, run(&["cargo", "testx"]), Effect::Ask);
    check(&[ALLOW_TEST], Ask, run(&["cargo"]), Effect::Ask);
    check(&[ALLOW_TEST], Ask, run(&["sh", "-c", "cargo test"]), Effect::Ask);
    check(&[ALLOW_TEST], Ask, run(&["/tmp/cargo", "test"]), Effect::Ask);
    check(&[ALLOW_TEST], Ask, write(&["a"]), Effect::Ask);
    check(&[DENY_PUSH], Auto, run(&["git", "push"]), Effect::Deny);
    check(&[DENY_PUSH], Auto, run(&["sh", "-c", "make && git push"]), Effect::Deny);
    check(&[DENY_PUSH], Auto, run(&["git", "log"]), Effect::Allow);
    let exact = r#"{"effect": "allow", "argv_exact": ["sh", "-c", "ls"]}"#;
    check(&[exact], Ask, run(&["sh", "-c", "ls"]), Effect::Allow);
    check(&[exact], Ask, run(&["sh", "-c", "ls", "x"]), Effect::Ask);
}

#[test]
fn a_call_that_cannot_tell_is_asked_about_where_a_path_might_be_denied() {
    check(&[DENY_SQL], Auto, Action::Unknown, Effect::Ask);
    check(&[ALLOW_SRC], Ask, Action::Unknown, Effect::Ask);
    check(&[DENY_SQL], Auto, Action::Read, Effect::Allow);
}

#[test]
fn a_decision_names_the_rule_its_place_and_the_way_out() {
    let denied = decision(&[DENY_SQL], Auto, write(&["a.sql"]));
    assert!(denied.reason.contains(r#"{ effect = "deny", path = "*.sql" }, set by user (config.toml:"#), "{denied:?}");
    assert!(denied.change.unwrap().contains("config.toml:"));
    let asked = decision(&[], Ask, run(&["cargo", "test", "x"]));
    assert!(asked.storable);
    let change = asked.change.unwrap();
    assert!(change.contains(r#"argv = ["cargo", "test"]"#) && change.contains("--approval auto"), "{change}");
    let never = decision(&[], Never, write(&["a"]));
    assert!(never.reason.contains("never") && never.change.unwrap().contains("--approval ask"));
}

#[test]
fn always_stores_no_more_than_what_was_shown() {
    let suggested = |action| suggest_rule(&request(action)).map(|rule| rule.to_string());
    let cases = [
        (run(&["cargo", "test", "--", "x"]), r#"argv = ["cargo", "test"]"#),
        (run(&["npm", "run", "build", "x"]), r#"argv = ["npm", "run", "build"]"#),
        (run(&["npm", "exec", "x"]), r#"argv_exact = ["npm", "exec", "x"]"#),
        (run(&["git", "-c", "a=b", "log"]), r#"argv_exact = ["git", "-c", "a=b", "log"]"#),
        (run(&["sh", "-c", "ls \"x\""]), r#"argv_exact = ["sh", "-c", "ls \"x\""]"#),
        (run(&["env", "rm"]), r#"argv_exact = ["env", "rm"]"#),
        (run(&["./cargo", "test"]), r#"argv_exact = ["./cargo", "test"]"#),
        (run(&["x\u{202e}\u{1b}"]), r#"argv_exact = ["x\U0000202E\U0000001B"]"#),
        (write(&["src/a.rs"]), r#"path = "/src/a.rs""#),
    ];
    for (action, condition) in cases {
        let expected = format!(r#"{{ effect = "allow", tool = "tool", plugin = "plugin", {condition} }}"#);
        assert_eq!(suggested(action).as_deref(), Some(expected.as_str()));
    }
    for action in [Action::Read, Action::Unknown, write(&["a", "b"]), write(&["../a"]), write(&[".git/x"])] {
        assert_eq!(suggested(action), None);
    }
}

#[test]
fn a_stored_rule_allows_what_it_was_made_from_and_nothing_beside() {
    for action in [
        write(&["a.md"]),
        write(&["we[i]rd*{x}.md"]),
        write(&["back\\slash?"]),
        run(&["cargo", "test"]),
        run(&["x", "y"]),
    ] {
        let rule = suggest_rule(&request(action.clone())).unwrap();
        assert_eq!(
            decide(&request(action.clone()), std::slice::from_ref(&rule), Never).effect,
            Effect::Allow,
            "{rule}"
        );
        for other in [
            write(&["b/a.md"]),
            write(&["weird.md"]),
            write(&["backslash?"]),
            write(&["back\\slashx"]),
            run(&["x", "y", "z"]),
            run(&["cargo", "run"]),
        ] {
            assert_eq!(decide(&request(other), std::slice::from_ref(&rule), Never).effect, Effect::Deny, "{rule}");
        }
    }
}

#[test]
fn rules_that_cannot_mean_anything_are_refused() {
    for (json, says) in [
        (r#"{"effect": "deny"}"#, "needs a condition"),
        (r#"{"effect": "deny", "argv": []}"#, "program's name"),
        (r#"{"effect": "deny", "path": "a", "argv": ["x"]}"#, "two rules"),
        (r#"{"effect": "deny", "argv": ["x"], "argv_exact": ["x"]}"#, "either argv"),
        (r#"{"effect": "deny", "tool": ""}"#, "is empty"),
        (r#"{"effect": "deny", "path": "../x"}"#, "'..'"),
        (r#"{"effect": "allow", "path": "[x"}"#, "cannot be read"),
    ] {
        let error = serde_json::from_str::<Rule>(json).unwrap().check().unwrap_err();
        assert!(error.contains(says), "{json}: {error}");
    }
    assert!(serde_json::from_str::<Rule>(r#"{"effect": "allow", "tol": "x"}"#).is_err());
}

#[test]
fn capabilities_say_whether_they_only_read() {
    for (json, reads_only, words) in [
        (r#"{}"#, true, "touches nothing"),
        (r#"{"workspace": "read"}"#, true, "reads the workspace"),
        (r#"{"workspace": "write"}"#, false, "writes the workspace"),
        (
            r#"{"workspace": "read", "process": [["git", "log"], ["git", "show"]]}"#,
            true,
            "reads the workspace, runs git log and git show",
        ),
        (r#"{"process": [["curl"]]}"#, false, "runs curl"),
        (
            r#"{"workspace": [{"path": "a", "access": "read"}, {"path": "b/", "access": "write"}], "state": "16MiB"}"#,
            false,
            "reads a, writes b, keeps up to 16MiB of its own",
        ),
    ] {
        let capabilities: Capabilities = serde_json::from_str(json).unwrap();
        assert_eq!((capabilities.reads_only(), capabilities.describe().as_str()), (reads_only, words));
    }
}

#[test]
fn capabilities_that_would_mean_more_than_they_say_are_refused() {
    for (json, says) in [
        (r#"{"workspace": "all"}"#, "\"write\""),
        (r#"{"workspace": true}"#, "\"write\""),
        (r#"{"workspace": [{"path": "../x", "access": "read"}]}"#, "'..'"),
        (r#"{"workspace": [{"path": "/x", "access": "read"}]}"#, "absolute"),
        (r#"{"workspace": [{"path": "", "access": "read"}]}"#, "names nothing"),
        (r#"{"workspace": [{"path": "a", "access": "none"}]}"#, "leave it out"),
        (r#"{"workspace": [{"path": "a", "access": "write"}, {"path": "a/b", "access": "read"}]}"#, "may only add"),
        (r#"{"workspace": [{"path": "a", "access": "write"}, {"path": "a/", "access": "read"}]}"#, "twice"),
        (r#"{"workspace": [{"path": "a", "access": "write", "x": 1}]}"#, "unknown field"),
        (r#"{"process": [[]]}"#, "names no program"),
        (r#"{"process": [[""]]}"#, "names no program"),
        (r#"{"network": true}"#, "unknown field"),
    ] {
        let error = serde_json::from_str::<Capabilities>(json).unwrap_err().to_string();
        assert!(error.contains(says), "{json}: {error}");
    }
    let nested = r#"[{"path": "a", "access": "read"}, {"path": "a/b", "access": "write"}]"#;
    let workspace: Workspace = serde_json::from_str(nested).unwrap();
    assert_eq!(serde_json::to_value(&workspace).unwrap(), serde_json::from_str::<serde_json::Value>(nested).unwrap());
}
