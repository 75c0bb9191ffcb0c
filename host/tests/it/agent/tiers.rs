//! More than one tier of models: which one each request goes to, what each of them sees, and what happens where one fails.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::project::Ran;
use super::{Project, steps::prefix_is_stable};
use crate::server::{Dialect, Recorded, Reply, Server, nowhere};

const HARD: (&str, &str) = (".garth/commands/hard.md", "---\ncomplexity: high\n---\nDo the hard thing: $ARGUMENTS\n");
const BAD: &str = "{\n  \"a\": 1,\n}\n";
const BAD_LOWER: &str = "{\n  \"a\": 1,\n  \"b\": 2,\n}\n";

fn write(content: &str) -> Reply {
    Reply::call("write_file", json!({"path": "a.json", "content": content}))
}

/// The settings of a tier on this server, and further ones.
fn tier(name: &str, url: &str, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = [("PROVIDER", "openai"), ("URL", url), ("NAME", "large")]
        .map(|(key, value)| (format!("GARTH_TIERS__{}__{key}", name.to_uppercase()), value.to_string()));
    let further = further.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    own.into_iter().chain(further).collect()
}

fn run(project: &Project, local: &str, settings: &[(String, String)], args: &[&str], task: &str) -> Ran {
    let fixed = ["run", "--json", "--provider", "openai", "--url", local, "--model", "test"];
    let mut garth = project.garth(&[&fixed[..], args, &[task]].concat());
    if !args.contains(&"--approval") {
        garth.args(["--approval", "auto"]);
    }
    garth.envs(settings.iter().cloned());
    project.finish(garth)
}

/// The tiers that the turn went to, each with the reason.
fn routed(ran: &Ran) -> Vec<(String, String)> {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_string();
    ran.all("routed").into_iter().map(|event| (text(event, "tier"), text(event, "reason"))).collect()
}

fn messages(request: &Recorded) -> Vec<Value> {
    request.json()["messages"].as_array().unwrap().clone()
}

#[test]
fn a_hard_command_goes_to_the_larger_model_and_the_next_task_comes_back() {
    let project = Project::new(&[HARD]);
    let heavy = Server::openai(vec![Reply::text("Done.").usage(1_000, 100, 400)]);
    let price = ("GARTH_TIERS__HEAVY__PRICE", "{ input = 1.0, output = 2.0, cached = 0.5 }");
    let settings = tier("heavy", &heavy.url(), &[price, ("GARTH_TIERS__HEAVY__TEMPERATURE", "0.5")]);
    let local = Server::openai(vec![Reply::text("Yes.").usage(10, 1, 0)]);
    let ran = run(&project, &local.url(), &settings, &[], "/hard it");
    assert_eq!(ran.expect(0).end(), "done");
    assert!(local.requests().is_empty());
    let sent = heavy.requests()[0].json();
    assert_eq!((&sent["model"], &sent["temperature"]), (&json!("large"), &json!(0.5)));
    let told = ran.all("routed")[0];
    assert_eq!(
        (&told["tier"], &told["model"], &told["provider"]),
        (&json!("heavy"), &json!("large"), &json!("openai"))
    );
    let reason = routed(&ran)[0].1.clone();
    assert!(reason.starts_with("the score 0.8") && reason.ends_with("reaches the threshold 0.75"), "{reason}");
    let command = told["parts"].as_array().unwrap().iter().find(|part| part["name"] == "command").unwrap();
    assert_eq!((&command["seen"], &command["adds"]), (&json!("complexity: high"), &json!(0.8)));
    let usage = ran.all("usage")[0];
    assert_eq!((&usage["tier"], &usage["cost"]), (&json!("heavy"), &json!(0.001)));

    let ran = run(&project, &local.url(), &settings, &["--resume", "latest"], "and now?");
    assert_eq!(routed(ran.expect(0))[0].0, "local");
    assert_eq!(ran.all("usage")[0]["cost"], Value::Null);
    let (before, now) = (messages(&heavy.requests()[0]), messages(&local.requests()[0]));
    assert_eq!(now[..before.len()], before[..], "it is the same conversation");
}

