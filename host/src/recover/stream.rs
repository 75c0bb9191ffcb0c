//! The user's screen while a reply streams: shows text as soon as it is sure to be text, and never a marker or a call.

use super::dialects::Work;
use super::scan::{Place, What, walk};
use crate::protocol::ToolSpec;

/// Up to this length, what is held back is looked at again with every piece; beyond, only when it has doubled, so that
/// the whole stays linear.
const OFTEN: usize = 256;

/// Holds back text that may become a call. What `push` and `finish` return, joined, is the `text` of
/// [`find_calls`](super::find_calls) of the whole reply, but for white space before a call.
pub struct StreamFilter {
    tools: Vec<ToolSpec>,
    held: String,
    /// Before `held`.
    place: Place,
    /// Look again when `held` is this long.
    again_at: usize,
    /// A call was found: all that follows belongs to the calls.
    silent: bool,
}

impl StreamFilter {
    /// For the reply to one request, with the tools that it offered.
    pub fn new(tools: &[ToolSpec]) -> StreamFilter {
        StreamFilter { tools: tools.to_vec(), held: String::new(), place: Place::default(), again_at: 0, silent: false }
    }

    /// Takes the next piece of the reply; gives what is safe to show now, often nothing.
    pub fn push(&mut self, piece: &str) -> String {
        if self.silent {
            return String::new();
        }
        self.held.push_str(piece);
        if self.held.len() < self.again_at { String::new() } else { self.release(false) }
    }

    /// At the end of the reply: what was held back and is text after all.
    pub fn finish(mut self) -> String {
        if self.silent { String::new() } else { self.release(true) }
    }

    fn release(&mut self, over: bool) -> String {
        let stop = walk(&self.held, self.place, &self.tools, over, &Work::default());
        self.place = stop.place;
        match stop.what {
            What::Calls { .. } => {
                self.silent = true;
                self.held.truncate(stop.at);
                std::mem::take(&mut self.held)
            }
            What::Undecided | What::End => {
                let rest = self.held.split_off(stop.at);
                self.again_at = if rest.len() < OFTEN { 0 } else { rest.len() * 2 };
                std::mem::replace(&mut self.held, rest)
            }
        }
    }
}
