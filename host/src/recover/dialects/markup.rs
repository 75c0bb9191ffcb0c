//! Forms with a tag for each argument, whose value is plain text: `<invoke name="…">` with `<parameter name="…">`
//! (MiniMax, DeepSeek 3.2 and 4) and `<arg_key>`/`<arg_value>` (GLM). The tool's schema says what the values are.

use serde_json::{Map, Value};

use super::function_xml::{line_trimmed, typed, value_length};
use super::{Answer, Input, blank};
use crate::recover::shape::Call;

pub(super) fn dsml_calls(input: Input<'_>) -> Answer {
    wrapped(input, "｜DSML｜", "<｜DSML｜function_calls>", "</｜DSML｜function_calls>")
}

pub(super) fn dsml_tools(input: Input<'_>) -> Answer {
    wrapped(input, "｜DSML｜", "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>")
}

pub(super) fn dsml(input: Input<'_>) -> Answer {
    wrapped(input, "｜DSML｜", "", "")
}

pub(super) fn minimax(input: Input<'_>) -> Answer {
    wrapped(input, "", "<minimax:tool_call>", "</minimax:tool_call>")
}

pub(super) fn function_calls(input: Input<'_>) -> Answer {
    wrapped(input, "", "<function_calls>", "</function_calls>")
}

pub(super) fn invoke(input: Input<'_>) -> Answer {
    wrapped(input, "", "", "")
}

/// One call or several, `prefix` in the name of every tag.
fn wrapped(input: Input<'_>, prefix: &str, open: &str, close: &str) -> Answer {
    let (begin, mut at) = (format!("<{prefix}invoke name="), open.len());
    let mut calls = Vec::new();
    loop {
        let next = input.from(at + blank(&input.text[at..]));
        let start = input.text.len() - next.text.len();
        let undecided = next.text.is_empty() || next.may_become(&begin) || next.may_become(close);
        if next.text.starts_with(&begin) {
            match one(next, prefix, begin.len()) {
                Ok((call, end)) => {
                    calls.push(call);
                    at = start + end;
                }
                Err(Answer::Text) if !calls.is_empty() => return Answer::Calls(calls, at),
                Err(answer) => return answer,
            }
        } else if undecided && !input.over {
            return Answer::Undecided;
        } else if calls.is_empty() {
            return Answer::Text;
        } else {
            let closed = !close.is_empty() && next.text.starts_with(close);
            return Answer::Calls(calls, if closed { start + close.len() } else { at });
        }
    }
}

fn one(input: Input<'_>, prefix: &str, name_at: usize) -> Result<(Call, usize), Answer> {
    let (parameter, parameter_end) = (format!("<{prefix}parameter name="), format!("</{prefix}parameter>"));
    let close = format!("</{prefix}invoke>");
    let head = input.find(">").ok_or_else(|| input.wait())?;
    let name = quoted(&input.text[name_at..head]).ok_or(Answer::Text)?;
    let mut arguments = Map::new();
    let mut at = head + 1;
    loop {
        at += blank(&input.text[at..]);
        let rest = input.from(at);
        if rest.text.starts_with(&close) {
            return Ok(((name.to_string(), typed(arguments, name, input.tools)), at + close.len()));
        }
        if !rest.text.starts_with(&parameter) {
            let undecided = rest.text.is_empty() || rest.may_become(&close) || rest.may_become(&parameter);
            return Err(if undecided { input.wait() } else { Answer::Text });
        }
        let head = rest.find(">").ok_or_else(|| input.wait())?;
        let key = quoted(&rest.text[parameter.len()..head]).ok_or(Answer::Text)?;
        let body = rest.from(head + 1);
        let length = value_length(body, &parameter_end, &[&parameter, &close]).ok_or_else(|| input.wait())?;
        let written = line_trimmed(&body.text[..length]);
        // DeepSeek says of each value whether it is text.
        let is_json = rest.text[..head].contains("string=\"false\"");
        let value = if is_json { serde_json::from_str(written).ok() } else { None };
        arguments.insert(key.to_string(), value.unwrap_or_else(|| Value::String(written.to_string())));
        at += head + 1 + length + parameter_end.len();
    }
}

/// The first word in quotes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (word, _) = text[1..].split_once(quote)?;
    (!word.trim().is_empty()).then_some(word.trim())
}

/// GLM's form, from behind `<tool_call>` on: the name, then keys and values. It needs its end. Without arguments only the
/// name of a tool on offer is a call.
pub(super) fn glm(input: Input<'_>) -> Answer {
    const END: &str = "</tool_call>";
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let length = input.text.find(|c| !is_name(c)).unwrap_or(input.text.len());
    let name = &input.text[..length];
    let (mut arguments, mut at) = (Map::new(), length);
    loop {
        at += blank(&input.text[at..]);
        let rest = input.from(at);
        if rest.text.starts_with(END) {
            let is_call =
                !name.is_empty() && (!arguments.is_empty() || input.tools.iter().any(|tool| tool.name == name));
            let call = || (name.to_string(), typed(arguments, name, input.tools));
            return if is_call { Answer::Calls(vec![call()], at + END.len()) } else { Answer::Text };
        }
        if !rest.text.starts_with("<arg_key>") || name.is_empty() {
            let undecided = rest.text.is_empty() || rest.may_become(END) || rest.may_become("<arg_key>");
            return if undecided { input.wait() } else { Answer::Text };
        }
        let Some(key_end) = rest.find("</arg_key>") else { return input.wait() };
        let key = rest.text["<arg_key>".len()..key_end].trim();
        let behind = rest.from(key_end + "</arg_key>".len());
        let behind = behind.from(blank(behind.text));
        let Some(body) = behind.text.strip_prefix("<arg_value>") else {
            let undecided = behind.text.is_empty() || behind.may_become("<arg_value>");
            return if undecided { input.wait() } else { Answer::Text };
        };
        let body = Input { text: body, ..input };
        let Some(length) = value_length(body, "</arg_value>", &["<arg_key>", END]) else { return input.wait() };
        arguments.insert(key.to_string(), Value::String(line_trimmed(&body.text[..length]).to_string()));
        at = input.text.len() - body.text.len() + length + "</arg_value>".len();
    }
}
