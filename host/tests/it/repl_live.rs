//! A conversation that runs as a process, while files of commands come, change and go: what is listed, what is called, and
//! what the model is told. Lines go in over a pipe that stays open.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::agent::Project;
use crate::agent::last_user;
use crate::plugin_file::Made;
use crate::server::{Reply, Server};

/// Far more than anything takes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Session {
    child: Child,
    keys: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Session {
    fn open(project: &Project, server: &Server) -> Session {
        let url = server.url();
        let mut garth = project.garth(&["--provider", "openai", "--url", &url, "--model", "test"]);
        garth.env("GARTH_COMMANDS__ORDER", "project,plugins").stdin(Stdio::piped());
        let mut child = garth.spawn().unwrap();
        let keys = child.stdin.take().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut session = Session { child, keys, lines, seen: Vec::new() };
        session.wait("session ");
        session
    }

    fn enter(&mut self, line: &str) {
        writeln!(self.keys, "{line}").unwrap();
        self.keys.flush().unwrap();
    }

    /// The next line with this text in it.
    fn wait(&mut self, text: &str) -> String {
        self.within(text, PATIENCE).unwrap_or_else(|| panic!("no {text:?} after:\n{}", self.seen.join("\n")))
    }

    fn within(&mut self, text: &str, time: Duration) -> Option<String> {
        let end = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return Some(line);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Asks the help for a word until it answers so.
    fn listed(&mut self, word: &str, answer: &str) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.enter(&format!("/help {word}"));
            if self.within(answer, Duration::from_millis(500)).is_some() {
                return;
            }
        }
        panic!("/help {word} does not say {answer:?}:\n{}", self.seen.join("\n"));
    }

    fn close(mut self) -> Vec<String> {
        drop(self.keys);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.seen.extend(self.lines.try_iter());
        self.seen
    }
}

fn server(replies: usize) -> Server {
    Server::openai((1..=replies).map(|number| Reply::text(&format!("Answer {number}."))).collect())
}

fn last_asked(server: &Server) -> String {
    last_user(&server.requests().pop().unwrap().json()).trim_end().to_owned()
}

#[test]
fn what_is_saved_is_live() {
    let project = Project::new(&[]);
    let server = server(3);
    let mut session = Session::open(&project, &server);
    session.enter("/deploy now");
    session.wait("there is no command /deploy");
    // The folder does not exist yet either.
    project.write(".claude/commands/deploy.md", "---\ndescription: Ships it.\n---\nShip $1.\n");
    session.wait("commands: +deploy");
    session.listed("ship", "/deploy");
    session.enter("/deploy now");
    session.wait("Answer 1.");
    assert_eq!(last_asked(&server), "Ship now.");

    // As editors do it: a new file takes the place of the old one.
    project.write(".claude/commands/.deploy.md.swp", "Ship $1, but carefully.\n");
    let at = |name: &str| project.root().join(".claude/commands").join(name);
    std::fs::rename(at(".deploy.md.swp"), at("deploy.md")).unwrap();
    session.wait("commands: ~deploy");
    session.enter("/deploy later");
    session.wait("Answer 2.");
    assert_eq!(last_asked(&server), "Ship later, but carefully.");

    project.write(".gemini/commands/half.toml", "prompt = \"\"\"\nnever ends\n");
    session.wait(".gemini/commands/half.toml:");
    session.enter("/deploy again");
    session.wait("Answer 3.");
    std::fs::remove_file(at("deploy.md")).unwrap();
    session.wait("commands: -deploy");
    session.enter("/deploy now");
    session.wait("there is no command /deploy");
    let seen = session.close();
    let told = seen.iter().filter(|line| line.contains("half.toml:")).count();
    assert_eq!(told, 1, "a problem is told once: {seen:#?}");
}

