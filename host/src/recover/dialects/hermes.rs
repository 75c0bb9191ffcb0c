//! `<tool_call>` and its like, which families fill differently: JSON (Hermes, Qwen 2.5 and 3, Granite), functions with
//! parameters (Qwen3-Coder, Nemotron Nano, Seed), keys and values (GLM).

use super::{Answer, Dialect, Fault, Input, NO_END, Reading, Section, Stop, function_xml, glm, json};

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let (body, start) = input.skip(row.open.len());
    if body.text.is_empty() {
        return if input.over { Err(Stop::Text(0)) } else { Err(Stop::Undecided) };
    }
    if body.text.starts_with(['{', '[', '`']) {
        return json_inside(input, row).map(Answer::Calls);
    }
    let section = match body.is_at(function_xml::OPEN)? {
        true => functions(body, row.close),
        false => glm::read(body, row.close),
    };
    match section {
        Ok(section) => Ok(Answer::Calls(section.shifted(start))),
        Err(stop) => Err(stop.shifted(start)),
    }
}

/// A model that closed an earlier call closes all: what is not closed then was cut off.
fn json_inside(input: Input<'_>, row: &'static Dialect) -> Reading<Section> {
    let section = json::enclosed(input, row.open.len(), row.close)?;
    match section.calls.first() {
        Some(call) if input.closes && !section.closed && section.fault.is_none() => {
            Err(Stop::Broken(section.end, Fault { name: Some(call.name.clone()), reason: NO_END }))
        }
        _ => Ok(section),
    }
}

/// One function or several, and the closing marker.
fn functions(input: Input<'_>, close: &str) -> Reading<Section> {
    let mut section = Section::default();
    loop {
        let (next, start) = input.skip(section.end);
        if next.is_at(function_xml::OPEN)? {
            let found = function_xml::one(next).map_err(|stop| stop.shifted(start))?;
            section.calls.push(found.0);
            section.end = start + found.1;
            continue;
        }
        if let Some(end) = input.closed(section.end, close)? {
            (section.end, section.closed) = (end, true);
        }
        return Ok(section);
    }
}
