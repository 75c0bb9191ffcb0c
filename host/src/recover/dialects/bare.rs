//! Calls that stand on lines of their own, without any marker: JSON, one object, several or a list; a list in Python's way;
//! a plain `name(key="value")` as the last line. Only exact calls of tools on offer count.

use super::{Input, Reading, Section, Stop, json, python};
use crate::recover::shape::{Trust, is_hopeless};

const JSON: &str = "bare_json";
const PYTHON: &str = "pythonic";
const PLAIN: &str = "function_call";

/// `input` begins where the first word of its line does.
pub(in crate::recover) fn read(input: Input<'_>) -> (Reading<Section>, &'static str) {
    let (reading, form) = match input.text.chars().next() {
        Some('[') => match begins_with_name(input.from(1)) {
            Ok(true) => (python::list(input).and_then(|section| line_end(input, section)), PYTHON),
            Ok(false) => (in_json(input), JSON),
            Err(stop) => (Err(stop), PYTHON),
        },
        Some('{') => (in_json(input), JSON),
        Some(c) if c.is_alphabetic() || c == '_' => match begins_with_name(input) {
            Ok(true) => (python::lines(input).and_then(|section| last_line(input, section)), PLAIN),
            Ok(false) => (Err(Stop::Text(0)), PLAIN),
            Err(stop) => (Err(stop), PLAIN),
        },
        _ => (Err(Stop::Text(0)), JSON),
    };
    let on_offer = |section: Section| match section.calls.iter().all(|call| input.offers(&call.name)) {
        true => Ok(section),
        false => Err(Stop::Text(section.end)),
    };
    (reading.and_then(on_offer).map_err(Stop::unmarked), form)
}

fn in_json(input: Input<'_>) -> Reading<Section> {
    if is_hopeless(input.text, input.tools) {
        return Err(Stop::Text(0));
    }
    json::values(input, Trust::Bare, "").and_then(|section| line_end(input, section))
}

/// Nothing else stands in the line in which the calls end.
fn line_end(input: Input<'_>, section: Section) -> Reading<Section> {
    let rest = input.text[section.end..].trim_start_matches([' ', '\t', '\r', ';', ',']);
    match rest.chars().next() {
        None if !input.over => Err(Stop::Undecided),
        None | Some('\n') => Ok(section),
        Some(_) => Err(Stop::Text(section.end)),
    }
}

/// Nothing else stands behind the calls.
fn last_line(input: Input<'_>, section: Section) -> Reading<Section> {
    let rest = input.text[section.end..].trim_start();
    match rest.is_empty() {
        true if !input.over => Err(Stop::Undecided),
        true => Ok(section),
        false => Err(Stop::Text(section.end)),
    }
}

/// Whether the name of a tool on offer and an opening parenthesis stand here.
fn begins_with_name(input: Input<'_>) -> Reading<bool> {
    let (input, _) = input.skip(0);
    if input.text.is_empty() && !input.over {
        return Err(Stop::Undecided);
    }
    let mut may = false;
    for tool in input.tools.iter().filter(|tool| !tool.name.is_empty()) {
        match input.text.strip_prefix(tool.name.as_str()) {
            Some(rest) if rest.starts_with('(') => return Ok(true),
            Some("") => may |= !input.over,
            _ => may |= input.may_become(&tool.name),
        }
    }
    if may { Err(Stop::Undecided) } else { Ok(false) }
}
