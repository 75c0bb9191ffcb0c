//! A command with a conversation of its own: it begins with nothing but the command's prompt, is offered the command's
//! tools alone, and leaves its last words in the conversation that it was called from.

use std::sync::Arc;

use super::draft::Draft;
use super::turn::{self, Turn};
use super::{Context, ask, scope, tool_set};
use crate::commands::Entry;
use crate::model::Model;
use crate::protocol::{Event, Message, TurnEnd};

/// Runs it to its end, which is that of the turn. `task` is what the conversation keeps of the call.
pub(super) async fn run(
    turn: &Arc<Turn>,
    model: &Arc<dyn Model>,
    context: &mut Context,
    task: &str,
    entry: &Entry,
    prompt: Draft,
) -> (TurnEnd, u32) {
    let recorder = &turn.services.recorder;
    let mut own = Context::prefix(turn, model, &tool_set::named(entry), |tool| scope::leaves(entry, tool)).await;
    own.taken = ask::used_ids(context);
    recorder.emit(Event::ForkStarted { system: own.system().to_string(), tools: own.tools.clone() }).await;
    own.messages.push(Message::User { text: prompt.text.clone() });
    recorder.emit(prompt.into_event()).await;
    let (end, steps) = turn::steps(turn, model, &mut own).await;
    let text = last_words(&own, &end);
    recorder.emit(Event::ForkEnded { text: text.clone() }).await;
    if steps > 0 {
        context.taken = ask::used_ids(&own);
        context.messages.push(Message::User { text: task.to_string() });
        context.messages.push(Message::Assistant { text, reasoning: None, calls: Vec::new() });
    }
    (end, steps)
}

/// What the model said last, and how it ended where it did not end by itself.
fn last_words(own: &Context, end: &TurnEnd) -> String {
    let said = own.messages.iter().rev().find_map(|message| match message {
        Message::Assistant { text, .. } if !text.trim().is_empty() => Some(text.as_str()),
        _ => None,
    });
    let ended = match end {
        TurnEnd::Done => return said.unwrap_or("(no answer)").to_string(),
        TurnEnd::StepLimit { .. } => "(the command was stopped at the step limit)",
        TurnEnd::Cancelled => "(the command was cancelled)",
        TurnEnd::Loop { .. } => "(the command was stopped: it repeated itself)",
        TurnEnd::Failed { .. } => "(the command failed)",
    };
    said.map_or(ended.to_string(), |said| format!("{said}\n\n{ended}"))
}
