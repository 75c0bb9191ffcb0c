//! Puts the pieces of streamed tool calls together. Servers agree on the fields and on little else: an index may be
//! missing or always 0, an id may come once, never, or anew with each piece, a name may be repeated, arguments may be a
//! string in pieces or an object at once.

use std::cell::Cell;

use serde_json::Value;

use crate::model::{ModelError, RawCall};

/// Most calls of one reply.
pub(crate) const MOST: usize = 128;

/// Bytes of arguments that are looked through, over a whole reply, to see whether a call is complete.
const LOOKS: usize = 256 << 20;

#[derive(Default)]
pub(super) struct Calls {
    open: Vec<Open>,
    looked: Cell<usize>,
}

#[derive(Default)]
struct Open {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// One element of `delta.tool_calls`, or the old `function_call`.
    pub(super) fn take(&mut self, piece: &Value) -> Result<(), ModelError> {
        let function = piece.get("function").filter(|value| value.is_object()).unwrap_or(piece);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_string();
        let index = piece.get("index").and_then(Value::as_u64);
        let (id, name) = (text(piece.get("id")), text(function.get("name")));
        let arguments = match function.get("arguments").or_else(|| function.get("parameters")) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let whole = function.get("arguments").is_some_and(Value::is_object);
        let at = match self.belongs_to(index, &id, &name, &arguments) {
            Some(at) => at,
            None => {
                if self.open.len() == MOST {
                    return Err(ModelError::TooLarge { what: "calls in one reply", limit: MOST as u64 });
                }
                self.open.push(Open { index, ..Open::default() });
                self.open.len() - 1
            }
        };
        let open = &mut self.open[at];
        if open.id.is_empty() {
            open.id = id;
        }
        if open.name.is_empty() {
            open.name = name;
        } else if open.arguments.is_empty() && !name.is_empty() && name != open.name {
            open.name.push_str(&name); // a name in pieces
        }
        if whole {
            open.arguments = arguments;
        } else {
            open.arguments.push_str(&arguments);
        }
        Ok(())
    }

    /// The open call that a piece continues; `None` when it begins a new one.
    fn belongs_to(&self, index: Option<u64>, id: &str, name: &str, arguments: &str) -> Option<usize> {
        let last = self.open.len().checked_sub(1)?;
        let at = match index {
            Some(index) => self.open.iter().rposition(|open| open.index == Some(index))?,
            None if !id.is_empty() => self.open.iter().rposition(|open| open.id == id).unwrap_or(last),
            None => last,
        };
        let open = &self.open[at];
        let other_id = !id.is_empty() && !open.id.is_empty() && id != open.id;
        let same_id = !id.is_empty() && id == open.id;
        // A new name with a new id, or with whole arguments behind whole arguments, is a new call whatever the index says.
        let begins = !name.is_empty()
            && !same_id
            && (other_id && (name != open.name || self.is_whole(open))
                || arguments.trim_start().starts_with('{') && self.is_whole(open));
        (!begins).then_some(at)
    }

