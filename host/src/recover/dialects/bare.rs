//! JSON that stands on lines of its own, without any marker: one object, several, or a list. Only exact calls of tools
//! on offer count.

use super::{Answer, Input};
use crate::recover::shape::{Trust, is_hopeless};

pub(in crate::recover) const FORM: &str = "bare_json";

/// `input` begins at `{` or `[`, which is the first of its line.
pub(in crate::recover) fn read(input: Input<'_>) -> Answer {
    if is_hopeless(input.text, input.tools) {
        return Answer::Text;
    }
    let (calls, end) = match input.values(Trust::Bare) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let rest = input.text[end..].trim_start_matches([' ', '\t', '\r', ';', ',']);
    match rest.chars().next() {
        None if !input.over => Answer::Undecided,
        None | Some('\n') => Answer::Calls(calls, end),
        Some(_) => Answer::Text,
    }
}
