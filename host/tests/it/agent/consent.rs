//! What a plugin from a file may touch: nothing until it is granted, asked once for as long as the answer says, taken back at
//! once. The loop runs in this process, with the built-in plugins' components as a stranger's files.

use std::path::PathBuf;
use std::sync::Arc;

use garth::agent::{Agent, Services, Settings};
use garth::approval::Approvals;
use garth::audit::{Entry, Log, Outcome};
use garth::commands::{self, Roots};
use garth::model::{Endpoint, Provider, Sampling, connect};
use garth::plugins::{self, Consents, Holder, Origin, Place, PluginFile, Plugins, builtin};
use garth::policy::{Capabilities, Effect, Grant, Limits, Rule};
use garth::process::{self, Runner};
use garth::protocol::{Answer, ApprovalMode, ApprovalRequest, Event, Op, Scope, Subject, ToolStatus};
use garth::sandbox::{self, Network, Protection, Sandbox};
use garth::secrets;
use garth::session::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::server::{Reply, Server};

mod network;

/// As [`Plugins::of`] takes files.
const USERS: Holder = Holder::Installed(Place::User);

/// A project, a user, and what the front end of the next conversation does.
struct World {
    dir: tempfile::TempDir,
    origin: Origin,
    mode: ApprovalMode,
    rules: Vec<Rule>,
    /// Instead of the built-in ones, with the network that they see.
    others: Option<(Vec<PluginFile>, Network)>,
}

/// What came out of one conversation.
struct Told {
    questions: Vec<ApprovalRequest>,
    /// Of each call.
    results: Vec<(ToolStatus, String)>,
    notices: Vec<String>,
    programs: Vec<Vec<String>>,
}

