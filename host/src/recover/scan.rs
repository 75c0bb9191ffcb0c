//! Walks through a text and stops at the first thing that is a call, or may become one.
//!
//! 1. Inside a fence of another language nothing is looked for until it closes.
//! 2. At the beginning of a line a fence or bare JSON may begin.
//! 3. Anywhere a marker of the table may, unless a backtick stands before it: then it is talked about.
//!
//! Where a reader says that it is text after all, the walk goes on behind the first byte of the candidate.

use super::dialects::{Answer, DIALECTS, Fence, Input, Work, bare, fence, read_bare, read_fence};
use super::shape::Call;
use crate::protocol::ToolSpec;

/// What was before the text that is walked through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Only white space since the line began.
    line_start: bool,
    /// The character before is a backtick.
    quoted: bool,
    fence: Option<Fence>,
}

impl Default for Place {
    fn default() -> Place {
        Place { line_start: true, quoted: false, fence: None }
    }
}

/// How far the walk came.
pub(super) struct Stop {
    /// Bytes before it, which are text.
    pub at: usize,
    pub place: Place,
    pub what: What,
}

pub(super) enum What {
    Calls {
        calls: Vec<Call>,
        end: usize,
        form: &'static str,
    },
    /// More text is needed to tell.
    Undecided,
    End,
}

/// Walks from the beginning of `text`. `over`: nothing follows it.
pub(super) fn walk(text: &str, place: Place, tools: &[ToolSpec], over: bool, work: &Work) -> Stop {
    let mut walk = Walk { at: 0, place };
    while walk.at < text.len() {
        let rest = &text[walk.at..];
        if work.is_spent(text.len()) {
            walk.at = text.len();
            break;
        }
        if let Some(fence) = walk.place.fence {
            let line = rest.find('\n');
            if line.is_none() && !over {
                return walk.stop(What::Undecided);
            }
            let line = &rest[..line.map_or(rest.len(), |at| at + 1)];
            if walk.place.line_start && fence.is_closed_by(line) {
                walk.place.fence = None;
            }
            walk.at += line.len();
            walk.place.line_start = true;
            continue;
        }
        let input = Input { text: rest, tools, over, work };
        let (answer, form) = candidate(input, walk.place);
        match answer {
            Some(Answer::Calls(calls, end)) => return walk.stop(What::Calls { calls, end, form }),
            Some(Answer::Undecided) => return walk.stop(What::Undecided),
            Some(Answer::Text) if form == fence::FORM => {
                walk.place.fence = Fence::open(rest.lines().next().unwrap_or_default());
                let line = rest.find('\n').map_or(rest.len(), |at| at + 1);
                walk.at += line;
                walk.place.line_start = true;
                continue;
            }
            Some(Answer::Text) | None => {}
        }
        walk.step(text);
    }
    walk.stop(What::End)
}

struct Walk {
    at: usize,
    place: Place,
}

impl Walk {
    fn stop(self, what: What) -> Stop {
        Stop { at: self.at, place: self.place, what }
    }

    /// To the next character, and over all of them at which nothing can begin.
    fn step(&mut self, text: &str) {
        let rest = &text[self.at..];
        let mut length = 0;
        for c in rest.chars() {
            if length > 0 && (may_begin(c) || self.place.line_start && matches!(c, '`' | '~' | '{' | '[')) {
                break;
            }
            length += c.len_utf8();
            self.place.line_start = c == '\n' || self.place.line_start && c.is_whitespace();
            self.place.quoted = c == '`';
        }
        self.at += length;
    }
}

/// The first characters of all markers.
fn may_begin(c: char) -> bool {
    DIALECTS.iter().any(|dialect| dialect.marker.starts_with(c))
}

/// What begins here, if anything does, and what it would be called.
fn candidate(input: Input<'_>, place: Place) -> (Option<Answer>, &'static str) {
    let text = input.text;
    if place.line_start && text.starts_with(['`', '~']) {
        let line = text.lines().next().unwrap_or_default();
        let complete = text.len() > line.len() || input.over;
        if !complete && (line.bytes().all(|byte| byte == text.as_bytes()[0]) || Fence::open(line).is_some()) {
            return (Some(Answer::Undecided), fence::FORM);
        }
        return match Fence::open(line) {
            Some(opened) => (Some(read_fence(input, opened)), fence::FORM),
            None => (None, ""),
        };
    }
    if !place.quoted {
        if let Some(dialect) = DIALECTS.iter().find(|dialect| text.starts_with(dialect.marker)) {
            return (Some((dialect.read)(input)), dialect.form);
        }
        if !input.over && DIALECTS.iter().any(|dialect| dialect.marker.starts_with(text)) {
            return (Some(Answer::Undecided), "");
        }
    }
    if place.line_start && text.starts_with(['{', '[']) {
        return (Some(read_bare(input)), bare::FORM);
    }
    (None, "")
}
