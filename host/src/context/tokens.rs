//! How many tokens a text takes, without the model's tokenizer: four characters a token, the field's rule of thumb for English
//! and code; of other scripts fewer, since tokenizers know their words less well. A server's own count is better wherever
//! there is one.

use crate::protocol::ToolSpec;

/// Estimated tokens of `text`.
pub fn estimate(text: &str) -> usize {
    width(text).div_ceil(4)
}

/// How long `text` is, in characters of English: what limits are given in. A character of another script counts for as many as
/// take its tokens.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(of_char).sum() }
}

/// The longest beginning of `text` that is at most `limit` wide.
pub fn first(text: &str, limit: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, char)| {
        used += of_char(*char);
        used > limit
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// CJK, kana and hangul, with their punctuation and full-width forms, and what lies beyond the basic plane (emoji too): about a
/// token each. Of all other scripts about two characters make one.
fn of_char(char: char) -> usize {
    match char {
        '\0'..='\x7f' => 1,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{10000}'.. => 4,
        _ => 2,
    }
}

/// The tools as a server receives them, compact; what their part of the prompt is measured by.
pub fn tools_as_json(tools: &[ToolSpec]) -> String {
    let tools = tools.iter().map(|tool| serde_json::json!({"type": "function", "function": tool.function()}));
    serde_json::Value::Array(tools.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_its_own_length_of_a_token() {
        let check = |text: &str, tokens: usize, within_six: &str| {
            assert_eq!((estimate(text), first(text, 6)), (tokens, within_six), "{text}");
        };
        check("", 0, "");
        check("let x = 1;", 3, "let x ");
        check("这个函数", 4, "这");
        check("コードを読む", 6, "コ");
        check("코드", 2, "코");
        check("функция", 4, "фун");
        check("naïve", 2, "naïve");
        check("🙂🙂", 2, "🙂");
    }
}
