//! The forms in which models write calls as text, one row each: what begins it, and who reads on from there. To add a
//! family, write a reader and add its row; nothing else knows the forms.

pub(super) mod bare;
pub(super) mod fence;
mod function_xml;
mod json;
mod markup;
mod tokens;

use std::cell::Cell;

use super::lenient::{self, Failure, Parsed};
use super::shape::{self, Call, Trust};
use crate::protocol::ToolSpec;

pub(super) use bare::read as read_bare;
pub(super) use fence::{Fence, read as read_fence};

/// What a reader gets.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// From the beginning of the form on.
    pub text: &'a str,
    pub tools: &'a [ToolSpec],
    /// Nothing comes after `text`.
    pub over: bool,
    pub work: &'a Work,
}

/// What a reader says.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// These calls, and so many bytes in which they stand.
    Calls(Vec<Call>, usize),
    /// The user's text after all.
    Text,
    /// It cannot be told before more of the text is there; only where the text is not over.
    Undecided,
}

/// A form that begins with a marker, anywhere in a line.
pub(super) struct Dialect {
    /// Said of each call that was recovered.
    pub form: &'static str,
    pub marker: &'static str,
    pub read: fn(Input<'_>) -> Answer,
}

/// A marker that begins like another stands behind it.
pub(super) const DIALECTS: &[Dialect] = &[
    Dialect { form: "tool_call_tag", marker: "<tool_call>", read: json::tool_call },
    Dialect { form: "tool_call_tag", marker: "<tool_calls>", read: json::tool_calls },
    Dialect { form: "tool_call_tag", marker: "<function_call>", read: json::function_call },
    Dialect { form: "tool_call_tag", marker: "<TOOLCALL>", read: json::nemotron },
    Dialect { form: "function_xml", marker: "<function=", read: function_xml::read },
    Dialect { form: "invoke_xml", marker: "<invoke name=", read: markup::invoke },
    Dialect { form: "invoke_xml", marker: "<function_calls>", read: markup::function_calls },
    Dialect { form: "invoke_xml", marker: "<minimax:tool_call>", read: markup::minimax },
    Dialect { form: "invoke_xml", marker: "<｜DSML｜invoke name=", read: markup::dsml },
    Dialect { form: "invoke_xml", marker: "<｜DSML｜function_calls>", read: markup::dsml_calls },
    Dialect { form: "invoke_xml", marker: "<｜DSML｜tool_calls>", read: markup::dsml_tools },
    Dialect { form: "tokens", marker: "<|tool_calls_section_begin|>", read: tokens::kimi },
    Dialect { form: "tokens", marker: "<|tool_call_begin|>", read: tokens::kimi },
    Dialect { form: "tokens", marker: "<｜tool▁calls▁begin｜>", read: tokens::deepseek },
    Dialect { form: "tokens", marker: "<｜tool▁call▁begin｜>", read: tokens::deepseek },
    Dialect { form: "mistral", marker: "[TOOL_CALLS]", read: json::mistral },
    Dialect { form: "python_tag", marker: "<|python_tag|>", read: json::llama },
    Dialect { form: "functools", marker: "functools[", read: json::functools },
];

/// Counts the bytes that were looked at, so that hostile text cannot make this slow: readers that try and fail at every
/// marker would be quadratic.
#[derive(Default)]
pub(super) struct Work(Cell<usize>);

impl Work {
    pub(super) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }

    pub(super) fn is_spent(&self, length: usize) -> bool {
        self.0.get() > length.saturating_mul(16).saturating_add(1 << 20)
    }
}

impl<'a> Input<'a> {
    /// Further on in the same text.
    fn from(self, at: usize) -> Input<'a> {
        Input { text: self.text.get(at..).unwrap_or_default(), ..self }
    }

    fn parse(self) -> Result<Parsed, Failure> {
        let parsed = lenient::parse(self.text);
        self.work.add(parsed.as_ref().map_or_else(|failure| failure.at, |parsed| parsed.end));
        parsed
    }

    fn find(self, wanted: &str) -> Option<usize> {
        let found = self.text.find(wanted);
        self.work.add(found.unwrap_or(self.text.len()));
        found
    }

    /// `Undecided`, or `Text` where nothing follows.
    fn wait(self) -> Answer {
        if self.over { Answer::Text } else { Answer::Undecided }
    }

    /// The text is not over, and more of it could make `wanted` stand here.
    fn may_become(self, wanted: &str) -> bool {
        !self.over && wanted.len() > self.text.len() && wanted.starts_with(self.text)
    }

    /// Values one behind the other, with nothing but white space, commas and semicolons between: the calls, and where
    /// the last value ends.
    fn values(self, trust: Trust) -> Result<(Vec<Call>, usize), Answer> {
        let (mut calls, mut at) = (Vec::new(), 0);
        loop {
            let rest = self.from(at);
            let skipped = rest.text.len()
                - rest.text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).len();
            let next = rest.from(skipped);
            if !next.text.starts_with(['{', '['])
                || next.text.starts_with("[/")
                || next.text.starts_with("[TOOL_CALLS]")
            {
                return if calls.is_empty() { Err(Answer::Text) } else { Ok((calls, at)) };
            }
            match next.parse() {
                Ok(parsed) => match shape::calls(&parsed.value, trust, self.tools) {
                    Some(found) => {
                        calls.extend(found);
                        at += skipped + parsed.end;
                    }
                    None if calls.is_empty() => return Err(Answer::Text),
                    None => return Ok((calls, at)),
                },
                Err(failure) if failure.truncated && !self.over => return Err(Answer::Undecided),
                Err(_) if calls.is_empty() => return Err(Answer::Text),
                Err(_) => return Ok((calls, at)),
            }
        }
    }
}

/// Bytes of white space at the beginning.
fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}
