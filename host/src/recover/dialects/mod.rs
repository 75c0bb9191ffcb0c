//! The forms in which models write calls and thoughts, and what their readers get and say. [`table`] has a row for each
//! form; to add a family, write a reader and add its row: nothing else knows the forms.

mod action;
pub(super) mod bare;
pub(super) mod fence;
mod function_xml;
mod gemma;
mod glm;
mod harmony;
mod hermes;
mod invoke;
mod json;
mod minimax;
mod mistral;
mod python;
mod table;
mod thinking;
mod tokens;
mod tool_tag;
mod xtml;

use super::lenient::{self, Failure, Parsed};
use super::shape;
use crate::protocol::ToolSpec;

pub(super) use super::shape::Call;
pub(super) use fence::Fence;
pub(super) use harmony::FORM as HARMONY;
pub(super) use table::{END_OF_TEXT, Marker, THOUGHT, begins, ends_thought, marker_at, may_become_marker};
pub(super) use thinking::OPENED;

/// What a reader gets.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// From the beginning of the form on.
    pub text: &'a str,
    pub tools: &'a [ToolSpec],
    /// Nothing comes after `text`.
    pub over: bool,
    /// The form is the first of its line.
    pub line_start: bool,
    /// The character before the form.
    pub before: char,
    /// An earlier call had its closing marker.
    pub closes: bool,
}

/// What a reader found.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Calls(Section),
    /// So many bytes of marker, then reasoning until one of these.
    Reasoning(usize, &'static [&'static str]),
    /// So many bytes of marker, then text.
    Hidden(usize),
    /// So many bytes that end a thought, which began before the reply.
    Ends(usize),
    /// The model goes on as somebody else.
    Other,
}

/// Calls, and the bytes in which they stand.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Section {
    pub calls: Vec<Call>,
    pub end: usize,
    /// It has its closing marker.
    pub closed: bool,
    /// It is a list, which would hold all calls.
    pub is_list: bool,
    /// What stands at `end` was to be one more call.
    pub fault: Option<Fault>,
}

/// Why what was announced is not a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub name: Option<String>,
    pub reason: &'static str,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// The user's text after all. No form without a marker begins in the first so many bytes of it.
    Text(usize),
    /// It cannot be told before more of the text is there; only where the text is not over.
    Undecided,
    /// A call that cannot be read: so many bytes of it were looked at.
    Broken(usize, Fault),
}

pub(super) type Reading<T = Answer> = Result<T, Stop>;

/// One row of the table.
pub(super) struct Dialect {
    /// Said of each call that was recovered.
    pub form: &'static str,
    pub open: &'static str,
    /// Often missing.
    pub close: &'static str,
    pub read: fn(Input<'_>, &'static Dialect) -> Reading,
}

pub(super) const CUT_OFF: &str = "the reply ended in the middle of the call";
pub(super) const NO_JSON: &str = "what follows the marker is not valid JSON";
pub(super) const NO_CALL: &str = "a call needs a name and an object of arguments";
pub(super) const NO_END: &str = "the closing marker of the call is missing";

impl<'a> Input<'a> {
    /// Further on in the same text.
    fn from(self, at: usize) -> Input<'a> {
        Input { text: self.text.get(at..).unwrap_or_default(), ..self }
    }

    /// Further on, behind white space; and where that is.
    fn skip(self, at: usize) -> (Input<'a>, usize) {
        let rest = self.from(at);
        let at = at + blank(rest.text);
        (self.from(at), at)
    }

    /// The JSON object or list at the beginning; nothing else says by itself where it ends.
    fn parse(self) -> Result<Parsed, Failure> {
        lenient::parse(self.text)
    }

    fn object(self) -> Result<Parsed, Failure> {
        match self.text.starts_with('{') {
            true => self.parse(),
            false => Err(Failure { at: 0, truncated: false, reason: NO_JSON }),
        }
    }

    /// More text is needed; where there is none, the call is cut off. `at`: what is looked at already.
    fn wait<T>(self) -> Reading<T> {
        if self.over { self.broken(self.text.len(), CUT_OFF) } else { Err(Stop::Undecided) }
    }

    fn broken<T>(self, at: usize, reason: &'static str) -> Reading<T> {
        Err(Stop::Broken(at, Fault { name: None, reason }))
    }

    /// The text is not over, and more of it could make `wanted` stand here.
    fn may_become(self, wanted: &str) -> bool {
        !self.over && wanted.len() > self.text.len() && wanted.starts_with(self.text)
    }

    /// Whether `wanted` stands here; `Undecided` where it may come to.
    fn is_at(self, wanted: &str) -> Reading<bool> {
        if self.may_become(wanted) { Err(Stop::Undecided) } else { Ok(self.text.starts_with(wanted)) }
    }

    /// Behind `close`, if it stands at `at` or behind white space there.
    fn closed(self, at: usize, close: &str) -> Reading<Option<usize>> {
        if close.is_empty() {
            return Ok(None);
        }
        let (next, start) = self.skip(at);
        Ok(next.is_at(close)?.then_some(start + close.len()))
    }

    fn offers(self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name)
    }
}

/// Calls that each begin with `open`, from `at` on, until the row's close or something else. What was read before a call that
/// is spoiled, or is none after all, stays.
fn one_by_one(
    input: Input<'_>,
    row: &'static Dialect,
    mut at: usize,
    open: &str,
    one: impl Fn(Input<'_>) -> Reading<(Call, usize)>,
) -> Reading<Section> {
    let mut calls = Vec::new();
    loop {
        let (next, start) = input.skip(at);
        if next.is_at(open)? {
            match one(next) {
                Ok((call, end)) => {
                    calls.push(call);
                    at = start + end;
                    continue;
                }
                Err(Stop::Broken(end, fault)) if !calls.is_empty() => {
                    return Ok(Section { fault: Some(fault), ..Section::new(calls, start + end) });
                }
                Err(Stop::Text(_)) if !calls.is_empty() => return Ok(Section::new(calls, at)),
                Err(stop) => return Err(stop.shifted(start)),
            }
        }
        if next.text.is_empty() && !input.over {
            return Err(Stop::Undecided);
        }
        let closed = input.closed(at, row.close)?;
        return match calls.is_empty() {
            true => input.broken(start, NO_CALL),
            false => Ok(Section { closed: closed.is_some(), ..Section::new(calls, closed.unwrap_or(at)) }),
        };
    }
}

impl Section {
    fn new(calls: Vec<Call>, end: usize) -> Section {
        Section { calls, end, ..Section::default() }
    }

    fn one(call: Call, end: usize) -> Section {
        Section::new(vec![call], end)
    }

    /// As the answer of a reader whose form began so many bytes before.
    fn shifted(self, by: usize) -> Section {
        Section { end: self.end + by, ..self }
    }
}

impl Stop {
    fn shifted(self, by: usize) -> Stop {
        match self {
            Stop::Broken(at, fault) => Stop::Broken(at + by, fault),
            Stop::Text(at) => Stop::Text(at + by),
            Stop::Undecided => Stop::Undecided,
        }
    }

    /// As that of a form which has no marker.
    fn unmarked(self) -> Stop {
        match self {
            Stop::Broken(at, _) => Stop::Text(at),
            other => other,
        }
    }
}

/// Bytes of white space at the beginning.
fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// So many bytes of the beginning at most.
fn near(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// Bytes of a tool's name at the beginning.
fn name_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/'))).unwrap_or(text.len())
}
