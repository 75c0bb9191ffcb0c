//! `garth run` against a scripted loop: events in through the channel, streams and exit codes out.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use garth::cli::headless::{Console, Form, expand, run};
use garth::cli::{Exit, TaskError};
use garth::protocol::{Answer, ApprovalRequest, Event, Level, Op, PromptSpan, Subject, ToolCall, ToolStatus, TurnEnd};
use garth::terminal::{Link, Style, Typed};
use serde_json::json;
use tokio::sync::mpsc;

/// A stream that keeps what was written; `limit` bytes, then the pipe is broken.
#[derive(Clone, Default)]
pub struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: Option<usize>,
}

impl Kept {
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }

    pub fn clear(&self) {
        self.bytes.lock().unwrap().clear();
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.bytes.lock().unwrap();
        if self.limit.is_some_and(|limit| kept.len() + bytes.len() > limit) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Ended {
    exit: Exit,
    out: String,
    err: String,
    ops: Vec<Op>,
}

struct Scene {
    form: Form,
    width: Option<usize>,
    answers: Option<Vec<&'static str>>,
    limit: Option<usize>,
    interrupts: usize,
    expands: bool,
}

const PIPED: Scene = Scene { form: Form::Text, width: None, answers: None, limit: None, interrupts: 0, expands: false };

/// Plays events after the task was submitted. Where an event waits for an answer or a cancel, so does the loop.
async fn play(scene: Scene, events: Vec<Event>) -> Ended {
    let (ops, mut ops_in) = mpsc::channel(4);
    let (events_out, events_in) = mpsc::channel(2);
    let (interrupt, interrupts) = mpsc::channel(4);
    let (typed, answers) = mpsc::channel(16);
    let (out, err) = (Kept { limit: scene.limit, ..Kept::default() }, Kept::default());
    let style = Style { colour: false, width: scene.width };
    let console = Console {
        form: scene.form,
        out: out.clone(),
        out_style: style,
        err: err.clone(),
        err_style: style,
        answers: scene.answers.is_some().then_some(answers),
    };
    let presses = scene.interrupts;
    let lines = scene.answers.unwrap_or_default();
    let agent = tokio::spawn(async move {
        let mut seen = vec![ops_in.recv().await.unwrap()];
        for event in events {
            let asks = matches!(event, Event::ApprovalRequested { .. });
            if matches!(event, Event::TurnEnded { end: TurnEnd::Cancelled, .. }) {
                for _ in 0..presses {
                    interrupt.send(()).await.unwrap();
                }
                seen.push(ops_in.recv().await.unwrap());
            }
            if events_out.send(event).await.is_err() {
                break;
            }
            if asks {
                // Past the question: the front end throws away what was typed before.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                for line in &lines {
                    let _ = typed.send(Typed::Line((*line).to_owned())).await;
                }
                seen.push(ops_in.recv().await.unwrap());
            }
        }
        drop(events_out);
        while let Some(op) = ops_in.recv().await {
            seen.push(op);
        }
        seen
    });
    let (link, line) = (Link::new(ops, events_in), String::from("do it"));
    let exit = match scene.expands {
        true => expand(link, line, console, interrupts).await,
        false => run(link, line, console, interrupts).await,
    };
    Ended { exit, out: out.text(), err: err.text(), ops: agent.await.unwrap() }
}

fn call(name: &str) -> ToolCall {
    ToolCall { id: "c1".into(), name: name.into(), arguments: json!({"path": "a.rs"}), recovered: None }
}

fn said(text: &str, calls: Vec<ToolCall>) -> Event {
    Event::AssistantMessage { text: text.into(), reasoning: None, calls }
}

fn finished(tool: &str, status: ToolStatus) -> Event {
    let (tool, text) = (tool.into(), "text".into());
    Event::ToolFinished { call_id: "c1".into(), tool, status, text, data: None, programs: Vec::new(), duration_ms: 5 }
}

fn ended(end: TurnEnd) -> Event {
    Event::TurnEnded { turn: 1, end, steps: 1, denied: 0 }
}

fn started() -> Event {
    Event::TurnStarted { turn: 1, task: "do it".into() }
}

fn asked() -> Event {
    let subject = Subject::Program { argv: vec!["ls".into()], directory: String::new(), access: "read".into() };
    let (tool, plugin, reason) = ("run".into(), "shell".into(), "mode 'ask'".into());
    let request = ApprovalRequest {
        tool,
        plugin,
        subject,
        reason,
        change: Some("use --approval auto".into()),
        rule: Some("argv = [\"ls\"]".into()),
    };
    Event::ApprovalRequested { id: 7, call_id: "c1".into(), request }
}

