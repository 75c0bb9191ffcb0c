//! Finds the calls that a model wrote as text instead of making them, repairs their JSON and fits arguments to a schema.
//! Small models do this all the time. Pure: text in, calls out; never panics; time linear in the text.
//!
//! With a marker (`<tool_call>`, `[TOOL_CALLS]`, …) any name is a call; JSON alone or in a fence only with the exact shape
//! of a call to a tool on offer. What the model wrote behind its first call is not the user's: it was written without
//! the result.

mod arguments;
mod coerce;
mod dialects;
mod lenient;
mod scan;
mod shape;
mod stream;

use serde_json::Value;

use crate::protocol::ToolSpec;
use dialects::Work;
use scan::{Place, What, walk};

pub use arguments::parse_arguments;
pub use coerce::coerce;
pub use stream::StreamFilter;

/// Most calls that one reply may hold; what follows is ignored.
const MOST: usize = 128;

/// What a text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// In the order in which they were written.
    pub calls: Vec<FoundCall>,
    /// What remains for the user: the whole text when there are no calls, else what stands before the first.
    pub text: String,
}

/// A call as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundCall {
    pub name: String,
    /// An object, keys in the order in which they were written.
    pub arguments: Value,
    /// How it was written: `bare_json`, `fence`, `tool_call_tag`, …
    pub form: &'static str,
}

/// Finds all calls in a whole reply.
pub fn find_calls(text: &str, tools: &[ToolSpec]) -> Found {
    let work = Work::default();
    let mut calls: Vec<FoundCall> = Vec::new();
    let mut before = None;
    let (mut at, mut place) = (0, Place::default());
    loop {
        let stop = walk(&text[at..], place, tools, true, &work);
        let What::Calls { calls: found, end, form } = stop.what else { break };
        before.get_or_insert(at + stop.at);
        calls.extend(found.into_iter().map(|(name, arguments)| FoundCall { name, arguments, form }));
        if calls.len() >= MOST {
            calls.truncate(MOST);
            break;
        }
        at += stop.at + end;
        place = stop.place;
    }
    let text = before.map_or(text, |before| text[..before].trim_end());
    Found { calls, text: text.to_string() }
}
