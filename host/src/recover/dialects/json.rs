//! Forms that are a marker, JSON and perhaps a closing marker: Hermes and Qwen, Jamba, Nemotron, Phi-4, Granite, Cohere,
//! Llama 3, InternLM and others. The closing marker may be missing where the JSON is complete.

use super::{Answer, CUT_OFF, Call, Dialect, Fault, Input, NO_CALL, NO_JSON, Reading, Section, Stop, python, shape};
use crate::recover::shape::Trust;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    enclosed(input, row.open.len(), row.close).map(Answer::Calls)
}

/// The bracket of the marker belongs to the JSON, and nothing else sets it apart from code.
pub(super) fn functools(input: Input<'_>, row: &'static Dialect) -> Reading {
    let (body, _) = input.skip(row.open.len());
    match body.text.chars().next() {
        None => return if input.over { Err(Stop::Text(0)) } else { Err(Stop::Undecided) },
        Some('{') => {}
        Some(_) => return Err(Stop::Text(0)),
    }
    enclosed(input, row.open.len() - 1, "").map(Answer::Calls)
}

/// Llama 3 and 4, LFM2: JSON, or calls in Python's way, in a list or without.
pub(super) fn or_python(input: Input<'_>, row: &'static Dialect) -> Reading {
    let (body, start) = input.skip(row.open.len());
    let inner = body.text.strip_prefix('[').map_or(body.text, str::trim_start);
    if inner.is_empty() && !input.over {
        return Err(Stop::Undecided);
    }
    match inner.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        true => python::plain(body, row.close)
            .map(|section| Answer::Calls(section.shifted(start)))
            .map_err(|stop| stop.shifted(start)),
        false => read(input, row),
    }
}

/// Values from `open` on, perhaps in a fence, and perhaps `close` behind them.
pub(super) fn enclosed(input: Input<'_>, open: usize, close: &str) -> Reading<Section> {
    let (body, mut start) = input.skip(open);
    let fenced = body.is_at("```")?;
    if fenced {
        match body.text.bytes().take(40).position(|byte| byte == b'\n') {
            Some(line) => start += line + 1,
            None if body.text.len() < 40 => return input.wait(),
            None => return Err(Stop::Text(0)),
        }
    }
    let (body, start) = input.skip(start);
    if body.text.is_empty() {
        return if input.over { Err(Stop::Text(0)) } else { Err(Stop::Undecided) };
    }
    let mut section = values(body, Trust::Marked, close).map_err(|stop| stop.shifted(start))?.shifted(start);
    if section.fault.is_none() {
        if fenced && let Some(end) = input.closed(section.end, "```")? {
            section.end = end;
        }
        if let Some(end) = input.closed(section.end, close)? {
            (section.end, section.closed) = (end, true);
        }
    }
    section.is_list = section.closed && body.text.starts_with('[');
    Ok(section)
}

/// Values one behind the other, with nothing but white space, commas and semicolons between.
pub(super) fn values(input: Input<'_>, trust: Trust, close: &str) -> Reading<Section> {
    let mut section = Section::default();
    loop {
        let rest = input.from(section.end);
        let skipped =
            rest.text.len() - rest.text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).len();
        let (next, start) = (rest.from(skipped), section.end + skipped);
        if next.text.is_empty() && !input.over {
            return Err(Stop::Undecided);
        }
        let begins =
            next.text.starts_with(['{', '[']) && !next.text.starts_with("[/") && !next.is_at("[TOOL_CALLS]")?;
        if !begins {
            return if section.calls.is_empty() { Err(Stop::Text(start)) } else { Ok(section) };
        }
        let fault = match one(next, trust, close) {
            Ok((calls, end)) => {
                section.calls.extend(calls);
                section.end = start + end;
                continue;
            }
            Err(Stop::Broken(at, fault)) => (at, fault),
            Err(stop) => return Err(stop.shifted(start)),
        };
        if section.calls.is_empty() {
            return Err(Stop::Broken(fault.0, fault.1).shifted(start));
        }
        if trust == Trust::Marked {
            (section.end, section.fault) = (start + fault.0, Some(fault.1));
        }
        return Ok(section);
    }
}

fn one(input: Input<'_>, trust: Trust, close: &str) -> Reading<(Vec<Call>, usize)> {
    match input.parse() {
        Ok(parsed) => match shape::calls(&parsed.value, trust, input.tools) {
            Some(calls) => Ok((calls, parsed.end)),
            None => input.broken(parsed.end, NO_CALL),
        },
        Err(failure) if failure.truncated && !input.over => Err(Stop::Undecided),
        Err(failure) if failure.truncated => {
            let name = shape::name_in(input.text).map(str::to_string);
            Err(Stop::Broken(input.text.len(), Fault { name, reason: CUT_OFF }))
        }
        Err(failure) => {
            let is_list = !close.is_empty() && input.text.starts_with('[');
            if is_list
                && input.closed(failure.at, close)?.is_some()
                && let Some(list) = unclosed(input, failure.at)
            {
                return Ok(list);
            }
            let name = shape::name_in(&input.text[..failure.at]).map(str::to_string);
            Err(Stop::Broken(failure.at, Fault { name, reason: NO_JSON }))
        }
    }
}

/// A list of whole calls, of which the closing bracket alone is missing at `at`.
fn unclosed(input: Input<'_>, at: usize) -> Option<(Vec<Call>, usize)> {
    let inner = Input { text: input.text.get(1..at)?, over: true, ..input };
    let section = values(inner, Trust::Marked, "").ok()?;
    let rest = inner.text[section.end..].trim();
    (section.fault.is_none() && rest.is_empty()).then_some((section.calls, at))
}
