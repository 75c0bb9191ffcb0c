//! Finds the calls that a model wrote as text instead of making them, sets its reasoning apart, repairs JSON and fits
//! arguments to a schema. Small models do this all the time. Pure: text in, parts and calls out; never panics; time linear
//! in the text, whole or in pieces.
//!
//! With a marker (`<tool_call>`, `[TOOL_CALLS]`, …) any name is a call; without one only the exact shape of a call to a
//! tool on offer. What the model wrote behind its first call is not the user's: it was written without the result. A thought
//! may have begun in the prompt: where one ends that did not begin here, all before was one, and calls in it are none.

mod arguments;
mod coerce;
mod dialects;
mod lenient;
mod output;
mod place;
mod reader;
mod shape;

use serde_json::Value;

use crate::protocol::ToolSpec;

pub use arguments::parse_arguments;
pub use coerce::coerce;
pub use reader::Reader;

/// Most calls that one reply may hold; what follows is ignored.
const MOST: usize = 128;

/// What the user may see of a reply, in the order in which it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Reasoning(String),
    /// All text so far was a thought, which is this: its beginning stands in the prompt.
    Thought(String),
    /// All reasoning so far was none: it follows as what it is.
    Unthought,
}

/// What a reply holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// In the order in which they were written.
    pub calls: Vec<FoundCall>,
    /// Calls that were begun, and cannot be made.
    pub unreadable: Vec<Unreadable>,
    /// For the user: without markup, and only what stands before the first call.
    pub text: String,
    /// What the model thought, without its markers.
    pub reasoning: String,
}

/// A call as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundCall {
    pub name: String,
    /// An object, keys in the order in which they were written.
    pub arguments: Value,
    /// How it was written: `bare_json`, `fence`, `tool_call_tag`, …
    pub form: &'static str,
    /// The reply ended before the call did: the last argument may be half of what was meant. Not to be made.
    pub cut_off: bool,
}

/// A marker announced a call, and none came. One line for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where one was written.
    pub name: Option<String>,
    pub form: &'static str,
    pub reason: &'static str,
}

/// Reads a whole reply.
pub fn find_calls(text: &str, tools: &[ToolSpec]) -> Found {
    let mut reader = Reader::new(tools);
    let mut parts = reader.push(text);
    let (rest, mut found) = reader.finish();
    parts.extend(rest);
    parts.into_iter().for_each(|part| found.take(part));
    found
}

impl Found {
    /// Adds a part to what stands there of text and reasoning.
    pub fn take(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.text.push_str(&text),
            Part::Reasoning(text) => self.reasoning.push_str(&text),
            Part::Thought(text) => {
                self.text.clear();
                if !self.reasoning.is_empty() {
                    self.reasoning.push_str("\n\n");
                }
                self.reasoning.push_str(&text);
            }
            Part::Unthought => self.reasoning.clear(),
        }
    }
}
