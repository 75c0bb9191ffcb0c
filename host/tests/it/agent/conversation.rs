//! A conversation of several turns with the loop itself, in this process: files change between the turns and during them,
//! and the catalogue is told at once. A model over real HTTP, real tools.

use std::sync::Arc;

use garth::agent::{Agent, Recorder, Services};
use garth::approval::Approvals;
use garth::commands::{self, Live, Roots};
use garth::model::{self, Endpoint, Provider};
use garth::plugins::{self, Plugins};
use garth::policy::Grant;
use garth::protocol::{ApprovalMode, Event, Op, TurnEnd};
use garth::sandbox::{Protection, Sandbox};
use garth::session::Store;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Project;
use super::commands::last_user;
use super::project::home;
use super::services::services;
use super::steps::prefix_is_stable;
use crate::server::{Reply, Server};

pub(super) struct Conversation {
    pub ops: mpsc::Sender<Op>,
    events: mpsc::Receiver<Event>,
    live: Live,
    _scratch: tempfile::TempDir,
}

impl Conversation {
    fn begin(project: &Project, server: &Server) -> Conversation {
        Conversation::with(project, server, |services| services)
    }

    pub fn with(project: &Project, server: &Server, change: impl FnOnce(Services) -> Services) -> Conversation {
        let scratch = tempfile::tempdir().unwrap();
        let root = project.root().to_path_buf();
        let none = scratch.path().join("none");
        let live = Live::open(Roots::find(&commands::Setup::new(&root, &root, &none, None)), &[]);
        let sandbox = garth::sandbox::Settings {
            cache_dir: Some(home().join("cache/native")),
            key_dir: scratch.path().to_path_buf(),
        };
        let plugins = Plugins::load(plugins::Setup {
            sandbox: Sandbox::new(sandbox).unwrap(),
            workspace: root.clone(),
            protection: Arc::new(Protection::new(&[], &[".env*".into()]).unwrap()),
            limits: Default::default(),
            enabled: &|_| true,
            grant: &|_, _| Grant::default(),
            state: scratch.path().join("state"),
        });
        let journal = Store::new(scratch.path().join("sessions")).create().unwrap();
        let (session, (events_in, events)) = (journal.id().to_string(), mpsc::channel(10_000));
        let plugins = plugins::Live::fixed(plugins.unwrap());
        let consents = plugins::Consents::open(scratch.path().join("p.json"), scratch.path().join("u.json"));
        let services = Services {
            commands: live.clone(),
            approvals: Approvals::new(ApprovalMode::Auto, Vec::new(), Box::new(|_| Ok(()))),
            ..services(scratch.path(), &root, plugins, consents, Recorder::new(journal, events_in))
        };
        let model = model::connect(Endpoint::new(Provider::OpenAi, server.url(), "test")).unwrap();
        let (ops, ops_out) = mpsc::channel(100);
        let connect = Box::new(|_: &str| unreachable!("the model stays"));
        let new_journal = Box::new(|| Err(std::io::Error::other("no reset here")));
        let agent = Agent::new(change(services), model, connect, new_journal, session, None);
        tokio::spawn(agent.run(ops_out));
        Conversation { ops, events, live, _scratch: scratch }
    }

    /// A turn from beginning to end: its events.
    async fn turn(&mut self, op: Op) -> Vec<Event> {
        self.ops.send(op).await.unwrap();
        self.until(|event| matches!(event, Event::TurnEnded { .. })).await
    }

    async fn submit(&mut self, text: &str) -> Vec<Event> {
        self.turn(Op::Submit { text: text.into() }).await
    }

    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
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
}

fn is_done(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::TurnEnded { end: TurnEnd::Done, .. }))
}

fn sent(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| last_user(&request.json())).collect()
}

