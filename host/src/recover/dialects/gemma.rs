//! Gemma 4, `<|tool_call>call:name{key:<|"|>text<|"|>,n:2}<tool_call|>`, and FunctionGemma with markers of its own. JSON
//! without quotes, but for texts, which stand between special tokens. A call needs its end.

use serde_json::{Map, Value};

use super::{Answer, CUT_OFF, Call, Dialect, Fault, Input, NO_CALL, NO_END, Reading, Section, Stop, name_length};

const QUOTES: [&str; 2] = ["<|\"|>", "<escape>"];
/// Deepest nesting of a value.
const DEPTH: usize = 64;

pub(super) fn read(input: Input<'_>, row: &'static Dialect) -> Reading {
    let (head, start) = input.skip(row.open.len());
    if head.text.is_empty() && input.over {
        return Err(Stop::Text(0));
    }
    if !head.is_at("call:")? {
        // Others write JSON behind the same marker.
        return match head.text.chars().next() {
            Some('{' | '[') => super::json::read(input, row),
            None => input.wait(),
            _ => input.broken(start, NO_CALL),
        };
    }
    let named = head.from("call:".len());
    let name = named.text[..name_length(named.text)].trim();
    let start = start + "call:".len();
    let (body, body_at) = input.skip(start + name.len());
    let fail = |at, reason| Err(Stop::Broken(at, Fault { name: Some(name.to_string()), reason }));
    if body.text.is_empty() {
        return input.wait();
    }
    if name.is_empty() || !body.text.starts_with('{') {
        return fail(body_at, NO_CALL);
    }
    let mut parser = Parser { text: body.text, at: 0 };
    let arguments = match parser.object(0) {
        Ok(arguments) => arguments,
        Err(at) if at >= body.text.len() => {
            return if input.over { fail(input.text.len(), CUT_OFF) } else { Err(Stop::Undecided) };
        }
        Err(at) => return fail(body_at + at, NO_CALL),
    };
    let end = body_at + parser.at;
    match input.closed(end, row.close)? {
        Some(end) => {
            let call = Call::new(name, Value::Object(arguments));
            Ok(Answer::Calls(Section { closed: true, ..Section::one(call, end) }))
        }
        None if input.skip(end).0.text.is_empty() && !input.over => Err(Stop::Undecided),
        None => fail(end, NO_END),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// An error is where it became clear; at the end of the text, more of it may help.
impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += super::blank(self.rest());
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Value>, usize> {
        let mut members = Map::new();
        self.at += 1;
        loop {
            self.space();
            if self.eat("}") {
                return Ok(members);
            }
            let key = match self.text_value()? {
                Some(key) => key,
                None => self.until(&[':'])?.trim().trim_matches('"').to_string(),
            };
            self.space();
            if key.is_empty() || !self.eat(":") {
                return Err(self.at);
            }
            let value = self.value(depth + 1)?;
            members.insert(key, value);
            self.between('}')?;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, usize> {
        self.space();
        if depth > DEPTH {
            return Err(self.at.min(self.text.len().saturating_sub(1)));
        }
        if self.rest().starts_with('{') {
            return self.object(depth).map(Value::Object);
        }
        if self.rest().starts_with('[') {
            let mut items = Vec::new();
            self.at += 1;
            loop {
                self.space();
                if self.eat("]") {
                    return Ok(Value::Array(items));
                }
                items.push(self.value(depth + 1)?);
                self.between(']')?;
            }
        }
        if let Some(text) = self.text_value()? {
            return Ok(Value::String(text));
        }
        let word = self.until(&[',', '}', ']'])?.trim();
        Ok(match word {
            "" => return Err(self.at.min(self.text.len() - 1)),
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" | "none" => Value::Null,
            word => serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_string())),
        })
    }

    /// Behind an element: its comma, or the end of what holds it.
    fn between(&mut self, close: char) -> Result<(), usize> {
        self.space();
        if self.eat(",") || self.rest().starts_with(close) { Ok(()) } else { Err(self.at) }
    }

    /// A text between special tokens, or in plain quotes.
    fn text_value(&mut self) -> Result<Option<String>, usize> {
        for quote in QUOTES {
            if self.eat(quote) {
                let length = self.rest().find(quote).ok_or(self.text.len())?;
                let text = self.rest()[..length].to_string();
                self.at += length + quote.len();
                return Ok(Some(text));
            }
            if quote.starts_with(self.rest()) {
                return Err(self.text.len());
            }
        }
        if !self.rest().starts_with('"') {
            return Ok(None);
        }
        let parsed = crate::recover::lenient::parse(self.rest());
        let parsed =
            parsed.map_err(|failure| if failure.truncated { self.text.len() } else { self.at + failure.at })?;
        self.at += parsed.end;
        Ok(parsed.value.as_str().map(str::to_string))
    }

    fn until(&mut self, ends: &[char]) -> Result<&'a str, usize> {
        let rest = self.rest();
        let length = rest.find(|c| ends.contains(&c) || matches!(c, '<' | '\n' | '{')).ok_or(self.text.len())?;
        self.at += length;
        Ok(&rest[..length])
    }
}
