//! gpt-oss: messages with a header, `<|channel|>commentary to=functions.name <|constrain|>json<|message|>{…}<|call|>`. The
//! recipient may stand before the channel as well. Analysis is reasoning; the final channel, and commentary to nobody, is
//! text. A call needs its `<|call|>`, or that the server says that the model has stopped there.

use super::{Answer, Call, Dialect, Fault, Input, NO_END, NO_JSON, Reading, Section, Stop};

/// The form.
pub(in crate::recover) const FORM: &str = "harmony";
const MESSAGE: &str = "<|message|>";
const ENDS: &[&str] = &["<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"];
/// Bytes of a header.
const LONGEST: usize = 400;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let near = super::near(input.text, LONGEST);
    let Some(length) = near.find(MESSAGE) else {
        let is_header = near.len() == input.text.len() && !near.contains('\n');
        return if is_header { input.wait() } else { Err(Stop::Text(0)) };
    };
    let header = &input.text[..length];
    let body_at = length + MESSAGE.len();
    if header.contains('\n') {
        return Err(Stop::Text(0));
    }
    let word = |behind: &str| {
        let (_, rest) = header.split_once(behind)?;
        rest.trim_start().split(|c: char| c.is_whitespace() || c == '<').next().filter(|word| !word.is_empty())
    };
    if let Some(recipient) = word(" to=").filter(|recipient| !matches!(*recipient, "user" | "assistant" | "all")) {
        let name = recipient.strip_prefix("functions.").unwrap_or(recipient);
        return call(input, body_at, name, row).map(Answer::Calls);
    }
    Ok(match word("<|channel|>") {
        Some("analysis") => Answer::Reasoning(body_at, ENDS),
        _ => Answer::Hidden(body_at),
    })
}

fn call(input: Input<'_>, body_at: usize, name: &str, row: &'static Dialect) -> Reading<Section> {
    let broken = |at, reason| Err(Stop::Broken(at, Fault { name: Some(name.to_string()), reason }));
    let (body, start) = input.skip(body_at);
    if body.text.is_empty() {
        return input.wait();
    }
    let parsed = match body.object() {
        Ok(parsed) => parsed,
        Err(failure) if failure.truncated => return input.wait(),
        Err(failure) => return broken(start + failure.at, NO_JSON),
    };
    let end = start + parsed.end;
    match input.closed(end, row.close)? {
        Some(end) => Ok(Section { closed: true, ..Section::one(Call::new(name, parsed.value), end) }),
        None if input.skip(end).0.text.is_empty() => input.wait(),
        None => broken(end, NO_END),
    }
}
