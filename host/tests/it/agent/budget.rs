//! The window as a budget: nothing is sent that does not fit, the conversation is shortened in one step, and between such
//! steps only appended to.

use serde_json::{Value, json};

use super::project::Ran;
use super::{Project, steps::prefix_is_stable};
use crate::server::{Dialect, Reply, Server};

const FILES: usize = 12;

/// Files of about 700 tokens each.
fn project() -> Project {
    let project = Project::new(&[]);
    for number in 0..FILES {
        let text: String = (0..70).map(|line| format!("file {number}, line {line}: some words of prose\n")).collect();
        project.write(&format!("f{number}.txt"), &text);
    }
    project
}

/// Reads all files one after the other.
fn reads() -> Vec<Reply> {
    let read = |number| Reply::call("read_file", json!({"path": format!("f{number}.txt")}));
    (0..FILES).map(read).chain([Reply::text("I have read them all.")]).collect()
}

fn run(project: &Project, server: &Server, window: &str, args: &[&str]) -> Ran {
    let url = server.url();
    let fixed = ["run", "--json", "--provider", "openai", "--url", &url, "--model", "test"];
    let mut garth = project.garth(&[&fixed[..], args, &["read them"]].concat());
    garth.env("GARTH_MODEL__NUM_CTX", window);
    project.finish(garth)
}

fn messages(request: &crate::server::Recorded) -> Vec<Value> {
    request.json()["messages"].as_array().unwrap().clone()
}

#[test]
fn a_long_turn_is_compacted_once_in_many_steps() {
    let project = project();
    let server = Server::openai(reads());
    let ran = run(&project, &server, "8192", &[]);
    ran.expect(0);
    let compacted = ran.all("compacted");
    assert!((1..=2).contains(&compacted.len()), "{} times", compacted.len());
    let (before, after) = (compacted[0]["before"].as_u64().unwrap(), compacted[0]["after"].as_u64().unwrap());
    assert!(before >= 8192 * 3 / 4 && after <= 8192 / 2, "{before} to {after}");
    let requests = server.requests();
    assert_eq!(requests.len(), FILES + 1);
    let shorter =
        |at: &usize| messages(&requests[*at]).to_vec() != messages(&requests[at + 1])[..messages(&requests[*at]).len()];
    let cuts: Vec<usize> = (0..FILES).filter(shorter).collect();
    assert_eq!(cuts.len(), compacted.len(), "the prefix changes just there: {cuts:?}");
    prefix_is_stable(&requests[..=cuts[0]]);
    let next = &requests[cuts[0] + 1];
    assert_eq!(next.json()["tools"], requests[0].json()["tools"]);
    assert!(next.body.contains("left out; call again"), "{}", next.body);
    assert!(next.body.contains("read them"), "the task stays");
    assert!(next.body.contains(&format!("file {}, line 69", cuts[0])), "the newest result stays whole");
}

#[test]
fn a_compacted_conversation_is_resumed_with_the_same_bytes() {
    let project = project();
    let server = Server::openai(reads());
    run(&project, &server, "8192", &[]).expect(0);
    let last = server.requests().pop().unwrap();
    let resumed = Server::openai(vec![Reply::text("Yes.")]);
    run(&project, &resumed, "8192", &["--resume", "latest"]).expect(0);
    let first = resumed.requests().remove(0);
    let (before, now) = (messages(&last), messages(&first));
    assert_eq!(now[..before.len()], before[..]);
}

#[test]
fn a_window_that_turns_out_smaller_is_learned_from_the_servers_answer() {
    let project = project();
    let mut replies = reads();
    let said = "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.";
    replies.insert(4, Reply::status(400, said));
    let server = Server::openai(replies);
    let ran = project.run(&server, Dialect::OpenAi, &[], "read them");
    ran.expect(0);
    let compacted = ran.all("compacted");
    // The full set was chosen before: it takes a third of such a window, and leaves room for a result or two.
    assert!(!compacted.is_empty() && compacted.len() <= 3 * FILES / 4, "{} times", compacted.len());
    assert_eq!(compacted[0]["window"], 4096);
    assert_eq!(ran.all("turn_ended")[0]["steps"], (FILES + 1) as u64, "the step was repeated");
}

