//! Plugins that come, change and go while a conversation goes on: what the model is told, what its calls do, and that the
//! beginning of each request stays as it was. The loop runs in this process; the model is served over real HTTP.

use std::path::PathBuf;
use std::sync::Arc;

use garth::agent::{Agent, Recorder, Services, Settings};
use garth::approval::Approvals;
use garth::commands::{self, Roots};
use garth::model::{self, Endpoint, Provider, Sampling};
use garth::plugins::{self, Place, Spot};
use garth::process::{self, Runner};
use garth::protocol::{Answer, ApprovalMode, Event, Op, ToolStatus, TurnEnd};
use garth::session::{self, Store};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::commands::last_user;
use super::steps::prefix_is_stable;
use crate::plugin_file::Made;
use crate::plugins_live::Yard;
use crate::server::{Reply, Server};

struct Talk {
    ops: mpsc::Sender<Op>,
    events: mpsc::Receiver<Event>,
    live: plugins::Live,
    journal: PathBuf,
}

const PROJECT: Spot = Spot::Installed(Place::Project);

impl Talk {
    fn begin(yard: &Yard, server: &Server) -> Talk {
        Talk::with(yard, server, None)
    }

    fn with(yard: &Yard, server: &Server, transcript: Option<session::Transcript>) -> Talk {
        let (top, live) = (yard.top(), yard.open());
        let root = top.join("project");
        let store = Store::new(top.join("sessions"));
        let journal = store.create().unwrap();
        let (session, (events_in, events)) = (journal.id().to_string(), mpsc::channel(10_000));
        let setup = commands::Setup::new(&root, &root, &top.join("none"), None);
        let helper = env!("CARGO_BIN_EXE_garth").into();
        let services = Services {
            settings: Settings {
                max_steps: 10,
                loop_repeats: 5,
                parallel: 4,
                timeout: None,
                result_limit: 24_000,
                window: 32_768,
                compact_at: 75,
                lenience: Default::default(),
                sampling: Sampling::default(),
                network: false,
            },
            workspace: root,
            plugins: live.clone(),
            commands: commands::Live::open(Roots::find(&setup), &[]),
            usage: top.join("skills.json"),
            trusts: Box::new(|_| false),
            runner: Runner::new(process::Settings { helper, ..Default::default() }),
            checks: garth::agent::Checker::default(),
            secrets: garth::secrets::Store::open(top.join("state/secrets.json")),
            approvals: Approvals::new(ApprovalMode::Ask, Vec::new(), Box::new(|_| Ok(()))),
            consents: yard.consents.clone(),
            recorder: Recorder::new(journal, events_in),
            audit: garth::audit::Log::open(top.join("state/audit")),
            unaudited: Default::default(),
        };
        let model = model::connect(Endpoint::new(Provider::OpenAi, server.url(), "test")).unwrap();
        let (ops, ops_out) = mpsc::channel(100);
        let connect = Box::new(|_: &str| unreachable!("the model stays"));
        let new_journal = Box::new(|| Err(std::io::Error::other("no reset here")));
        let file = store.file(&session);
        tokio::spawn(Agent::new(services, model, connect, new_journal, session, transcript).run(ops_out));
        Talk { ops, events, live, journal: file }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = Vec::new();
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_secs(60), self.events.recv()).await;
            let event = next.unwrap_or_else(|_| panic!("waited for nothing after {seen:#?}")).expect("the agent lives");
            seen.push(event);
            if wanted(seen.last().unwrap()) {
                return seen;
            }
        }
    }

    async fn submit(&mut self, text: &str) -> Vec<Event> {
        self.ops.send(Op::Submit { text: text.into() }).await.unwrap();
        self.until(|event| matches!(event, Event::TurnEnded { .. })).await
    }

    /// What was told of the plugins: added, changed, removed.
    async fn reloaded(&mut self) -> [Vec<String>; 3] {
        let seen = self.until(|event| matches!(event, Event::PluginsReloaded { .. })).await;
        match seen.last() {
            Some(Event::PluginsReloaded { added, changed, removed, .. }) => {
                [added.clone(), changed.clone(), removed.clone()]
            }
            _ => unreachable!(),
        }
    }
}

fn results(events: &[Event]) -> Vec<(String, ToolStatus, String)> {
    let finished = |event: &Event| match event {
        Event::ToolFinished { tool, status, text, .. } => Some((tool.clone(), *status, text.clone())),
        _ => None,
    };
    events.iter().filter_map(finished).collect()
}

