//! A project with a user of its own, and `garth plugin …` in it as a process.

use std::path::PathBuf;

use serde_json::Value;

use super::web::AUTHORITY;
use crate::agent::Project;

pub struct World {
    pub project: Project,
}

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> World {
        World { project: Project::new(&[]) }
    }

    pub fn home(&self) -> PathBuf {
        self.project.outside().join("home")
    }

    pub fn garth(&self, args: &[&str]) -> Ended {
        let mut command = self.project.garth(&[&["plugin"], args].concat());
        command.env("GARTH_HOME", self.home()).env("SSL_CERT_FILE", AUTHORITY);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same, which has to go well.
    #[track_caller]
    pub fn done(&self, args: &[&str]) -> String {
        let ended = self.garth(args);
        assert_eq!(ended.code, 0, "{args:?}\n{}{}", ended.out, ended.err);
        self.steady(&ended.out)
    }

    /// The same, which has to fail and say this.
    #[track_caller]
    pub fn refused(&self, args: &[&str], code: i32, said: &str) -> String {
        let ended = self.garth(args);
        assert_eq!(ended.code, code, "{args:?}\n{}{}", ended.out, ended.err);
        let text = self.steady(&ended.err);
        assert!(text.contains(said), "{args:?}: {text}");
        text
    }

    /// Objects of `--json`, one a line.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        let printed = self.done(&[args, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What `list` says of a plugin that is not built in: its status and why.
    #[track_caller]
    pub fn status(&self, name: &str) -> (String, String) {
        let line = self.json(&["list"]).into_iter().find(|line| line["name"] == name && line["place"] != "built in");
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_string();
        line.map(|line| (text(&line, "status"), text(&line, "reason"))).unwrap_or_default()
    }

    /// Writes into the project.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.project.root().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    pub fn has(&self, name: &str) -> bool {
        self.project.root().join(name).symlink_metadata().is_ok()
    }

    /// Without what differs from run to run.
    pub fn steady(&self, text: &str) -> String {
        text.replace(&self.project.root().display().to_string(), "PROJECT")
            .replace(&self.project.outside().display().to_string(), "OUTSIDE")
    }
}

/// Digests are as long as any, and the same.
pub fn without_digests(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match digits.len() {
            12 => shown.push_str(&word.replace(digits, "DIGEST12")),
            64 => shown.push_str(&word.replace(digits, "DIGEST64")),
            _ => shown.push_str(word),
        }
    }
    shown
}
