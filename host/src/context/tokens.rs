//! How many tokens a text takes, without the model's tokenizer: four characters a token, the
//! field's rule of thumb for English and code. A server's own count is better wherever there is one.

use crate::protocol::ToolSpec;

/// Estimated tokens of `text`.
pub fn estimate(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}

/// The tools as a server receives them, compact; what their part of the prompt is measured by.
pub fn tools_as_json(tools: &[ToolSpec]) -> String {
    let tools = tools.iter().map(|tool| serde_json::json!({"type": "function", "function": tool.function()}));
    serde_json::Value::Array(tools.collect()).to_string()
}
