//! A check that fails again in the same place: small conversations beside the one in which it failed, the report, and the way
//! back to the files as they were.

use serde_json::{Value, json};

use super::approval::user_home;
use super::project::Ran;
use super::{Project, steps::prefix_is_stable};
use crate::server::{Dialect, Recorded, Reply, Server};

const GOOD: &str = "{\"a\": 0}\n";
const BAD: &str = "{\n  \"a\": 1,\n}\n";
/// The same error, further down.
const BAD_LOWER: &str = "{\n  \"a\": 1,\n  \"b\": 2,\n}\n";
const TOLD: &str = "[Garth has tried in a conversation of its own: ";

fn write(content: &str) -> Reply {
    Reply::call("write_file", json!({"path": "a.json", "content": content}))
}

fn edit(old: &str, new: &str) -> Reply {
    Reply::call("edit_file", json!({"path": "a.json", "old_text": old, "new_text": new}))
}

fn run(project: &Project, server: &Server, settings: &[(&str, &str)], args: &[&str]) -> Ran {
    let url = server.url();
    let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto"];
    let mut garth = project.garth(&[&fixed[..], args, &["count to two in a.json"]].concat());
    garth.envs(settings.iter().copied());
    project.finish(garth)
}

/// What the request was last told: role and text.
fn last(request: &Recorded) -> (String, String) {
    let message = request.json()["messages"].as_array().unwrap().last().unwrap().clone();
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_string();
    (text("role"), text("content"))
}

fn tools(request: &Recorded) -> Vec<String> {
    let tools = request.json()["tools"].as_array().unwrap().clone();
    tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_string()).collect()
}

/// Asserts that these requests, by their numbers, are one conversation.
fn together(requests: &[Recorded], numbers: &[usize]) {
    prefix_is_stable(&numbers.iter().map(|number| requests[*number].clone()).collect::<Vec<_>>());
}

/// Goes on with the session; the request that it sends.
fn resumed(project: &Project) -> Recorded {
    let server = Server::openai(vec![Reply::text("Yes.")]);
    project.run(&server, Dialect::OpenAi, &["--resume", "latest"], "and now?").expect(0);
    server.requests().remove(0)
}

