//! What the model itself writes down of the part of a conversation that is about to be left out: asked behind the
//! conversation as it is, so that the server has read all but the question already. It is used where `agent.summary` says so;
//! without a usable answer the rules' own lines stay.

use std::sync::Arc;

use futures_util::StreamExt;

use super::tally::{Ended, Tally};
use super::turn::Turn;
use super::{Context, ask, leaving};
use crate::context::{INDENT, beginning};
use crate::model::{Delta, Model, Request};
use crate::protocol::{Event, FinishReason, Level, Message};
use crate::recover::Found;

const QUESTION: &str = include_str!("summary.md");
/// Tokens of the answer.
const ANSWER: u32 = 400;
/// Tokens that the question and the answer take of the window.
pub(super) const ROOM: usize = ANSWER as usize + 150;
/// Width of it that is kept.
const LONGEST: usize = 1_600;

/// The lines of the summary; `None`: the rules' lines have to do.
pub(super) async fn ask(turn: &Turn, model: &Arc<dyn Model>, context: &Context) -> Option<Vec<String>> {
    if turn.cancel.is_cancelled() {
        return None;
    }
    let mut tally = Tally::default();
    let told = tokio::select! {
        () = turn.cancel.cancelled() => None,
        told = written(turn, model, context, &mut tally) => Some(told),
    };
    tally.close(turn, if told.is_none() { Ended::Here } else { Ended::There }).await;
    let told = told?;
    let because = match told {
        Ok(text) => match lines(&text) {
            lines if lines.is_empty() => "it said nothing".to_string(),
            lines => return Some(lines),
        },
        Err(error) => error,
    };
    let text = format!("the model was asked for a summary and gave none ({because}); the rules' lines stand instead");
    turn.services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
    None
}

async fn written(turn: &Turn, model: &Arc<dyn Model>, context: &Context, tally: &mut Tally) -> Result<String, String> {
    let mut messages = context.messages.clone();
    messages.push(Message::User { text: QUESTION.trim_end().to_string() });
    let mut sampling = turn.services.routing.sampling(turn.services.settings.sampling);
    sampling.max_tokens = Some(ANSWER);
    let request = Request { messages, tools: context.tools.clone(), sampling };
    let mut reply = leaving::through(turn, model).stream(Arc::new(request));
    let (mut reader, mut said) = (ask::reader(model, &context.tools), Found::default());
    while let Some(delta) = reply.next().await {
        let delta = delta.map_err(|error| error.to_string())?;
        tally.see(&delta);
        let parts = match delta {
            Delta::Text(text) => reader.push(&text),
            Delta::Reasoning(_) => reader.apart(),
            Delta::Finish(FinishReason::Length) => {
                reader.cut();
                Vec::new()
            }
            _ => Vec::new(),
        };
        parts.into_iter().for_each(|part| said.take(part));
    }
    reader.finish().0.into_iter().for_each(|part| said.take(part));
    Ok(said.text)
}

/// Indented, and without what could be taken for the end of the note in which they will stand: none passes as a line of the
/// rules.
fn lines(text: &str) -> Vec<String> {
    let text = beginning(text.trim(), LONGEST);
    let lines = text.lines().map(str::trim_end).filter(|line| !matches!(line.trim(), "" | "]"));
    lines.map(|line| format!("{INDENT}{line}")).collect()
}