    fn is_whole(&self, open: &Open) -> bool {
        self.looked.set(self.looked.get().saturating_add(open.arguments.len()));
        self.looked.get() < LOOKS && is_whole(&open.arguments)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The calls in the order in which they began, and the name of one that lacks its end in a reply that was `cut`.
    pub(super) fn finish(self, cut: bool) -> (Vec<RawCall>, Option<String>) {
        let calls = self.open.into_iter().filter(|open| !(open.name.is_empty() && open.arguments.trim().is_empty()));
        let (whole, half): (Vec<RawCall>, Vec<RawCall>) = calls
            .map(|open| RawCall {
                id: Some(open.id).filter(|id| !id.is_empty()),
                name: open.name,
                arguments: if open.arguments.trim().is_empty() && !cut { "{}".into() } else { open.arguments },
            })
            .partition(|call| !cut || is_whole(&call.arguments));
        (whole, half.into_iter().next_back().map(|call| call.name))
    }
}

fn is_whole(arguments: &str) -> bool {
    // The cheap look first, so that long arguments are not parsed for each piece.
    arguments.trim_end().ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(pieces: Value, expected: &[(&str, &str, &str)]) {
        let mut calls = Calls::default();
        for piece in pieces.as_array().unwrap() {
            calls.take(piece).unwrap();
        }
        let (got, _) = calls.finish(false);
        let got: Vec<_> =
            got.iter().map(|c| (c.id.as_deref().unwrap_or(""), c.name.as_str(), c.arguments.as_str())).collect();
        assert_eq!(got, expected, "{pieces}");
    }

    #[test]
    fn pieces_of_calls_find_together() {
        let f = |name: &str, arguments: &str| json!({ "name": name, "arguments": arguments });
        let args = |arguments: &str| json!({ "arguments": arguments });
        // As OpenAI sends them, two in parallel.
        check(
            json!([{"index":0,"id":"a","function":f("x","")},{"index":0,"function":args("{\"k\"")},{"index":1,"id":"b","function":f("y","{")},
                {"index":0,"function":args(":1}")},{"index":1,"function":args("}")}]),
            &[("a", "x", "{\"k\":1}"), ("b", "y", "{}")],
        );
        // No index, no id: whole calls in one chunk each.
        check(
            json!([{"function":f("x","{\"k\":1}")},{"function":f("x","{\"k\":1}")}]),
            &[("", "x", "{\"k\":1}"), ("", "x", "{\"k\":1}")],
        );
        // The index is always 0, the ids differ.
        check(
            json!([{"index":0,"id":"a","function":f("x","{}")},{"index":0,"id":"b","function":f("y","{}")}]),
            &[("a", "x", "{}"), ("b", "y", "{}")],
        );
        // Pieces without an index go to the call that is open.
        check(
            json!([{"id":"a","function":f("x","")},{"function":args("{\"k\":")},{"function":args("1}")}]),
            &[("a", "x", "{\"k\":1}")],
        );
        // The name is repeated with each piece; the id is new with each piece.
        check(
            json!([{"index":0,"function":f("x","")},{"index":0,"function":f("x","{\"k\":")},{"index":0,"function":f("x","1}")}]),
            &[("", "x", "{\"k\":1}")],
        );
        check(
            json!([{"index":0,"id":"a","function":f("x","")},{"index":0,"id":"b","function":f("x","{}")}]),
            &[("a", "x", "{}")],
        );
        // The name comes in pieces.
        check(
            json!([{"index":0,"function":f("read_","")},{"index":0,"function":f("file","")},{"index":0,"function":args("{}")}]),
            &[("", "read_file", "{}")],
        );
        // Arguments as an object, as null, missing; the old form.
        check(json!([{"index":0,"function":{"name":"x","arguments":{"k":1}}}]), &[("", "x", "{\"k\":1}")]);
        check(
            json!([{"index":0,"function":{"name":"x","arguments":null}}, {"index":1,"function":{"name":"y"}}]),
            &[("", "x", "{}"), ("", "y", "{}")],
        );
        check(json!([{"name":"x","arguments":"{"}, {"arguments":"}"}]), &[("", "x", "{}")]);
        // Noise.
        check(json!([{}, null, 7, "x"]), &[]);
    }

    #[test]
    fn a_flood_of_calls_is_refused() {
        let mut calls = Calls::default();
        let error = (0..1000).find_map(|index| calls.take(&json!({"index": index, "function": {"name": "x"}})).err());
        assert!(matches!(error, Some(ModelError::TooLarge { limit: 128, .. })));
    }

    #[test]
    fn a_call_that_was_cut_is_not_made() {
        let mut calls = Calls::default();
        calls.take(&json!({"index":0,"function":{"name":"x","arguments":"{}"}})).unwrap();
        calls.take(&json!({"index":1,"function":{"name":"y","arguments":"{\"path\":\"/et"}})).unwrap();
        let (whole, half) = calls.finish(true);
        assert_eq!((whole.len(), half.as_deref()), (1, Some("y")));
    }
}