#[test]
fn a_task_with_errors_goes_up_and_each_tier_sees_one_growing_conversation() {
    let project = Project::new(&[("a.txt", "content\n")]);
    let read = |path: &str| Reply::call("read_file", json!({"path": path}));
    let local = Server::openai(vec![read("x.txt"), read("y.txt"), read("z.txt")]);
    let heavy = Server::openai(vec![read("a.txt"), read("."), Reply::text("Read.")]);
    let settings = tier("heavy", &heavy.url(), &[("GARTH_ROUTER__THRESHOLD", "0.3")]);
    let ran = run(&project, &local.url(), &settings, &[], "read them");
    assert_eq!(ran.expect(0).end(), "done");
    let tiers: Vec<String> = routed(&ran).into_iter().map(|(tier, _)| tier).collect();
    assert_eq!(tiers, ["local", "heavy"]);
    let (local, heavy) = (local.requests(), heavy.requests());
    assert_eq!((local.len(), heavy.len()), (3, 3));
    prefix_is_stable(&local);
    prefix_is_stable(&heavy);
    let last = messages(&local[2]);
    assert_eq!(messages(&heavy[0])[..last.len()], last[..]);
    assert_eq!(heavy[0].json()["tools"], local[0].json()["tools"], "the tools stay");
}

#[test]
fn what_no_attempt_repairs_goes_on_with_the_next_tier_where_that_is_wanted() {
    let vague = || Reply::text("I would add a brace.");
    let local = || Server::openai([write(BAD), write(BAD_LOWER)].into_iter().chain((0..4).map(|_| vague())).collect());
    let repair = json!({"path": "a.json", "old_text": "  \"b\": 2,\n", "new_text": "  \"b\": 2\n"});
    let heavy = Server::openai(vec![Reply::call("edit_file", repair), Reply::text("Counted.")]);
    let (project, server) = (Project::new(&[]), local());
    let settings = tier("heavy", &heavy.url(), &[]);
    let ran = run(&project, &server.url(), &settings, &[], "count to two in a.json");
    assert_eq!((ran.expect(0).end(), project.read("a.json")), ("done", BAD_LOWER.replace("2,", "2")));
    let ways: Vec<&Value> = ran.all("mend_started").into_iter().map(|event| &event["approach"]).collect();
    assert_eq!(ways, ["narrow", "anew", "larger"]);
    let told = routed(&ran);
    assert_eq!(told.iter().map(|(tier, _)| tier.as_str()).collect::<Vec<_>>(), ["local", "heavy"]);
    assert!(told[1].1.contains("every attempt to make the check json pass for a.json has failed"), "{told:?}");
    assert!(told[1].1.contains("it stays with heavy until the task ends"), "{told:?}");
    let (small, large) = (server.requests(), heavy.requests());
    assert_eq!((small.len(), large.len()), (6, 2));
    assert_eq!(messages(&large[0]).len(), 2, "a conversation of its own");
    let outer = messages(&small[1]);
    assert_eq!(messages(&large[1])[..outer.len()], outer[..], "the task goes on there");

    let again = Server::openai(vec![Reply::text("Yes.")]);
    let ran = run(&project, &again.url(), &settings, &["--resume", "latest"], "and now?");
    assert_eq!(routed(ran.expect(0))[0].0, "local");

    let (project, server) = (Project::new(&[]), local());
    let off = [settings, vec![("GARTH_ROUTER__ESCALATE".to_string(), "false".to_string())]].concat();
    let ran = run(&project, &server.url(), &off, &[], "count to two in a.json");
    assert!(ran.expect(1).error().starts_with("gave up on a.json"), "{}", ran.error());
}

#[test]
fn a_larger_model_that_fails_as_well_is_in_the_report() {
    let vague = || Reply::text("I would add a brace.");
    let local = Server::openai([write(BAD), write(BAD_LOWER)].into_iter().chain((0..4).map(|_| vague())).collect());
    let heavy = Server::openai(vec![vague(), vague()]);
    let project = Project::new(&[]);
    let ran = run(&project, &local.url(), &tier("heavy", &heavy.url(), &[]), &[], "count to two in a.json");
    let report = ran.expect(1).all("gave_up")[0]["text"].as_str().unwrap();
    for tried in ["- the error alone, in 2 requests", "- the change once more", "- the error by a larger model, in 2"] {
        assert!(report.contains(tried), "{tried}: {report}");
    }
}

