//! Compaction: one deliberate step that makes a long conversation short, by rules. The system prompt, the user's words and
//! the last answers stay; old results become a line each.
//!
//! 1. Results behind the last few become one line, reasoning goes, long arguments are cut. A call that was made again with the
//!    same arguments, and a file that was read again, keep only the newest result. Pinned results stay whole.
//! 2. Where that is not enough, fewer results stay whole.
//! 3. Then whole turns, the oldest first, become a line in a note that opens the conversation; at last also the older steps
//!    of the turn that runs. What was pinned stays in the note. That has a bound of its own; what it loses then is counted there.
//! 4. Where it would not fit the window even so, the results that are left are cut.
//!
//! Every call keeps exactly one result, since servers insist on it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::held::{Holds, Standing};
use super::note::{Told, put_note};
use super::told::{Done, changed_files, done, in_short, places, short_argument, told_steps, told_turn, turns};
use super::{Matters, bounded};
use crate::protocol::{Message, ToolCall};

/// Results that stay whole, tried in this order.
const WHOLE: [usize; 3] = [5, 3, 1];
/// The least number of steps of the running turn that stay.
const STEPS: usize = 2;
/// Width of the results that would not fit otherwise, and the least that is left of them.
const LAST_RESORT: usize = 4_000;
const LEAST_RESULT: usize = 250;

/// Width that the note may have in any window, and of that what one thing may have that holds.
const LEAST_NOTE: usize = 800;
const HELD_SHARE: usize = 3;

/// What must stay whole, of the newest result for each thing that a call is about.
pub type Pinned<'a> = &'a dyn Fn(&ToolCall, &str) -> bool;

/// Tokens for the messages: how many they should have at most, and how many they may have.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub target: usize,
    pub most: usize,
}

/// The shorter conversation; `size` counts its tokens. `None`: there is nothing to shorten. The result may still be larger than
/// there is room for.
pub fn compact(
    messages: &[Message],
    size: &dyn Fn(&[Message]) -> usize,
    Room { target, most }: Room,
    pinned: Pinned<'_>,
) -> Option<Vec<Message>> {
    let mut best = messages.to_vec();
    for whole in WHOLE {
        best = shorten(messages, whole, pinned);
        if size(&best) <= target {
            return changed(messages, best);
        }
    }
    // A quarter of the target, at four characters a token.
    let room = target.max(LEAST_NOTE);
    let (turns, standing) = (turns(&best), Standing::of(&best, pinned));
    for kept in (1..turns.len()).rev() {
        let folded = fold_turns(&best, (&turns, kept), &standing, room);
        let fits = size(&folded) <= target;
        if fits || kept == 1 {
            best = folded;
        }
        if fits {
            return changed(messages, best);
        }
    }
    let (steps, standing) = (replies(&best).len(), Standing::of(&best, pinned));
    for kept in (STEPS..steps).rev() {
        let folded = fold_steps(&best, kept, &standing, room);
        let fits = size(&folded) <= target;
        if fits || kept == STEPS {
            best = folded;
        }
        if fits {
            return changed(messages, best);
        }
    }
    let mut limit = LAST_RESORT;
    loop {
        let cut = with_results(&best, limit);
        if size(&cut) <= most || limit <= LEAST_RESULT {
            return changed(messages, cut);
        }
        limit /= 2;
    }
}

/// With results that are at most `limit` wide.
fn with_results(messages: &[Message], limit: usize) -> Vec<Message> {
    let mut cut = messages.to_vec();
    for message in &mut cut {
        if let Message::Tool { text, .. } = message {
            *text = bounded(text, limit, Matters::Head, "call the tool again for a part of it");
        }
    }
    cut
}

/// What a provider wanted back unchanged goes with what stood before it: it holds for that conversation only.
fn changed(before: &[Message], mut after: Vec<Message>) -> Option<Vec<Message>> {
    if after == before {
        return None;
    }
    for message in &mut after {
        if let Message::Assistant { reasoning: Some(reasoning), .. } = message {
            reasoning.kept = None;
        }
    }
    Some(after)
}

