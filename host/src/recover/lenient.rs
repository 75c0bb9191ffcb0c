//! Reads JSON as models write it: trailing commas, single or typographic quotes, keys without quotes, Python's constants,
//! comments, line breaks inside strings. Says where the value ends, for it usually stands in a text. What is not complete
//! is refused, never completed: half a file must not be written.
//!
//! 1. A strict parser tries first; what it takes is not repaired.
//! 2. Else a recursive descent over the bytes, each looked at once, no deeper than [`DEPTH`].
//!
//! Our own because the crates for this return repaired text without its end, or guess at what is missing.

use serde_json::{Map, Number, Value};

/// Deepest nesting, as in `serde_json`.
const DEPTH: usize = 128;

/// A value at the beginning of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub value: Value,
    /// Bytes of the text that it takes, leading white space included.
    pub end: usize,
    pub repaired: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    /// Byte at which it became clear.
    pub at: usize,
    /// The text ended before the value did.
    pub truncated: bool,
    pub reason: &'static str,
}

pub(super) fn parse(text: &str) -> Result<Parsed, Failure> {
    let mut strict = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if let Some(Ok(value)) = strict.next() {
        return Ok(Parsed { value, end: strict.byte_offset(), repaired: false });
    }
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0 };
    let value = parser.value(0)?;
    Ok(Parsed { value, end: parser.at, repaired: true })
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

/// Closing quotes for an opening one.
const QUOTES: [(char, &[char]); 5] =
    [('"', &['"']), ('\'', &['\'']), ('“', &['”', '"']), ('”', &['”', '"']), ('‘', &['’', '\''])];

const WORDS: [(&str, Value); 9] = [
    ("true", Value::Bool(true)),
    ("True", Value::Bool(true)),
    ("TRUE", Value::Bool(true)),
    ("false", Value::Bool(false)),
    ("False", Value::Bool(false)),
    ("FALSE", Value::Bool(false)),
    ("null", Value::Null),
    ("None", Value::Null),
    ("undefined", Value::Null),
];

impl Parser<'_> {
    fn fail<T>(&self, reason: &'static str) -> Result<T, Failure> {
        // A slash at the end may become a comment.
        let truncated = matches!(self.text.get(self.at..), None | Some("" | "/"));
        Err(Failure { at: self.at, truncated, reason })
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    /// White space and comments. Whether there was a line break.
    fn space(&mut self) -> Result<bool, Failure> {
        let start = self.at;
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            let rest = &self.text[self.at..];
            if rest.starts_with("//") || rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => {
                        self.at = self.bytes.len();
                        return self.fail("a comment has no end");
                    }
                }
            } else {
                return Ok(self.bytes[start..self.at].contains(&b'\n'));
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Failure> {
        if depth > DEPTH {
            return self.fail("it is nested too deeply");
        }
        self.space()?;
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some(c) if opens(c) => self.string().map(Value::String),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            Some(_) => self.word(),
            None => self.fail("it ends where a value should be"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut members = Map::new();
        self.at += 1;
        loop {
            self.separators()?;
            let key = match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                Some(c) if opens(c) => self.string()?,
                Some(c) if c.is_alphabetic() || c == '_' || c == '$' => self.identifier().to_string(),
                _ => return self.fail("a key should be here"),
            };
            self.space()?;
            if !self.eat(":") {
                return self.fail("a colon should be here");
            }
            let value = self.value(depth + 1)?;
            members.insert(key, value);
            self.between('}')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Failure> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.separators()?;
            if self.eat("]") {
                return Ok(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.between(']')?;
        }
    }

    /// Commas too many.
    fn separators(&mut self) -> Result<(), Failure> {
        self.space()?;
        while self.eat(",") {
            self.space()?;
        }
        Ok(())
    }

    /// Behind an element: its comma, the end of what holds it, or a line break in the comma's place.
    fn between(&mut self, close: char) -> Result<(), Failure> {
        let line_break = self.space()?;
        match self.peek() {
            Some(',') => Ok(()),
            Some(c) if c == close || line_break => Ok(()),
            _ => self.fail("a comma or the end should be here"),
        }
    }

    fn identifier(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn word(&mut self) -> Result<Value, Failure> {
        let start = self.at;
        let word = self.identifier().to_string();
        if let Some((_, value)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(value.clone());
        }
        // A slash at the end may become a comment.
        let cut = self.text[start..] == *"/"
            || self.at >= self.bytes.len() && WORDS.iter().any(|(known, _)| known.starts_with(&word));
        Err(Failure { at: start, truncated: cut, reason: "this is no value" })
    }

    fn number(&mut self) -> Result<Value, Failure> {
        let rest = &self.text[self.at..];
        let length =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))).unwrap_or(rest.len());
        let written = &rest[..length];
        let start = self.at;
        self.at += length;
        if let Ok(number) = written.parse::<Number>() {
            return Ok(Value::Number(number));
        }
        let plain = written.strip_prefix('+').unwrap_or(written);
        let hex = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X"));
        let whole = hex.map_or_else(|| plain.parse::<i64>().ok(), |hex| i64::from_str_radix(hex, 16).ok());
        let number = whole.map(Number::from).or_else(|| {
            let written =
                plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
            plain.parse::<f64>().ok().filter(|_| written).and_then(Number::from_f64)
        });
        let truncated = self.at >= self.bytes.len();
        number.map(Value::Number).ok_or(Failure { at: start, truncated, reason: "this is no number" })
    }

    fn string(&mut self) -> Result<String, Failure> {
        for triple in ["\"\"\"", "'''"] {
            if self.eat(triple) {
                let rest = &self.text[self.at..];
                let Some(length) = rest.find(triple) else {
                    self.at = self.bytes.len();
                    return self.fail("a string has no end");
                };
                self.at += length + 3;
                return Ok(rest[..length].to_string());
            }
        }
        let opening = self.peek().unwrap_or('"');
        let closing = QUOTES.iter().find(|(quote, _)| *quote == opening).map_or(&['"'][..], |(_, closing)| closing);
        self.at += opening.len_utf8();
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(found) = rest.find(|c: char| c == '\\' || closing.contains(&c)) else {
                self.at = self.bytes.len();
                return self.fail("a string has no end");
            };
            string.push_str(&rest[..found]);
            self.at += found;
            let c = self.peek().unwrap_or('"');
            self.at += c.len_utf8();
            if c != '\\' {
                return Ok(string);
            }
            self.escape(&mut string)?;
        }
    }

    fn escape(&mut self, string: &mut String) -> Result<(), Failure> {
        let Some(c) = self.peek() else { return self.fail("a string has no end") };
        self.at += c.len_utf8();
        match c {
            'n' => string.push('\n'),
            't' => string.push('\t'),
            'r' => string.push('\r'),
            'b' => string.push('\u{8}'),
            'f' => string.push('\u{c}'),
            '"' | '\'' | '\\' | '/' | '`' => string.push(c),
            'u' => match self.unicode() {
                Some(c) => string.push(c),
                None if self.at + 4 > self.bytes.len() => {
                    self.at = self.bytes.len();
                    return self.fail("a string has no end");
                }
                None => string.push_str("\\u"),
            },
            // A regular expression or a path whose backslash was not doubled.
            other => string.extend(['\\', other]),
        }
        Ok(())
    }

    /// The four digits behind `\u`, and the other half of a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let unit = |at: usize| {
            let digits =
                self.text.get(at..at + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u32::from_str_radix(digits, 16).ok()
        };
        let first = unit(self.at)?;
        if !(0xD800..0xE000).contains(&first) {
            self.at += 4;
            return char::from_u32(first);
        }
        let second =
            self.text.get(self.at + 4..self.at + 6).filter(|pair| *pair == "\\u").and_then(|_| unit(self.at + 6));
        let pair = second.filter(|second| (0xDC00..0xE000).contains(second) && first < 0xDC00);
        self.at += if pair.is_some() { 10 } else { 4 };
        Some(
            pair.and_then(|second| char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)))
                .unwrap_or('\u{fffd}'),
        )
    }
}

