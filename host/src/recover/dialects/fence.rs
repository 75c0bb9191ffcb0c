//! A fenced block that holds nothing but calls of tools on offer. Fences of other languages are the user's to read, and so
//! is any with something else in it.

use super::{Input, Marker, Reading, Section, Stop, json, marker_at, may_become_marker, python};
use crate::recover::dialects::Answer;
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
    /// The fence that opens at the beginning of `text`, if one does; an error where that cannot be told yet.
    pub(in crate::recover) fn at(text: &str, over: bool) -> Result<Option<Fence>, ()> {
        let line = text.lines().next().unwrap_or_default();
        let fence = Fence::open(line);
        let complete = text.len() > line.len() || over;
        let may_open = fence.is_some() || line.bytes().all(|byte| byte == text.as_bytes()[0]);
        if !complete && may_open { Err(()) } else { Ok(fence) }
    }

    fn open(line: &str) -> Option<Fence> {
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

    /// Whether a line that begins like this may.
    pub(in crate::recover) fn may_be_closed_by(self, line: &str) -> bool {
        line.trim().bytes().all(|byte| byte == self.mark)
    }
}

/// `input` begins at the mark of `fence`, whose line is complete.
pub(in crate::recover) fn read(input: Input<'_>, fence: Fence) -> Reading<Section> {
    let wait = || if input.over { Stop::Text(input.text.len()) } else { Stop::Undecided };
    let Some(line) = input.text.find('\n') else { return Err(wait()) };
    let language = input.text[fence.length..line].trim().to_ascii_lowercase();
    let Some((_, trust)) = LANGUAGES.iter().find(|(known, _)| *known == language) else { return Err(Stop::Text(line)) };
    let (content, start) = input.skip(line + 1);
    if content.text.is_empty() {
        return Err(wait());
    }
    let found = inside(content, *trust).map_err(|stop| stop.shifted(start).unmarked())?;
    if found.fault.is_some() || !found.calls.iter().all(|call| input.offers(&call.name)) {
        return Err(Stop::Text(start + found.end));
    }
    let (behind, at) = input.skip(start + found.end);
    let close = behind.text.lines().next().unwrap_or_default();
    let last = close.len() == behind.text.len();
    if last && !input.over && fence.may_be_closed_by(close) {
        return Err(Stop::Undecided);
    }
    match behind.text.is_empty() || fence.is_closed_by(close) {
        true => Ok(Section { end: at + close.len(), ..Section::new(found.calls, 0) }),
        false => Err(Stop::Text(start + found.end)),
    }
}

fn inside(content: Input<'_>, trust: Trust) -> Reading<Section> {
    if content.text.starts_with(['{', '[']) && !matches!(marker_at(content.text), Some(Marker::Dialect(_))) {
        if may_become_marker(content.text) && !content.over {
            return Err(Stop::Undecided);
        }
        let inner = content.text[1..].trim_start();
        if content.text.starts_with('[') && inner.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return python::list(content);
        }
        if trust == Trust::Bare && is_hopeless(content.text, content.tools) {
            return Err(Stop::Text(0));
        }
        return json::values(content, trust, "");
    }
    if trust == Trust::Marked && content.text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return python::lines(content);
    }
    marked(content)
}

/// Marked calls and nothing else.
fn marked(input: Input<'_>) -> Reading<Section> {
    let (mut calls, mut at) = (Vec::new(), 0);
    loop {
        let (next, start) = input.skip(at);
        let Some(Marker::Dialect(row)) = marker_at(next.text) else {
            return match calls.is_empty() {
                _ if !input.over && !next.text.is_empty() && may_become_marker(next.text) => Err(Stop::Undecided),
                true => Err(Stop::Text(start)),
                false => Ok(Section::new(calls, at)),
            };
        };
        match (row.read)(next, row).map_err(|stop| stop.shifted(start))? {
            Answer::Calls(found) if found.fault.is_none() => {
                calls.extend(found.calls);
                at = start + found.end;
            }
            _ => return Err(Stop::Text(start)),
        }
    }
}