#[tokio::test]
async fn exit_codes_say_how_it_ended() {
    use ToolStatus::{Denied, Failed, Ok};
    let looped = || TurnEnd::Loop { tool: "edit".into(), times: 3 };
    let failed = || TurnEnd::Failed { error: "no server".into() };
    for (outcomes, end, expected) in [
        (vec![], TurnEnd::Done, Exit::Done),
        (vec![("edit", Failed)], TurnEnd::Done, Exit::Done),
        (vec![("edit", Denied)], TurnEnd::Done, Exit::Denied),
        (vec![("edit", Denied), ("read", Ok)], TurnEnd::Done, Exit::Denied),
        (vec![("edit", Denied), ("edit", Ok)], TurnEnd::Done, Exit::Done),
        (vec![("edit", Ok), ("edit", Denied)], TurnEnd::Done, Exit::Denied),
        (vec![("edit", Denied)], looped(), Exit::Denied),
        (vec![], looped(), Exit::Failed),
        (vec![("edit", Denied)], failed(), Exit::Failed),
        (vec![("edit", Denied)], TurnEnd::StepLimit { max_steps: 4 }, Exit::StepLimit),
    ] {
        let case = format!("{outcomes:?} {end:?}");
        let mut events = vec![started()];
        events.extend(outcomes.into_iter().map(|(tool, status)| finished(tool, status)));
        events.push(ended(end));
        let result = play(PIPED, events).await;
        assert_eq!(result.exit, expected, "{case}");
        assert_eq!(result.ops.first(), Some(&Op::Submit { text: "do it".into() }));
        assert_eq!(result.ops.last(), Some(&Op::Shutdown));
        assert_eq!(result.err.contains("denied (edit); the reason"), expected == Exit::Denied, "{}", result.err);
    }
    let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::StepLimit, Exit::Denied, Exit::Cancelled].map(Exit::code);
    assert_eq!(codes, [0, 1, 2, 3, 4, 130]);
}

fn command() -> Event {
    Event::CommandStarted {
        name: "review".into(),
        arguments: "src".into(),
        file: ".claude/commands/review.md".into(),
        restricts: None,
        approves: Vec::new(),
    }
}

fn prompted(text: &str, spans: &[(usize, usize, &str)]) -> Event {
    let span = |(start, end, source): &(usize, usize, &str)| PromptSpan {
        start: *start,
        end: *end,
        source: (*source).into(),
        written: None,
        line: Some(3),
    };
    Event::Prompted { text: text.into(), spans: spans.iter().map(span).collect() }
}

#[tokio::test]
async fn an_expansion_is_the_prompt_alone() {
    let text = "Look at src\u{1b}.";
    let events = || {
        vec![
            started(),
            command(),
            Event::ToolStarted { call: call("run"), plugin: None },
            finished("run", ToolStatus::Ok),
            prompted(text, &[(0, 8, "body"), (8, 13, "argument")]),
            ended(TurnEnd::Done),
        ]
    };
    let scene = Scene { expands: true, ..PIPED };
    let result = play(scene, events()).await;
    assert_eq!((result.exit, result.out.as_str()), (Exit::Done, "Look at src\u{1b}.\n"), "a pipe gets it exactly");
    assert_eq!(result.ops, [Op::Expand { text: "do it".into() }, Op::Shutdown]);
    let shown = "  /review: .claude/commands/review.md\n● run a.rs\n  │ text\n  ✓ · 5 ms\n";
    assert!(result.err.starts_with(shown), "{}", result.err);
    let result = play(Scene { expands: true, width: Some(60), ..PIPED }, events()).await;
    assert_eq!(result.out, "Look at src\\u{1b}.\n", "a terminal does not");
    let result = play(Scene { expands: true, form: Form::Json, ..PIPED }, events()).await;
    let json: serde_json::Value = serde_json::from_str(&result.out).unwrap();
    assert_eq!(json["prompt"], text);
    assert_eq!(json["spans"][1], json!({"start": 8, "end": 13, "source": "argument", "written": null, "line": 3}));
    assert_eq!(json.as_object().unwrap().len(), 2);
    assert!(result.err.starts_with(shown), "{}", result.err);
}

