//! GLM's way to fill `<tool_call>`: the name, then `<arg_key>` and `<arg_value>` in turn. Values are text where the tool's
//! schema says so, else JSON where they can be. A pair that is not whole is left out, and the tool's schema will say what
//! is missing; the call itself needs its end.

use serde_json::{Map, Value};

use super::function_xml::{line_trimmed, typed};
use super::{Call, Fault, Input, NO_CALL, Reading, Section, Stop, name_length};

const KEY: &str = "<arg_key>";
const KEY_END: &str = "</arg_key>";
const VALUE: &str = "<arg_value>";
const VALUE_END: &str = "</arg_value>";

/// `input` begins behind the opening marker. Without arguments only the name of a tool on offer is a call.
pub(super) fn read(input: Input<'_>, close: &str) -> Reading<Section> {
    let name = &input.text[..name_length(input.text)];
    let (mut arguments, mut at) = (Map::new(), name.len());
    let mut pairs = 0;
    loop {
        let (rest, start) = input.skip(at);
        if rest.is_at(close)? {
            let is_call = !name.is_empty() && (pairs > 0 || input.offers(name));
            let arguments = values(arguments, name, input);
            let section = Section { closed: true, ..Section::one(Call::new(name, arguments), start + close.len()) };
            return if is_call { Ok(section) } else { input.broken(start, NO_CALL) };
        }
        if !rest.is_at(KEY)? {
            return match (rest.text.is_empty(), pairs) {
                (true, _) => named(input.wait(), name),
                (false, 0) => Err(Stop::Text(0)),
                (false, _) => named(input.broken(start, NO_CALL), name),
            };
        }
        pairs += 1;
        match pair(rest, close)? {
            Pair::Whole(key, value, end) => {
                arguments.insert(key.to_string(), Value::String(line_trimmed(value).to_string()));
                at = start + end;
            }
            Pair::Half(end) => at = start + end,
            Pair::CutOff => return named(input.wait(), name),
        }
    }
}

enum Pair<'a> {
    Whole(&'a str, &'a str, usize),
    /// It is not whole, and ends there.
    Half(usize),
    CutOff,
}

fn pair<'a>(input: Input<'a>, close: &str) -> Reading<Pair<'a>> {
    let inner = &input.text[KEY.len()..];
    let Some(length) = inner.find('<').map(|at| at + KEY.len()) else { return Ok(Pair::CutOff) };
    let key = input.text[KEY.len()..length].trim();
    let behind = input.from(length);
    let mut start = length;
    let whole = behind.is_at(KEY_END)?;
    if whole {
        start = input.skip(length + KEY_END.len()).1;
    }
    let body = input.from(start);
    let opened = body.is_at(VALUE)?;
    if body.text.is_empty() {
        return Ok(Pair::CutOff);
    }
    if !opened && !body.is_at(KEY)? && !body.is_at(close)? && !whole {
        return Ok(Pair::CutOff);
    }
    if !opened {
        return Ok(Pair::Half(start));
    }
    let body = body.from(VALUE.len());
    let start = start + VALUE.len();
    let mut from = 0;
    while let Some(found) = body.text[from..].find("</") {
        let (at, here) = (from + found, body.from(from + found));
        let (is_end, length) = (here.is_at(VALUE_END)?, VALUE_END.len());
        if is_end || here.is_at(close)? {
            let (next, _) = here.skip(if is_end { length } else { close.len() });
            if next.text.is_empty() && !body.over {
                return Err(Stop::Undecided);
            }
            // The same words inside a file do not end it.
            if is_end && (next.is_at(KEY)? || next.is_at(close)?) {
                let end = start + at + length;
                return Ok(if whole { Pair::Whole(key, &body.text[..at], end) } else { Pair::Half(end) });
            }
            if !is_end && (next.text.is_empty() || next.is_at("<tool_call>")?) {
                return Ok(Pair::Half(start + at));
            }
        }
        from = at + 2;
    }
    Ok(Pair::CutOff)
}

fn named<T>(reading: Reading<T>, name: &str) -> Reading<T> {
    reading.map_err(|stop| match stop {
        Stop::Broken(at, fault) => Stop::Broken(at, Fault { name: Some(name.to_string()), ..fault }),
        other => other,
    })
}

fn values(arguments: Map<String, Value>, name: &str, input: Input<'_>) -> Value {
    let schema = input.tools.iter().find(|tool| tool.name == name).map(|tool| &tool.input_schema["properties"]);
    let read = |(key, value): (String, Value)| {
        let known = schema.is_some_and(|schema| schema.get(&key).is_some());
        let json = value.as_str().filter(|_| !known).and_then(|text| serde_json::from_str(text.trim()).ok());
        (key, json.unwrap_or(value))
    };
    typed(arguments.into_iter().map(read).collect(), name, input.tools)
}