const FILES: &[(&str, &str)] = &[("a.txt", "one\ntwo\n"), ("docs/b.txt", "three\n")];

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in FILES {
            let file = dir.path().join("project").join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let origin = Origin::File { shown: "plugins/stranger.wasm".into() };
        World { dir, origin, mode: ApprovalMode::Ask, rules: Vec::new(), others: None }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at("project").join(path)).unwrap()
    }

    fn consents(&self) -> Consents {
        Consents::open(self.at("state/project.json"), self.at("state/user.json"))
    }

    fn audit(&self) -> Vec<Entry> {
        let reading = Log::open(self.at("state/audit")).read(|_| true, usize::MAX).unwrap();
        assert_eq!(reading.damaged, 0);
        reading.entries
    }

    fn plugins(&self) -> Plugins {
        let file = |file: &builtin::Builtin| PluginFile::parse(file.wasm, self.origin.clone()).unwrap();
        let settings = sandbox::Settings {
            cache_dir: Some(super::project::home().join("cache/native")),
            key_dir: super::project::home().join("state"),
        };
        let sandbox = Sandbox::new(settings).unwrap();
        let (files, sandbox) = match &self.others {
            Some((files, network)) => (files.clone(), sandbox.with_network(network.clone())),
            None => (builtin::BUILTIN.iter().map(file).collect(), sandbox),
        };
        let setup = plugins::Setup {
            sandbox,
            workspace: self.at("project"),
            protection: Arc::new(Protection::new(&[".git".to_string()], &[".env".to_string()]).unwrap()),
            limits: Limits::default(),
            enabled: &|_| true,
            grant: &|_, _| Grant::default(),
            state: self.at("state/plugins"),
        };
        Plugins::of(files, setup).unwrap()
    }

    fn services(&self, events: mpsc::Sender<Event>) -> Services {
        let settings = Settings {
            max_steps: 20,
            loop_repeats: 10,
            parallel: 4,
            timeout: None,
            result_limit: 24_000,
            window: 32_768,
            compact_at: 75,
            lenience: Default::default(),
            sampling: Sampling::default(),
            network: false,
        };
        let project = self.at("project");
        let setup = commands::Setup::new(&project, &project, &self.at("config"), None);
        let runner =
            Runner::new(process::Settings { helper: env!("CARGO_BIN_EXE_garth").into(), ..Default::default() });
        let journal = Store::new(self.at("sessions")).create().unwrap();
        Services {
            settings,
            workspace: project,
            plugins: plugins::Live::fixed(self.plugins()),
            commands: commands::Live::open(Roots::find(&setup), &[]),
            usage: self.at("usage.json"),
            trusts: Box::new(|_| false),
            runner,
            checks: garth::agent::Checker::default(),
            secrets: secrets::Store::open(self.at("state/secrets.json")),
            approvals: Approvals::new(self.mode, self.rules.clone(), Box::new(|_| Ok(()))),
            consents: self.consents(),
            recorder: garth::agent::Recorder::new(journal, events),
            audit: Log::open(self.at("state/audit")),
            unaudited: Default::default(),
        }
    }

    /// One turn for each list of replies, in one session.
    async fn converse(&self, turns: Vec<Vec<Reply>>, mut answer: impl FnMut(&ApprovalRequest) -> Answer) -> Told {
        let count = turns.len();
        let replies = turns.into_iter().flat_map(|calls| calls.into_iter().chain([Reply::text("Done.")]));
        let server = Server::openai(replies.collect());
        let (ops, ops_out) = mpsc::channel(64);
        let (events_in, mut events) = mpsc::channel(1_024);
        let model = connect(Endpoint::new(Provider::OpenAi, server.url(), "test")).unwrap();
        let (sessions, again) = (Store::new(self.at("sessions")), model.clone());
        let agent = Agent::new(
            self.services(events_in),
            model,
            Box::new(move |_| Ok(again.clone())),
            Box::new(move || sessions.create()),
            "test".into(),
            None,
        );
        let running = tokio::spawn(agent.run(ops_out));
        let mut told = Told { questions: Vec::new(), results: Vec::new(), notices: Vec::new(), programs: Vec::new() };
        let mut begun = 1;
        ops.send(Op::Submit { text: "do it".into() }).await.unwrap();
        while let Some(event) = events.recv().await {
            match event {
                Event::ApprovalRequested { id, request, .. } => {
                    let answer = answer(&request);
                    told.questions.push(request);
                    ops.send(Op::Answer { id, answer }).await.unwrap();
                }
                Event::ToolFinished { status, text, programs, .. } => {
                    told.results.push((status, text));
                    told.programs.extend(programs.into_iter().map(|program| program.argv));
                }
                Event::Notice { text, .. } => told.notices.push(text),
                Event::TurnEnded { end, .. } if begun < count => {
                    assert_eq!(end, garth::protocol::TurnEnd::Done);
                    begun += 1;
                    ops.send(Op::Reset).await.unwrap();
                    ops.send(Op::Submit { text: "do it again".into() }).await.unwrap();
                }
                Event::TurnEnded { .. } => break,
                _ => {}
            }
        }
        drop(ops);
        while events.recv().await.is_some() {}
        running.await.unwrap();
        told
    }

    /// These calls in one turn, with one answer to all questions.
    async fn calls(&self, calls: &[(&str, Value)], answer: Answer) -> Told {
        let replies = calls.iter().map(|(tool, arguments)| Reply::call(tool, arguments.clone())).collect();
        self.converse(vec![replies], |_| answer.clone()).await
    }
}

impl Told {
    fn statuses(&self) -> Vec<ToolStatus> {
        self.results.iter().map(|(status, _)| *status).collect()
    }

    /// What each question asks for.
    fn asks(&self) -> Vec<Vec<String>> {
        let asks = |question: &ApprovalRequest| match &question.subject {
            Subject::Capabilities { asks, .. } => asks.clone(),
            other => vec![format!("{other:?}").split([' ', '{']).next().unwrap().to_string()],
        };
        self.questions.iter().map(asks).collect()
    }
}

const ONCE: Answer = Answer::Yes;
const SESSION: Answer = Answer::Always { scope: Scope::Session };
const PROJECT: Answer = Answer::Always { scope: Scope::Project };

fn read(path: &str) -> (&'static str, Value) {
    ("read_file", json!({ "path": path }))
}

