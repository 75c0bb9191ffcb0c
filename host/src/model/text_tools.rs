//! For models that take no tools: the tools as text in the system message, calls and results as text in the history.
//! The model then writes calls as text, which `recover` finds. Stable: the same tools and messages give the same bytes.

use serde_json::json;

use crate::protocol::{Message, ToolCall, ToolSpec};

const TEXT: &str = include_str!("text_tools.md");

/// The same conversation without any tool message. Results of one step become one user message, for many templates
/// insist on user and assistant taking turns.
pub(super) fn rewrite(messages: &[Message], tools: &[ToolSpec]) -> Vec<Message> {
    let described = describe(tools);
    let mut rewritten: Vec<Message> = Vec::with_capacity(messages.len() + 1);
    if !matches!(messages.first(), Some(Message::System { .. })) && !described.is_empty() {
        rewritten.push(Message::System { text: described.clone() });
    }
    let mut after_result = false;
    for message in messages {
        let is_result = matches!(message, Message::Tool { .. });
        match message {
            Message::System { text } if !described.is_empty() => {
                rewritten.push(Message::System { text: format!("{}\n\n{described}", text.trim_end()) });
            }
            Message::Assistant { text, reasoning, calls } => {
                let text = [Some(text.clone()).filter(|text| !text.is_empty())].into_iter().flatten();
                let text = text.chain(calls.iter().map(written)).collect::<Vec<_>>().join("\n");
                rewritten.push(Message::Assistant { text, reasoning: reasoning.clone(), calls: Vec::new() });
            }
            Message::Tool { tool, text, .. } => {
                let result = format!("<tool_response>\n{}: {text}\n</tool_response>", tool);
                match rewritten.last_mut() {
                    Some(Message::User { text }) if after_result => *text = format!("{text}\n{result}"),
                    _ => rewritten.push(Message::User { text: result }),
                }
            }
            other => rewritten.push(other.clone()),
        }
        after_result = is_result;
    }
    rewritten
}

fn describe(tools: &[ToolSpec]) -> String {
    if tools.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = tools.iter().map(|tool| tool.function().to_string()).collect();
    TEXT.trim_end().replace("{{tools}}", &lines.join("\n"))
}

fn written(call: &ToolCall) -> String {
    format!("<tool_call>\n{}\n</tool_call>", json!({ "name": call.name, "arguments": call.arguments }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_calls_and_results_become_text() {
        let tools =
            [ToolSpec { name: "ls".into(), description: "Lists.".into(), input_schema: json!({"type": "object"}) }];
        let call = |id: &str| ToolCall { id: id.into(), name: "ls".into(), arguments: json!({}), recovered: None };
        let result = |id: &str| Message::Tool { call_id: id.into(), tool: "ls".into(), text: "a".into() };
        let messages = [
            Message::System { text: "Be brief.".into() },
            Message::User { text: "go".into() },
            Message::Assistant { text: "ok".into(), reasoning: None, calls: vec![call("1"), call("2")] },
            result("1"),
            result("2"),
            Message::User { text: "note".into() },
        ];
        let texts: Vec<String> = rewrite(&messages, &tools)
            .into_iter()
            .map(|message| match message {
                Message::System { text } | Message::User { text } | Message::Assistant { text, .. } => text,
                Message::Tool { .. } => panic!("a tool message is left"),
            })
            .collect();
        assert!(
            texts[0].starts_with("Be brief.\n\n# Tools") && texts[0].contains(r#"{"name":"ls","description":"Lists.""#),
            "{}",
            texts[0]
        );
        assert_eq!(
            texts[2],
            "ok\n<tool_call>\n{\"name\":\"ls\",\"arguments\":{}}\n</tool_call>\n<tool_call>\n{\"name\":\"ls\",\"arguments\":{}}\n</tool_call>"
        );
        assert_eq!(texts[3], "<tool_response>\nls: a\n</tool_response>\n<tool_response>\nls: a\n</tool_response>");
        assert_eq!(texts.len(), 5);
    }
}
