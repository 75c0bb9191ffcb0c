//! Reasoning between markers of its own: `<think>` and its like; markers of the answer, and of whose turn it is. Tags count at
//! the beginning of a line, for people write about them; in the middle of one only with their end, and where no sentence speaks
//! of them.

use super::{Answer, Dialect, Input, Reading, Stop};

/// Bytes of a channel's name, and of a role.
const LONGEST: usize = 16;
/// Bytes of a thought in the middle of a line.
const INLINE: usize = 2_048;
/// What ends a thought that the prompt has begun.
pub(in crate::recover) const OPENED: &[&str] = &["</think>", "</mm:think>", "<|close|>think<|sep|>"];

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let is_tag = row.open.starts_with('<') && !row.open.starts_with("<|");
    if is_tag && !input.line_start {
        inline(input.from(row.open.len()), row)?;
    }
    Ok(Answer::Reasoning(row.open.len(), std::slice::from_ref(&row.close)))
}

/// Whether the tag before `behind` begins a thought in the middle of its line.
fn inline(behind: Input<'_>, row: &'static Dialect) -> Reading<()> {
    let may_begin = |next: char| next.is_alphanumeric() || next == '\n';
    match behind.text.chars().next() {
        None if !behind.over => return Err(Stop::Undecided),
        Some(next) if may_begin(next) && matches!(behind.before, ' ' | '.' | '!' | '?' | ':') => {}
        _ => return Err(Stop::Text(0)),
    }
    let near = super::near(behind.text, INLINE);
    match near.contains(row.close) {
        true => Ok(()),
        false if near.len() == behind.text.len() && !behind.over => Err(Stop::Undecided),
        false => Err(Stop::Text(0)),
    }
}

/// Gemma's channels: `<|channel>thought`, a line break, and reasoning until `<channel|>`.
pub(super) fn channel(input: Input<'_>, row: &'static Dialect) -> Reading {
    let name = word(input.from(row.open.len()))?;
    let end = row.open.len() + name.len();
    match name {
        "thought" | "analysis" => Ok(Answer::Reasoning(end, std::slice::from_ref(&row.close))),
        _ => Ok(Answer::Hidden(end)),
    }
}

/// A marker with text behind it: `<final>`, `<|START_RESPONSE|>`.
pub(super) fn hide(input: Input<'_>, row: &'static Dialect) -> Reading {
    if row.open.starts_with("<|") || input.line_start { Ok(Answer::Hidden(row.open.len())) } else { Err(Stop::Text(0)) }
}

/// A marker with a role behind it: `<|im_start|>assistant`.
pub(super) fn role(input: Input<'_>, row: &'static Dialect) -> Reading {
    let role = word(input.from(row.open.len()))?;
    let end = row.open.len() + role.len();
    match role {
        "user" | "system" | "developer" | "tool" | "ipython" | "observation" => Ok(Answer::Other),
        "assistant" | "model" => {
            let end = input.closed(end, row.close)?.unwrap_or(end);
            let (behind, start) = input.skip(end);
            if behind.text.is_empty() && !input.over { Err(Stop::Undecided) } else { Ok(Answer::Hidden(start)) }
        }
        _ => Ok(Answer::Hidden(row.open.len())),
    }
}

/// A marker that is a role itself: `<|user|>`.
pub(super) fn other(_: Input<'_>, _: &'static Dialect) -> Reading {
    Ok(Answer::Other)
}

/// The word at the beginning; empty where it is none that is known here.
fn word(input: Input<'_>) -> Reading<&str> {
    let start = super::near(input.text, LONGEST);
    match start.find(|c: char| !c.is_ascii_alphabetic()) {
        Some(length) => Ok(&start[..length]),
        None if start.len() < input.text.len() => Ok(""),
        None if !input.over => Err(Stop::Undecided),
        None => Ok(start),
    }
}