#[test]
fn where_a_server_does_not_answer_the_next_tier_goes_on() {
    let project = Project::new(&[]);
    let heavy = Server::openai(vec![Reply::text("I am here.")]);
    let ran = run(&project, &nowhere(), &tier("heavy", &heavy.url(), &[]), &[], "hello");
    assert_eq!(ran.expect(0).end(), "done");
    let told = routed(&ran);
    assert_eq!(told.iter().map(|(tier, _)| tier.as_str()).collect::<Vec<_>>(), ["local", "heavy"]);
    assert!(told[1].1.contains("local does not answer"), "{told:?}");
    let retries = ran.all("retry");
    let last = retries.last().unwrap()["reason"].as_str().unwrap();
    assert!(last.contains("no connection") && last.ends_with("the task goes on with the tier 'heavy'"), "{last}");
    let replies: Vec<&Value> = ran.all("assistant_message");
    assert_eq!(replies.len(), 1, "what did not come leaves nothing");
}

#[test]
fn a_larger_tier_that_refuses_for_good_is_left_alone() {
    let project = Project::new(&[HARD, ("a.txt", "content\n")]);
    let check = |reply: Reply, said: &str| {
        let heavy = Server::openai(vec![reply]);
        let read = Reply::call("read_file", json!({"path": "a.txt"}));
        let local = Server::openai(vec![read, Reply::text("Small.")]);
        let ran = run(&project, &local.url(), &tier("heavy", &heavy.url(), &[]), &[], "/hard it");
        assert_eq!((ran.expect(0).end(), heavy.requests().len(), local.requests().len()), ("done", 1, 2), "{said}");
        let told = routed(&ran).pop().unwrap();
        assert!(told.0 == "local" && told.1.contains("heavy cannot be used"), "{told:?}");
        let void = ran.all("retry")[0]["reason"].as_str().unwrap();
        assert!(void.contains(said) && void.ends_with("the task goes on with the tier 'local'"), "{void}");
    };
    check(Reply::status(401, "revoked"), "refuses the key (HTTP 401): revoked");
    check(Reply::status(402, "no credit"), "HTTP 402");
    check(Reply::status(404, "no such model"), "HTTP 404");
    check(Reply::raw(["data: nonsense\n\n"]), "cannot be read");
    // The local model has no other that is as good.
    let heavy = Server::openai(vec![]);
    let local = Server::openai(vec![Reply::status(404, "no such model")]);
    let ran = run(&project, &local.url(), &tier("heavy", &heavy.url(), &[]), &[], "hello");
    assert!(ran.expect(1).error().contains("HTTP 404") && heavy.requests().is_empty(), "{}", ran.error());
}

#[test]
fn the_question_names_what_a_resumed_session_would_take_along() {
    let project = Project::new(&[HARD, ("contract.md", "secret\n"), ("AGENTS.md", "Be brief.\n")]);
    let local = Server::openai(vec![Reply::call("read_file", json!({"path": "contract.md"})), Reply::text("Read.")]);
    let far = Server::openai(vec![]);
    run(&project, &local.url(), &cloud(&far, &[]), &[], "read the contract").expect(0);
    let local = Server::openai(vec![Reply::text("Small.")]);
    let ran = run(&project, &local.url(), &cloud(&far, &[]), &["--resume", "latest"], "/hard it");
    let subject = &ran.expect(0).all("approval_requested")[0]["request"]["subject"];
    assert_eq!(subject["files"], json!([".garth/commands/hard.md", "AGENTS.md", "contract.md"]));
}