#[test]
fn a_server_that_leaves_out_the_beginning_in_silence_is_noticed() {
    let project = project();
    let counts = [3_500, 4_050, 4_050, 4_000].into_iter().chain(std::iter::repeat(3_600));
    let replies: Vec<Reply> = reads().into_iter().zip(counts).map(|(reply, count)| reply.usage(count, 20, 0)).collect();
    let server = Server::openai(replies);
    let ran = project.run(&server, Dialect::OpenAi, &[], "read them");
    assert_eq!(ran.notices().matches("4050 is taken as its window").count(), 1, "{}", ran.notices());
    assert_eq!(ran.all("compacted")[0]["window"], 4_050);
}

#[test]
fn a_text_that_is_not_english_takes_no_more_of_the_window() {
    let project = Project::new(&[]);
    project.write("a.txt", &"这个函数返回配置文件中的数值并检查所有的边界条件以及错误处理\n".repeat(160));
    let read = Reply::call("read_file", json!({"path": "a.txt"}));
    let server = Server::openai(vec![read, Reply::text("Done.")]);
    run(&project, &server, "4096", &[]).expect(0);
    let result = messages(&server.requests()[1]).last().unwrap()["content"].to_string();
    let characters = result.chars().filter(|char| !char.is_ascii()).count();
    assert!((200..=512).contains(&characters), "an eighth of the window: {characters}");
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let project = project();
    let server = Server::openai(vec![]);
    let ran = run(&project, &server, "1024", &[]);
    ran.expect(1);
    assert!(ran.error().contains("room for 1024") && ran.error().contains("model.num_ctx"), "{}", ran.error());
    assert!(server.requests().is_empty());
}

#[test]
fn the_window_is_what_the_server_says() {
    let project = project();
    let models = json!({"data": [{"id": "test", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131_072}}]});
    let props = json!({"default_generation_settings": {"n_ctx": 8192}});
    let pages = vec![("/v1/models", 200, models), ("/props", 200, props)];
    let server = Server::with_pages(Dialect::OpenAi, reads(), pages);
    let ran = project.run(&server, Dialect::OpenAi, &[], "read them");
    assert_eq!(ran.expect(0).all("compacted")[0]["window"], 8192);
}

#[test]
fn the_model_sums_up_what_is_left_out_where_that_is_set() {
    let run = |server: &Server, summary: &str| {
        let project = project();
        let url = server.url();
        let mut garth =
            project.garth(&["run", "--json", "--provider", "openai", "--url", &url, "--model", "test", "read them"]);
        garth.env("GARTH_TOOLS__SET", "full").env("GARTH_MODEL__NUM_CTX", "6144").env("GARTH_AGENT__SUMMARY", summary);
        project.finish(garth)
    };
    let by_rules = Server::openai(reads());
    run(&by_rules, "rules").expect(0);
    let counts: Vec<usize> = by_rules.requests().iter().map(|request| messages(request).len()).collect();
    let folded = counts.windows(2).position(|pair| pair[1] < pair[0]).unwrap();

    let mut replies = reads();
    replies
        .insert(folded + 1, Reply::text("<think>What is it?</think>- The files hold prose.\n]\n- The user asked: no."));
    let server = Server::openai(replies);
    let ran = run(&server, "model");
    ran.expect(0);
    let requests = server.requests();
    assert!(requests[folded + 1].body.contains("about to be left out"), "{}", requests[folded + 1].body);
    prefix_is_stable(&requests[..=folded]);
    let (before, asked) = (messages(&requests[folded]), messages(&requests[folded + 1]));
    assert_eq!(asked[..before.len()], before[..], "asked behind what the server has read");
    assert_eq!(requests[folded + 1].json()["tools"], requests[folded].json()["tools"]);
    let next = messages(&requests[folded + 2]);
    let note = next[1]["content"].as_str().unwrap();
    assert!(
        note.contains("- Your own summary:\n    - The files hold prose.\n    - The user asked: no.\n]\n\nread them"),
        "{note}"
    );
    assert!(!note.contains("You called"), "{note}");
    // Later ones are answered with calls, which are no summaries: the rules' lines stand, and that is said.
    assert!(ran.notices().contains("gave none (it said nothing)"), "{}", ran.notices());
    let shown: Vec<_> = ran.all("text_delta").iter().map(|event| event["text"].to_string()).collect();
    assert!(!shown.concat().contains("hold prose"), "it is no answer to the user");
}
