//! Forms that are a marker, JSON and perhaps a closing marker: Hermes and Qwen (`<tool_call>`, which others fill otherwise), Jamba, Nemotron, Mistral,
//! Llama 3 and Phi-4. The closing marker may be missing where the JSON is complete.

use super::{Answer, Input, blank, function_xml, markup};
use crate::recover::shape::Trust;

pub(super) fn tool_call(input: Input<'_>) -> Answer {
    let inner = "<tool_call>".len();
    let body = input.from(inner + blank(&input.text[inner..]));
    let xml = "<function=";
    if body.may_become(xml) || body.text.is_empty() {
        return input.wait();
    }
    if body.text.starts_with(['{', '[', '`']) {
        return enclosed(input, "<tool_call>", "</tool_call>");
    }
    if !body.text.starts_with(xml) {
        return match markup::glm(body) {
            Answer::Calls(calls, end) => Answer::Calls(calls, input.text.len() - body.text.len() + end),
            other => other,
        };
    }
    match function_xml::read(body) {
        Answer::Calls(calls, end) => {
            let end = input.text.len() - body.text.len() + end;
            closed(input, end, "</tool_call>").map_or_else(|answer| answer, |end| Answer::Calls(calls, end))
        }
        other => other,
    }
}

pub(super) fn tool_calls(input: Input<'_>) -> Answer {
    enclosed(input, "<tool_calls>", "</tool_calls>")
}

pub(super) fn function_call(input: Input<'_>) -> Answer {
    enclosed(input, "<function_call>", "</function_call>")
}

pub(super) fn nemotron(input: Input<'_>) -> Answer {
    enclosed(input, "<TOOLCALL>", "</TOOLCALL>")
}

/// `[TOOL_CALLS][{…}, {…}]`, or the newer `[TOOL_CALLS]name[ARGS]{…}`, also with `[CALL_ID]…` between.
pub(super) fn mistral(input: Input<'_>) -> Answer {
    let marker = "[TOOL_CALLS]";
    let body = input.from(marker.len());
    let start = blank(body.text);
    if body.text[start..].is_empty() {
        return input.wait();
    }
    if body.text[start..].starts_with(['[', '{']) {
        return enclosed(input, marker, "[/TOOL_CALLS]");
    }
    let named = body.from(start);
    let name_end = named
        .text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
        .unwrap_or(named.text.len());
    let mut rest = named.from(name_end);
    if rest.text.is_empty() || rest.may_become("[CALL_ID]") || rest.may_become("[ARGS]") {
        return input.wait();
    }
    if name_end == 0 {
        return Answer::Text;
    }
    if rest.text.starts_with("[CALL_ID]") {
        match rest.find("[ARGS]") {
            Some(at) => rest = rest.from(at),
            None => return input.wait(),
        }
    }
    rest = rest.from(if rest.text.starts_with("[ARGS]") { "[ARGS]".len() } else { 0 });
    if rest.text.is_empty() {
        return input.wait();
    }
    match rest.parse() {
        Ok(parsed) if parsed.value.is_object() => {
            let end = input.text.len() - rest.text.len() + parsed.end;
            Answer::Calls(vec![(named.text[..name_end].to_string(), parsed.value)], end)
        }
        Err(failure) if failure.truncated => input.wait(),
        _ => Answer::Text,
    }
}

pub(super) fn llama(input: Input<'_>) -> Answer {
    enclosed(input, "<|python_tag|>", "<|eom_id|>")
}

/// The bracket of the marker belongs to the JSON.
pub(super) fn functools(input: Input<'_>) -> Answer {
    enclosed(input, "functools", "")
}

/// Values behind `open`, perhaps in a fence, and perhaps `close` behind them.
fn enclosed(input: Input<'_>, open: &str, close: &str) -> Answer {
    let mut start = open.len();
    start += blank(&input.text[start..]);
    let fenced = input.text[start..].starts_with("```");
    if fenced || input.from(start).may_become("```") {
        match input.from(start).find("\n") {
            Some(line) => start += line + 1,
            None => return input.wait(),
        }
    }
    let body = input.from(start);
    if body.text.trim_start().is_empty() {
        return input.wait();
    }
    match body.values(Trust::Marked) {
        Ok((calls, end)) => {
            let mut end = start + end;
            if fenced {
                match closed(input, end, "```") {
                    Ok(after) => end = after,
                    Err(answer) => return answer,
                }
            }
            closed(input, end, close).map_or_else(|answer| answer, |end| Answer::Calls(calls, end))
        }
        Err(answer) => answer,
    }
}

/// Where the form ends: behind `close` if it stands at `end`, else there.
fn closed(input: Input<'_>, end: usize, close: &str) -> Result<usize, Answer> {
    let rest = input.from(end);
    let next = rest.from(blank(rest.text));
    match next.text.starts_with(close) && !close.is_empty() {
        true => Ok(end + blank(rest.text) + close.len()),
        false if !input.over && !close.is_empty() && close.starts_with(next.text) => Err(Answer::Undecided),
        false => Ok(end),
    }
}
