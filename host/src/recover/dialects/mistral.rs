//! Mistral: `[TOOL_CALLS]` with a list, or in newer models `[TOOL_CALLS]name[ARGS]{…}`, also with `[CALL_ID]…` between.

use super::{Answer, Call, Dialect, Fault, Input, NO_CALL, NO_JSON, Reading, Section, Stop, json, name_length};

const CALL_ID: &str = "[CALL_ID]";
const ARGUMENTS: &str = "[ARGS]";
/// Bytes of an id.
const LONGEST: usize = 256;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let (named, start) = input.skip(row.open.len());
    if named.text.starts_with(['[', '{', '`']) {
        return json::read(input, row);
    }
    let name = &named.text[..name_length(named.text)];
    let mut at = start + name.len();
    if input.from(at).is_at(CALL_ID)? {
        let id = input.from(at);
        match id.text.bytes().take(LONGEST).skip(1).position(|byte| byte == b'[') {
            Some(end) => at += end + 1,
            None if id.text.len() < LONGEST => return input.wait(),
            None => return input.broken(at, NO_CALL),
        }
    }
    if input.from(at).is_at(ARGUMENTS)? {
        at += ARGUMENTS.len();
    }
    let (body, body_at) = input.skip(at);
    if body.text.is_empty() {
        return if name.is_empty() && input.over { Err(Stop::Text(0)) } else { input.wait() };
    }
    if name.is_empty() || !body.text.starts_with('{') {
        return Err(Stop::Text(0));
    }
    let broken = |at, reason| Err(Stop::Broken(at, Fault { name: Some(name.to_string()), reason }));
    match body.object() {
        Ok(parsed) => {
            let end = body_at + parsed.end;
            let end = input.closed(end, row.close)?.unwrap_or(end);
            Ok(Answer::Calls(Section::one(Call::new(name, parsed.value), end)))
        }
        Err(failure) if failure.truncated => input.wait(),
        Err(failure) => broken(body_at + failure.at, NO_JSON),
    }
}
