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
use crate::context::{self, Learned, compact, sum_up};
use crate::model::{Model, ModelError};
use crate::protocol::{Event, Level, Message, ToolCall};

/// Of the window: what a compaction leaves, in percent.
const TARGET: usize = 40;
/// Of what there is, in percent: what a compaction must leave out to be worth the server's cache.
const WORTH: usize = 10;
/// Tokens without which no reply says anything.
const REPLY: usize = 256;
/// How often a request that was too long is shortened and sent again.
const AGAIN: usize = 2;
/// The tool whose newest result is the plan.
const PLAN: &str = "todo";

/// What there is room for.
#[derive(Clone, Copy)]
struct Room {
    window: usize,
    /// Tokens of a request that leaves room for the reply.
    most: usize,
}

impl Room {
    /// A longer reply that is asked for has to fit as well.
    fn of(turn: &Turn, window: usize) -> Room {
        let settings = &turn.services.settings;
        let reply = turn.services.routing.sampling(settings.sampling).max_tokens.map_or(REPLY, |most| most as usize);
        Room { window, most: window.saturating_sub(reply.min(window / 2)) }
    }

    /// Tokens at which the conversation is compacted.
    fn full(&self, turn: &Turn) -> usize {
        self.most.min(self.window * turn.services.settings.compact_at / 100)
    }
}

/// Makes room, asks the model, and asks once more where the server's window is smaller than anybody knew.
pub(super) async fn ask(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> (Reply, Option<ModelError>) {
    if let Err(error) = make_room(turn, model, context).await {
        return (Reply::none(), Some(error));
    }
    let mut asked = ask_once(turn, model, context).await;
    for _ in 0..AGAIN {
        let Some(ModelError::ContextOverflow { limit, prompt_tokens, .. }) = &asked.1 else { break };
        // Some count what is asked for with what is sent.
        let asked_for = turn.services.routing.sampling(turn.services.settings.sampling).max_tokens.unwrap_or(0);
        prompt_tokens.iter().for_each(|counted| context.refused(counted.saturating_sub(u64::from(asked_for))));
        let window = limit.and_then(|limit| usize::try_from(limit).ok());
        let window = window.unwrap_or_else(|| context.tokens() * 3 / 4);
        let window = context.window.map_or(window, |known| known.min(window));
        context.window = Some(window);
        turn.window.store(window, Ordering::Relaxed);
        // What is known not to fit is not sent again.
        if !shorten(turn, context, Room::of(turn, window), None).await || context.tokens() + REPLY > window {
            break;
        }
        asked = ask_once(turn, model, context).await;
    }
    asked
}

async fn ask_once(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> (Reply, Option<ModelError>) {
    let (reply, failure) = ask::model(turn, model, context).await;
    // What a server counts of a request that it has cut, or not finished, says nothing of the others.
    if let Some(counted) = reply.prompt_tokens.filter(|_| failure.is_none())
        && let Learned::Cut { window } = context.learn(counted)
        && context.window.is_none()
    {
        context.window = usize::try_from(window).ok();
        let text = format!(
            "the server counted {counted} tokens of a longer conversation, after {window} before: it seems to read no more \
             at once and to leave out the rest, so {window} is taken as its window. Set model.num_ctx to what it really has"
        );
        turn.services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
    }
    (reply, failure)
}

async fn make_room(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> Result<(), ModelError> {
    tokio::select! {
        biased;
        () = turn.cancel.cancelled() => {}
        () = context.look(model) => {}
    }
    let window = context.window.unwrap_or(turn.services.settings.window);
    turn.window.store(window, Ordering::Relaxed);
    let room = Room::of(turn, window);
    // Where little could be left out the last time, the next one waits until half of the room is used up again.
    let least = context.compacted.max(context.futile).map_or(0, |after| (after + room.most) / 2);
    let mut tokens = context.tokens();
    if tokens >= least.max(room.full(turn)) {
        if shorten(turn, context, room, Some(model)).await {
            tokens = context.tokens();
        } else {
            context.futile = Some(tokens);
        }
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

/// Leaves of a conversation what the model can be sent as it is: all, else the system prompt. `false`: not even that.
pub(super) async fn fit(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context) -> bool {
    context.look(model).await;
    let room = Room::of(turn, context.window.unwrap_or(turn.services.settings.window));
    if context.tokens() >= room.full(turn) {
        context.messages.truncate(1);
    }
    context.tokens() <= room.most
}

/// Compacts the conversation; `false` when that was not worth it, or made nothing fit. `model` may be asked for a summary.
async fn shorten(turn: &Turn, context: &mut Context, room: Room, model: Option<&Arc<dyn Model>>) -> bool {
    let Room { window, most } = room;
    let before = context.tokens();
    let tools = context.tools_tokens();
    let gauge = context.gauge.anew();
    let pinned = |call: &ToolCall, text: &str| call.name == PLAN || check::tells_errors(text);
    let for_messages =
        // Where much is kept free for the reply there is less to fill up again.
        context::Room { target: (window * TARGET / 100).min(most * 11 / 20).saturating_sub(tools), most: most.saturating_sub(tools) };
    let size = |messages: &[Message]| gauge.messages(messages);
    let Some(mut messages) = compact(&context.messages, &size, for_messages, &pinned) else { return false };
    let after = size(&messages) + tools;
    if after * 100 > before * (100 - WORTH) && (before <= most || after > most) {
        return false;
    }
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
    context.gauge = gauge;
    (context.known, context.announced) = (None, Announced::read(&context.tools, &context.messages));
    (context.compacted, context.futile) = (Some(context.tokens()), None);
    let event = Event::Compacted {
        messages: context.messages.clone(),
        before: before as u64,
        after: context.tokens() as u64,
        window: window as u64,
    };
    turn.services.recorder.emit(event).await;
    true
}