const SKILL: &str = "---\ndescription: Fills forms.\n---\nFill.\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_between_two_turns_is_live_and_the_prefix_stays() {
    let project = Project::new(&[(".claude/commands/say.md", "Say one.\n"), ("src/a.rs", "fn a() {}\n")]);
    let server = Server::openai((1..=7).map(|number| Reply::text(&format!("Answer {number}."))).collect::<Vec<_>>());
    let mut talk = Conversation::begin(&project, &server);
    let first = talk.submit("/say").await;
    assert!(is_done(&first), "{first:#?}");
    assert!(
        matches!(&first[1], Event::Commands { commands } if commands.iter().any(|c| c.name == "say")),
        "{:?}",
        first[1]
    );

    project.write(".claude/commands/say.md", "Say two.\n");
    project.write(".claude/skills/pdf/SKILL.md", SKILL);
    talk.live.rescan();
    let told = talk.until(|event| matches!(event, Event::CommandsReloaded { .. })).await;
    let reloaded = Event::CommandsReloaded {
        added: vec!["pdf".into()],
        changed: vec!["say".into()],
        removed: vec![],
        problems: vec![],
    };
    let [Event::Commands { commands }, last] = told.as_slice() else { panic!("{told:?}") };
    assert!(commands.iter().any(|command| command.name == "pdf"), "the new catalogue comes first");
    assert_eq!(*last, reloaded);
    talk.submit("/say").await;
    talk.submit("plain").await;
    // Described otherwise, and gone.
    project.write(".claude/skills/pdf/SKILL.md", &SKILL.replace("Fills forms", "Fills and reads forms"));
    talk.live.rescan();
    talk.submit("plain").await;
    std::fs::remove_dir_all(project.root().join(".claude/skills")).unwrap();
    talk.live.rescan();
    let failed = talk.submit("/nothing_like_it/x").await;
    assert!(is_done(&failed));
    talk.submit("plain").await;
    assert_eq!(
        sent(&server),
        [
            "Say one.\n",
            "[New or changed skills:\n- pdf: Fills forms.]\n\nSay two.\n",
            "plain",
            "[New or changed skills:\n- pdf: Fills and reads forms.]\n\nplain",
            "[Skills that are gone: pdf]\n\n/nothing_like_it/x",
            "plain",
        ]
    );
    prefix_is_stable(&server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_keeps_what_it_began_with() {
    let body = |text: &str| format!("---\ntools: Read, Skill\n---\n{text}\n");
    let project = Project::new(&[
        (".claude/commands/narrow.md", &body("Do it.")),
        (".claude/skills/pdf/SKILL.md", SKILL),
        ("a.txt", "one\n"),
    ]);
    let write = |path: &str| Reply::call("write_file", json!({"path": path, "content": "x\n"}));
    let slow = std::time::Duration::from_millis(300);
    let server = Server::openai(vec![
        write("b.txt"),
        Reply::call("skill", json!({"name": "pdf"})).delay(slow),
        write("c.txt"),
        Reply::text("Denied."),
        write("d.txt"),
        Reply::text("Written."),
    ]);
    let mut talk = Conversation::begin(&project, &server);
    talk.ops.send(Op::Submit { text: "/narrow".into() }).await.unwrap();
    talk.until(|event| matches!(event, Event::ToolFinished { .. })).await;
    project.write(".claude/commands/narrow.md", "---\ntools: Write\n---\nDo all.\n");
    project.write(".claude/skills/pdf/SKILL.md", &SKILL.replace("Fill.", "Changed."));
    talk.live.rescan();
    let rest = talk.until(|event| matches!(event, Event::TurnEnded { .. })).await;
    assert!(rest.iter().any(|event| matches!(event, Event::CommandsReloaded { .. })), "told while the turn runs");
    let text = |wanted: &str| {
        let found = rest.iter().find_map(|event| match event {
            Event::ToolFinished { tool, text, .. } if tool == wanted => Some(text.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{wanted}: {rest:#?}"))
    };
    assert!(text("skill").contains("Fill.") && text("write_file").contains("denied"), "{rest:#?}");
    assert!(!project.root().join("b.txt").exists() && !project.root().join("c.txt").exists());
    assert!(is_done(&talk.submit("/narrow").await));
    assert_eq!(project.read("d.txt"), "x\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn expanding_shows_the_prompt_and_leaves_nothing() {
    let body = "Look at @a.txt and !`echo b`, $1.\n";
    let project = Project::new(&[(".claude/commands/look.md", body), ("a.txt", "one\n")]);
    let server = Server::openai(vec![Reply::text("Hello.")]);
    let mut talk = Conversation::begin(&project, &server);
    let events = talk.turn(Op::Expand { text: "/look now".into() }).await;
    let prompted = events.iter().find_map(|event| match event {
        Event::Prompted { text, spans } => Some((text.clone(), spans.clone())),
        _ => None,
    });
    let (text, spans) = prompted.expect("a prompt");
    assert_eq!(text.trim_end(), "Look at <file path=\"a.txt\">\none\n</file> and b, now.");
    let covered: String = spans.iter().map(|span| &text[span.start..span.end]).collect();
    assert_eq!(covered, text);
    assert!(matches!(events.last(), Some(Event::TurnEnded { end: TurnEnd::Done, steps: 0, .. })), "{events:#?}");
    assert!(server.requests().is_empty());
    let unknown = talk.turn(Op::Expand { text: "/nothing".into() }).await;
    assert!(matches!(unknown.last(), Some(Event::TurnEnded { end: TurnEnd::Failed { .. }, .. })));
    talk.submit("hello").await;
    let request = server.requests()[0].json();
    let roles: Vec<&str> = request["messages"].as_array().unwrap().iter().filter_map(role).collect();
    assert_eq!(roles, ["system", "user"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn skills_of_a_path_and_nested_ones_appear_when_a_file_is_in_play() {
    let project = Project::new(&[
        (".claude/skills/sql/SKILL.md", "---\ndescription: SQL.\npaths: \"db/**\"\n---\nSQL.\n"),
        ("db/a.sql", "select 1;\n"),
        ("sub/x.txt", "x\n"),
        ("sub/.claude/skills/inner/SKILL.md", "---\ndescription: Inner.\n---\nInner.\n"),
    ]);
    let server = Server::openai(vec![
        Reply::call("read_file", json!({"path": "db/a.sql"})).and_call("read_file", json!({"path": "sub/x.txt"})),
        Reply::call("skill", json!({"name": "inner"})),
        Reply::text("Read."),
        Reply::text("Yes."),
    ]);
    let mut talk = Conversation::begin(&project, &server);
    talk.submit("read").await;
    talk.submit("and?").await;
    assert!(!server.requests()[0].body.contains("SQL."), "{}", server.requests()[0].body);
    let called = &server.requests()[2].body;
    assert!(called.contains("Skill inner. Follow it"), "a turn may call what it has found: {called}");
    let last = sent(&server).pop().unwrap();
    assert!(last.contains("- sql: SQL.") && last.contains("inner: Inner.") && last.ends_with("\n\nand?"), "{last}");
    prefix_is_stable(&server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_command_and_is_none() {
    let project = Project::new(&[
        (".claude/commands/review.md", "Review it.\n"),
        (".claude/agents/helper.md", "---\nname: helper\n---\nHelp.\n"),
        (".claude/skills/quiet/SKILL.md", "---\ndescription: Quiet.\nuser-invocable: false\n---\nQuiet.\n"),
    ]);
    let tasks = ["/etc/hosts is wrong", " /reveiw the diff", "/tmp is full", "//x"];
    let server = Server::openai(tasks.map(Reply::text).to_vec());
    let mut talk = Conversation::begin(&project, &server);
    for (task, part) in [
        ("/reveiw the diff", "the nearest is /review."),
        ("/helper x", "is an agent"),
        ("/quiet", "`user-invocable: false`"),
    ] {
        match talk.submit(task).await.last() {
            Some(Event::TurnEnded { end: TurnEnd::Failed { error }, steps: 0, .. }) => {
                assert!(error.contains(part), "{task}: {error}");
            }
            other => panic!("{task}: {other:?}"),
        }
    }
    for task in tasks {
        assert!(is_done(&talk.submit(task).await), "{task}");
    }
    assert_eq!(sent(&server), tasks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_preparation_leaves_nothing() {
    let project = Project::new(&[(".claude/commands/slow.md", "!`sleep 60`\n")]);
    let server = Server::openai(vec![Reply::text("Hello.")]);
    let mut talk = Conversation::begin(&project, &server);
    talk.ops.send(Op::Submit { text: "/slow".into() }).await.unwrap();
    talk.until(|event| matches!(event, Event::ToolStarted { .. })).await;
    talk.ops.send(Op::Cancel).await.unwrap();
    let rest = talk.until(|event| matches!(event, Event::TurnEnded { .. })).await;
    assert!(matches!(rest.last(), Some(Event::TurnEnded { end: TurnEnd::Cancelled, steps: 0, .. })), "{rest:#?}");
    talk.submit("hello").await;
    let request = server.requests()[0].json();
    assert_eq!(request["messages"].as_array().unwrap().iter().filter_map(role).collect::<Vec<_>>(), ["system", "user"]);
}

fn role(message: &Value) -> Option<&str> {
    message["role"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_that_do_not_count_are_told_once_for_each_content() {
    let text = "---\nallowed-tools: Bash(git:*)\n---\nSay one.\n";
    let project = Project::new(&[(".claude/commands/say.md", text)]);
    let server = Server::openai((1..=3).map(|number| Reply::text(&format!("Answer {number}."))).collect::<Vec<_>>());
    let mut talk = Conversation::begin(&project, &server);
    let is_told = |event: &Event| matches!(event, Event::Notice { text, .. } if text.contains("which does not count"));
    let mut told = Vec::new();
    for content in [text.to_string(), text.to_string(), text.replace("one", "two")] {
        project.write(".claude/commands/say.md", &content);
        talk.live.rescan();
        told.push(talk.submit("/say").await.iter().filter(|event| is_told(event)).count());
    }
    assert_eq!(told, [1, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_reads_the_beginning_before_the_first_words_and_after_them_what_was_said() {
    let project = Project::new(&[("a.txt", "one\n")]);
    let replies = ["(warm)", "Answer 1.", "(warm)", "Answer 2."];
    let server = Server::openai(replies.map(Reply::text).to_vec());
    let mut talk = Conversation::begin(&project, &server);
    for words in ["first", "second"] {
        talk.ops.send(Op::WarmUp).await.unwrap();
        let events = talk.submit(words).await;
        assert!(is_done(&events), "{events:#?}");
        assert!(!format!("{events:?}").contains("(warm)"), "what a warm-up brings is nobody's: {events:#?}");
    }
    let requests: Vec<Value> = server.requests().iter().map(|request| request.json()).collect();
    let words: Vec<String> = requests.iter().map(last_user).collect();
    assert_eq!(words, ["…", "first", "…", "second"]);
    let limits: Vec<&Value> = requests.iter().map(|request| &request["max_tokens"]).collect();
    assert_eq!(limits, [&json!(1), &Value::Null, &json!(1), &Value::Null]);
    for pair in requests.chunks(2) {
        let messages = |request: &Value| request["messages"].as_array().unwrap().clone();
        let (warm, asked) = (messages(&pair[0]), messages(&pair[1]));
        assert_eq!(warm[..warm.len() - 1], asked[..asked.len() - 1]);
        assert_eq!(pair[0]["tools"], pair[1]["tools"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_fit_is_not_read_in_advance() {
    let project = Project::new(&[]);
    let server = Server::openai(["Answer 1.", "(warm)"].map(Reply::text).to_vec());
    let mut talk = Conversation::with(&project, &server, |mut services| {
        services.settings.window = 8_192;
        services
    });
    let words = "many words ".repeat(2_000);
    assert!(is_done(&talk.submit(&words).await));
    talk.ops.send(Op::WarmUp).await.unwrap();
    // It waits for the warm-up.
    drop(talk.submit("next").await);
    let warm = &server.requests()[1];
    assert_eq!(last_user(&warm.json()), "…");
    assert!(!warm.body.contains("many words"), "just the beginning: {}", warm.body.len());
}
