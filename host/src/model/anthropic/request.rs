//! A request as Anthropic's JSON: keys in a fixed order, the messages last. What a longer conversation has in common with a
//! shorter one has the same bytes, so that the server's cache holds; where it ends is for the server to see, which spares
//! marks that would have to move.

use serde_json::{Map, Value, json};

use super::identity;
use super::leeway::{ADAPTIVE, BUDGET, CACHE, DISABLED, DISPLAY, EFFORT, KEPT, Leeway, SAMPLING, Told, adapts};
use crate::model::{Endpoint, Request, Think, text_tools};
use crate::protocol::{Message, Reasoning, ToolCall, ToolSpec};

/// The protocol wants a limit of each reply. Unless the user sets one: as much as the model can, at most this.
const LONGEST_REPLY: u32 = 32_000;
/// Where it is not known what the model can.
const SAFE_REPLY: u32 = 8_192;
/// Tokens that a model with a budget may think; the protocol takes no fewer than the least.
const BUDGET_RANGE: (u32, u32) = (1_024, 16_000);
/// Stands where the protocol wants text and there is none.
const NO_TEXT: &str = "(no text)";
/// Opens a conversation whose beginning is gone.
const GOES_ON: &str = "(the conversation goes on)";
const LONGEST_NAME: usize = 64;

pub(super) struct Body {
    pub text: String,
    pub max_tokens: u32,
    /// The parts of it that a model may refuse.
    pub used: u8,
}

pub(super) fn body(request: &Request, endpoint: &Endpoint, told: &Told, leeway: &Leeway) -> Body {
    let rewritten;
    let (messages, tools): (&[Message], &[ToolSpec]) = if endpoint.family.tools_as_text {
        rewritten = text_tools::rewrite(&request.messages, &request.tools);
        (&rewritten, &[])
    } else {
        (&request.messages, &request.tools)
    };
    let most = told.reply.unwrap_or(u32::MAX);
    let unasked = told.reply.map_or(SAFE_REPLY, |reply| reply.min(LONGEST_REPLY));
    let max_tokens = request.sampling.max_tokens.unwrap_or(unasked).min(most);

    let mut body = Map::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_string(), value));
    put("model", json!(endpoint.model));
    put("max_tokens", json!(max_tokens));
    put("stream", json!(true));
    let (thinking, mut used) = thinking(endpoint, told, leeway, max_tokens);
    if let Some(thinking) = thinking {
        put("thinking", thinking);
    }
    if let (Some(Think::Effort(effort)), true) = (endpoint.thinking(), leeway.allows(EFFORT)) {
        put("output_config", json!({ "effort": effort }));
        used |= EFFORT;
    }
    // Who thinks takes no sampling.
    if used & (ADAPTIVE | BUDGET) == 0 && leeway.allows(SAMPLING) {
        let sampling = request.sampling.or(endpoint.family.sampling);
        let numbers = [
            ("temperature", sampling.temperature.map(|value| json!(value.min(1.0)))),
            // Newer models take only one of the two.
            ("top_p", sampling.top_p.filter(|_| sampling.temperature.is_none()).map(|value| json!(value))),
            ("top_k", sampling.top_k.map(|value| json!(value))),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                put(name, value);
                used |= SAMPLING;
            }
        }
    }
    let cached = leeway.allows(CACHE).then(|| json!({ "type": "ephemeral" }));
    if let Some(cached) = &cached {
        put("cache_control", cached.clone()); // up to wherever the request ends
        used |= CACHE;
    }
    if !tools.is_empty() {
        put("tools", tools.iter().map(tool).collect());
    }
    let (system, rest) = match messages.split_first() {
        Some((Message::System { text }, rest)) => (text.as_str(), rest),
        _ => ("", messages),
    };
    if !system.trim().is_empty() {
        let mut block = json!({ "type": "text", "text": system });
        if let Some(cached) = cached {
            block["cache_control"] = cached; // of its own: it holds for other conversations too, tools included
        }
        put("system", json!([block]));
    }
    let by = leeway.allows(KEPT).then(|| identity(endpoint));
    let mut history = History { by, ..History::default() };
    rest.iter().for_each(|message| history.add(message));
    used |= history.used;
    put("messages", Value::Array(history.messages));
    Body { text: Value::Object(body).to_string(), max_tokens, used }
}

fn thinking(endpoint: &Endpoint, told: &Told, leeway: &Leeway, max_tokens: u32) -> (Option<Value>, u8) {
    let on = match endpoint.thinking() {
        None => return (None, 0),
        Some(Think::Switch(on)) => on,
        Some(Think::Effort(_)) => true,
    };
    if !on {
        return match leeway.allows(DISABLED) {
            true => (Some(json!({ "type": "disabled" })), DISABLED),
            false => (None, 0),
        };
    }
    let adaptive = || {
        leeway.allows(ADAPTIVE).then(|| match leeway.allows(DISPLAY) {
            true => (json!({ "type": "adaptive", "display": "summarized" }), ADAPTIVE | DISPLAY),
            false => (json!({ "type": "adaptive" }), ADAPTIVE),
        })
    };
    let (least, most) = BUDGET_RANGE;
    let budget = || {
        let budget = (max_tokens / 2).clamp(least, most);
        (leeway.allows(BUDGET) && max_tokens > least)
            .then(|| (json!({ "type": "enabled", "budget_tokens": budget }), BUDGET))
    };
    let form = match told.adaptive.unwrap_or_else(|| adapts(&endpoint.model)) {
        true => adaptive().or_else(budget),
        false => budget().or_else(adaptive),
    };
    form.map_or((None, 0), |(form, used)| (Some(form), used))
}

