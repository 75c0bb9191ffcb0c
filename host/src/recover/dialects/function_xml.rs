//! Qwen3-Coder's and Nemotron Nano's form: `<function=name>`, `<parameter=key>` with the bare value on lines of its own.
//! Values are text; the tool's schema says what they are.

use serde_json::{Map, Value};

use super::{Answer, Input, blank};
use crate::protocol::ToolSpec;
use crate::recover::coerce;

const OPEN: &str = "<function=";
const CLOSE: &str = "</function>";
/// Bytes, with the tag.
const LONGEST_NAME: usize = 400;
const PARAMETER: &str = "<parameter=";
const PARAMETER_END: &str = "</parameter>";

pub(super) fn read(input: Input<'_>) -> Answer {
    let Some(name_end) = input.text.bytes().take(LONGEST_NAME).position(|byte| byte == b'>') else {
        return if input.text.len() >= LONGEST_NAME { Answer::Text } else { input.wait() };
    };
    let name = input.text[OPEN.len()..name_end].trim().trim_matches(['"', '\'']);
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Answer::Text;
    }
    let mut arguments = Map::new();
    let mut at = name_end + 1;
    loop {
        at += blank(&input.text[at..]);
        let rest = input.from(at);
        if rest.text.starts_with(CLOSE) {
            let call = (name.to_string(), typed(arguments, name, input.tools));
            return Answer::Calls(vec![call], at + CLOSE.len());
        }
        if !rest.text.starts_with(PARAMETER) {
            return if rest.text.is_empty() || rest.may_become(CLOSE) || rest.may_become(PARAMETER) {
                input.wait()
            } else {
                Answer::Text
            };
        }
        let Some(key_end) = rest.find(">") else { return input.wait() };
        let key = rest.text[PARAMETER.len()..key_end].trim().trim_matches(['"', '\'']);
        let body = rest.from(key_end + 1);
        let Some(length) = value_length(body, PARAMETER_END, &[PARAMETER, CLOSE, "</tool_call>"]) else {
            return input.wait();
        };
        let value = line_trimmed(&body.text[..length]);
        arguments.insert(key.to_string(), Value::String(value.to_string()));
        at += key_end + 1 + length + PARAMETER_END.len();
    }
}

/// Values that are all text, as the tool's schema has them.
pub(super) fn typed(arguments: Map<String, Value>, name: &str, tools: &[ToolSpec]) -> Value {
    let arguments = Value::Object(arguments);
    match tools.iter().find(|tool| tool.name == name) {
        Some(tool) => coerce(arguments, &tool.input_schema),
        None => arguments,
    }
}

/// Without the line breaks that put a value on lines of its own.
pub(super) fn line_trimmed(value: &str) -> &str {
    let value = value.strip_prefix("\r\n").or_else(|| value.strip_prefix('\n')).unwrap_or(value);
    value.strip_suffix('\n').map_or(value, |value| value.strip_suffix('\r').unwrap_or(value))
}

/// A value ends at the closing tag `end` that one of `followers` follows; the same words inside a file do not end it.
pub(super) fn value_length(body: Input<'_>, end: &str, followers: &[&str]) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = from + body.from(from).find(end)?;
        let behind = body.from(found + end.len());
        let next = behind.from(blank(behind.text));
        if followers.iter().any(|follower| next.text.starts_with(follower)) {
            return Some(found);
        }
        if next.text.is_empty() || followers.iter().any(|follower| next.may_become(follower)) {
            return None;
        }
        from = found + end.len();
    }
}
