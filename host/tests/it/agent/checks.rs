//! What is checked after a write: errors come back with the result, good news does not, and a check can do no harm.

use serde_json::json;

use super::Project;
use super::project::Ran;
use crate::server::{Reply, Server};

/// Writes each file in a step of its own, with these settings.
fn write(project: &Project, settings: &[(&str, &str)], files: &[(&str, &str)]) -> (Ran, Server) {
    let call = |(path, content): &(&str, &str)| Reply::call("write_file", json!({"path": path, "content": content}));
    let server = Server::openai(files.iter().map(call).chain([Reply::text("Done.")]).collect());
    let url = server.url();
    let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto"];
    let mut garth = project.garth(&[&fixed[..], &["write them"]].concat());
    garth.envs(settings.iter().copied());
    (project.finish(garth), server)
}

/// The check's name and how it ended, in order.
fn ends(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_string();
    ran.all("checked").into_iter().map(|event| (text(&event["check"]), text(&event["end"]))).collect()
}

#[test]
fn an_error_comes_back_with_its_code_and_good_news_costs_nothing() {
    let project = Project::new(&[]);
    let bad = "{\n  \"a\": 1,\n  \"b\": 2,\n}\n";
    let (ran, server) = write(&project, &[], &[("a.json", bad), ("a.json", "{\"a\": 1}\n")]);
    let results = ran.expect(0).results();
    assert_eq!(results[0].0, "ok", "the file was written all the same");
    let told = "json found an error:\na.json:4:1: trailing comma\n     3 |   \"b\": 2,\n>    4 | }";
    assert!(results[0].1.ends_with(told), "{}", results[0].1);
    assert!(!results[1].1.contains("json found"), "{}", results[1].1);
    assert_eq!(ends(&ran), [("json".into(), "failed".into()), ("json".into(), "passed".into())]);
    assert!(server.requests()[1].body.contains("trailing comma"), "the model reads it");
}

#[test]
fn a_project_is_checked_where_its_root_is() {
    let manifest = "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let project = Project::new(&[("inner/Cargo.toml", manifest)]);
    let wrong = "pub fn one() -> u32 {\n    \"one\"\n}\n";
    let (ran, _) = write(&project, &[], &[("inner/src/lib.rs", wrong), ("inner/src/lib.rs", "pub fn one() {}\n")]);
    let results = ran.expect(0).results();
    let told = "rust found an error:\ninner/src/lib.rs:2:5: error[E0308]: mismatched types";
    assert!(results[0].1.contains(told), "{}", results[0].1);
    assert!(results[0].1.contains("\n>    2 |     \"one\"\n     3 | }"), "{}", results[0].1);
    assert!(!results[1].1.contains("rust found"), "{}", results[1].1);
    assert_eq!(ends(&ran), [("rust".into(), "failed".into()), ("rust".into(), "passed".into())]);
    assert!(project.root().join("inner/target").is_dir(), "it is incremental");
}

#[test]
fn a_shell_script_is_read_and_not_run() {
    let project = Project::new(&[]);
    let (ran, _) = write(&project, &[], &[("a.sh", "touch made\nif true; then\n"), ("b.sh", "touch made\n")]);
    let results = ran.expect(0).results();
    assert!(results[0].1.contains("shell found an error:\na.sh:3: syntax error"), "{}", results[0].1);
    assert_eq!(ends(&ran), [("shell".into(), "failed".into()), ("shell".into(), "passed".into())]);
    assert!(!project.root().join("made").exists());
}

/// A check of one's own, for text files.
fn own<'a>(script: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fixed = [
        ("GARTH_CHECKS__MINE__FILES", "*.txt"),
        ("GARTH_CHECKS__MINE__MESSAGES", "^(?<file>[^:]+):(?<line>[0-9]+): (?<message>.+)$"),
        ("GARTH_CHECKS__MINE__COMMAND", script),
    ];
    fixed.iter().chain(more).copied().collect()
}

#[test]
fn a_rule_switches_a_check_off() {
    let project = Project::new(&[(".garth/config.toml", "[[approval.rules]]\neffect = \"deny\"\nargv = [\"bash\"]\n")]);
    let (ran, _) = write(&project, &[], &[("a.sh", "if true; then\n")]);
    assert!(!ran.expect(0).results()[0].1.contains("found"));
    assert_eq!(ends(&ran), [("shell".into(), "not_run".into())]);
    let detail = ran.all("checked")[0]["detail"].to_string();
    assert!(detail.contains(".garth/config.toml"), "{detail}");
}

#[test]
fn what_a_check_prints_leads_to_no_secret() {
    let project = Project::new(&[(".env", "TOKEN=very-secret\n"), ("c.txt", "plain\n")]);
    let outside = project.outside().join("x.txt");
    std::fs::write(&outside, "beyond\n").unwrap();
    let script = format!(
        r#"["sh", "-c", "echo '.env:1: one'; echo 'c.txt:1: two'; echo '{}:1: three'; echo '../outside/x.txt:1: four'; exit 1"]"#,
        outside.display()
    );
    let (ran, _) = write(&project, &own(&script, &[]), &[("a.txt", "a\n")]);
    let text = ran.expect(0).results()[0].1.to_string();
    assert!(text.contains("mine found 4 errors:") && text.contains("| plain"), "{text}");
    assert!(!text.contains("very-secret") && !text.contains("beyond"), "{text}");
}

#[test]
fn a_check_writes_only_what_its_table_says() {
    let project = Project::new(&[]);
    let script =
        r#"["sh", "-c", "echo x >made.txt; echo x >out/made; test -e out/made || echo a.txt:1: not written; exit 1"]"#;
    let (ran, _) = write(&project, &own(script, &[("GARTH_CHECKS__MINE__WRITES", "out/")]), &[("a.txt", "a\n")]);
    assert!(!ran.expect(0).results()[0].1.contains("not written"), "{:?}", ran.results());
    assert!(project.root().join("out/made").exists() && !project.root().join("made.txt").exists());
    assert_eq!(ends(&ran), [("mine".into(), "unclear".into())], "it failed, and said nothing of lines");
}

#[test]
fn a_check_that_takes_too_long_is_left_alone() {
    let project = Project::new(&[]);
    let settings = own(r#"["sleep", "60"]"#, &[("GARTH_CHECKS__MINE__TIME", "100ms")]);
    let (ran, _) = write(&project, &settings, &[("a.txt", "1\n"), ("a.txt", "2\n"), ("a.txt", "3\n")]);
    assert!(ran.expect(0).results().iter().all(|(status, text)| *status == "ok" && !text.contains("found")));
    let details: Vec<String> = ran.all("checked").iter().map(|event| event["detail"].to_string()).collect();
    assert_eq!(details.len(), 2, "{details:?}");
    assert!(details[1].contains("not run again in this session (checks.mine.time)"), "{details:?}");
}

#[test]
fn a_project_may_bring_checks_once_it_is_trusted() {
    let config =
        "[checks.mine]\nfiles = [\"*.txt\"]\ncommand = [\"touch\", \"made\"]\nmessages = '^(?<line>x)(?<message>y)$'\n";
    let project = Project::new(&[(".garth/config.toml", config)]);
    let (ran, _) = write(&project, &[], &[("a.txt", "a\n")]);
    assert!(ends(ran.expect(0)).is_empty(), "{:?}", ran.all("checked"));
    assert!(ran.stderr.contains("checks.mine.command") && ran.stderr.contains("garth trust"), "{}", ran.stderr);
}
