//! MiniMax M3: every tag has a mark of its own before it: `]<]minimax[>[<invoke name="…">`, then a tag for each argument, nested
//! where its value is. Values are plain text; the tool's schema says what they are.

use serde_json::{Map, Value};

use super::function_xml::typed;
use super::{Answer, Call, Dialect, Fault, Input, NO_CALL, Reading, Stop, one_by_one};

pub(super) const MARK: &str = "]<]minimax[>[";
pub(super) const CLOSE: &str = "]<]minimax[>[</tool_call>";
const WRAPPER: &str = "<tool_call>";
const INVOKE: &str = "]<]minimax[>[<invoke name=";
const INVOKE_END: &str = "]<]minimax[>[</invoke>";
/// The elements of a list.
const ITEM: &str = "item";
/// Deepest nesting of a value.
const DEEPEST: usize = 16;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let wrapped = input.from(MARK.len()).is_at(WRAPPER)?;
    if !wrapped && !input.is_at(INVOKE)? {
        return Ok(Answer::Hidden(MARK.len()));
    }
    let at = if wrapped { MARK.len() + WRAPPER.len() } else { 0 };
    one_by_one(input, row, at, INVOKE, one).map(Answer::Calls)
}

fn one(input: Input<'_>) -> Reading<(Call, usize)> {
    let Some(length) = input.text.find(INVOKE_END) else { return input.wait() };
    let end = length + INVOKE_END.len();
    let Some((name, body)) = input.text[INVOKE.len()..length].split_once('>') else {
        return input.broken(end, NO_CALL);
    };
    let name = name.trim().trim_matches(['"', '\'']).trim();
    if name.is_empty() {
        return input.broken(end, NO_CALL);
    }
    let Some(members) = members(body, 0) else {
        return Err(Stop::Broken(end, Fault { name: Some(name.to_string()), reason: NO_CALL }));
    };
    let arguments: Map<String, Value> = members.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    Ok((Call::new(name, typed(arguments, name, input.tools)), end))
}

/// Each tag and what is in it. White space between them does not matter.
fn members(mut body: &str, depth: usize) -> Option<Vec<(&str, Value)>> {
    let mut members = Vec::new();
    while !body.trim().is_empty() {
        let (key, rest) = body.trim_start().strip_prefix(MARK)?.strip_prefix('<')?.split_once('>')?;
        let (inner, rest) = rest.split_once(&format!("{MARK}</{key}>"))?;
        members.push((key, value(inner, depth)?));
        body = rest;
    }
    Some(members)
}

fn value(inner: &str, depth: usize) -> Option<Value> {
    if depth >= DEEPEST || !inner.trim_start().starts_with(MARK) {
        return Some(Value::String(inner.to_string()));
    }
    let members = members(inner, depth + 1)?;
    Some(match members.iter().all(|(key, _)| *key == ITEM) {
        true => Value::Array(members.into_iter().map(|(_, value)| value).collect()),
        false => Value::Object(members.into_iter().map(|(key, value)| (key.to_string(), value)).collect()),
    })
}