#[test]
fn an_error_that_stays_is_repaired_in_a_small_conversation() {
    let project = Project::new(&[]);
    let replies = vec![write(BAD), write(BAD_LOWER), edit("  \"b\": 2,\n", "  \"b\": 2\n"), Reply::text("Counted.")];
    let server = Server::openai(replies);
    let ran = run(&project, &server, &[], &[]);
    assert_eq!(ran.expect(0).end(), "done");
    assert_eq!(project.read("a.json"), BAD_LOWER.replace("2,", "2"));
    let begun = ran.all("mend_started")[0];
    assert_eq!((&begun["approach"], &begun["file"], &begun["line"]), (&json!("narrow"), &json!("a.json"), &json!(4)));
    assert_eq!(begun["reason"], "the check json failed in the same way after 2 writes");
    assert_eq!(
        (&ran.all("mend_ended")[0]["mended"], ran.all("turn_ended")[0]["steps"].as_u64()),
        (&json!(true), Some(4))
    );

    let requests = server.requests();
    let narrow = requests[2].json();
    assert_eq!(narrow["messages"].as_array().unwrap().len(), 2, "nothing of the other conversation");
    assert_eq!(tools(&requests[2]), ["read_file", "edit_file"]);
    let (_, prompt) = last(&requests[2]);
    for part in ["a.json:4: trailing comma\nLine 4 reads: }", BAD_LOWER.trim_end(), "count to two in a.json"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    together(&requests, &[0, 1, 3]);
    let (role, told) = last(&requests[3]);
    assert_eq!(role, "tool", "the note ends the result of the write that failed");
    assert!(told.contains("json found an error:") && told.contains(TOLD), "{told}");
    assert!(told.contains("-  \"b\": 2,\n+  \"b\": 2\n") && told.contains("Go on with the task."), "{told}");
    prefix_is_stable(&[requests[3].clone(), resumed(&project)]);
}

#[test]
fn what_helps_nothing_is_given_up_with_a_report_and_the_files_can_be_put_back() {
    let project = Project::new(&[("a.json", GOOD)]);
    let server = Server::openai(vec![
        write(BAD),
        write(BAD_LOWER),
        Reply::call("run", json!({"command": "rm a.json"})),
        edit("\"a\": 1,", "\"a\": 7,\n  \"c\": 3,"),
        write(BAD),
        Reply::text("I cannot."),
    ]);
    let ran = run(&project, &server, &[("GARTH_AGENT__MEND_STEPS", "2")], &[]);
    assert_eq!(ran.expect(1).error(), "gave up on a.json:3: trailing comma");
    let begun = ran.all("mend_started");
    let ways: Vec<(&Value, &Value)> = begun.into_iter().map(|event| (&event["approach"], &event["line"])).collect();
    assert_eq!(ways, [(&json!("narrow"), &json!(4)), (&json!("anew"), &json!(5))], "it is where it stands by then");
    assert!(ran.notices().contains("a.json was put back to what it was before"), "{}", ran.notices());
    assert_eq!(ran.results()[2], ("invalid", "run: it is not on offer now; use read_file or edit_file"));

    let requests = server.requests();
    for conversation in [[0, 1], [2, 3], [4, 5]] {
        together(&requests, &conversation);
    }
    let (_, prompt) = last(&requests[4]);
    for part in ["has been put back", "-{\"a\": 0}\n+{\n+  \"a\": 7,", "as they are now:\n```\n{\"a\": 0}\n```"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    let report = ran.all("gave_up")[0];
    assert_eq!(report["failing"], json!([{"check": "json", "file": "a.json", "line": 3, "message": "trailing comma"}]));
    assert_eq!(report["files"], json!(["a.json"]));
    let session = ran.all("session_started")[0]["session"].as_str().unwrap();
    assert_eq!(report["restore"], format!("garth sessions restore {session} --turn 1"));
    let text = report["text"].as_str().unwrap();
    let kept = "(a.json was put back to what it was before the first change that failed (blobs/";
    for part in ["- a.json:3: trailing comma (json)", "in 2 requests: it still fails", kept, "/restore 1"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let request = resumed(&project);
    let messages = request.json()["messages"].as_array().unwrap().clone();
    let roles: Vec<&str> = messages.iter().rev().take(3).map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool"]);
    assert_eq!(messages[messages.len() - 2]["content"], text);
    together(&[requests[1].clone(), request], &[0, 1]);

    let restore = |args: &[&str]| project.garth(&[&["sessions", "restore"], args].concat()).output().unwrap();
    let back = restore(&[session, "--turn", "1"]);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    assert_eq!(project.read("a.json"), GOOD);
    assert!(restore(&["latest"]).status.success(), "it is taken back");
    assert_eq!(project.read("a.json"), BAD);
    project.write("a.json", "somebody else's\n");
    let refused = restore(&[session, "--turn", "1"]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!((refused.status.code(), project.read("a.json").as_str()), (Some(1), "somebody else's\n"));
    assert!(said.contains("left alone: a.json: it was changed by somebody else as well"), "{said}");
}

#[test]
fn a_check_of_which_nothing_can_be_read_has_no_error_to_mend() {
    let project = Project::new(&[]);
    let settings = [
        ("GARTH_CHECKS__MINE__FILES", "*.txt"),
        ("GARTH_CHECKS__MINE__MESSAGES", "^(?<line>[0-9]+): (?<message>.+)$"),
        ("GARTH_CHECKS__MINE__COMMAND", r#"["sh", "-c", "echo broken; exit 1"]"#),
    ];
    let write = |content: &str| Reply::call("write_file", json!({"path": "a.txt", "content": content}));
    let server = Server::openai(vec![write("one\n"), write("two\n"), Reply::text("Counted.")]);
    let ran = run(&project, &server, &settings, &[]);
    let ends: Vec<&Value> = ran.expect(0).all("checked").into_iter().map(|event| &event["end"]).collect();
    assert_eq!(ends, ["unclear", "unclear"]);
    assert!(ran.all("mend_started").is_empty(), "{:?}", ran.all("mend_started"));
    assert_eq!(project.read("a.txt"), "two\n");
}

#[test]
fn a_file_that_the_task_has_made_is_written_from_scratch() {
    let project = Project::new(&[]);
    let vague = || Reply::text("I would add a brace.");
    let server =
        Server::openai(vec![write(BAD), write(BAD_LOWER), vague(), vague(), write(GOOD), Reply::text("Counted.")]);
    let ran = run(&project, &server, &[], &[]);
    assert_eq!((ran.expect(0).end(), project.read("a.json").as_str()), ("done", GOOD));
    let requests = server.requests();
    assert_eq!(last(&requests[3]).1, "[Nothing was changed yet. Make the change now: call one of the tools.]");
    together(&requests, &[2, 3]);
    let (_, prompt) = last(&requests[4]);
    assert!(
        prompt.contains("Write the file once more from scratch") && prompt.contains("call write_file once"),
        "{prompt}"
    );
    assert_eq!(tools(&requests[4]), ["read_file", "write_file", "edit_file"]);
    together(&requests, &[0, 1, 5]);
    assert_eq!(last(&requests[5]).1.matches(TOLD).count(), 2, "both attempts are told");
    prefix_is_stable(&[requests[5].clone(), resumed(&project)]);
}

#[test]
fn a_file_that_was_put_back_and_left_so_is_not_said_to_fail() {
    let project = Project::new(&[("a.json", GOOD)]);
    let vague = || Reply::text("I would add a brace.");
    let server = Server::openai([write(BAD), write(BAD_LOWER)].into_iter().chain((0..4).map(|_| vague())).collect());
    let ran = run(&project, &server, &[], &[]);
    assert_eq!((ran.expect(1).end(), project.read("a.json").as_str()), ("failed", GOOD));
    let report = ran.all("gave_up")[0];
    assert_eq!(report["failing"], json!([]));
    let text = report["text"].as_str().unwrap();
    assert!(text.contains("a.json passes its check again, since the change that failed was taken back"), "{text}");
    assert!(text.contains(": the file was put back, and nothing was changed after that"), "{text}");
}

#[test]
fn what_nothing_may_write_is_not_put_back() {
    let project = Project::new(&[("a.json", GOOD)]);
    let vague = || Reply::text("I would add a brace.");
    let server =
        Server::openai(vec![write(BAD), write(BAD_LOWER), vague(), vague(), write(GOOD), Reply::text("Counted.")]);
    let home = user_home("[[approval.rules]]\neffect = \"allow\"\ntool = \"write_file\"\n");
    let ran = project.run_at_home(&server, home.path(), &["--approval", "never"], "count to two in a.json");
    assert_eq!((ran.expect(0).end(), project.read("a.json").as_str()), ("done", GOOD));
    let ways: Vec<&Value> = ran.all("mend_started").iter().map(|event| &event["approach"]).collect();
    assert_eq!(ways, ["narrow", "anew"]);
    assert!(!ran.notices().contains("put back"), "{}", ran.notices());
    let (_, prompt) = last(&server.requests()[4]);
    assert!(prompt.contains("once more from scratch") && prompt.contains("\"b\": 2,"), "{prompt}");
    together(&server.requests(), &[0, 1, 5]);
}

#[test]
fn a_small_set_of_tools_mends_with_its_own() {
    let project = Project::new(&[]);
    let replies = vec![write(BAD), write(BAD_LOWER), edit("  \"b\": 2,\n", "  \"b\": 2\n"), Reply::text("Counted.")];
    let server = Server::openai(replies);
    let ran = run(&project, &server, &[("GARTH_TOOLS__SET", "small")], &[]);
    assert_eq!(ran.expect(0).all("mend_ended")[0]["mended"], true);
    let requests = server.requests();
    let mut offered = tools(&requests[2]);
    offered.sort();
    assert_eq!(offered, ["edit_file", "find_and_read"]);
    assert!(!last(&requests[2]).1.contains("read_file"), "{}", last(&requests[2]).1);
}

#[test]
fn an_error_of_a_project_is_known_again_on_another_line() {
    let manifest = "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let project = Project::new(&[("Cargo.toml", manifest), ("src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n")]);
    let write = |text: &str| Reply::call("write_file", json!({"path": "src/lib.rs", "content": text}));
    let server = Server::openai(vec![
        write("pub fn one() -> u32 {\n    \"one\"\n}\n"),
        write("//! Numbers.\n\npub fn one() -> u32 {\n    \"1\"\n}\n"),
        Reply::call("edit_file", json!({"path": "src/lib.rs", "old_text": "\"1\"", "new_text": "1"})),
        Reply::text("Counted."),
    ]);
    let ran = run(&project, &server, &[], &[]);
    assert_eq!(ran.expect(0).all("mend_ended")[0]["mended"], true);
    assert_eq!(ran.all("mend_started")[0]["line"], 4);
    let (_, prompt) = last(&server.requests()[2]);
    assert!(prompt.contains("src/lib.rs:4: error[E0308]: mismatched types"), "{prompt}");
    assert!(prompt.contains("\nLine 4 reads: \"1\"\n"), "{prompt}");
}

#[test]
fn a_command_apart_mends_too_and_only_its_answer_is_kept() {
    let project = Project::new(&[(".garth/commands/count.md", "---\ncontext: fork\n---\nCount in a.json.\n")]);
    let server = Server::openai(vec![write(BAD), write(BAD_LOWER), edit("2,", "2"), Reply::text("Counted in a.json.")]);
    let url = server.url();
    let fixed = ["run", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto", "/count"];
    let output = project.garth(&fixed).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Counted in a.json.\n");
    let requests = server.requests();
    together(&requests, &[0, 1, 3]);
    assert!(last(&requests[2]).1.contains("Count in a.json."), "the task is what the command says");
    let messages = resumed(&project).json()["messages"].as_array().unwrap().clone();
    let said: Vec<&str> = messages[1..].iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["/count", "Counted in a.json.", "and now?"]);
}

#[test]
fn what_is_said_in_an_attempt_is_no_answer() {
    let project = Project::new(&[]);
    let vague = || Reply::text("I would add a brace.");
    let server =
        Server::openai(vec![write(BAD), write(BAD_LOWER), vague(), vague(), write(GOOD), Reply::text("Counted.")]);
    let url = server.url();
    let fixed = ["run", "--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto", "count"];
    let output = project.garth(&fixed).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Counted.\n");
}

#[test]
fn it_is_switched_off_by_a_setting() {
    let project = Project::new(&[]);
    let server = Server::openai(vec![write(BAD), write(BAD_LOWER), Reply::text("Counted.")]);
    let ran = run(&project, &server, &[("GARTH_AGENT__MEND_AFTER", "0")], &[]);
    assert!(ran.expect(0).all("mend_started").is_empty());
    prefix_is_stable(&server.requests());
}

#[test]
fn the_steps_of_the_turn_bound_the_attempts() {
    let project = Project::new(&[]);
    let server = Server::openai(vec![write(BAD), write(BAD_LOWER), edit("\"a\": 1", "\"a\": 2")]);
    let ran = run(&project, &server, &[], &["--max-steps", "3"]);
    assert_eq!(ran.expect(3).end(), "step_limit");
    assert_eq!((ran.all("mend_ended").len(), ran.all("gave_up").len()), (1, 0), "it has not come to that");
}

#[test]
fn a_server_that_fails_meanwhile_ends_the_turn_and_nothing_is_lost() {
    let project = Project::new(&[]);
    let server = Server::openai(vec![write(BAD), write(BAD_LOWER), Reply::status(400, "no more")]);
    let ran = run(&project, &server, &[], &[]);
    assert!(ran.expect(1).error().contains("no more"), "{}", ran.error());
    assert_eq!(ran.all("mend_ended")[0]["mended"], false);
    let request = resumed(&project);
    together(&[server.requests()[1].clone(), request], &[0, 1]);
}

#[test]
fn in_a_conversation_files_are_put_back_and_the_model_hears_of_it() {
    let project = Project::new(&[("a.json", GOOD)]);
    let server = Server::openai(vec![write("{}\n"), Reply::text("Written."), Reply::text("I see.")]);
    let url = server.url();
    let lines = project.outside().join("lines");
    std::fs::write(&lines, "write it\n/restore\nand now?\n").unwrap();
    let mut garth = project.garth(&["--provider", "openai", "--url", &url, "--model", "test", "--approval", "auto"]);
    let output = garth.stdin(std::fs::File::open(lines).unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("put back: a.json"), "{said}");
    assert_eq!(project.read("a.json"), GOOD);
    let requests = server.requests();
    let told =
        "[The user has put these files back to an earlier state: a.json. Read them again before you change them.]";
    assert_eq!(last(&requests[2]), ("user".into(), format!("{told}\n\nand now?")));
    prefix_is_stable(&requests);
    prefix_is_stable(&[requests[2].clone(), resumed(&project)]);
}

#[test]
fn an_error_that_was_there_before_the_task_is_left_alone() {
    let project = Project::new(&[("a.json", BAD)]);
    let replies =
        ["  \"b\": 2,", "  \"c\": 3,", "  \"d\": 4,"].map(|line| edit("  \"a\": 1,", &format!("  \"a\": 1,\n{line}")));
    let [first, second, third] = replies;
    let server = Server::openai(vec![first, second, Reply::text("I cannot."), third, Reply::text("The rest is done.")]);
    let ran = run(&project, &server, &[("GARTH_AGENT__MEND_STEPS", "1")], &[]);
    assert_eq!(ran.expect(0).end(), "done");
    let lines = "{\n  \"a\": 1,\n  \"d\": 4,\n  \"c\": 3,\n  \"b\": 2,\n}\n";
    assert_eq!(project.read("a.json"), lines, "what the task has written stays");
    let ends: Vec<&str> = ran.all("mend_ended").iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(ends.len(), 2, "it is not tried again after the third write: {ends:?}");
    assert!(ends[1].contains("the check json found the same in a.json as it was before the task"), "{}", ends[1]);
    assert!(ends[1].contains("It is not of your making") && ran.all("gave_up").is_empty(), "{}", ends[1]);
    together(&server.requests(), &[0, 1, 3, 4]);
}
