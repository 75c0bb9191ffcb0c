//! A fenced block that holds nothing but calls. Fences of other languages are the user's to read, whatever is in them.

use super::{Answer, DIALECTS, Input, blank};
use crate::recover::shape::{Trust, is_hopeless};

pub(in crate::recover) const FORM: &str = "fence";

/// Languages under which a call may stand, and whether the language alone says that a call is meant.
const LANGUAGES: [(&str, Trust); 12] = [
    ("", Trust::Bare),
    ("json", Trust::Bare),
    ("json5", Trust::Bare),
    ("jsonc", Trust::Bare),
    ("text", Trust::Bare),
    ("xml", Trust::Bare),
    ("tool_call", Trust::Marked),
    ("tool_calls", Trust::Marked),
    ("tool", Trust::Marked),
    ("tool_code", Trust::Marked),
    ("function_call", Trust::Marked),
    ("tool_use", Trust::Marked),
];

/// The opening line of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recover) struct Fence {
    mark: u8,
    length: usize,
}

impl Fence {
    /// A line that opens a fence, without its indentation.
    pub(in crate::recover) fn open(line: &str) -> Option<Fence> {
        let mark = *line.as_bytes().first().filter(|byte| matches!(byte, b'`' | b'~'))?;
        let length = line.bytes().take_while(|byte| *byte == mark).count();
        let info = &line[length..];
        (length >= 3 && !info.contains('`')).then_some(Fence { mark, length })
    }

    /// Whether a line closes it: nothing but the mark, at least as often.
    pub(in crate::recover) fn is_closed_by(self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.bytes().all(|byte| byte == self.mark)
    }
}

/// `input` begins at the mark of `fence`, whose line is complete.
pub(in crate::recover) fn read(input: Input<'_>, fence: Fence) -> Answer {
    let Some(line) = input.text.find('\n') else { return input.wait() };
    let language = input.text[fence.length..line].trim().to_ascii_lowercase();
    let Some((_, trust)) = LANGUAGES.iter().find(|(known, _)| *known == language) else { return Answer::Text };
    let body = input.from(line + 1);
    let content = body.from(blank(body.text));
    if content.text.is_empty() {
        return input.wait();
    }
    let start = input.text.len() - content.text.len();
    let found = match content.text.as_bytes()[0] {
        b'{' | b'[' if *trust == Trust::Bare && is_hopeless(content.text, input.tools) => Err(Answer::Text),
        b'{' | b'[' if !content.text.starts_with("[TOOL_CALLS]") => content.values(*trust),
        _ => marked(content),
    };
    let (calls, end) = match found {
        Ok((calls, end)) => (calls, start + end),
        Err(answer) => return answer,
    };
    let behind = input.from(end);
    let behind = behind.from(blank(behind.text));
    let close = behind.text.lines().next().unwrap_or_default();
    if fence.is_closed_by(close) {
        let whole = behind.text.len() > close.len() || input.over;
        return if whole {
            Answer::Calls(calls, input.text.len() - behind.text.len() + close.len())
        } else {
            Answer::Undecided
        };
    }
    let partial = close.len() == behind.text.len() && close.bytes().all(|byte| byte == fence.mark);
    match (behind.text.is_empty(), input.over) {
        (true, true) => Answer::Calls(calls, input.text.len()),
        _ if partial && !input.over => Answer::Undecided,
        _ => Answer::Text,
    }
}

/// Marked calls and nothing else.
fn marked(input: Input<'_>) -> Result<(Vec<(String, serde_json::Value)>, usize), Answer> {
    let (mut calls, mut at) = (Vec::new(), 0);
    loop {
        let rest = input.from(at);
        let next = rest.from(blank(rest.text));
        let Some(dialect) = DIALECTS.iter().find(|dialect| next.text.starts_with(dialect.marker)) else {
            let partial = DIALECTS.iter().any(|dialect| next.may_become(dialect.marker));
            return match calls.is_empty() {
                _ if partial => Err(Answer::Undecided),
                true => Err(Answer::Text),
                false => Ok((calls, at)),
            };
        };
        match (dialect.read)(next) {
            Answer::Calls(found, end) => {
                calls.extend(found);
                at = input.text.len() - next.text.len() + end;
            }
            other => return Err(other),
        }
    }
}