fn tool(tool: &ToolSpec) -> Value {
    let mut function = tool.function();
    let schema = function["parameters"].take();
    json!({ "name": name(&tool.name), "description": function["description"], "input_schema": schema })
}

/// Messages in the making.
#[derive(Default)]
struct History {
    messages: Vec<Value>,
    /// Calls of the last reply that have no result yet.
    open: Vec<String>,
    /// Whose blocks go back; `None`: nobody's.
    by: Option<String>,
    used: u8,
}

impl History {
    fn add(&mut self, message: &Message) {
        match message {
            Message::System { text } | Message::User { text } => self.user(text),
            Message::Assistant { text, reasoning, calls } => self.assistant(text, reasoning.as_ref(), calls),
            Message::Tool { call_id, tool, text } => self.result(call_id, tool, text),
        }
    }

    fn user(&mut self, text: &str) {
        self.open.clear();
        let text = if text.trim().is_empty() { NO_TEXT } else { text };
        self.messages.push(json!({ "role": "user", "content": [{ "type": "text", "text": text }] }));
    }

    fn assistant(&mut self, text: &str, reasoning: Option<&Reasoning>, calls: &[ToolCall]) {
        if self.messages.is_empty() {
            self.user(GOES_ON);
        }
        let kept = reasoning.and_then(|reasoning| reasoning.kept.as_ref());
        let kept = kept.filter(|kept| Some(&kept.by) == self.by.as_ref()).map(|kept| kept.blocks.as_slice());
        self.used |= if kept.is_some() { KEPT } else { 0 };
        let mut content = blocks(kept.unwrap_or_default(), text, calls);
        if content.is_empty() {
            content.push(json!({ "type": "text", "text": NO_TEXT }));
        }
        self.messages.push(json!({ "role": "assistant", "content": content }));
        self.open = calls.iter().map(|call| id(&call.id)).collect();
    }

    /// All results of one reply stand in one message.
    fn result(&mut self, call_id: &str, tool: &str, text: &str) {
        let call_id = id(call_id);
        let Some(at) = self.open.iter().position(|open| *open == call_id) else {
            return self.user(&format!("{tool}: {text}"));
        };
        self.open.remove(at);
        let result = json!({ "type": "tool_result", "tool_use_id": call_id, "content": text });
        let last = self.messages.last_mut().filter(|last| last["role"] == "user");
        match last.and_then(|last| last["content"].as_array_mut()) {
            Some(content) => content.push(result),
            None => self.messages.push(json!({ "role": "user", "content": [result] })),
        }
    }
}

/// A reply as it came: what was kept of it where that stood. Where text or calls are no longer as they came (a call was found
/// in the text, or not made), what was kept stands first, in its order.
fn blocks(kept: &[Value], text: &str, calls: &[ToolCall]) -> Vec<Value> {
    let kind = |block: &Value| block.get("type").and_then(Value::as_str).unwrap_or_default().to_string();
    let bytes = |block: &Value| block.get("bytes").and_then(Value::as_u64).unwrap_or(0) as usize;
    let texts: usize = kept.iter().filter(|block| kind(block) == "text").map(bytes).sum();
    let made = kept.iter().filter(|block| kind(block) == "tool_use").count();
    let (mut content, mut text, mut calls) = (Vec::new(), text, calls.iter());
    let say = |text: &str, content: &mut Vec<Value>| {
        if !text.trim().is_empty() {
            content.push(json!({ "type": "text", "text": text }));
        }
    };
    let in_place = texts == text.len() && made == calls.len();
    for block in kept {
        match kind(block).as_str() {
            "text" if in_place => {
                let Some((first, rest)) = text.split_at_checked(bytes(block)) else { continue };
                say(first, &mut content);
                text = rest;
            }
            "tool_use" if in_place => content.extend(calls.next().map(call)),
            "text" | "tool_use" => {}
            _ => content.push(block.clone()),
        }
    }
    say(text, &mut content);
    content.extend(calls.map(call));
    content
}

fn call(call: &ToolCall) -> Value {
    let input =
        if call.arguments.is_object() { call.arguments.clone() } else { json!({ "arguments": call.arguments }) };
    json!({ "type": "tool_use", "id": id(&call.id), "name": name(&call.name), "input": input })
}

/// The protocol takes letters, digits, `_` and `-` in ids; other servers' have more. Different ids stay different.
fn id(id: &str) -> String {
    id.chars().fold(String::new(), |mut plain, c| {
        match c {
            c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => plain.push(c),
            c => plain.push_str(&format!("_x{:x}", u32::from(c))),
        }
        plain
    })
}

/// The same of names: one that a model wrote may be anything.
fn name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let plain: String = name.chars().take(LONGEST_NAME).map(plain).collect();
    if plain.is_empty() { "nameless".into() } else { plain }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
