//! One turn. The four lines that define an agent, and the ways in which it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;

use super::ask::{self, Reply};
use super::{Context, Services, calls, guard::Guard};
use crate::model::Model;
use crate::protocol::{Event, FinishReason, Level, Message, TurnEnd};

/// Stands for a reply that did not come.
const NO_REPLY: &str = "(no reply: the turn ended before it)";

/// What the calls of a turn share.
pub(super) struct Turn {
    pub services: Arc<Services>,
    pub cancel: CancellationToken,
    /// Held while a question is open.
    pub asking: tokio::sync::Mutex<()>,
    /// How many things were refused.
    pub denied: AtomicU32,
}

/// Runs until the model is done, a limit is reached or `cancel` fires; the end is told as an event.
pub(super) async fn run(
    services: &Arc<Services>,
    model: Arc<dyn Model>,
    context: &mut Context,
    number: u64,
    cancel: CancellationToken,
) {
    let turn = Arc::new(Turn {
        services: services.clone(),
        cancel,
        asking: tokio::sync::Mutex::new(()),
        denied: AtomicU32::new(0),
    });
    let (end, steps) = within_time(&turn, steps(&turn, &model, context)).await;
    let denied = turn.denied.load(Ordering::Relaxed);
    services.recorder.emit(Event::TurnEnded { turn: number, end, steps, denied }).await;
}

/// Cancels the turn when its time is up, and says that it was the time.
async fn within_time(turn: &Turn, steps: impl Future<Output = (TurnEnd, u32)>) -> (TurnEnd, u32) {
    let Some(limit) = turn.services.settings.timeout else { return steps.await };
    tokio::pin!(steps);
    let cut = tokio::select! {
        biased;
        end = &mut steps => return end,
        () = tokio::time::sleep(limit) => {
            turn.cancel.cancel();
            steps.await.1
        }
    };
    let error = format!("the turn reached agent.timeout ({} s); raise it, or ask for less at once", limit.as_secs());
    (TurnEnd::Failed { error }, cut)
}

async fn steps(turn: &Arc<Turn>, model: &Arc<dyn Model>, context: &mut Context) -> (TurnEnd, u32) {
    let settings = &turn.services.settings;
    let mut guard = Guard::new(settings.loop_repeats);
    for step in 1..=settings.max_steps {
        turn.services.recorder.emit(Event::StepStarted { step, max_steps: settings.max_steps }).await;
        let (reply, failure) = ask::model(turn, model, context).await;
        let done = reply.asked.is_empty();
        let end = match failure {
            Some(error) => Some(TurnEnd::Failed { error: error.to_string() }),
            None => judge(turn, &reply).await,
        };
        let asked = record_reply(turn, context, reply).await;
        if let Some(end) = end {
            return (end, step);
        }
        if done {
            return (TurnEnd::Done, step);
        }
        let results = calls::run(turn, &asked).await;
        for result in &results {
            context.messages.push(result.message());
        }
        if turn.cancel.is_cancelled() {
            return (TurnEnd::Cancelled, step);
        }
        if let Some((tool, times)) = guard.repeated(&asked, &results) {
            return (TurnEnd::Loop { tool, times }, step);
        }
    }
    (TurnEnd::StepLimit { max_steps: settings.max_steps }, settings.max_steps)
}

/// Replies that end the turn whatever they say.
async fn judge(turn: &Turn, reply: &Reply) -> Option<TurnEnd> {
    if reply.cancelled {
        return Some(TurnEnd::Cancelled);
    }
    let nothing = reply.asked.is_empty() && reply.text.trim().is_empty();
    match (&reply.finish, nothing) {
        (FinishReason::Length, true) => Some(TurnEnd::Failed {
            error: "the reply reached its token limit before it said anything; raise model.max_tokens or model.num_ctx"
                .into(),
        }),
        (FinishReason::Length, false) => {
            let text = "the reply was cut at its token limit; raise model.max_tokens (--max-tokens) for longer ones";
            turn.services.recorder.emit(Event::Notice { level: Level::Warn, text: text.into() }).await;
            None
        }
        (_, true) => {
            Some(TurnEnd::Failed { error: "the model sent an empty reply; ask again or try another model".into() })
        }
        (_, false) => None,
    }
}

/// Appends the reply to the transcript. Where there was none, that is said: servers insist on an answer to each question.
async fn record_reply(turn: &Turn, context: &mut Context, reply: Reply) -> Vec<ask::Asked> {
    let Reply { mut text, reasoning, asked, .. } = reply;
    let calls: Vec<_> = asked.iter().map(|asked| asked.call.clone()).collect();
    if text.is_empty() && calls.is_empty() {
        text = NO_REPLY.to_string();
    }
    let event = Event::AssistantMessage { text: text.clone(), reasoning: reasoning.clone(), calls: calls.clone() };
    turn.services.recorder.emit(event).await;
    context.messages.push(Message::Assistant { text, reasoning, calls });
    asked
}
