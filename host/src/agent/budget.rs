//! Room in the window: before each request the conversation is made short enough, and one that would not fit is not sent.
//! Between two compactions messages are only appended, so that the server's prompt cache stays warm; a compaction throws it
//! away once, and makes room for many steps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::announced::Announced;
use super::ask::{self, Reply};
use super::turn::Turn;
use super::{Context, summary};
use crate::check;
use crate::context::{compact, sum_up};
use crate::model::{Model, ModelError};
use crate::protocol::{Event, ToolCall};

/// Of the window: what a compaction leaves, in percent.
const TARGET: usize = 40;
/// Tokens without which no reply says anything.
const REPLY: usize = 256;
/// The tool whose newest result is the plan.
const PLAN: &str = "todo";

/// Makes room, asks the model, and asks once more where the server's window is smaller than anybody knew.
pub(super) async fn ask(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> (Reply, Option<ModelError>) {
    if let Err(error) = make_room(turn, model, context).await {
        return (Reply::none(), Some(error));
    }
    let asked = ask_once(turn, model, context).await;
    let Some(ModelError::ContextOverflow { limit, .. }) = &asked.1 else { return asked };
    let window = limit.and_then(|limit| usize::try_from(limit).ok());
    let window = window.unwrap_or_else(|| context.tokens() * 3 / 4);
    context.window = Some(context.window.map_or(window, |known| known.min(window)));
    if !shorten(turn, context, window, None).await {
        return asked;
    }
    ask_once(turn, model, context).await
}

async fn ask_once(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> (Reply, Option<ModelError>) {
    let (reply, failure) = ask::model(turn, model, context).await;
    // What a server counts of a request that it has cut, or not finished, says nothing of the others.
    if let Some(counted) = reply.prompt_tokens.filter(|_| failure.is_none()) {
        context.learn(counted);
    }
    (reply, failure)
}

async fn make_room(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> Result<(), ModelError> {
    let settings = &turn.services.settings;
    if context.window.is_none() {
        let told = tokio::select! {
            biased;
            () = turn.cancel.cancelled() => None,
            told = model.window() => told,
        };
        context.window = told.map(|tokens| tokens as usize);
    }
    let window = context.window.unwrap_or(settings.window);
    turn.window.store(window, Ordering::Relaxed);
    // Where little could be left out the last time, the next one waits until half of the room is used up again.
    let least = context.compacted.map_or(0, |after| (after + window) / 2);
    let mut tokens = context.tokens();
    if tokens >= least.max(window * settings.compact_at / 100) && shorten(turn, context, window, Some(model)).await {
        tokens = context.tokens();
    }
    // Where nobody knows the window, the server has to say.
    match (context.window, tokens) {
        (Some(window), tokens) if tokens + REPLY > window => Err(ModelError::ContextOverflow {
            message: "it was not sent; raise model.num_ctx, start anew with /reset, or ask for less at once".into(),
            prompt_tokens: Some(tokens as u64),
            limit: Some(window as u64),
        }),
        _ => Ok(()),
    }
}

/// Compacts the conversation; `false` when there was nothing to shorten. `model` may be asked for a summary.
async fn shorten(turn: &Turn, context: &mut Context, window: usize, model: Option<&Arc<dyn Model>>) -> bool {
    let before = context.tokens();
    let tools = context.tools_tokens();
    let gauge = context.gauge;
    let pinned = |call: &ToolCall, text: &str| call.name == PLAN || check::tells_errors(text);
    let target = (window * TARGET / 100).saturating_sub(tools);
    let Some(mut messages) = compact(&context.messages, &|messages| gauge.messages(messages), target, &pinned) else {
        return false;
    };
    let folded = messages.len() < context.messages.len();
    let may_ask = turn.services.settings.summary && folded && before + summary::ROOM <= window;
    if let Some(model) = model.filter(|_| may_ask)
        && let Some(lines) = summary::ask(turn, model, context).await
    {
        sum_up(&mut messages, lines);
    }
    // The ids of what is left out were used all the same.
    context.taken = ask::used_ids(context);
    context.messages = messages;
    (context.known, context.announced) = (None, Announced::read(&context.tools, &context.messages));
    context.compacted = Some(context.tokens());
    let event = Event::Compacted {
        messages: context.messages.clone(),
        before: before as u64,
        after: context.tokens() as u64,
        window: window as u64,
    };
    turn.services.recorder.emit(event).await;
    true
}
