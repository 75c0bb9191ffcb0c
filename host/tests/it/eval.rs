//! `garth eval` as a process: with the reference solutions, and with a model over HTTP. Tasks are made here, but for a few of
//! the project's own; `.ci/run` does all of those.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::agent::Project;
use crate::server::{Reply, Server};

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/eval");
const REFERENCE: [&str; 2] = ["--model", "scripted:reference"];

/// A task whose answer is one word in a file.
const WORD: [(&str, &str); 4] = [
    (
        "t/word/task.toml",
        "language = \"shell\"\nprompts = [\"Write yes into answer.\"]\ncheck = [\"sh\", \"check.sh\"]\n",
    ),
    ("t/word/files/answer", "no\n"),
    ("t/word/check/check.sh", "echo \"the answer is $(cat answer)\"\ngrep -qx yes answer\n"),
    ("t/word/reference/answer", "yes\n"),
];

/// An exercise in Exercism's layout.
const EXERCISE: [(&str, &str); 6] = [
    (
        "p/python/exercises/practice/twice/.meta/config.json",
        r#"{"files": {"solution": ["twice.py"], "test": ["twice_test.py"], "example": [".meta/example.py"]}, "blurb": "x"}"#,
    ),
    ("p/python/exercises/practice/twice/.meta/example.py", "def twice(number):\n    return 2 * number\n"),
    ("p/python/exercises/practice/twice/.docs/introduction.md", "# About numbers\n\nThey are many.\n"),
    ("p/python/exercises/practice/twice/.docs/instructions.md", "# What to do\n\nDouble it.\n"),
    ("p/python/exercises/practice/twice/twice.py", "def twice(number):\n    pass\n"),
    (
        "p/python/exercises/practice/twice/twice_test.py",
        "import unittest\nfrom twice import twice\n\n\nclass Twice(unittest.TestCase):\n    def test_it(self):\n        \
         self.assertEqual(twice(4), 8)\n",
    ),
];