#[tokio::test]
async fn notes_stand_after_the_prompt_and_all_of_it_has_a_span() {
    let events = vec![
        started(),
        prompted("One.", &[(0, 4, "body")]),
        prompted("Note.", &[(0, 5, "note")]),
        ended(TurnEnd::Done),
    ];
    let result = play(Scene { expands: true, form: Form::Json, ..PIPED }, events).await;
    let json: serde_json::Value = serde_json::from_str(&result.out).unwrap();
    assert_eq!(json["prompt"], "One.\n\nNote.");
    let ends: Vec<_> = json["spans"].as_array().unwrap().iter().map(|span| (&span["start"], &span["end"])).collect();
    assert_eq!(ends, [(&json!(0), &json!(4)), (&json!(4), &json!(6)), (&json!(6), &json!(11))]);
}

#[tokio::test]
async fn a_command_that_cannot_be_prepared_prints_no_prompt() {
    let failed = || TurnEnd::Failed { error: "the command needs `git diff`, which was denied".into() };
    for (expands, outcome, expected) in [
        (true, ToolStatus::Denied, Exit::Denied),
        (true, ToolStatus::Failed, Exit::Failed),
        (false, ToolStatus::Denied, Exit::Denied),
    ] {
        let events = vec![started(), command(), finished("run", outcome), ended(failed())];
        let result = play(Scene { expands, ..PIPED }, events).await;
        assert_eq!((result.exit, result.out.as_str()), (expected, ""));
        assert!(result.err.contains("which was denied"), "{}", result.err);
    }
    let step = Event::StepStarted { step: 1, max_steps: 2 };
    let events = vec![started(), command(), finished("run", ToolStatus::Denied), step, ended(failed())];
    assert_eq!(play(PIPED, events).await.exit, Exit::Failed, "the model failed, not the command");
}

#[tokio::test]
async fn the_answer_is_what_is_said_last_outside_of_forks() {
    let fork = || Event::ForkStarted { system: "s".into(), tools: vec![] };
    let back = |text: &str| Event::ForkEnded { text: text.into() };
    for (events, end, answer) in [
        (vec![fork(), said("inner", vec![]), back("inner")], TurnEnd::Done, "inner\n"),
        (vec![fork(), said("inner", vec![]), back("inner"), said("outer", vec![])], TurnEnd::Done, "outer\n"),
        (vec![fork(), back("inner"), said("more", vec![call("edit")])], TurnEnd::StepLimit { max_steps: 1 }, ""),
        (vec![fork(), said("inner", vec![])], TurnEnd::Cancelled, ""),
    ] {
        let events = [vec![started()], events, vec![ended(end)]].concat();
        let case = format!("{events:?}");
        let interrupts = usize::from(case.contains("Cancelled"));
        assert_eq!(play(Scene { interrupts, ..PIPED }, events).await.out, answer, "{case}");
    }
}

#[test]
fn an_unknown_command_is_named_with_the_nearest() {
    let check = |nearest: &[&str], expected: &str| {
        let nearest = nearest.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(TaskError::NoCommand { name: "revew".into(), nearest }.to_string(), expected);
    };
    let rest = "'garth commands' lists them, and a space before the slash makes it a task";
    check(&[], &format!("there is no command /revew; {rest}"));
    check(&["review"], &format!("there is no command /revew; did you mean /review? {rest}"));
    check(&["review", "renew"], &format!("there is no command /revew; did you mean /review or /renew? {rest}"));
}

#[tokio::test]
async fn a_loop_that_goes_away_is_a_failure() {
    let result = play(PIPED, vec![started()]).await;
    assert_eq!(result.exit, Exit::Failed);
    assert!(result.err.contains("the agent went away"), "{}", result.err);
}

#[tokio::test]
async fn a_pipe_gets_the_answer_alone() {
    let delta = |text: &str| Event::TextDelta { text: text.into() };
    let events = vec![
        Event::Notice { level: Level::Warn, text: "careful".into() },
        started(),
        delta("Let me see."),
        said("Let me see.", vec![call("read_file")]),
        Event::ToolStarted { call: call("read_file"), plugin: Some("files".into()) },
        finished("read_file", ToolStatus::Ok),
        delta("half an ans"),
        Event::Retry { attempt: 2, wait_ms: 10, reason: "cut off".into() },
        delta("The answer\u{1b}[2J is 42.\r\n"),
        said("The answer\u{1b}[2J is 42.\r\n", vec![]),
        ended(TurnEnd::Done),
    ];
    let result = play(PIPED, events).await;
    assert_eq!(result.out, "The answer\\u{1b}[2J is 42.\n");
    insta::assert_snapshot!("headless_stderr", steady(&result.err));
}

