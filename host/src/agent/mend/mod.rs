//! When the same check fails again in the same place, the task is narrowed to that: an attempt with a fresh small conversation
//! (`attempt`), then another one that goes about it in another way, then one by a larger model, then an honest report (`report`). `ladder` decides, and
//! knows nothing of models. The conversation in which the check failed stays as it is, and gets a short note.

mod attempt;
mod ladder;
mod prompt;
mod report;

use std::sync::Arc;

pub(super) use ladder::{Ladder, Run};

use super::turn::Turn;
use super::{Context, route};
use crate::model::Model;
use crate::protocol::{Approach, Event, Message, TurnEnd};
use ladder::Trouble;

/// How the turn goes on.
pub(super) struct Climbed {
    /// Requests that were made.
    pub steps: u32,
    /// `None`: it goes on.
    pub end: Option<TurnEnd>,
}

/// Tries one way after the other, with at most `left` requests, until the failure is mended or there is no other way.
pub(super) async fn climb(
    turn: &Arc<Turn>,
    model: &Arc<dyn Model>,
    context: &mut Context,
    ladder: &mut Ladder,
    mut trouble: Trouble,
    task: &str,
    left: u32,
) -> Climbed {
    let each = turn.services.settings.recovery.mend_steps;
    let (mut steps, mut tried, mut failing) = (0, Vec::new(), vec![trouble.finding.clone()]);
    while steps < left {
        let approach = match ladder.next(&trouble.failure) {
            Some(approach) => approach,
            None if larger(turn, model, context, &trouble).await => Approach::Larger,
            None if turn.cancel.is_cancelled() => return Climbed { steps, end: Some(TurnEnd::Cancelled) },
            None => {
                let end = give_up(turn, context, &trouble, &tried, &failing).await;
                return Climbed { steps, end: Some(end) };
            }
        };
        let bound = each.min(left - steps);
        let done = attempt::run(turn, model, context, &trouble, approach, task, bound).await;
        steps += done.steps;
        if done.mended {
            ladder.mended(&trouble.failure);
            return Climbed { steps, end: None };
        }
        if done.foreign {
            ladder.foreign(&trouble.failure);
            return Climbed { steps, end: None };
        }
        if let Some(end) = done.end {
            return Climbed { steps, end: Some(end) };
        }
        let put_back = done.put_back.map(|text| format!(" ({text})"));
        tried.push(done.told + &put_back.unwrap_or_default());
        failing = done.failing.unwrap_or(failing);
        trouble.follow(&failing);
    }
    Climbed { steps, end: None }
}

/// The last way: the whole task goes on with a larger model, where there is one and the user allows it.
async fn larger(turn: &Turn, model: &Arc<dyn Model>, context: &mut Context, trouble: &Trouble) -> bool {
    let failure = &trouble.failure;
    let why = format!("every attempt to make the check {} pass for {} has failed", failure.check, failure.file);
    route::escalate(turn, model, context, &why).await
}

async fn give_up(
    turn: &Turn,
    context: &mut Context,
    trouble: &Trouble,
    tried: &[String],
    failing: &[crate::check::Finding],
) -> TurnEnd {
    let report = report::make(turn, trouble, tried, failing);
    context.messages.push(Message::Assistant { text: report.text.clone(), reasoning: None, calls: Vec::new() });
    let place = report::place(&trouble.failure.file, trouble.finding.line);
    let report::Report { text, failing, files, restore } = report;
    turn.services.recorder.emit(Event::GaveUp { text, failing, files, restore }).await;
    TurnEnd::Failed { error: format!("gave up on {place}: {}", trouble.finding.message) }
}

/// The task as the model has it: what the user wrote, or what the command made of it.
pub(super) fn task(turn: &Turn, context: &Context) -> String {
    let opening = context.messages.iter().rev().find_map(|message| match message {
        Message::User { text } => Some(text.as_str()),
        _ => None,
    });
    match opening.filter(|_| turn.task.starts_with('/')) {
        Some(prompt) => prompt.to_string(),
        None => turn.task.clone(),
    }
}