#[test]
fn a_heavy_model_takes_the_small_ones_place_and_gives_it_back() {
    let show = json!({"capabilities": ["completion", "tools"], "model_info": {"test.context_length": 32768}});
    let (holds, empty) = (json!({"models": [{"name": "test:latest"}]}), json!({"models": []}));
    let pages = || {
        let ps = [&holds, &holds, &empty].map(|page| ("/api/ps", 200, page.clone()));
        let done = json!({"done": true});
        [("/api/show", 200, show.clone()), ("/api/generate", 200, done)].into_iter().chain(ps).collect::<Vec<_>>()
    };
    let play = |beside: &str| {
        let project = Project::new(&[HARD]);
        let server = Server::with_pages(Dialect::Ollama, vec![Reply::text("Done.")], pages());
        let url = server.url();
        let mut garth =
            project.garth(&["run", "--json", "--provider", "ollama", "--url", &url, "--model", "test", "/hard it"]);
        garth.env("GARTH_TIERS__HEAVY__NAME", "large").env("GARTH_TIERS__HEAVY__BESIDE", beside);
        let ran = project.finish(garth);
        assert_eq!((ran.expect(0).end(), ran.notices().as_str()), ("done", ""));
        let asked = server.all_requests().into_iter().filter(|request| request.path != "/api/show");
        asked
            .map(|request| match request.body.as_str() {
                "" => request.path,
                body => {
                    let body: Value = serde_json::from_str(body).unwrap();
                    let stays = if body["keep_alive"] == 0 { " goes" } else { "" };
                    format!("{} {}{stays}", request.path, body["model"].as_str().unwrap())
                }
            })
            .collect::<Vec<_>>()
    };
    let asked = play("false");
    let expected = ["/api/generate test goes", "/api/ps", "/api/ps", "/api/ps", "/api/chat large"];
    assert_eq!(asked[..5], expected, "{asked:?}");
    assert_eq!(asked[5..7], ["/api/generate large goes", "/api/ps"], "{asked:?}");
    assert_eq!(play("true"), ["/api/chat large"]);
}

#[test]
fn a_run_can_be_bound_to_a_tier() {
    let project = Project::new(&[HARD]);
    let (local, heavy) = (Server::openai(vec![Reply::text("Small.")]), Server::openai(vec![Reply::text("Large.")]));
    let settings = tier("heavy", &heavy.url(), &[]);
    run(&project, &local.url(), &settings, &["--tier", "heavy"], "hello").expect(0);
    run(&project, &local.url(), &settings, &["--tier", "local"], "/hard it").expect(0);
    assert_eq!((heavy.requests().len(), local.requests().len()), (1, 1));
    let ran = run(&project, &local.url(), &settings, &["--tier", "cloud"], "hello");
    assert!(ran.expect(2).stderr.contains("there is no tier 'cloud'; write [tiers.cloud] in "), "{}", ran.stderr);
    let off = [settings, vec![("GARTH_ROUTER__ENABLED".to_string(), "false".to_string())]].concat();
    let ran = run(&project, &local.url(), &off, &["--tier", "heavy"], "hello");
    assert!(ran.expect(2).stderr.contains("router.enabled is false"), "{}", ran.stderr);
}

