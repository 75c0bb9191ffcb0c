//! Questions about a tier that is not on this machine, and memory that takes its time, with the loop in this process: answered,
//! cancelled, and asked again when that is due.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use garth::agent::{Checker, Larger, Recovery, Routing, Rules, Services, Settings};
use garth::check::Checks;
use garth::model::{Delta, Endpoint, Model, ModelError, Provider, Request, Sampling, connect};
use garth::protocol::{Answer, ApprovalMode, Event, Level, Op, Scope, Tier, TurnEnd};
use garth::router::{Leave, Ledger, Limits};
use serde_json::json;

use super::Project;
use super::conversation::Conversation;
use crate::server::{Reply, Server};

const HARD: (&str, &str) = (".claude/commands/hard.md", "---\ncomplexity: high\n---\nDo the hard thing: $ARGUMENTS\n");

fn rules(leave: Leave) -> Rules {
    Rules { limits: Limits { threshold: 0.75, hysteresis: 0.15 }, leave, escalate: true, pinned: None }
}

fn larger(tier: Tier, model: Arc<dyn Model>, swaps: bool) -> Larger {
    Larger { tier, model, sampling: Sampling::default(), swaps }
}

/// A model that counts as one on another machine.
fn away(server: &Server) -> Arc<dyn Model> {
    connect(Endpoint { local: Some(false), ..Endpoint::new(Provider::OpenAi, server.url(), "large") }).unwrap()
}

fn with(project: &Project, local: &Server, leave: Leave, tiers: Vec<Larger>) -> Conversation {
    Conversation::with(project, local, |services| {
        let recovery = Recovery { mend_after: 2, mend_steps: 1, mend_attempts: 9, ..Recovery::default() };
        Services {
            routing: Routing::new(rules(leave), tiers, Ledger::default()),
            checks: Checker::new(Checks::new(&garth::config::Settings::default().checks).unwrap()),
            settings: Settings { recovery, ..services.settings.clone() },
            ..services
        }
    })
}

impl Conversation {
    async fn say(&mut self, text: &str) {
        self.ops.send(Op::Submit { text: text.into() }).await.unwrap();
    }

    /// The id of the next question.
    async fn question(&mut self) -> u64 {
        let seen = self.until(|event| matches!(event, Event::ApprovalRequested { .. })).await;
        let Some(Event::ApprovalRequested { id, request, .. }) = seen.last() else { unreachable!() };
        assert_eq!(request.tool, "router");
        *id
    }

    /// The rest of the turn.
    async fn rest(&mut self) -> (TurnEnd, Vec<Event>) {
        let seen = self.until(|event| matches!(event, Event::TurnEnded { .. })).await;
        let Some(Event::TurnEnded { end, .. }) = seen.last() else { unreachable!() };
        (end.clone(), seen)
    }

    async fn answer(&mut self, answer: Answer) -> (TurnEnd, Vec<Event>) {
        let id = self.question().await;
        self.ops.send(Op::Answer { id, answer }).await.unwrap();
        self.rest().await
    }
}

fn count(events: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| wanted(event)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_holds_as_long_as_it_says() {
    let project = Project::new(&[HARD]);
    let local = Server::openai(vec![Reply::text("Small."), Reply::text("Small.")]);
    let far = Server::openai((0..3).map(|_| Reply::text("Large.").usage(900, 9, 0)).collect());
    let mut talk = with(&project, &local, Leave::Ask, vec![larger(Tier::Cloud, away(&far), false)]);
    // Under `never` the task stays here; the next one is asked about again.
    talk.ops.send(Op::SetApproval { mode: ApprovalMode::Never }).await.unwrap();
    talk.say("/hard zero").await;
    let (end, seen) = talk.rest().await;
    assert!(end == TurnEnd::Done && far.requests().is_empty(), "{seen:#?}");
    talk.ops.send(Op::SetApproval { mode: ApprovalMode::Ask }).await.unwrap();
    // Yes: for the task.
    talk.say("/hard one").await;
    let (end, seen) = talk.answer(Answer::Yes).await;
    assert_eq!((end, far.requests().len()), (TurnEnd::Done, 1));
    assert!(far.requests()[0].body.contains("Do the hard thing: one"));
    assert_eq!(count(&seen, |event| matches!(event, Event::Usage { tier: Tier::Cloud, .. })), 1);
    // Always: for the session.
    talk.say("/hard two").await;
    let (end, _) = talk.answer(Answer::Always { scope: Scope::Project }).await;
    talk.say("/hard three").await;
    let (later, seen) = talk.rest().await;
    assert_eq!((end, later, far.requests().len()), (TurnEnd::Done, TurnEnd::Done, 3));
    assert_eq!(count(&seen, |event| matches!(event, Event::ApprovalRequested { .. })), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_at_the_question_is_asked_no_other() {
    const BAD: &str = "{\n  \"a\": 1,\n}\n";
    let project = Project::new(&[]);
    let write = |content: &str| Reply::call("write_file", json!({"path": "a.json", "content": content}));
    let mut replies = vec![write(BAD), write(&BAD.replace('1', "2"))];
    replies.extend((0..4).map(|_| Reply::text("I would add a brace.")));
    let (local, far) = (Server::openai(replies), Server::openai(vec![]));
    let tiers = vec![larger(Tier::Heavy, away(&far), false), larger(Tier::Cloud, away(&far), false)];
    let mut talk = with(&project, &local, Leave::Ask, tiers);
    talk.say("count to two in a.json").await;
    talk.question().await;
    talk.ops.send(Op::Cancel).await.unwrap();
    let (end, seen) = talk.rest().await;
    assert_eq!(end, TurnEnd::Cancelled);
    assert_eq!(count(&seen, |event| matches!(event, Event::ApprovalRequested { .. })), 0);
    assert_eq!(count(&seen, |event| matches!(event, Event::ApprovalResolved { answer: Answer::No { .. }, .. })), 1);
    assert_eq!(count(&seen, |event| matches!(event, Event::GaveUp { .. })), 0);
}

/// A model that never goes out of memory.
struct Stuck(Arc<dyn Model>);

impl Model for Stuck {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        self.0.stream(request)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn provider(&self) -> &str {
        self.0.provider()
    }

    fn unload(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_memory_but_a_request() {
    let project = Project::new(&[HARD]);
    let local = Server::openai(vec![Reply::text("Small.")]);
    let heavy = Server::openai(vec![Reply::text("Large.")]);
    let stuck = connect(Endpoint::new(Provider::OpenAi, heavy.url(), "large")).unwrap();
    let mut talk = with(&project, &local, Leave::Ask, vec![larger(Tier::Heavy, Arc::new(Stuck(stuck)), true)]);
    talk.say("/hard it").await;
    let (end, seen) = talk.rest().await;
    assert_eq!((end, heavy.requests().len()), (TurnEnd::Done, 1), "{seen:#?}");
    talk.say("and now?").await;
    talk.until(|event| matches!(event, Event::Routed { tier: Tier::Local, .. })).await;
    assert!(local.requests().is_empty(), "two models are not in memory together");
    talk.ops.send(Op::Cancel).await.unwrap();
    let (end, seen) = talk.rest().await;
    assert_eq!(end, TurnEnd::Cancelled);
    assert_eq!(count(&seen, |event| matches!(event, Event::Notice { level: Level::Error, .. })), 0);
    assert_eq!(count(&seen, |event| matches!(event, Event::Usage { .. })), 0, "nothing was sent");
}