#[test]
fn a_branch_switch_with_a_thousand_files_is_taken_in() {
    let project = Project::new(&[(".claude/commands/keep.md", "Keep.\n"), ("a.txt", "a\n")]);
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.current_dir(project.root()).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(args);
        let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "-b", "many"]);
    for number in 0..1_000 {
        let folder = number % 10;
        project.write(&format!(".claude/commands/f{folder}/c{number:03}.md"), &format!("Number {number}.\n"));
    }
    std::fs::remove_file(project.root().join(".claude/commands/keep.md")).unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "many"]);
    git(&["checkout", "-q", "main"]);

    let server = server(3);
    let mut session = Session::open(&project, &server);
    session.enter("/keep");
    session.wait("Answer 1.");
    git(&["checkout", "-q", "many"]);
    session.listed("c999", "/f9:c999");
    session.enter("/f0:c500");
    session.wait("Answer 2.");
    assert_eq!(last_asked(&server), "Number 500.");
    session.enter("/keep");
    session.wait("there is no command /keep");
    session.enter("/help");
    session.wait("995 more");
    git(&["checkout", "-q", "main"]);
    session.listed("keep", "/keep");
    session.enter("/f0:c500");
    session.wait("there is no command /f0:c500");
    session.enter("/keep");
    session.wait("Answer 3.");
    let seen = session.close();
    let longest = seen.iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 1_000, "a reload of a thousand names is cut: {longest}");
}

#[test]
fn a_plugin_file_waits_is_looked_at_accepted_and_used() {
    let project = Project::new(&[]);
    let server = Server::openai(vec![
        Reply::call("call_tool", serde_json::json!({"name": "lint", "arguments": {"path": "a"}})),
        Reply::text("Answer 1."),
        Reply::text("Answer 2."),
    ]);
    let mut session = Session::open(&project, &server);
    let made = Made { command: Some(("commands/tidy.md", "Tidy $1.\n")), ..Made::default() };
    let (file, digest) = (".garth/plugins/lint.wasm", garth::plugins::digest(&made.file()));
    std::fs::create_dir_all(project.root().join(".garth/plugins")).unwrap();
    // As a slow copy writes it: nothing is said of the half.
    let (half, whole) = (made.file()[..900].to_vec(), made.file());
    std::fs::write(project.root().join(file), half).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    std::fs::write(project.root().join(file), whole).unwrap();
    let waits = session.wait("plugin waits: lint 0.1.0");
    assert!(waits.contains("/plugins accept lint") && waits.contains(&digest[..8]), "{waits}");
    assert!(!session.seen.iter().any(|line| line.contains("not a WebAssembly")), "{:#?}", session.seen);
    session.enter("/tools");
    session.wait("call_tool (garth)");
    assert!(!session.seen.iter().any(|line| line.contains("lint (lint)")), "{:#?}", session.seen);
    session.enter("/plugins");
    session.wait("lint 0.1.0 (.garth/plugins/lint.wasm), waiting");
    session.enter("/plugins accept lint");
    session.wait("Made by hand.");
    session.wait(&digest);
    let way = session.wait("to use exactly this: ");
    let (_, accept) = way.split_once("exactly this: ").unwrap();
    session.enter("/plugins accept lint 0123456789abcdef0123456789abcdef");
    session.wait("waits that was shown so");
    session.enter(accept);
    session.wait("plugins: +lint");
    session.listed("tidy", "/lint:tidy");
    session.enter("lint it");
    session.wait("Answer 1.");
    let requests = server.requests();
    // Nothing was said before: the context begins with what is there by then.
    assert!(requests[0].json()["tools"].to_string().contains("Does lint."));
    let result = requests[1].json()["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((result["role"].as_str(), result["content"].as_str()), (Some("tool"), Some("one")));
    std::fs::remove_file(project.root().join(file)).unwrap();
    session.wait("plugins: -lint");
    session.enter("go on");
    session.wait("Answer 2.");
    assert_eq!(last_asked(&server), "[Tools that are gone: lint]\n\ngo on");
    session.close();
}