fn no() -> Answer {
    Answer::No { reason: Some("not today".into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_holds_for_as_long_as_it_says() {
    let reads = || vec!["reads the workspace".to_string()];
    for (answer, asked) in [(ONCE, 4), (SESSION, 2), (PROJECT, 1)] {
        let world = World::new();
        let twice = || vec![Reply::call("read_file", read("a.txt").1), Reply::call("read_file", read("docs/b.txt").1)];
        // A reset ends the session.
        let told = world.converse(vec![twice(), twice()], |_| answer.clone()).await;
        assert_eq!(told.asks(), vec![reads(); asked], "{answer:?}");
        assert_eq!(told.statuses(), [ToolStatus::Ok; 4], "{:?}", told.results);
        assert!(told.results[0].1.contains("two") && told.results[1].1.contains("three"), "{:?}", told.results);
        let later = world.calls(&[read("a.txt")], no()).await;
        let kept = answer == PROJECT;
        assert_eq!(later.statuses(), [if kept { ToolStatus::Ok } else { ToolStatus::Denied }], "{answer:?}");
        assert_eq!(later.questions.is_empty(), kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_says_what_for_whom_and_the_command_that_grants_it() {
    let world = World::new();
    let told = world.calls(&[read("a.txt")], no()).await;
    let [question] = told.questions.try_into().unwrap();
    let digest = builtin::BUILTIN.iter().find(|file| file.name == "files").unwrap().sha256;
    let asks = vec!["reads the workspace".into()];
    assert_eq!(
        question.subject,
        Subject::Capabilities { asks, digest: digest.into(), arguments: json!({"path": "a.txt"}) }
    );
    assert_eq!((question.tool.as_str(), question.plugin.as_str()), ("read_file", "files"));
    let command = "garth plugin grant files --tool read_file --workspace read";
    assert_eq!(question.change, Some(format!("run `{command}`")));
    assert_eq!(question.rule.as_deref(), Some(command));
    assert_eq!(told.results, [(ToolStatus::Denied, "denied: not granted: not today".to_string())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_denies_without_a_question_and_auto_asks_all_the_same() {
    let world = World { mode: ApprovalMode::Never, ..World::new() };
    let told = world.calls(&[read("a.txt")], ONCE).await;
    assert!(told.questions.is_empty());
    let (status, text) = &told.results[0];
    assert_eq!(*status, ToolStatus::Denied);
    assert!(text.contains("`garth plugin grant files --tool read_file --workspace read`"), "{text}");
    let world = World { mode: ApprovalMode::Auto, ..World::new() };
    let told = world.calls(&[read("a.txt")], ONCE).await;
    assert_eq!((told.questions.len(), told.statuses()), (1, vec![ToolStatus::Ok]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_built_in_has_what_it_declares() {
    let world = World { origin: Origin::Builtin, ..World::new() };
    let told = world.calls(&[read("a.txt")], no()).await;
    assert_eq!((told.questions.len(), told.statuses()), (0, vec![ToolStatus::Ok]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_no_approval() {
    let world = World::new();
    let edit = ("edit_file", json!({"path": "a.txt", "old_text": "two", "new_text": "2"}));
    let told = world.calls(std::slice::from_ref(&edit), PROJECT).await;
    assert_eq!(told.asks(), [vec!["writes the workspace".to_string()], vec!["Files".into()]]);
    assert_eq!(world.read("a.txt"), "one\n2\n");
    // What is written is asked about each time; that it may write at all no more.
    let back = ("edit_file", json!({"path": "docs/b.txt", "old_text": "three", "new_text": "3"}));
    let told = world.calls(&[back], no()).await;
    assert_eq!((told.asks(), told.statuses()), (vec![vec!["Files".to_string()]], vec![ToolStatus::Denied]));
    assert_eq!(world.read("docs/b.txt"), "three\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_denies_the_tool_spares_the_question() {
    let rule = Rule { tool: Some("read_file".into()), ..Rule::new(Effect::Deny) };
    let world = World { rules: vec![rule], ..World::new() };
    let told = world.calls(&[read("a.txt")], ONCE).await;
    assert_eq!((told.questions.len(), told.statuses()), (0, vec![ToolStatus::Denied]));
    assert!(told.results[0].1.contains("denied by the rule"), "{:?}", told.results);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_run_side_by_side_are_asked_about_once() {
    let world = World::new();
    let both = Reply::call("read_file", read("a.txt").1).and_call("read_file", read("docs/b.txt").1);
    let told = world.converse(vec![vec![both]], |_| SESSION).await;
    assert_eq!((told.questions.len(), told.statuses()), (1, vec![ToolStatus::Ok; 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_gone_at_the_next_call() {
    let world = World::new();
    let reads: Capabilities = serde_json::from_value(json!({"workspace": "read"})).unwrap();
    world.consents().grant(Place::User, USERS, "files", "read_file", &reads).unwrap();
    let edits: Capabilities = serde_json::from_value(json!({"workspace": "write"})).unwrap();
    world.consents().grant(Place::User, USERS, "edit", "write_file", &edits).unwrap();
    let write = ("write_file", json!({"path": "new.txt", "content": "x"}));
    let replies = [read("a.txt"), write, read("a.txt")].map(|(tool, arguments)| Reply::call(tool, arguments)).into();
    // Another process takes it back while the user looks at the diff.
    let told = world
        .converse(vec![replies], |question| match question.subject {
            Subject::Files { .. } => {
                assert!(world.consents().revoke(Place::User, "files", None).unwrap());
                ONCE
            }
            _ => no(),
        })
        .await;
    assert_eq!(told.statuses(), [ToolStatus::Ok, ToolStatus::Ok, ToolStatus::Denied], "{:?}", told.results);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_conversation_was_granted_for_itself_is_taken_back_too() {
    let world = World::new();
    let edits: Capabilities = serde_json::from_value(json!({"workspace": "write"})).unwrap();
    world.consents().grant(Place::User, USERS, "edit", "write_file", &edits).unwrap();
    let write = ("write_file", json!({"path": "new.txt", "content": "x"}));
    let replies = [read("a.txt"), write, read("a.txt")].map(|(tool, arguments)| Reply::call(tool, arguments)).into();
    let mut answers = [SESSION, no()].into_iter();
    let told = world
        .converse(vec![replies], |question| match question.subject {
            Subject::Files { .. } => {
                assert!(!world.consents().revoke(Place::Project, "files", None).unwrap(), "nothing is kept of it");
                ONCE
            }
            _ => answers.next().unwrap(),
        })
        .await;
    assert_eq!(told.statuses(), [ToolStatus::Ok, ToolStatus::Ok, ToolStatus::Denied], "{:?}", told.results);
    assert_eq!(told.questions.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_what_is_declared_is_not_all_of_it() {
    let world = World::new();
    let part: Capabilities =
        serde_json::from_value(json!({"workspace": [{"path": "docs", "access": "read"}]})).unwrap();
    world.consents().grant(Place::Project, USERS, "files", "read_file", &part).unwrap();
    let told = world.calls(&[read("docs/b.txt")], no()).await;
    assert_eq!(
        (told.asks(), told.statuses()),
        (vec![vec!["reads the workspace".to_string()]], vec![ToolStatus::Denied])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_granted_before_they_are_asked_about() {
    let world = World::new();
    let run = ("run", json!({"command": "echo here"}));
    let told = world.calls(&[run], ONCE).await;
    assert_eq!(told.asks(), [vec!["writes the workspace".to_string(), "runs sh -c".into()], vec!["Program".into()]]);
    assert_eq!(told.statuses(), [ToolStatus::Ok], "{:?}", told.results);
    assert_eq!(world.audit()[0].used.as_ref().unwrap().programs, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_in_the_audit() {
    let world = World::new();
    let mut number = 0;
    let calls = [
        read("a.txt"),
        read("docs/b.txt"),
        ("read_file", json!({"path": "gone.txt"})),
        ("read_files\n{}", json!({})),
        ("skill", json!({"name": "none"})),
    ];
    let replies = calls.iter().map(|(tool, arguments)| Reply::call(tool, arguments.clone())).collect();
    let told = world
        .converse(vec![replies], |_| {
            number += 1;
            if number == 2 { no() } else { ONCE }
        })
        .await;
    let audit = world.audit();
    let outcomes: Vec<Outcome> = audit.iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, told.statuses());
    assert_eq!(outcomes[..3], [ToolStatus::Ok, ToolStatus::Denied, ToolStatus::Failed]);
    let [ran, refused, failed, unknown, host] = audit.try_into().unwrap();
    let plugin = ran.plugin.unwrap();
    assert_eq!((plugin.name.as_str(), plugin.sha256.len()), ("files", 64));
    assert_eq!(ran.capabilities.describe(), "reads the workspace");
    assert_eq!((ran.session.as_str(), ran.project), ("test", world.at("project").display().to_string()));
    assert!(ran.used.is_some_and(|used| used.host_calls > 0 && used.memory > 0));
    assert_eq!(ran.arguments, plugins::digest(json!({"path": "a.txt"}).to_string().as_bytes()));
    assert_eq!(refused.reason.as_deref(), Some("denied: not granted: not today"));
    assert_eq!((refused.capabilities, refused.used), (Capabilities::default(), None));
    assert!(failed.used.is_some() && failed.reason.is_none());
    assert_eq!((unknown.tool.as_str(), unknown.plugin), ("read_files\n{}", None));
    assert_eq!((host.tool.as_str(), host.plugin), ("skill", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_can_change_something_is_in_the_audit_before_it_runs() {
    let world = World { origin: Origin::Builtin, ..World::new() };
    let write = ("write_file", json!({"path": "new.txt", "content": "x"}));
    world.calls(&[read("a.txt"), write], ONCE).await;
    assert_eq!(world.audit().len(), 2);
    // What a process leaves that was ended in the middle of the call.
    let file = world.at("state/audit/calls.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    std::fs::write(&file, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
    let [read, begun] = world.audit().try_into().unwrap();
    assert_eq!((read.id, begun.tool.as_str(), begun.outcome), (None, "write_file", Outcome::Started));
    assert_eq!(begun.capabilities.describe(), "writes the workspace");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_and_programs_show_no_secret_and_run_with_it() {
    let world = World { origin: Origin::Builtin, ..World::new() };
    let secrets = secrets::Store::open(world.at("state/secrets.json"));
    secrets.set("key", secrets::Value::new("hunter2-hunter2").unwrap()).unwrap();
    let write = ("write_file", json!({"path": "new.txt", "content": "key = hunter2-hunter2\n"}));
    let run = ("run", json!({"command": "echo hunter2-hunter2 | tr 2 3"}));
    let told = world.calls(&[write, run], ONCE).await;
    assert_eq!(told.statuses(), [ToolStatus::Ok; 2], "{:?}", told.results);
    assert_eq!((told.asks(), told.programs.len()), (vec![vec!["Files".to_string()], vec!["Program".into()]], 1));
    let shown = format!("{:?}{:?}", told.questions, told.programs);
    assert!(!shown.contains("hunter2") && shown.matches("[secret key]").count() >= 3, "{shown}");
    assert_eq!(world.read("new.txt"), "key = hunter2-hunter2\n");
    assert!(told.results[1].1.contains("hunter3-hunter3"), "{:?}", told.results);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_cannot_be_written_is_said_once() {
    let world = World { origin: Origin::Builtin, ..World::new() };
    std::fs::create_dir_all(world.at("state")).unwrap();
    std::fs::write(world.at("state/audit"), "not a folder").unwrap();
    let told = world.calls(&[read("a.txt"), read("docs/b.txt")], ONCE).await;
    assert_eq!(told.statuses(), [ToolStatus::Ok; 2]);
    let [notice] = told.notices.try_into().unwrap();
    assert!(notice.starts_with("calls are not recorded in the audit: ") && notice.contains("calls.jsonl"), "{notice}");
}
