//! `<function=name>` with `<parameter=key>` and the bare value on lines of its own (Qwen3-Coder, Nemotron Nano, Seed), or
//! with JSON inside (Llama 3's own tools). Values are text; the tool's schema says what they are. A closing tag may be
//! missing; where the reply ends in a value, the call is there, and cut off.

use serde_json::{Map, Value};

use super::{Answer, Call, Dialect, Input, NO_CALL, NO_JSON, Reading, Section, Stop};
use crate::protocol::ToolSpec;
use crate::recover::coerce;

pub(super) const OPEN: &str = "<function=";
const CLOSE: &str = "</function>";
const PARAMETER: &str = "<parameter=";
const PARAMETER_END: &str = "</parameter>";
/// What ends the whole, where the function's own end is missing.
const OUTER: [&str; 2] = ["</tool_call>", "</seed:tool_call>"];
/// Bytes of a name or key.
const LONGEST: usize = 256;

pub(super) fn read(input: Input<'_>, _: &'static Dialect) -> Reading {
    one(input).map(|(call, end)| Answer::Calls(Section::one(call, end)))
}

/// The call, and where it ends.
pub(super) fn one(input: Input<'_>) -> Reading<(Call, usize)> {
    let Some((name, mut at)) = tag(input, OPEN)? else { return Err(Stop::Text(0)) };
    let (body, start) = input.skip(at);
    if body.text.starts_with('{') {
        return with_json(body, name).map(|(call, end)| (call, start + end)).map_err(|stop| stop.shifted(start));
    }
    let mut arguments = Map::new();
    loop {
        let (rest, start) = input.skip(at);
        let call = |arguments, cut_off| Call { cut_off, ..Call::new(name, typed(arguments, name, input.tools)) };
        if rest.is_at(CLOSE)? {
            return Ok((call(arguments, false), start + CLOSE.len()));
        }
        if begins_any(rest, &OUTER)? {
            return Ok((call(arguments, false), at));
        }
        if rest.text.is_empty() && !input.over {
            return Err(Stop::Undecided);
        }
        if !rest.is_at(PARAMETER)? {
            // Cut off, in a tag perhaps; otherwise prose that speaks of such a tag.
            let cut = [PARAMETER, CLOSE].iter().any(|tag| tag.starts_with(rest.text));
            return match (cut, arguments.is_empty()) {
                (true, _) => Ok((call(arguments, true), input.text.len())),
                (false, true) => Err(Stop::Text(0)),
                (false, false) => input.broken(start, NO_CALL),
            };
        }
        let Some((key, body)) = tag(rest, PARAMETER)? else {
            return if input.over {
                Ok((call(arguments, true), input.text.len()))
            } else {
                input.broken(start, NO_CALL)
            };
        };
        let body = rest.from(body);
        let value = value(body)?;
        let (length, end, cut_off) = value.unwrap_or((whole_part(body.text), body.text.len(), true));
        arguments.insert(key.to_string(), Value::String(line_trimmed(&body.text[..length]).to_string()));
        at = input.text.len() - body.text.len() + end;
        if cut_off {
            return Ok((call(arguments, true), at));
        }
    }
}

/// The word in the tag at the beginning, and where the tag ends.
fn tag<'a>(input: Input<'a>, open: &str) -> Reading<Option<(&'a str, usize)>> {
    let found = input.text.bytes().take(LONGEST).position(|byte| matches!(byte, b'>' | b'\n'));
    match found {
        Some(end) if input.text.as_bytes()[end] == b'>' => {
            let word = input.text[open.len()..end].trim().trim_matches(['"', '\'']);
            Ok((!word.is_empty() && !word.contains(char::is_whitespace)).then_some((word, end + 1)))
        }
        None if input.text.len() < LONGEST && !input.over => Err(Stop::Undecided),
        _ => Ok(None),
    }
}

fn with_json(input: Input<'_>, name: &str) -> Reading<(Call, usize)> {
    match input.parse() {
        Ok(parsed) => {
            let end = input.closed(parsed.end, CLOSE)?.unwrap_or(parsed.end);
            Ok((Call::new(name, parsed.value), end))
        }
        Err(failure) if failure.truncated => input.wait(),
        Err(failure) => input.broken(failure.at, NO_JSON),
    }
}

/// The length of a value, and where what closes it ends, behind its tag or before what makes up for that; `None` where the
/// reply ends in it. The same words inside a file do not end it.
fn value(body: Input<'_>) -> Reading<Option<(usize, usize, bool)>> {
    let mut from = 0;
    while let Some(found) = body.text[from..].find('<') {
        let (at, here) = (from + found, body.from(from + found));
        if here.is_at(PARAMETER_END)? {
            let (behind, _) = here.skip(PARAMETER_END.len());
            let last = behind.text.is_empty();
            if last && !body.over {
                return Err(Stop::Undecided);
            }
            if last || begins_any(behind, &[PARAMETER, CLOSE, OUTER[0], OUTER[1]])? {
                return Ok(Some((at, at + PARAMETER_END.len(), false)));
            }
        } else if here.is_at(CLOSE)? {
            let (behind, _) = here.skip(CLOSE.len());
            if behind.text.is_empty() && !body.over {
                return Err(Stop::Undecided);
            }
            if behind.text.is_empty() || begins_any(behind, &[OUTER[0], OUTER[1], OPEN, "<tool_call>"])? {
                return Ok(Some((at, at, false)));
            }
        } else if here.is_at(PARAMETER)? && body.text[..at].ends_with('\n') {
            return Ok(Some((at, at, false)));
        } else if begins_any(here, &OUTER)? && here.text.contains('>') && ends_line(body, at) {
            return Ok(Some((at, at, false)));
        }
        from = at + 1;
    }
    if body.over { Ok(None) } else { Err(Stop::Undecided) }
}

/// Whether what stands at `at` is a line of its own at the very end.
fn ends_line(body: Input<'_>, at: usize) -> bool {
    let behind = body.text[at..].split_once('>').map_or("", |(_, behind)| behind);
    body.over && body.text[..at].ends_with('\n') && behind.trim().is_empty()
}

/// Without the beginning of a closing tag at its end.
fn whole_part(value: &str) -> usize {
    let last = value.rfind('<').filter(|at| PARAMETER_END.starts_with(&value[*at..]));
    last.unwrap_or(value.len())
}

fn begins_any(input: Input<'_>, words: &[&str]) -> Reading<bool> {
    for word in words {
        if input.is_at(word)? {
            return Ok(true);
        }
    }
    Ok(false)
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
