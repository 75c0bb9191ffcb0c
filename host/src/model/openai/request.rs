//! A request as OpenAI's JSON. Keys stand in a fixed order, the messages last, so that a longer conversation begins with
//! the bytes of the shorter one and a local server finds its prompt cache.

use serde_json::{Map, Value, json};

use super::template::Template;
use crate::model::{Endpoint, Request, Think};
use crate::protocol::{Message, ToolCall, ToolSpec};

/// The body, as the model's template takes it.
pub(super) fn body(request: &Request, endpoint: &Endpoint, template: &Template) -> String {
    let (messages, tools) = template.fit(request);
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_string(), value));
    put("model", json!(endpoint.model));
    put("stream", json!(true));
    put("stream_options", json!({ "include_usage": true }));
    let sampling = request.sampling.or(endpoint.family.sampling);
    let numbers = [
        ("temperature", sampling.temperature.map(|value| json!(value))),
        ("top_p", sampling.top_p.map(|value| json!(value))),
        ("top_k", sampling.top_k.map(|value| json!(value))),
        ("min_p", sampling.min_p.map(|value| json!(value))),
        // llama.cpp's name, and vLLM's.
        ("repeat_penalty", sampling.repeat_penalty.map(|value| json!(value))),
        ("repetition_penalty", sampling.repeat_penalty.map(|value| json!(value))),
        ("max_tokens", sampling.max_tokens.map(|value| json!(value))),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            put(name, value);
        }
    }
    match endpoint.thinking() {
        Some(Think::Effort(effort)) => {
            put("reasoning_effort", json!(effort));
            if endpoint.is_loopback() {
                put("chat_template_kwargs", json!({ "reasoning_effort": effort }));
            }
        }
        Some(Think::Switch(think)) => {
            if let Some(variable) = &endpoint.family.switch {
                put("chat_template_kwargs", json!({ variable: think }));
            }
        }
        None => {}
    }
    if !tools.is_empty() {
        put("tools", tools.iter().map(tool).collect());
        put("parallel_tool_calls", json!(template.takes_calls())); // llama.cpp makes one call a reply without it
    }
    let reasoning = endpoint.replays_reasoning();
    put("messages", messages.iter().map(|each| message(each, reasoning)).collect());
    Value::Object(body).to_string()
}

/// OpenAI's and Ollama's form of a tool.
pub(crate) fn tool(tool: &ToolSpec) -> Value {
    json!({ "type": "function", "function": tool.function() })
}

fn message(message: &Message, replay_reasoning: bool) -> Value {
    match message {
        Message::System { text } => json!({ "role": "system", "content": text }),
        Message::User { text } => json!({ "role": "user", "content": text }),
        Message::Tool { call_id, text, .. } => json!({ "role": "tool", "tool_call_id": call_id, "content": text }),
        Message::Assistant { text, reasoning, calls } => {
            let mut value = json!({ "role": "assistant", "content": text });
            if let (true, Some(reasoning)) = (replay_reasoning, reasoning) {
                value["reasoning_content"] = json!(reasoning.text);
            }
            if !calls.is_empty() {
                value["tool_calls"] = calls.iter().map(call).collect();
            }
            value
        }
    }
}

fn call(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments.to_string() } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Provider, Sampling};

    fn conversation() -> Vec<Message> {
        let call = ToolCall {
            id: "c1".into(),
            name: "read_file".into(),
            arguments: json!({"path": "a", "from": 1}),
            recovered: None,
        };
        vec![
            Message::System { text: "You are.".into() },
            Message::User { text: "fix \"it\"\n".into() },
            Message::Assistant { text: String::new(), reasoning: Some("hm".into()), calls: vec![call] },
            Message::Tool { call_id: "c1".into(), tool: "read_file".into(), text: "1 a".into() },
            Message::Assistant { text: "done".into(), reasoning: None, calls: vec![] },
        ]
    }

    #[test]
    fn a_longer_conversation_begins_with_the_bytes_of_the_shorter() {
        let endpoint = Endpoint::new(Provider::OpenAi, "http://127.0.0.1:1", "m");
        let tools = vec![ToolSpec {
            name: "read_file".into(),
            description: "Reads.".into(),
            input_schema: json!({"type": "object"}),
        }];
        for as_text in [false, true] {
            let bodies: Vec<String> = (1..=5)
                .map(|count| {
                    let messages = conversation()[..count].to_vec();
                    body(
                        &Request { messages, tools: tools.clone(), sampling: Sampling::default() },
                        &endpoint,
                        &Template::new(as_text),
                    )
                })
                .collect();
            for pair in bodies.windows(2) {
                let shorter = pair[0].strip_suffix("]}").unwrap();
                assert!(pair[1].starts_with(shorter), "{}\n{}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn arguments_are_a_string_of_json() {
        let endpoint = Endpoint::new(Provider::OpenAi, "http://127.0.0.1:1", "m");
        let sent = body(&Request { messages: conversation(), ..Request::default() }, &endpoint, &Template::default());
        assert!(sent.contains(r#""arguments":"{\"path\":\"a\",\"from\":1}""#), "{sent}");
        assert!(sent.contains(r#""reasoning_content":"hm""#), "{sent}");
        let far = Endpoint::new(Provider::OpenAi, "https://example.com", "m");
        let sent = body(&Request { messages: conversation(), ..Request::default() }, &far, &Template::default());
        assert!(!sent.contains("reasoning_content"), "{sent}");
    }
}
