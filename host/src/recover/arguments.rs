//! The arguments of a call that a server reported: JSON text, usually good, sometimes broken, sometimes wrapped.

use serde_json::{Map, Value};

use super::lenient;

/// Reads the arguments of a call; `true` when they had to be repaired. The result is an object. The error is one line
/// for the model.
pub fn parse_arguments(raw: &str) -> Result<(Value, bool), String> {
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(raw) {
        return Ok((value, false));
    }
    if raw.trim().is_empty() {
        return Ok((Value::Object(Map::new()), false));
    }
    object(raw, 2).map(|value| (value, true))
}

/// `wraps`: how often an object may be written as a string that holds it.
fn object(raw: &str, wraps: u32) -> Result<Value, String> {
    let text = unfenced(raw.trim());
    let parsed = lenient::parse(text).map_err(|failure| {
        let line = text.get(..failure.at).map_or(0, |before| before.matches('\n').count()) + 1;
        let cut = if failure.truncated { "; it is cut off" } else { "" };
        format!("the arguments are not JSON: {} (line {line}){cut}", failure.reason)
    })?;
    let rest = &text[parsed.end..];
    // One closing bracket too many is the commonest slip of all.
    if !rest.chars().all(|c| c.is_whitespace() || matches!(c, '}' | ']' | ';' | ',')) {
        return Err(format!(
            "the arguments are JSON with text behind it: {}",
            rest.trim().chars().take(40).collect::<String>()
        ));
    }
    match parsed.value {
        value @ Value::Object(_) => Ok(value),
        Value::String(inner) if wraps > 0 && !inner.trim().is_empty() => object(&inner, wraps - 1),
        Value::String(_) | Value::Null => Ok(Value::Object(Map::new())),
        Value::Array(mut items) if items.len() == 1 && items[0].is_object() => Ok(items.remove(0)),
        other => Err(format!("the arguments must be a JSON object, not {}", kind(&other))),
    }
}

fn unfenced(text: &str) -> &str {
    let Some(inner) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) else { return text };
    inner.split_once('\n').map_or(inner, |(_, body)| body).trim()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_read_and_repaired() {
        let cases = [
            ("{\"a\": 1}", json!({"a": 1}), false),
            ("", json!({}), false),
            ("null", json!({}), true),
            ("{'a': 1,}", json!({"a": 1}), true),
            ("{\"a\": 1}}", json!({"a": 1}), true),
            ("\"{\\\"a\\\": 1}\"", json!({"a": 1}), true),
            ("[{\"a\": 1}]", json!({"a": 1}), true),
            ("```json\n{\"a\": 1}\n```", json!({"a": 1}), true),
        ];
        for (raw, value, repaired) in cases {
            assert_eq!(parse_arguments(raw), Ok((value, repaired)), "{raw}");
        }
        for (raw, complaint) in [
            ("{\"a\": \"b", "the arguments are not JSON: a string has no end (line 1); it is cut off"),
            ("[1, 2]", "the arguments must be a JSON object, not a list"),
            ("{\"a\": 1} and more", "the arguments are JSON with text behind it: and more"),
        ] {
            assert_eq!(parse_arguments(raw), Err(complaint.to_string()), "{raw}");
        }
    }
}