/// The task of [`WORD`] several times over.
fn several(names: &[&str]) -> Project {
    let project = Project::new(&[]);
    for name in names {
        WORD.iter().for_each(|(path, text)| project.write(&path.replace("word", name), text));
    }
    project
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

fn eval(project: &Project, dir: &str, args: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = project.garth(&[&["eval", dir], args].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

fn with_model(project: &Project, dir: &str, server: &Server, args: &[&str]) -> Ran {
    let url = server.url();
    eval(project, dir, &[&["--provider", "openai", "--url", &url, "--model", "test", "--json"], args].concat())
}

fn write(path: &str, content: &str) -> Reply {
    Reply::call("write_file", json!({"path": path, "content": content}))
}

#[test]
fn our_own_tasks_are_sound() {
    let ran = eval(
        &Project::new(&[]),
        OWN,
        &[&REFERENCE[..], &["--json", "shell/options", "python/pages", "turns/"]].concat(),
    );
    let report = ran.json();
    let results: Vec<_> =
        report["tasks"].as_array().unwrap().iter().map(|task| (&task["task"], &task["result"])).collect();
    let expected = ["python/pages", "shell/options", "turns/backup", "turns/shapes", "turns/slugs", "turns/to-do"];
    assert_eq!(results.len(), expected.len());
    for ((task, result), name) in results.into_iter().zip(expected) {
        // Where node is missing, that is said and is no pass.
        let fine = *result == "passed" || (name == "turns/slugs" && *result == "skipped");
        assert!(*task == name && fine, "{report:#}");
    }
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn there_are_enough_of_them_and_all_have_a_reference() {
    let (mut tasks, mut folders) = (0, vec![Path::new(OWN).to_path_buf()]);
    while let Some(folder) = folders.pop() {
        if folder.join("task.toml").exists() {
            tasks += 1;
            assert!(folder.join("reference").is_dir(), "{}", folder.display());
            continue;
        }
        let inside = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(inside.filter(|path| path.is_dir()));
    }
    assert!(tasks >= 20, "{tasks}");
}

#[test]
fn an_exercise_is_read_as_it_is() {
    let project = Project::new(&EXERCISE);
    let ran = eval(&project, "p", &[&REFERENCE[..], &["--json"]].concat());
    let report = ran.json();
    let task = &report["tasks"][0];
    assert_eq!(
        (&task["task"], &task["language"], &task["result"]),
        (&json!("python/twice"), &json!("python"), &json!("passed"))
    );
}

#[test]
fn a_model_that_replaces_the_tests_has_not_passed() {
    let project = Project::new(&EXERCISE);
    let replies = vec![write("twice_test.py", "import unittest\n"), Reply::text("Done.")];
    let server = Server::openai(replies);
    let ran = with_model(&project, "p", &server, &["--goal", "50"]);
    assert_eq!((&ran.json()["failed"], ran.code), (&json!(1), Some(1)), "{}", ran.err);
    let asked = server.requests()[0].json();
    let prompt = asked["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    let numbers = prompt.find("They are many.").unwrap();
    assert!(prompt.find("Double it.").unwrap() > numbers && prompt.contains("changing twice.py"), "{prompt}");
    // The tests are not the model's to see.
    assert!(!asked.to_string().contains("twice_test"), "{asked}");
}

#[test]
fn what_goes_to_another_machine_stays_in_the_users_record() {
    let project = several(&["word"]);
    let home = tempfile::tempdir().unwrap();
    let server = Server::openai(vec![write("answer", "yes\n"), Reply::text("Done.")]);
    let url = server.url();
    let mut garth = project.garth(&["eval", "t", "--provider", "openai", "--url", &url, "--model", "test", "--json"]);
    let output = garth.env("GARTH_HOME", home.path()).env("GARTH_MODEL__LOCAL", "false").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = project.garth(&["exposure", "--json"]).env("GARTH_HOME", home.path()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.matches(&url).count(), server.requests().len(), "{lines}");
}

#[test]
fn a_second_try_is_told_what_the_check_said() {
    let project = Project::new(&WORD);
    let replies =
        || vec![write("answer", "maybe\n"), Reply::text("Done."), write("answer", "yes\n"), Reply::text("Done.")];
    let server = Server::openai(replies());
    let ran = with_model(&project, "t", &server, &["--tries", "2"]);
    let report = ran.json();
    assert_eq!((&report["tasks"][0]["passed_at"], &report["steps"]), (&json!(2), &json!(4)), "{report:#}");
    assert!(server.requests()[2].json().to_string().contains("the answer is maybe"));
    let server = Server::openai(replies());
    assert_eq!(with_model(&project, "t", &server, &[]).json()["failed"], 1);
}

#[test]
fn prompts_that_a_limit_kept_back_are_said_after_the_retry() {
    let project = Project::new(&WORD[..3]);
    project.write("t/word/task.toml", &WORD[0].1.replace("answer.\"]", "answer.\", \"Say goodbye.\"]"));
    let server = Server::openai(vec![write("answer", "maybe\n"), Reply::text("Well."), write("answer", "yes\n")]);
    let ran = with_model(&project, "t", &server, &["--tries", "2", "--max-steps", "1"]);
    let report = ran.json();
    assert_eq!(report["tasks"][0]["passed_at"], 2, "{report:#} {}", ran.err);
    let asked: Vec<String> = server.requests().iter().map(|request| request.json().to_string()).collect();
    let said: Vec<_> =
        asked.iter().map(|asked| (asked.contains("the answer is maybe"), asked.contains("Say goodbye."))).collect();
    assert_eq!(said, [(false, false), (true, false), (true, true)]);
}

#[test]
fn a_check_that_passes_untouched_judges_nobody() {
    let project = several(&["sound", "word"]);
    project.write("t/sound/check/check.sh", "exit 0\n");
    let server = Server::openai(vec![write("answer", "yes\n"), Reply::text("Done.")]);
    let ran = with_model(&project, "t", &server, &["--results", "r.jsonl"]);
    let report = ran.json();
    assert_eq!((&report["unusable"], &report["passed"], ran.code), (&json!(1), &json!(1), Some(2)), "{}", ran.err);
    assert_eq!(report["tasks"][0]["why"], "its check passes before anything was done");
    assert_eq!((server.requests().len(), project.read("r.jsonl").lines().count()), (2, 1));
}

#[test]
fn a_goal_says_which_tasks_it_does_not_count() {
    let project = several(&["needs", "word"]);
    project.write("t/needs/task.toml", &format!("{}needs = [\"no-such-program\"]\n", WORD[0].1));
    let ran = eval(&project, "t", &[&REFERENCE[..], &["--goal", "100"]].concat());
    let expected = "the goal of 100 % is reached: 1 of 1 passed; not counted: 1 skipped";
    assert!(ran.code == Some(0) && ran.err.contains(expected), "{}", ran.err);
}

#[test]
fn what_is_finished_is_not_run_again() {
    let project = Project::new(&WORD);
    let run = || {
        let server = Server::openai(vec![write("answer", "yes\n"), Reply::text("Done.")]);
        let ran = with_model(&project, "t", &server, &["--results", "r.jsonl"]);
        (ran, server.requests().len())
    };
    let (first, asked) = run();
    assert_eq!((&first.json()["passed"], asked), (&json!(1), 2), "{}", first.err);
    // Every run has a server of its own, so the model's name is all that stays; its place is part of it.
    let line = project.read("r.jsonl");
    let again = |text: &str| {
        project.write("r.jsonl", text);
        let server = Server::openai(vec![write("answer", "yes\n"), Reply::text("Done.")]);
        let mut kept: Value = serde_json::from_str(line.trim()).unwrap();
        kept["model"] = json!(format!("test at {}", server.url()));
        project.write("r.jsonl", &text.replace("LINE", &kept.to_string()));
        let ran = with_model(&project, "t", &server, &["--results", "r.jsonl"]);
        assert_eq!(ran.json()["passed"], 1, "{}", ran.err);
        server.requests().len()
    };
    assert_eq!(again("LINE\n"), 0);
    assert_eq!(again("{\"cut off\nLINE\n{\"task\": \"t"), 0);
    assert_eq!(again(&line), 2, "of another model");
    assert_eq!(again("{\"name\": \"shop\"}\nLINE\n"), 0);
    project.write("t/word/check/check.sh", "grep -q yes answer\n");
    assert_eq!(again("LINE\n"), 2, "of a task that has changed");
    let unnamed = ["--provider", "openai", "--url", "http://127.0.0.1:9", "--results", "r.jsonl"];
    let ran = eval(&project, "t", &unnamed);
    assert!(ran.code == Some(2) && ran.err.contains("name it with --model"), "{}", ran.err);
    project.write("notes.txt", "Nothing of mine should be lost.");
    let ran = eval(&project, "t", &[&REFERENCE[..], &["--results", "notes.txt"]].concat());
    assert!(ran.code == Some(2) && ran.err.contains("holds something else than results"), "{}", ran.err);
    assert_eq!(project.read("notes.txt"), "Nothing of mine should be lost.");
}

#[test]
fn what_was_finished_before_it_was_killed_is_not_run_again() {
    let project = several(&["a", "b", "c"]);
    // The second waits for a file that never comes.
    project.write("t/b/check/check.sh", "until test -e never; do sleep 1; done\n");
    let reference = [&["eval", "t"][..], &REFERENCE, &["--json", "--jobs", "1", "--results", "r.jsonl"]].concat();
    let mut first = project.garth(&reference).spawn().unwrap();
    while !project.root().join("r.jsonl").exists() || project.read("r.jsonl").lines().count() < 1 {
        assert_eq!(first.try_wait().unwrap(), None, "it waits");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let kept = project.read("r.jsonl");
    project.write("t/b/check/check.sh", WORD[2].1);
    let ran = eval(&project, "t", &reference[2..]);
    assert_eq!((&ran.json()["passed"], ran.code), (&json!(3), Some(0)), "{}", ran.err);
    let now = project.read("r.jsonl");
    assert!(now.starts_with(&kept) && now.lines().count() == 3, "{now}");
}

#[test]
fn a_server_that_is_away_says_nothing_of_the_model() {
    let project = Project::new(&WORD);
    let args =
        ["--provider", "openai", "--url", "http://127.0.0.1:9", "--model", "test", "--json", "--results", "r.jsonl"];
    let ran = eval(&project, "t", &args);
    assert_eq!((&ran.json()["not_run"], ran.code), (&json!(1), Some(1)), "{}", ran.err);
    assert_eq!(project.read("r.jsonl"), "");
}

#[test]
fn only_a_server_that_stays_away_ends_the_run() {
    let check = |replies: Vec<Reply>, (passed, not_run): (u32, u32), asked: usize| {
        let server = Server::openai(replies);
        let ran = with_model(&several(&["a", "b", "c", "d"]), "t", &server, &[]);
        let report = ran.json();
        assert_eq!((&report["passed"], &report["not_run"]), (&json!(passed), &json!(not_run)), "{}", ran.err);
        assert_eq!((server.requests().len(), ran.code), (asked, Some(1)), "{}", ran.err);
    };
    // Nothing that is tried again.
    let fails = || Reply::status(501, "not now");
    check(vec![fails(), fails(), fails()], (0, 4), 3);
    check(vec![fails(), fails(), write("answer", "yes\n"), Reply::text("Done."), fails()], (1, 3), 5);
    check(vec![Reply::status(401, "no such key")], (0, 4), 1);
}

#[test]
fn a_task_that_cannot_be_used_takes_no_other_with_it() {
    let toml = WORD[0].1;
    let project = Project::new(&WORD);
    let file = |path: &str, text: &str| project.write(&format!("t/{path}"), text);
    file("link/task.toml", toml);
    std::fs::create_dir(project.root().join("t/link/files")).unwrap();
    symlink("/etc/passwd", project.root().join("t/link/files/answer")).unwrap();
    file("large/task.toml", toml);
    file("large/files/answer", "");
    std::fs::File::create(project.root().join("t/large/files/answer")).unwrap().set_len(1 << 33).unwrap();
    file("up/.meta/config.json", r#"{"files": {"solution": ["../../x.py"], "test": ["x_test.py"], "example": []}}"#);
    file("tests/task.toml", &format!("{toml}tests = [\"../../secret\"]\n"));
    file("path/task.toml", &toml.replace("\"sh\"", "\"./sh\""));
    file("key/task.toml", &format!("{toml}timeout = \"1s\"\n"));
    file("sound/task.toml", toml);
    file("sound/check/check.sh", "exit 0\n");
    file("sound/reference/answer", "yes\n");
    file("hours/task.toml", &format!("{toml}time = \"1h\"\n"));
    file("linked/task.toml", toml);
    symlink(project.root().join("t/word/check"), project.root().join("t/linked/check")).unwrap();
    file("git/task.toml", &toml.replace("[\"sh\", \"check.sh\"]", "[\"git\", \"-c\", \"a=b\", \"status\"]"));
    file("git/reference/answer", "yes\n");
    file("silent/task.toml", "language = \"shell\"\ncheck = [\"sh\", \"check.sh\"]\n");
    std::fs::create_dir(project.root().join("t").join(OsStr::from_bytes(b"odd-\xff"))).unwrap();
    file("needs/task.toml", &format!("{toml}needs = [\"no-such-\\u001b[2Jprogram\"]\n"));
    file("slow/task.toml", "language = \"shell\"\nprompts = [\"x\"]\ncheck = [\"sleep\", \"600\"]\ntime = \"1s\"\n");
    file("slow/reference/answer", "yes\n");
    let outside = project.root().join("outside");
    std::fs::write(&outside, "secret").unwrap();
    file(
        "walls/task.toml",
        &toml.replace("\"check.sh\"", &format!("\"-c\", \"grep -q yes answer && cat {}\"", outside.display())),
    );
    file("walls/reference/answer", "yes\n");
    let scribble = format!("\"-c\", \"grep -q yes answer && echo x > {}\"", outside.display());
    file("writes/task.toml", &toml.replace("\"check.sh\"", &scribble));
    file("writes/reference/answer", "yes\n");
    let ran = eval(&project, "t", &REFERENCE);
    assert_eq!((ran.code, std::fs::read_to_string(&outside).unwrap().as_str()), (Some(2), "secret"));
    assert!(!(ran.out.clone() + &ran.err).contains('\u{1b}'));
    let stable: Vec<String> = ran.out.lines().map(|line| without_times(line, project.root())).collect();
    insta::assert_snapshot!("eval_hostile", stable.join("\n"));
}

/// Without what differs from run to run.
fn without_times(line: &str, root: &Path) -> String {
    let line = line.replace(&root.display().to_string(), "ROOT");
    let times = |word: &str| word.parse::<f64>().is_ok() || word == "ms" || word == "s" || word == "min";
    match line.rfind("  ").filter(|at| line[*at..].split_whitespace().all(times)) {
        Some(at) if line[at..].split_whitespace().count() > 1 => format!("{}  TIME", line[..at].trim_end()),
        _ => match line.split_once(" steps, ") {
            Some((before, _)) => format!("{before} steps, TIME"),
            None => line,
        },
    }
}

#[test]
fn nothing_to_do_is_wrong_usage() {
    let project = Project::new(&WORD);
    for (args, complaint) in [
        (&["nowhere"][..], "the tasks cannot be read: nowhere"),
        (&[".garth"], "holds no tasks"),
        (&["t", "no-such-task"], "no task of t has no-such-task in its name"),
        (&["t", "--goal", "101"], "101"),
    ] {
        let ran = eval(&project, args[0], &[&args[1..], &REFERENCE].concat());
        assert!(ran.code == Some(2) && ran.err.contains(complaint), "{args:?}: {}", ran.err);
    }
}

#[test]
fn the_simulated_model_shows_what_each_mechanism_is_worth() {
    let project = Project::new(&WORD);
    let output = project.garth(&["bench", "resilience", "--tasks", "t", "--json"]).output().unwrap();
    let figures: Vec<Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let passed = |figure: &&Value| figure["name"].as_str().unwrap().starts_with("resilience: passed");
    let shares: Vec<f64> = figures.iter().filter(passed).map(|figure| figure["figure"].as_f64().unwrap()).collect();
    assert!(shares.len() > 3, "{figures:?} {}", String::from_utf8_lossy(&output.stderr));
    // The first is with everything on. Nobody does better with less.
    assert!(shares.iter().all(|share| *share <= shares[0]), "{figures:?}");
    let output = project.garth(&["bench", "resilience", "--tasks", "nowhere"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the tasks are named with --tasks"));
}
