//! Makes text harmless to a terminal: every character that steers, reorders or hides is shown as `\u{1b}`.
//! It works character by character and keeps no state, so a sequence split between two chunks of a stream is as
//! harmless as a whole one. Which they are, `protocol` says.

use std::borrow::Cow;
use std::fmt::Write;

use crate::protocol::{is_hidden, is_hidden_in_line};

/// The text with hidden characters shown as `\u{…}`; newlines and tabs stay.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_where(text, is_hidden)
}

/// The same on one line: newlines become `\n`, tabs `\t`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape_where(text, is_hidden_in_line)
}

/// Text of several lines below others: all but its first begin with `indent`, so that none passes for another's.
pub fn hanging(text: &str, indent: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.trim_end().split('\n').map(one_line).collect();
    lines.join(&format!("\n{indent}"))
}

fn escape_where(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if hidden(c) => shown.push_str("\\n"),
            '\t' if hidden(c) => shown.push_str("\\t"),
            _ if hidden(c) => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Serialised JSON whose hidden characters are written as `\uXXXX`. It means the same JSON: such characters can only
/// stand inside strings, and `serde_json` itself leaves those above U+001F as they are.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown_and_the_rest_stays() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("grüße, 日本語 ⚠️", "grüße, 日本語 ⚠️"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\rb\x08c\x7f", "a\\u{d}b\\u{8}c\\u{7f}"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}", "\\u{2066}x\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
            ("pass\u{200b}word\u{feff}", "pass\\u{200b}word\\u{feff}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(escape(text), shown, "{text:?}");
        }
        assert_eq!(one_line("a\n\tb"), "a\\n\\tb");
    }

    #[test]
    fn a_split_sequence_is_as_harmless_as_a_whole_one() {
        let text = "a\x1b[31mred\x1b]8;;http://x\x1b\\link\u{9d}0;t\u{9c}";
        let split: String = text.chars().map(|c| escape(c.encode_utf8(&mut [0; 4])).into_owned()).collect();
        assert_eq!(split, escape(text));
        assert!(!split.contains(is_hidden));
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"text": "a\u{9b}b\u{202e}c\u{e0041}d\u{7f}\u{1b}"});
        let json = value.to_string();
        let shown = escape_json(&json);
        assert!(!shown.contains(is_hidden));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