fn opens(c: char) -> bool {
    QUOTES.iter().any(|(quote, _)| *quote == c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: Value, rest: &str) {
        let parsed = parse(text).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
        assert_eq!((parsed.value, &text[parsed.end..]), (expected, rest), "{text}");
    }

    #[test]
    fn json_is_read_as_models_write_it() {
        let cases = [
            ("{'a': 'it is', b: 1,}", json!({"a": "it is", "b": 1})),
            ("{“a”: “b”, ‘c’: ‘d’}", json!({"a": "b", "c": "d"})),
            ("{\"a\": True, \"b\": None, \"c\": False}", json!({"a": true, "b": null, "c": false})),
            ("{// why\n\"a\": /* this */ [1, 2,], # and\n}", json!({"a": [1, 2]})),
            ("{\"a\": \"one\ntwo\ttabs\"}", json!({"a": "one\ntwo\ttabs"})),
            ("{\"a\": \"\\d+\\.rs\"}", json!({"a": "\\d+\\.rs"})),
            ("{\"a\": 1\n\"b\": 2}", json!({"a": 1, "b": 2})),
            ("{'a': '\\u00e4\\ud83d\\ude00\\ud83d'}", json!({"a": "ä😀\u{fffd}"})),
            ("{'a': '''x\n'y' ''', 'b': \"\"\"z\"\"\"}", json!({"a": "x\n'y' ", "b": "z"})),
            (
                "{'n': [05, +1, .5, 1., 0x1F, -2e3, 9007199254740993]}",
                json!({"n": [5, 1, 0.5, 1.0, 31, -2000.0, 9007199254740993u64]}),
            ),
            ("[,1,,2]", json!([1, 2])),
        ];
        for (text, expected) in cases {
            check(text, expected.clone(), "");
            check(&format!(" {text} rest"), expected, " rest");
        }
    }

    #[test]
    fn what_is_not_complete_is_refused() {
        for text in [
            "{\"a\": \"b",
            "{\"a\"",
            "{\"a\": [1, 2",
            "{'a': tru",
            "{",
            "[",
            "{\"a\": /* ",
            "{\"a\": 1",
            "{'a': '\\",
            "{'a': '\\u00",
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.truncated, "{text}: {failure:?}");
        }
        for text in ["{a b}", "{\"a\" 1}", "[1 2]", "nonsense", "{\"a\": b}", "{1: 2}", "12abc,"] {
            let failure = parse(text).unwrap_err();
            assert!(!failure.truncated, "{text}: {failure:?}");
        }
        assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().reason, "it is nested too deeply");
    }
}
