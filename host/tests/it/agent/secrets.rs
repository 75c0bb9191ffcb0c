//! Secrets, end to end: how they are kept, and that none reaches the model, the front end or the journal.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::json;

use super::Project;
use crate::server::{Reply, Server};

const VALUE: &str = "tok+7f3a/91\"c4e8";

/// `garth secret …` at `home`, with this on standard input.
fn secret(project: &Project, home: &Path, args: &[&str], input: &str) -> Output {
    let mut garth = project.garth(&[&["secret"], args].concat());
    let mut running = garth.env("GARTH_HOME", home).stdin(Stdio::piped()).spawn().unwrap();
    // A program that refuses before it reads closes the pipe.
    let _ = running.stdin.take().unwrap().write_all(input.as_bytes());
    running.wait_with_output().unwrap()
}

#[track_caller]
fn check(project: &Project, args: &[&str], input: &str, code: i32, said: &str) {
    let output = secret(project, &project.outside(), args, input);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(text.contains(said) && !text.contains(VALUE), "{args:?}: {text}");
}

#[test]
fn values_are_kept_for_their_owner_and_never_printed() {
    let project = Project::new(&[]);
    check(&project, &["list"], "", 0, "No secrets. Keep one with: garth secret set NAME");
    check(&project, &["set", "api"], &format!("{VALUE}\n"), 0, "Kept the secret api.");
    check(&project, &["set", "api"], VALUE, 0, "Replaced the secret api.");
    check(&project, &["set", "pin"], "1234", 0, "fewer than 8 characters");
    check(&project, &["list"], "", 0, "api\npin\n");
    check(&project, &["list", "--json"], "", 0, r#"{"secrets":["api","pin"]}"#);
    check(&project, &["remove", "pin"], "", 0, "Forgot the secret pin.");
    check(&project, &["remove", "pin"], "", 1, "there is no secret named 'pin'");
    check(&project, &["set", "a b"], VALUE, 1, "letters, digits, - and _");
    check(&project, &["set", "api"], "", 1, "is empty");
    check(&project, &["set", "api"], &format!("{VALUE}\r\nx-evil: 1"), 1, "more than one line");
    check(&project, &["set", "api", "typed"], "", 2, "unexpected argument");
    let file = project.outside().join("state/secrets.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept, json!({"api": VALUE}));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        check(&project, &["list"], "", 1, "others can read or write this file");
    }
}

#[test]
fn what_tools_return_has_no_secret_in_it_and_is_otherwise_whole() {
    // In the shape of a key, as an example in a project's source may be: the model must see it to work on it.
    let example = format!("AKIA{}", "Q3EGRIHMZT5WXN2B");
    let text = format!("plain {VALUE}\njson {}\nbase64 dG9rKzdmM2EvOTEiYzRlOA==\nkey {example}\n", json!(VALUE));
    let project = Project::new(&[("notes.txt", &text)]);
    let home = project.outside();
    assert!(secret(&project, &home, &["set", "api"], VALUE).status.success());
    let calls = vec![
        Reply::call("read_file", json!({"path": "notes.txt"})),
        Reply::call("run", json!({"command": "tail -n 3 notes.txt; exit 3"})),
        Reply::call("grep", json!({"pattern": "tok.7f3a"})),
        Reply::text("That was it."),
    ];
    let server = Server::openai(calls);
    let ran = project.run_at_home(&server, &home, &["--approval", "auto"], "do it");
    ran.expect(0);
    let seen: Vec<String> = ran.results().iter().map(|(_, text)| text.to_string()).collect();
    for (text, parts) in [
        (&seen[0], vec!["plain [secret api]", "json \"[secret api]\"", "base64 [secret api]==", &example]),
        (&seen[1], vec!["json \"[secret api]\"", &example]),
        (&seen[2], vec!["plain [secret api]"]),
    ] {
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}: {text}"));
    }
    let sent: String = server.requests().iter().map(|request| request.body.to_string()).collect();
    let events: String = ran.events.iter().map(ToString::to_string).collect();
    let mut folders = vec![home.join("data")];
    let mut journal = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                journal.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()))
            }
        }
    }
    assert!(journal.contains("[secret api]"), "{journal}");
    for (what, text) in [("sent", sent), ("events", events), ("journal", journal)] {
        for form in ["tok+7f3a", "9rKzdmM2EvOTEiYzRl"] {
            assert!(!text.contains(form), "{form} in {what}: {text}");
        }
    }
}

#[test]
fn a_call_by_hand_shows_no_secret_and_has_its_line_in_the_audit() {
    let project = Project::new(&[("notes.txt", &format!("plain {VALUE}\n"))]);
    let home = project.outside();
    assert!(secret(&project, &home, &["set", "api"], VALUE).status.success());
    let run = |args: &[&str]| {
        let output = project.garth(args).env("GARTH_HOME", &home).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    };
    let call = ["plugin", "call", "files", "read_file"];
    for (args, part) in [
        (&["{\"path\": \"notes.txt\"}"][..], "plain [secret api]"),
        (&["{\"path\": \"notes.txt\"}", "--json"], "plain [secret api]"),
        // What is refused may name it as well.
        (&[&format!("{{\"path\": \"{}\"}}", VALUE.replace('"', "\\\""))], "[secret api]"),
        (&["{\"path\": 7}"], "invalid: path: 7"),
    ] {
        let text = run(&[&call[..], args].concat());
        assert!(text.contains(part) && !text.contains("7f3a/91"), "{args:?}: {text}");
    }
    let audit = run(&["audit"]);
    let calls: Vec<&str> = audit.lines().filter(|line| line.contains("  read_file (files ")).collect();
    let outcomes: Vec<&str> = calls.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(outcomes, ["ok", "ok", "failed", "invalid"], "{audit}");
    assert!(audit.contains("call by hand") && !audit.contains("7f3a/91"), "{audit}");
}