fn call(name: &str, arguments: Value) -> Reply {
    Reply::call(name, arguments)
}

fn through(name: &str) -> Reply {
    call("call_tool", json!({"name": name, "arguments": {"path": "a"}}))
}

fn sent(server: &Server) -> Vec<Value> {
    server.requests().iter().map(|request| request.json()).collect()
}

fn names(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| line.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_comes_changes_and_goes_between_turns() {
    let yard = Yard::new();
    let done = || Reply::text("Done.");
    let server = Server::openai(vec![
        done(),
        through("lint"),
        call("lint", json!({"path": "a"})),
        call("call_tool", json!({"name": "lint", "arguments": {"file": "a"}})),
        done(),
        through("lint"),
        done(),
        through("lint"),
        through("lnt"),
        done(),
    ]);
    let mut talk = Talk::begin(&yard, &server);
    talk.submit("hello").await;
    let (one, two) = (Made::default(), Made { answer: "two", version: "0.2.0", ..Made::default() });
    yard.accept(Place::Project, &one);
    yard.put(PROJECT, &one);
    talk.live.rescan();
    assert_eq!(talk.reloaded().await, [names(&["lint"]), vec![], vec![]]);

    let events = talk.submit("lint it").await;
    let [first, second, third] = &results(&events)[..] else { panic!("{events:#?}") };
    assert_eq!(*first, ("lint".into(), ToolStatus::Ok, "one".into()), "through call_tool");
    assert_eq!(*second, ("lint".into(), ToolStatus::Ok, "one".into()), "by its name");
    assert!(third.1 == ToolStatus::Invalid && third.2.contains("path (string)"), "{third:?}");

    yard.put(PROJECT, &two);
    yard.accept(Place::Project, &two);
    talk.live.rescan();
    assert_eq!(talk.reloaded().await, [vec![], names(&["lint"]), vec![]]);
    let events = talk.submit("and again").await;
    assert_eq!(results(&events)[0].2, "two");

    std::fs::remove_file(yard.path(PROJECT, "lint.wasm")).unwrap();
    talk.live.rescan();
    assert_eq!(talk.reloaded().await, [vec![], vec![], names(&["lint"])]);
    let events = talk.submit("once more").await;
    let [gone, unknown] = &results(&events)[..] else { panic!("{events:#?}") };
    assert!(gone.1 == ToolStatus::Invalid && gone.2.contains("'lint' was removed"), "{gone:?}");
    assert!(unknown.2.contains("there is no tool named 'lnt'"), "{unknown:?}");

    let requests = sent(&server);
    prefix_is_stable(&server.requests());
    let tools = requests[0]["tools"].clone();
    assert!(requests.iter().all(|request| request["tools"] == tools), "what is offered stays");
    let asked: Vec<String> = requests.iter().map(last_user).collect();
    assert_eq!(asked[0], "hello");
    assert!(
        asked[1].starts_with(
            "[New or changed tools; call them with call_tool:\n{\"name\":\"lint\",\"description\":\"Does lint.\""
        ) && asked[1].ends_with("\n]\n\nlint it"),
        "{}",
        asked[1]
    );
    assert_eq!(asked[5], "and again", "the tool is as it was, only its code is new");
    assert_eq!(asked[7], "[Tools that are gone: lint]\n\nonce more");
    // As the model called it, so its result is called.
    let results: Vec<&Value> =
        requests[9]["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "tool").collect();
    assert_eq!(results.len(), 6);

    // A resumed conversation has the same bytes, and is told only what it does not know.
    let log = session::load(&talk.journal).unwrap();
    let transcript = session::resume(&log.entries);
    let again = Server::openai(vec![done()]);
    Talk::with(&yard, &again, Some(transcript)).submit("still there?").await;
    let resumed = sent(&again).remove(0);
    let before = requests[9]["messages"].as_array().unwrap();
    let after = resumed["messages"].as_array().unwrap();
    assert_eq!(before[..], after[..before.len()]);
    assert_eq!(last_user(&resumed), "still there?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_file_is_accepted_in_the_conversation() {
    let yard = Yard::new();
    let made = Made { capabilities: "{ workspace = \"read\" }", ..Made::default() };
    let digest = yard.put(PROJECT, &made);
    let server = Server::openai(vec![through("lint"), Reply::text("No."), through("lint"), Reply::text("Yes.")]);
    let mut talk = Talk::begin(&yard, &server);
    let events = talk.submit("lint it").await;
    assert!(results(&events)[0].2.contains("there is no tool named 'lint'"), "{events:#?}");
    assert!(!server.requests()[0].json().to_string().contains("Does lint."), "its words do not reach the model");

    talk.ops.send(Op::ListPlugins).await.unwrap();
    let seen = talk.until(|event| matches!(event, Event::Plugins { .. })).await;
    let Some(Event::Plugins { plugins }) = seen.last() else { unreachable!() };
    let waiting = plugins.iter().find(|plugin| plugin.name == "lint").unwrap();
    assert_eq!((waiting.state.as_str(), &waiting.digest, waiting.question.is_some()), ("waiting", &digest, true));

    let token = waiting.token.clone().unwrap();
    talk.ops.send(Op::AcceptPlugin { name: "lint".into(), token: digest.clone() }).await.unwrap();
    let seen = talk.until(|event| matches!(event, Event::Notice { .. })).await;
    assert!(format!("{:?}", seen.last()).contains("waits that was shown so"), "{seen:?}");
    talk.ops.send(Op::AcceptPlugin { name: "lint".into(), token }).await.unwrap();
    assert_eq!(talk.reloaded().await, [names(&["lint"]), vec![], vec![]]);

    // While the call waits for an answer, the file is replaced: it ends on the code that it began with.
    talk.ops.send(Op::Submit { text: "again".into() }).await.unwrap();
    let seen = talk.until(|event| matches!(event, Event::ApprovalRequested { .. })).await;
    let Some(Event::ApprovalRequested { id, .. }) = seen.last() else { unreachable!() };
    let two = Made { answer: "two", version: "0.2.0", capabilities: "{ workspace = \"read\" }", ..Made::default() };
    yard.put(PROJECT, &two);
    yard.accept(Place::Project, &two);
    talk.live.rescan();
    assert_eq!(talk.reloaded().await, [vec![], names(&["lint"]), vec![]]);
    talk.ops.send(Op::Answer { id: *id, answer: Answer::Yes }).await.unwrap();
    let events = talk.until(|event| matches!(event, Event::TurnEnded { .. })).await;
    assert_eq!(results(&events), [("lint".into(), ToolStatus::Ok, "one".into())]);
    assert!(matches!(events.last(), Some(Event::TurnEnded { end: TurnEnd::Done, .. })));
    assert_eq!(talk.live.current().find("lint").unwrap().plugin.version, "0.2.0");
    prefix_is_stable(&server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_follows_the_files_and_offers_what_it_finds_at_the_start() {
    let yard = Yard::new();
    let one = Made { command: Some(("commands/tidy.md", "Tidy $1.\n")), ..Made::default() };
    yard.put(PROJECT, &one);
    yard.accept(Place::Project, &one);
    let live = yard.open();
    let setup = commands::Setup { order: commands::Source::ALL.to_vec(), ..commands::Setup::default() };
    let commands = commands::Live::open(Roots::find(&setup), &[]);
    let (told, hears) = std::sync::mpsc::channel();
    let carry = commands.clone();
    live.listen(move |plugins| {
        let files = plugins.plugins().iter().map(|plugin| commands::Carried {
            plugin: plugin.name.clone(),
            files: plugin.commands().iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect(),
        });
        carry.carry(files.collect());
        let _ = told.send(plugins.tools().iter().any(|tool| tool.spec.name == "lint"));
    });
    let _watch = garth::app::follow::plugins(&live, garth::watch::Mode::Auto).unwrap();
    let wait = |wanted: bool| {
        while hears.recv_timeout(std::time::Duration::from_secs(30)).expect("the watcher tells") != wanted {}
    };
    wait(true);
    assert!(commands.current().find("lint:tidy").is_some());
    std::fs::remove_dir_all(yard.top().join("project/.garth")).unwrap();
    wait(false);
    assert!(commands.current().find("lint:tidy").is_none());
    // From nothing: each folder on the way is new.
    yard.put(PROJECT, &one);
    wait(true);
    assert!(commands.current().find("lint:tidy").is_some());
    let two = Made { answer: "two", ..one };
    let writing = plugins::Writing::begin(&yard.roots, "lint").unwrap();
    yard.put(Spot::Dev, &two);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let is_new = || {
        Arc::clone(&live.current()).find("lint").is_some_and(|tool| tool.plugin.digest == plugins::digest(&two.file()))
    };
    while !is_new() {
        assert!(std::time::Instant::now() < end, "{:#?}", live.list());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let user = yard.consents.file(Place::Project).to_path_buf();
    std::fs::remove_file(user).unwrap();
    // Its file stays, as where the process is killed.
    drop(writing);
    wait(false);
}
