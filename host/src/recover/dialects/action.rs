//! `Action:` with JSON in a fence (Cohere's Command R), or with a name and `Action Input:` with JSON (ReAct), at the
//! beginning of a line. Only tools on offer count: it reads like text.

use super::{Answer, Call, Dialect, Input, Reading, Section, Stop, json, name_length};
use crate::recover::shape::Trust;

const INPUT: &str = "Action Input:";

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    if !input.line_start {
        return Err(Stop::Text(0));
    }
    section(input, row.open.len()).map(Answer::Calls).map_err(Stop::unmarked)
}

fn section(input: Input<'_>, open: usize) -> Reading<Section> {
    let (body, start) = input.skip(open);
    if body.text.is_empty() {
        return input.wait();
    }
    if body.is_at("```")? {
        let Some(line) = body.text.bytes().take(40).position(|byte| byte == b'\n') else {
            return if body.text.len() < 40 { input.wait() } else { Err(Stop::Text(0)) };
        };
        let (list, at) = input.skip(start + line);
        let mut section = json::values(list, Trust::Bare, "").map_err(|stop| stop.shifted(at))?.shifted(at);
        if list.text.is_empty() {
            return input.wait();
        }
        if let Some(end) = input.closed(section.end, "```")? {
            section.end = end;
        }
        return Ok(section);
    }
    let name = &body.text[..name_length(body.text)];
    let (next, at) = input.skip(start + name.len());
    if next.text.is_empty() && !input.over {
        return Err(Stop::Undecided);
    }
    if !input.offers(name) || !next.is_at(INPUT)? {
        return Err(Stop::Text(0));
    }
    let (object, at) = input.skip(at + INPUT.len());
    if object.text.is_empty() {
        return input.wait();
    }
    match object.object() {
        Ok(parsed) => Ok(Section::one(Call::new(name, parsed.value), at + parsed.end)),
        Err(failure) if failure.truncated => input.wait(),
        Err(failure) => Err(Stop::Text(at + failure.at)),
    }
}