/// Rule 1 with `whole` results that stay as they are.
fn shorten(messages: &[Message], whole: usize, pinned: Pinned<'_>) -> Vec<Message> {
    let done = done(messages);
    let kept = kept(messages, &done, whole, pinned);
    // Of what comes before the last results, only these stay whole.
    let recent = done.len().checked_sub(whole).map_or(0, |first| done[first].result);
    let mut short = messages.to_vec();
    for Done { call, result } in &done {
        if let Message::Tool { text, .. } = &mut short[*result]
            && !kept.contains(result)
        {
            *text = in_short(call, text);
        }
    }
    for message in short.iter_mut().take(recent) {
        if let Message::Assistant { reasoning, calls, .. } = message {
            *reasoning = None;
            calls.iter_mut().for_each(|call| shorten_arguments(&mut call.arguments));
        }
    }
    short
}

/// The results that stay whole: the last ones, but of the same call only the newest, and what is pinned.
fn kept(messages: &[Message], done: &[Done<'_>], whole: usize, pinned: Pinned<'_>) -> BTreeSet<usize> {
    let (mut kept, mut seen) = (Standing::of(messages, pinned).places(), BTreeSet::new());
    for (age, Done { call, result }) in done.iter().rev().enumerate() {
        if seen.insert((call.name.clone(), call.arguments.to_string())) && age < whole {
            kept.insert(*result);
        }
    }
    kept
}

/// What was written is in the files by now.
fn shorten_arguments(value: &mut Value) {
    match value {
        Value::String(text) => short_argument(text).into_iter().for_each(|short| *text = short),
        Value::Array(items) => items.iter_mut().for_each(shorten_arguments),
        Value::Object(fields) => fields.values_mut().for_each(shorten_arguments),
        _ => {}
    }
}

/// Where the replies are of the last turn.
fn replies(messages: &[Message]) -> Vec<usize> {
    let start = turns(messages).last().copied().unwrap_or(0);
    let replies = places(messages, |message| matches!(message, Message::Assistant { .. }));
    replies.into_iter().filter(|place| *place > start).collect()
}

/// Keeps the last turns; the others become lines of the note.
fn fold_turns(
    messages: &[Message],
    (turns, kept): (&[usize], usize),
    standing: &Standing,
    room: usize,
) -> Vec<Message> {
    let cut_at = turns[turns.len() - kept];
    let mut lines = Vec::new();
    for (index, start) in turns.iter().enumerate().take(turns.len() - kept) {
        let turn = &messages[*start..turns.get(index + 1).copied().unwrap_or(messages.len())];
        lines.extend(told_turn(turn));
    }
    let mut folded: Vec<Message> = messages[..turns[0]].to_vec();
    folded.extend_from_slice(&messages[cut_at..]);
    let Holds { entries: held, settled } = standing.without(messages, &(turns[0]..cut_at), room / HELD_SHARE);
    put_note(&mut folded, turns[0], Told { lines, files: Vec::new(), held, settled }, room);
    folded
}

/// Keeps the last steps of the turn that runs; the others become lines of the note.
fn fold_steps(messages: &[Message], kept: usize, standing: &Standing, room: usize) -> Vec<Message> {
    let replies = replies(messages);
    let (from, to) = (replies[0], replies[replies.len() - kept]);
    let (lines, files) = (told_steps(&messages[from..to]), changed_files(&messages[from..to]));
    let Holds { entries: held, settled } = standing.without(messages, &(from..to), room / HELD_SHARE);
    let mut folded = [&messages[..from], &messages[to..]].concat();
    put_note(&mut folded, from - 1, Told { lines, files, held, settled }, room);
    folded
}

#[cfg(test)]
mod tests;
