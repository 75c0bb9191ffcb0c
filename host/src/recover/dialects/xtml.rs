//! Kimi K3: tags of special tokens, `<|open|>call tool="…"<|sep|>` and `<|close|>call<|sep|>`. Thought, answer and calls each
//! stand in one; an argument says of which type it is.

use serde_json::{Map, Value};

use super::{
    Answer, CUT_OFF, Call, Dialect, Fault, Input, NO_CALL, NO_END, NO_JSON, OPENED, Reading, Stop, one_by_one,
};

pub(super) const OPEN: &str = "<|open|>";
pub(super) const CLOSE: &str = "<|close|>";
pub(super) const SEPARATOR: &str = "<|sep|>";
pub(super) const TOOLS_END: &str = "<|close|>tools<|sep|>";
const CALL: &str = "<|open|>call";
const CALL_END: &str = "<|close|>call<|sep|>";
const ARGUMENT: &str = "<|open|>argument";
const ARGUMENT_END: &str = "<|close|>argument<|sep|>";
const JSON: &str = "<|open|>json";
const JSON_END: &str = "<|close|>json<|sep|>";
/// Bytes of a tag.
const LONGEST: usize = 400;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let Some((tag, end)) = head(input)? else { return Ok(Answer::Hidden(OPEN.len())) };
    match tag.split_whitespace().next() {
        Some("think") => Ok(Answer::Reasoning(end, OPENED)),
        Some("tools") => one_by_one(input, row, end, CALL, one).map(Answer::Calls),
        Some("call") => one_by_one(input, row, 0, CALL, one).map(Answer::Calls),
        _ => Ok(Answer::Hidden(end)),
    }
}

/// `<|close|>…<|sep|>` of something that is read already, or began in the prompt.
pub(super) fn close(input: Input<'_>, _: &'static Dialect) -> Reading {
    Ok(match head(input)? {
        Some(("think", end)) => Answer::Ends(end),
        Some((_, end)) => Answer::Hidden(end),
        None => Answer::Hidden(CLOSE.len()),
    })
}

/// What stands in the tag at the beginning, and where that ends.
fn head(input: Input<'_>) -> Reading<Option<(&str, usize)>> {
    let near = super::near(input.text, LONGEST);
    let from = near.find("|>").map_or(near.len(), |at| at + 2);
    match near[from..].find(SEPARATOR) {
        Some(length) => Ok(Some((near[from..from + length].trim(), from + length + SEPARATOR.len()))),
        None if near.len() == input.text.len() && !input.over => Err(Stop::Undecided),
        None => Ok(None),
    }
}

fn one(input: Input<'_>) -> Reading<(Call, usize)> {
    let Some((tag, mut at)) = head(input)? else { return input.broken(CALL.len(), CUT_OFF) };
    let Some(name) = attribute(tag, "tool").filter(|name| !name.is_empty()) else { return input.broken(at, NO_CALL) };
    let fail = |at, reason| Err(Stop::Broken(at, Fault { name: Some(name.clone()), reason }));
    let more = |reason| if input.over { fail(input.text.len(), reason) } else { Err(Stop::Undecided) };
    let mut arguments = Map::new();
    loop {
        let (rest, start) = input.skip(at);
        if rest.is_at(CALL_END)? {
            return Ok((Call::new(&name, Value::Object(arguments)), start + CALL_END.len()));
        }
        if rest.text.is_empty() {
            return more(CUT_OFF);
        }
        let is_json = rest.is_at(JSON)?;
        if !is_json && !rest.is_at(ARGUMENT)? {
            return fail(start, NO_END);
        }
        let Some((tag, body)) = head(rest)? else { return fail(start, NO_CALL) };
        let end = if is_json { JSON_END } else { ARGUMENT_END };
        let Some(length) = rest.text[body..].find(end) else { return more(CUT_OFF) };
        let value = &rest.text[body..body + length];
        at = start + body + length + end.len();
        if is_json {
            let Ok((Value::Object(members), _)) = super::super::parse_arguments(value) else {
                return fail(at, NO_JSON);
            };
            arguments.extend(members);
            continue;
        }
        let Some(key) = attribute(tag, "key") else { return fail(at, NO_CALL) };
        let text = || Value::String(value.to_string());
        let value = match attribute(tag, "type").as_deref() {
            Some("string") | None => text(),
            Some(_) => serde_json::from_str(value.trim()).unwrap_or_else(|_| text()),
        };
        arguments.insert(key, value);
    }
}

/// The value of `name="…"`.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
}