#[tokio::test]
async fn a_terminal_gets_the_words_as_they_come() {
    let delta = |text: &str| Event::TextDelta { text: text.into() };
    let events = vec![
        started(),
        delta("Let me "),
        delta("see."),
        said("Let me see.", vec![call("read_file")]),
        Event::ToolStarted { call: call("read_file"), plugin: None },
        finished("read_file", ToolStatus::Ok),
        said("Forty-two.", vec![]),
        ended(TurnEnd::Done),
    ];
    let result = play(Scene { width: Some(60), ..PIPED }, events).await;
    assert_eq!(result.out, "  Let me see.\n  Forty-two.\n");
    assert!(result.err.starts_with("● read_file a.rs\n  │ text\n  ✓ · 5 ms\n"), "{}", result.err);
}

#[tokio::test]
async fn json_is_one_event_a_line_and_exact() {
    let text = "a\u{9b}31m\u{202e}b\u{1b}[2J ü";
    let events = vec![started(), Event::TextDelta { text: text.into() }, ended(TurnEnd::Done)];
    let result = play(Scene { form: Form::Json, ..PIPED }, events.clone()).await;
    let back: Vec<Event> = result.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(back, events);
    assert!(!result.out.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{}", result.out);
    assert_eq!(result.err, "");
}

#[tokio::test]
async fn nobody_to_ask_means_no() {
    for scene in [PIPED, Scene { form: Form::Json, answers: Some(vec!["y"]), ..PIPED }] {
        let events = vec![started(), asked(), finished("run", ToolStatus::Denied), ended(TurnEnd::Done)];
        let result = play(scene, events).await;
        assert_eq!(result.exit, Exit::Denied);
        let Op::Answer { id: 7, answer: Answer::No { reason: Some(reason) } } = &result.ops[1] else {
            panic!("{:?}", result.ops)
        };
        assert!(reason.contains("no terminal") && reason.contains("--approval auto"));
    }
}

#[tokio::test]
async fn a_terminal_is_asked() {
    for (lines, expected) in
        [(vec!["what?", "y"], Answer::Yes), (vec!["n", "use git"], Answer::No { reason: Some("use git".into()) })]
    {
        let scene = Scene { width: Some(60), answers: Some(lines), ..PIPED };
        let result = play(scene, vec![started(), asked(), ended(TurnEnd::Done)]).await;
        assert_eq!(result.ops[1], Op::Answer { id: 7, answer: expected });
        assert!(result.err.contains("▶ garth asks: run (shell) wants to run a program\n  │ ls\n"), "{}", result.err);
    }
}

#[tokio::test]
async fn the_first_interrupt_cancels_the_turn() {
    let scene = Scene { interrupts: 1, ..PIPED };
    let result = play(scene, vec![started(), ended(TurnEnd::Cancelled)]).await;
    assert_eq!(result.exit, Exit::Cancelled);
    assert_eq!(result.ops, [Op::Submit { text: "do it".into() }, Op::Cancel, Op::Shutdown]);
}

#[tokio::test]
async fn the_second_interrupt_exits_at_once() {
    let (ops, _ops_in) = mpsc::channel(4);
    let (_events_out, events_in) = mpsc::channel::<Event>(2);
    let (interrupt, interrupts) = mpsc::channel(4);
    interrupt.send(()).await.unwrap();
    interrupt.send(()).await.unwrap();
    let (form, out_style, err_style) = (Form::Text, Style::default(), Style::default());
    let console = Console { form, out: Kept::default(), out_style, err: Kept::default(), err_style, answers: None };
    assert_eq!(run(Link::new(ops, events_in), "x".into(), console, interrupts).await, Exit::Cancelled);
}

#[tokio::test]
async fn a_closed_pipe_cancels_quietly() {
    let scene = Scene { form: Form::Json, limit: Some(60), ..PIPED };
    let result = play(scene, vec![started(), said("x", vec![]), ended(TurnEnd::Cancelled)]).await;
    assert_eq!(result.exit, Exit::Cancelled);
    assert_eq!(result.ops[1], Op::Cancel);
    assert_eq!(result.err, "");
}

/// Measured times differ from run to run.
pub fn steady(text: &str) -> String {
    let turn = |line: &str| line.contains(" step");
    let steady = |line: &str| match line.split_once(" · ") {
        Some((steps, rest)) if turn(steps) => match rest.split_once(" · ") {
            Some((_, rest)) => format!("{steps} · (time) · {rest}\n"),
            None => format!("{steps} · (time)\n"),
        },
        _ => format!("{line}\n"),
    };
    text.lines().map(steady).collect()
}
