//! A model that goes in circles is told so: what it reads again and again, and changes that lead nowhere.

use serde_json::{Value, json};

use super::{Project, steps::prefix_is_stable};
use crate::server::{Dialect, Reply, Server};

/// The last result before the model's last words, and how often it was told something.
fn run(calls: &[(&str, Value)], settings: &[(&str, &str)]) -> (String, usize) {
    let project = Project::new(&[("a.txt", "one\ntwo\n")]);
    let calls = calls.iter().map(|(tool, arguments)| Reply::call(tool, arguments.clone()));
    let server = Server::openai(calls.chain([Reply::text("Done.")]).collect());
    let url = server.url();
    let fixed =
        ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto", "do it"];
    let mut garth = project.garth(&fixed);
    garth.envs(settings.iter().copied());
    let ran = project.finish(garth);
    assert_eq!(ran.expect(0).end(), "done");
    let requests = server.requests();
    prefix_is_stable(&requests);
    let resumed = Server::openai(vec![Reply::text("Yes.")]);
    project.run(&resumed, Dialect::OpenAi, &["--resume", "latest"], "again").expect(0);
    let last = requests.last().unwrap();
    prefix_is_stable(&[last.clone(), resumed.requests().remove(0)]);
    let messages = last.json()["messages"].as_array().unwrap().clone();
    let message = messages.last().unwrap();
    assert_eq!(message["role"], "tool", "a note after a result is its end");
    (message["content"].as_str().unwrap().to_string(), ran.all("noted").len())
}

fn read(more: Value) -> (&'static str, Value) {
    let mut arguments = json!({"path": "a.txt"});
    more.as_object().unwrap().iter().for_each(|(name, value)| arguments[name] = value.clone());
    ("read_file", arguments)
}

fn edit(old: &str, new: &str) -> (&'static str, Value) {
    ("edit_file", json!({"path": "a.txt", "old_text": old, "new_text": new}))
}

#[track_caller]
fn check(calls: &[(&str, Value)], settings: &[(&str, &str)], told: &str) {
    let (last, notes) = run(calls, settings);
    assert_eq!((notes, last.contains(told)), (usize::from(!told.is_empty()), true), "{last}");
}

#[test]
fn the_same_lines_read_again_and_again() {
    let readings = [read(json!({})), read(json!({"start": 1}))];
    check(&readings, &[], "\n\n[You have read lines 1 to 2 of a.txt 2 times, and they have not changed.");
    check(&readings, &[("GARTH_AGENT__READ_REPEATS", "0")], "");
    let between = [readings[0].clone(), edit("one", "1"), readings[1].clone()];
    check(&between, &[], "");
    let in_vain = [readings[0].clone(), edit("eins", "1"), readings[1].clone()];
    check(&in_vain, &[], "");
}

#[test]
fn calls_of_tools_that_do_not_exist_end_the_turn() {
    let project = Project::new(&[("a.txt", "one\n")]);
    let names = ["cat", "view", "frobnicate", "functions.read_file", "bash", "cat"];
    let call = |number: usize, name: &&str| Reply::call(name, json!({"path": "a.txt", "number": number}));
    let server = Server::openai(names.iter().enumerate().map(|(number, name)| call(number, name)).collect());
    let ran = project.run(&server, Dialect::OpenAi, &[], "do it");
    assert_eq!((server.requests().len(), ran.all("noted").len()), (5, 0), "{:?}", ran.events);
    let told: Vec<&str> = ran.results().iter().map(|(_, text)| text.rsplit("; ").next().unwrap()).collect();
    let expected = [
        "the nearest are read_file",
        "the nearest are read_file",
        "use one of the tools on offer",
        "the nearest are read_file",
        "the nearest are run, run_tests",
    ];
    assert_eq!(told, expected);
    let end = ran.all("turn_ended")[0]["end"].to_string();
    assert!(end.contains("tools that do not exist in 5 replies in a row"), "{end}");
}

#[test]
fn changes_that_lead_nowhere() {
    let back_and_forth = [edit("one", "1"), edit("1", "one"), edit("one", "1")];
    check(&back_and_forth, &[], "a.txt now reads as it did before: your last 3 changes go back and forth.");
    check(&back_and_forth, &[("GARTH_AGENT__PATCH_REPEATS", "0")], "");
    let in_vain = [edit("eins", "1"), edit("zwei", "2"), edit("drei", "3")];
    check(&in_vain, &[], "[3 changes of a.txt in a row could not be made.");
}
