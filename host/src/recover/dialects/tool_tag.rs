//! `<tool>` with JSON, or `<tool name="…" key="value">` with `<key>text</key>` inside, as small agents ask for it; what is
//! said in the end stands in `<final>`.

use serde_json::{Map, Value};

use super::function_xml::{line_trimmed, typed};
use super::{Answer, Call, Dialect, Fault, Input, NO_CALL, Reading, Section, Stop};

/// Bytes of the opening tag, and of a name in it.
const LONGEST: usize = 1024;
const LONGEST_NAME: usize = 64;

/// `<tool name=…>`
pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let mut arguments = Map::new();
    let mut at = "<tool".len();
    let closed = loop {
        let (next, start) = input.skip(at);
        if start > LONGEST {
            return Err(Stop::Text(0));
        }
        if next.is_at("/>")? {
            at = start + 2;
            break true;
        }
        if next.text.starts_with('>') {
            at = start + 1;
            break false;
        }
        match attribute(next)? {
            Some((key, value, end)) => {
                arguments.insert(key.to_string(), Value::String(unescaped(value)));
                at = start + end;
            }
            None => return Err(Stop::Text(0)),
        }
    };
    let Some(Value::String(name)) = arguments.shift_remove("name") else { return Err(Stop::Text(0)) };
    let made = |arguments, end| {
        let call = Call::new(name.trim(), typed(arguments, name.trim(), input.tools));
        Ok(Answer::Calls(Section { closed: true, ..Section::one(call, end) }))
    };
    if closed {
        return made(arguments, at);
    }
    let fail = |stop: Stop| match stop {
        Stop::Broken(at, fault) => Stop::Broken(at, Fault { name: Some(name.trim().to_string()), ..fault }),
        other => other,
    };
    loop {
        let (next, start) = input.skip(at);
        if next.is_at(row.close)? {
            return made(arguments, start + row.close.len());
        }
        if next.text.is_empty() {
            return input.wait().map_err(fail);
        }
        let Some((key, body)) = child(next).map_err(|stop| fail(stop.shifted(start)))? else {
            return input.broken(start, NO_CALL).map_err(fail);
        };
        let end = format!("</{key}>");
        let Some(length) = value_length(next.from(body), &end, row.close).map_err(fail)? else {
            return input.wait().map_err(fail);
        };
        let value = line_trimmed(&next.text[body..body + length]);
        arguments.insert(key.to_string(), Value::String(value.to_string()));
        at = start + body + length + end.len();
    }
}

/// `key="value"`, and where it ends.
fn attribute<'a>(input: Input<'a>) -> Reading<Option<(&'a str, &'a str, usize)>> {
    let near = super::near(input.text, LONGEST);
    let more = || if near.len() == input.text.len() && !input.over { Err(Stop::Undecided) } else { Ok(None) };
    let length = near.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(near.len());
    let Some(rest) = near[length..].strip_prefix('=').filter(|_| length > 0) else {
        return if length == near.len() { more() } else { Ok(None) };
    };
    let Some(quote) = rest.chars().next() else { return more() };
    if !matches!(quote, '"' | '\'') {
        return Ok(None);
    }
    match rest[1..].find(quote) {
        Some(end) => Ok(Some((&near[..length], &rest[1..end + 1], length + 1 + end + 2))),
        None => more(),
    }
}

/// `<key>`, and where it ends.
fn child<'a>(input: Input<'a>) -> Reading<Option<(&'a str, usize)>> {
    let Some(rest) = input.text.strip_prefix('<') else { return Ok(None) };
    let length = match super::near(rest, LONGEST_NAME).find(|c: char| !(c.is_alphanumeric() || c == '_')) {
        Some(length) => length,
        None if rest.len() < LONGEST_NAME => return input.wait(),
        None => return Ok(None),
    };
    Ok((length > 0 && rest[length..].starts_with('>')).then_some((&rest[..length], length + 2)))
}

/// A value ends at the closing tag that another tag or the end follows.
fn value_length(body: Input<'_>, end: &str, close: &str) -> Reading<Option<usize>> {
    let mut from = 0;
    while let Some(found) = body.text[from..].find(end) {
        let at = from + found;
        let (next, _) = body.skip(at + end.len());
        if next.text.is_empty() && !body.over {
            return Err(Stop::Undecided);
        }
        if next.is_at(close)?
            || next.text.is_empty()
            || next.over && next.text == "<"
            || matches!(child(next), Ok(Some(_)) | Err(Stop::Broken(..)))
        {
            return Ok(Some(at));
        }
        if matches!(child(next), Err(Stop::Undecided)) {
            return Err(Stop::Undecided);
        }
        from = at + end.len();
    }
    Ok(None)
}

fn unescaped(value: &str) -> String {
    let mut text = value.to_string();
    for (entity, plain) in [("&quot;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")] {
        text = text.replace(entity, plain);
    }
    text
}
