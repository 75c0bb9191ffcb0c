//! Takes secrets out of texts that leave the sandbox: the values that the user has set, however they are written there, and
//! what looks like a key of a well-known service. What stands instead says what it was, so that nobody looks for a fault.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value as Json;

use super::encoded::{Needle, View, needles};
use super::{Value, keys};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The user's own values. For built-in tools: a file of the project that holds a key of somebody's example must reach
    /// the model as it is, or what the model writes back would destroy it.
    Known,
    /// Those, and what looks like a key. For what plugins of others return.
    KnownAndKeys,
}

/// Knows the values; cheap to use where none of them occurs.
#[derive(Default)]
pub struct Redactor {
    /// What stands instead, and the spellings of one value.
    known: Vec<(String, Vec<Needle>)>,
}

impl Redactor {
    /// Bytes of a value below which it cannot be told from ordinary text.
    pub const SHORTEST: usize = 8;

    /// For these values, by the names under which they are kept.
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Redactor {
        let known = values.into_iter().filter(|(_, value)| value.is_redactable());
        Redactor { known: known.map(|(name, value)| (format!("[secret {name}]"), needles(value.expose()))).collect() }
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str, look: Look) -> Cow<'a, str> {
        let mut found = self.find(text);
        if look == Look::KnownAndKeys {
            let named = |(range, what): (Range<usize>, &str)| (range, format!("[redacted: {what}]"));
            found.extend(keys::find(text).into_iter().map(named));
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        // Where they overlap, the one that begins first names the whole.
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let (mut clean, mut kept, mut until) = (String::with_capacity(text.len()), 0, 0);
        for (range, instead) in found {
            if range.start >= until {
                clean.push_str(&text[kept..range.start]);
                clean.push_str(&instead);
            }
            until = until.max(range.end);
            kept = until;
        }
        clean.push_str(&text[kept..]);
        Cow::Owned(clean)
    }

    /// All strings in it, names of fields included.
    pub fn json(&self, value: &mut Json, look: Look) {
        match value {
            Json::String(text) => {
                if let Cow::Owned(clean) = self.text(text, look) {
                    *text = clean;
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item, look)),
            Json::Object(fields) => {
                let clean = |(name, mut value): (String, Json)| {
                    self.json(&mut value, look);
                    (self.text(&name, look).into_owned(), value)
                };
                *fields = std::mem::take(fields).into_iter().map(clean).collect();
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn find(&self, text: &str) -> Vec<(Range<usize>, String)> {
        if self.known.is_empty() || text.len() < Redactor::SHORTEST {
            return Vec::new();
        }
        let (views, mut all) = (View::all(text), Vec::new());
        for (instead, needles) in &self.known {
            let mut found = Vec::new();
            for (view, needle) in views.iter().flat_map(|view| needles.iter().map(move |needle| (view, needle))) {
                view.find(needle, &mut found);
            }
            all.extend(found.into_iter().map(|range| (range, instead.clone())));
        }
        all
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