#[test]
fn a_tier_without_its_key_is_left_out_and_that_is_said() {
    let project = Project::new(&[HARD]);
    let local = Server::openai(vec![Reply::text("Small.")]);
    let key = ("GARTH_TIERS__HEAVY__API_KEY_ENV", "NO_SUCH_KEY");
    let ran = run(&project, &local.url(), &tier("heavy", &nowhere(), &[key]), &[], "/hard it");
    let said = "the tier 'heavy' is left out: tiers.heavy.api_key_env names the environment variable NO_SUCH_KEY";
    assert!(ran.expect(0).stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn why_and_cost_are_told_in_the_conversation() {
    let project = Project::new(&[HARD]);
    let local = Server::openai(vec![]);
    let heavy = Server::openai(vec![Reply::text("Done.").usage(1_000, 100, 400)]);
    let url = local.url();
    let mut garth = project.garth(&["--provider", "openai", "--url", &url, "--model", "test"]);
    garth.envs(tier("heavy", &heavy.url(), &[("GARTH_TIERS__HEAVY__PRICE", "{ input = 10, output = 20 }")]));
    let mut child = garth.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"/why\n/cost\n/hard it\n/why\n/cost\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "nothing was asked yet",
        "No request was counted yet.",
        "heavy: large (openai) · score 0.8",
        "› heavy large (openai)",
        "complexity: high",
        "heavy          1        1,000    40 %         100     $0.01",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
}

/// A cloud tier that counts as another machine.
fn cloud(server: &Server, further: &[(&str, &str)]) -> Vec<(String, String)> {
    tier("cloud", &server.url(), &[&[("GARTH_TIERS__CLOUD__LOCAL", "false")], further].concat())
}

#[test]
fn without_a_terminal_nothing_leaves_the_machine_and_the_setting_is_named() {
    let project = Project::new(&[HARD]);
    let local = Server::openai(vec![Reply::call("list_dir", json!({})), Reply::text("Small.")]);
    let far = Server::openai(vec![]);
    let price = ("GARTH_TIERS__CLOUD__PRICE", "{ input = 3, output = 15 }");
    let ran = run(&project, &local.url(), &cloud(&far, &[price]), &[], "/hard it");
    assert_eq!(ran.expect(0).end(), "done");
    assert!(far.all_requests().is_empty(), "{:?}", far.all_requests());
    let asked = ran.all("approval_requested");
    assert_eq!(asked.len(), 1, "once for the session, not once for each step");
    let subject = &asked[0]["request"]["subject"];
    assert_eq!(
        (&subject["kind"], &subject["tier"], &subject["model"]),
        (&json!("tier"), &json!("cloud"), &json!("large"))
    );
    assert_eq!((&subject["server"], &subject["price"]), (&json!(far.url()), &json!([3.0, 15.0])));
    assert!(subject["tokens"].as_u64().unwrap() > 100, "{subject}");
    let reason = ran.all("approval_resolved")[0]["answer"]["reason"].as_str().unwrap();
    for part in ["reaches the threshold 0.75", "no terminal to ask on", "set router.cloud = \"auto\" in your own"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(ran.notices().contains("the tier 'cloud' is not used in this session: "), "{}", ran.notices());
    let told = routed(&ran);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == "local" && told[0].1.contains("but cloud is not used: "), "{told:?}");
}

#[test]
fn what_is_allowed_or_forbidden_by_configuration_is_not_asked() {
    let project = Project::new(&[HARD]);
    let check = |setting: &str, far: usize, near: usize, args: &[&str], code: i32| {
        let local = Server::openai(vec![Reply::text("Small.")]);
        let server = Server::openai(vec![Reply::text("Large.")]);
        let settings = cloud(&server, &[("GARTH_ROUTER__CLOUD", setting)]);
        let ran = run(&project, &local.url(), &settings, args, "/hard it");
        ran.expect(code);
        assert_eq!((server.requests().len(), local.requests().len()), (far, near), "{setting}");
        assert!(setting == "ask" || ran.all("approval_requested").is_empty(), "{setting}");
        ran
    };
    check("auto", 1, 0, &[], 0);
    let ran = check("never", 0, 1, &[], 0);
    assert!(routed(&ran)[0].1.contains("router.cloud is \"never\""), "{:?}", routed(&ran));
    let ran = check("ask", 0, 1, &["--approval", "never"], 0);
    assert!(ran.notices().contains("not used in this task: under approval.mode \"never\""), "{}", ran.notices());
    for setting in ["ask", "never"] {
        let ran = check(setting, 0, 0, &["--tier", "cloud"], 1);
        assert!(ran.error().contains("'cloud', which was chosen for this run, is not used: "), "{}", ran.error());
        assert!(ran.error().contains("router.cloud"), "{}", ran.error());
    }
}

#[test]
fn a_server_that_is_down_opens_no_other_machine() {
    let project = Project::new(&[]);
    let far = Server::openai(vec![]);
    let ran = run(&project, &nowhere(), &cloud(&far, &[]), &[], "hello");
    assert!(ran.expect(1).error().contains("no connection"), "{}", ran.error());
    let reason = ran.all("approval_resolved")[0]["answer"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("local does not answer; "), "{reason}");
    assert!(far.all_requests().is_empty());
}
