//! Forms made of a model's special tokens, with JSON between them: Kimi K2, DeepSeek 3 and 3.1. They come as text when a
//! server does not parse them. A call needs its end token: what is cut off is not made.

use super::{Answer, Input, blank};
use crate::recover::shape::Call;

struct Tokens {
    section: &'static str,
    begin: &'static str,
    separator: &'static str,
    end: &'static str,
    section_end: &'static str,
}

const KIMI: Tokens = Tokens {
    section: "<|tool_calls_section_begin|>",
    begin: "<|tool_call_begin|>",
    separator: "<|tool_call_argument_begin|>",
    end: "<|tool_call_end|>",
    section_end: "<|tool_calls_section_end|>",
};

const DEEPSEEK: Tokens = Tokens {
    section: "<｜tool▁calls▁begin｜>",
    begin: "<｜tool▁call▁begin｜>",
    separator: "<｜tool▁sep｜>",
    end: "<｜tool▁call▁end｜>",
    section_end: "<｜tool▁calls▁end｜>",
};

pub(super) fn kimi(input: Input<'_>) -> Answer {
    section(input, &KIMI)
}

pub(super) fn deepseek(input: Input<'_>) -> Answer {
    section(input, &DEEPSEEK)
}

fn section(input: Input<'_>, tokens: &Tokens) -> Answer {
    let mut at = if input.text.starts_with(tokens.section) { tokens.section.len() } else { 0 };
    let mut calls = Vec::new();
    loop {
        let next = input.from(at + blank(&input.text[at..]));
        let start = input.text.len() - next.text.len();
        if next.text.starts_with(tokens.begin) {
            match one(next, tokens) {
                Ok((call, end)) => {
                    calls.push(call);
                    at = start + end;
                    continue;
                }
                Err(Answer::Undecided) => return Answer::Undecided,
                Err(_) => {}
            }
        } else if !input.over
            && (next.text.is_empty() || next.may_become(tokens.begin) || next.may_become(tokens.section_end))
        {
            return Answer::Undecided;
        }
        let closed = next.text.starts_with(tokens.section_end);
        return match calls.is_empty() {
            true => Answer::Text,
            false => Answer::Calls(calls, if closed { start + tokens.section_end.len() } else { at }),
        };
    }
}

/// `begin name separator {…} end`, or DeepSeek 3's `begin type separator name`, a fence with the JSON, `end`.
fn one(input: Input<'_>, tokens: &Tokens) -> Result<(Call, usize), Answer> {
    let separator = input.find(tokens.separator).ok_or_else(|| input.wait())?;
    let head = &input.text[tokens.begin.len()..separator];
    let mut body = input.from(separator + tokens.separator.len());
    let mut name = head.trim();
    let mut fenced = false;
    if !body.text.trim_start().starts_with('{') {
        let line = body.find("\n").ok_or_else(|| input.wait())?;
        name = body.text[..line].trim();
        let rest = body.from(line + 1);
        if rest.text.is_empty() || rest.may_become("```") {
            return Err(input.wait());
        }
        fenced = rest.text.starts_with("```");
        let fence = if fenced { rest.find("\n").ok_or_else(|| input.wait())? + 1 } else { 0 };
        body = rest.from(fence);
    }
    // Kimi writes `functions.name:0`.
    let name = name.strip_prefix("functions.").unwrap_or(name);
    let name = name
        .rsplit_once(':')
        .filter(|(_, index)| index.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(name, |(name, _)| name);
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '<') {
        return Err(Answer::Text);
    }
    let parsed = body.parse().map_err(|failure| if failure.truncated { input.wait() } else { Answer::Text })?;
    if !parsed.value.is_object() {
        return Err(Answer::Text);
    }
    let mut rest = body.from(parsed.end);
    rest = rest.from(blank(rest.text));
    if fenced && rest.text.starts_with("```") {
        rest = rest.from(3);
        rest = rest.from(blank(rest.text));
    }
    if rest.text.starts_with(tokens.end) {
        return Ok(((name.to_string(), parsed.value), input.text.len() - rest.text.len() + tokens.end.len()));
    }
    let undecided = rest.text.is_empty() || rest.may_become(tokens.end) || fenced && rest.may_become("```");
    Err(if undecided { input.wait() } else { Answer::Text })
}
