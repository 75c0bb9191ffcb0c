//! Forms made of a model's special tokens, with JSON between them: Kimi K2, DeepSeek 3 and 3.1. They come as text when a
//! server does not parse them. A call needs its end token: what is cut off is not made.

use super::{Answer, Call, Dialect, Fault, Input, NO_CALL, NO_END, NO_JSON, Reading, Section, Stop, one_by_one};

struct Tokens {
    section: &'static str,
    begin: &'static str,
    separator: &'static str,
    end: &'static str,
}

const KIMI: Tokens = Tokens {
    section: "<|tool_calls_section_begin|>",
    begin: "<|tool_call_begin|>",
    separator: "<|tool_call_argument_begin|>",
    end: "<|tool_call_end|>",
};

const DEEPSEEK: Tokens = Tokens {
    section: "<｜tool▁calls▁begin｜>",
    begin: "<｜tool▁call▁begin｜>",
    separator: "<｜tool▁sep｜>",
    end: "<｜tool▁call▁end｜>",
};

/// Bytes of a name.
const LONGEST: usize = 256;

pub(super) fn kimi(input: Input<'_>, row: &'static Dialect) -> Reading {
    section(input, &KIMI, row).map(Answer::Calls)
}

pub(super) fn deepseek(input: Input<'_>, row: &'static Dialect) -> Reading {
    section(input, &DEEPSEEK, row).map(Answer::Calls)
}

fn section(input: Input<'_>, tokens: &Tokens, row: &'static Dialect) -> Reading<Section> {
    let at = if input.text.starts_with(tokens.section) { tokens.section.len() } else { 0 };
    one_by_one(input, row, at, tokens.begin, |next| one(next, tokens))
}

fn one(input: Input<'_>, tokens: &Tokens) -> Reading<(Call, usize)> {
    let head = input.from(tokens.begin.len());
    let Some(length) = head.text.bytes().take(LONGEST).position(|byte| byte == b'<') else {
        return if head.text.len() < LONGEST { input.wait() } else { input.broken(tokens.begin.len(), NO_CALL) };
    };
    let (mut name, behind) = (head.text[..length].trim(), tokens.begin.len() + length);
    if !input.from(behind).is_at(tokens.separator)? {
        return input.broken(behind, NO_CALL);
    }
    let (mut body, mut start) = input.skip(behind + tokens.separator.len());
    if body.text.is_empty() {
        return input.wait();
    }
    let in_line = body.text.starts_with('{');
    if !in_line {
        let Some(line) = body.text.bytes().take(LONGEST).position(|byte| byte == b'\n') else {
            return if body.text.len() < LONGEST { input.wait() } else { input.broken(start, NO_CALL) };
        };
        name = body.text[..line].trim();
        let (fence, fence_at) = input.skip(start + line);
        if fence.text.is_empty() {
            return input.wait();
        }
        if !fence.is_at("```")? {
            return input.broken(fence_at, NO_CALL);
        }
        let Some(line) = fence.text.bytes().take(LONGEST).position(|byte| byte == b'\n') else {
            return if fence.text.len() < LONGEST { input.wait() } else { input.broken(fence_at, NO_CALL) };
        };
        (body, start) = input.skip(fence_at + line);
        if body.text.is_empty() {
            return input.wait();
        }
    }
    let name = plain_name(name);
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '`' | '{')) {
        return input.broken(start, NO_CALL);
    }
    let broken = |at, reason| Err(Stop::Broken(at, Fault { name: Some(name.to_string()), reason }));
    let parsed = match body.object() {
        Ok(parsed) => parsed,
        Err(failure) if failure.truncated => return input.wait(),
        Err(failure) => return broken(start + failure.at, NO_JSON),
    };
    let mut end = start + parsed.end;
    if !in_line {
        match input.closed(end, "```")? {
            Some(closed) => end = closed,
            None => return broken(end, NO_END),
        }
    }
    match input.closed(end, tokens.end)? {
        Some(end) => Ok((Call::new(name, parsed.value), end)),
        None if input.skip(end).0.text.is_empty() => input.wait(),
        None => broken(end, NO_END),
    }
}

/// Kimi writes `functions.name:0`.
fn plain_name(name: &str) -> &str {
    let name = name.strip_prefix("functions.").unwrap_or(name);
    let counted = |index: &str| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once(':').filter(|(_, index)| counted(index)).map_or(name, |(name, _)| name)
}
