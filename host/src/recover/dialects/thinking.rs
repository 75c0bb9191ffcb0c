//! Reasoning between markers of its own: `<think>` and its like. Tags count at the beginning of a line only, for people
//! write about them.

use super::{Answer, Dialect, Input, Reading, Stop};

/// Bytes of a channel's name.
const LONGEST: usize = 16;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let is_tag = row.open.starts_with('<') && !row.open.starts_with("<|");
    if is_tag && !input.line_start {
        return Err(Stop::Text(0));
    }
    Ok(Answer::Reasoning(row.open.len(), std::slice::from_ref(&row.close)))
}

/// Gemma's channels: `<|channel>thought`, a line break, and reasoning until `<channel|>`.
pub(super) fn channel(input: Input<'_>, row: &'static Dialect) -> Reading {
    let name = input.from(row.open.len());
    let start = super::near(name.text, LONGEST);
    let length = match start.find(|c: char| !c.is_ascii_alphabetic()) {
        Some(length) => length,
        None if start.len() < name.text.len() => 0,
        None if !input.over => return Err(Stop::Undecided),
        None => start.len(),
    };
    let end = row.open.len() + length;
    match &name.text[..length] {
        "thought" | "analysis" => Ok(Answer::Reasoning(end, std::slice::from_ref(&row.close))),
        _ => Ok(Answer::Hidden(end)),
    }
}

/// A marker with text behind it: `<final>`, `<|START_RESPONSE|>`.
pub(super) fn hide(input: Input<'_>, row: &'static Dialect) -> Reading {
    if row.open.starts_with("<|") || input.line_start { Ok(Answer::Hidden(row.open.len())) } else { Err(Stop::Text(0)) }
}
