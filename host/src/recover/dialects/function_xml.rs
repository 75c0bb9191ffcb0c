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
    let (name, mut at) = match tag(input, OPEN)? {
        Tag::Whole(name, end) => (name, end),
        Tag::CutOff => return input.wait(),
        Tag::None => return Err(Stop::Text(0)),
    };
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
        let (key, body) = match tag(rest, PARAMETER)? {
            Tag::Whole(key, end) => (key, end),
            Tag::CutOff => return Ok((call(arguments, true), input.text.len())),
            Tag::None => return input.broken(start, NO_CALL),
        };
        let body = rest.from(body);
        let value = value(body)?;
        let cut_off = value.is_none();
        let (length, end) = value.unwrap_or((whole_part(body.text), body.text.len()));
        arguments.insert(key.to_string(), Value::String(line_trimmed(&body.text[..length]).to_string()));
        at = input.text.len() - body.text.len() + end;
        if cut_off {
            return Ok((call(arguments, true), at));
        }
    }
}

/// A tag with a word in it.
enum Tag<'a> {
    /// The word, and where the tag ends.
    Whole(&'a str, usize),
    CutOff,
    None,
}

fn tag<'a>(input: Input<'a>, open: &str) -> Reading<Tag<'a>> {
    match input.text.bytes().take(LONGEST).position(|byte| matches!(byte, b'>' | b'\n')) {
        Some(end) if input.text.as_bytes()[end] == b'>' => {
            let word = input.text[open.len()..end].trim().trim_matches(['"', '\'']);
            let is_word = !word.is_empty() && !word.contains(char::is_whitespace);
            Ok(if is_word { Tag::Whole(word, end + 1) } else { Tag::None })
        }
        None if input.text.len() < LONGEST && !input.over => Err(Stop::Undecided),
        None if input.text.len() < LONGEST => Ok(Tag::CutOff),
        _ => Ok(Tag::None),
    }
}

fn with_json(input: Input<'_>, name: &str) -> Reading<(Call, usize)> {
    match input.object() {
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
fn value(body: Input<'_>) -> Reading<Option<(usize, usize)>> {
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
                return Ok(Some((at, at + PARAMETER_END.len())));
            }
        } else if here.is_at(CLOSE)? {
            let (behind, _) = here.skip(CLOSE.len());
            if behind.text.is_empty() && !body.over {
                return Err(Stop::Undecided);
            }
            if behind.text.is_empty() || begins_any(behind, &[OUTER[0], OUTER[1], OPEN, "<tool_call>"])? {
                return Ok(Some((at, at)));
            }
        } else if begins_line(body, at) && (here.is_at(PARAMETER)? || begins_any(here, &OUTER)? && is_last(here)) {
            return Ok(Some((at, at)));
        }
        from = at + 1;
    }
    if body.over { Ok(None) } else { Err(Stop::Undecided) }
}

fn begins_line(body: Input<'_>, at: usize) -> bool {
    body.text[..at].ends_with('\n')
}

/// Whether nothing stands behind the tag at the beginning.
fn is_last(input: Input<'_>) -> bool {
    input.over && input.text.split_once('>').is_some_and(|(_, behind)| behind.len() == super::blank(behind))
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

/// Without the line breaks that put a value on lines of its own. Behind one that begins beside its tag, a line break is the
/// end of the text.
pub(super) fn line_trimmed(value: &str) -> &str {
    let Some(value) = value.strip_prefix("\r\n").or_else(|| value.strip_prefix('\n')) else { return value };
    value.strip_suffix('\n').map_or(value, |value| value.strip_suffix('\r').unwrap_or(value))
}
