//! What a model reads and writes: messages, tool calls, the tools on offer, usage.
//! Provider-neutral; each provider in `model` maps these to its own wire format.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// One message of a conversation, in the order in which the model sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// The system prompt: always first, and only once.
    System { text: String },
    /// The user's words, or a note that the host appends.
    User { text: String },
    /// A reply of the model.
    Assistant {
        text: String,
        #[serde(flatten)]
        reasoning: Option<Reasoning>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// The result of one call. Every call of an assistant message has exactly one, in the same order.
    Tool { call_id: String, tool: String, text: String },
}

/// What the model thought before it answered, and in between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// As far as the server shows it; may be empty.
    #[serde(rename = "reasoning")]
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// What a provider wants back unchanged with the history. It means nothing to anybody else, and is sent to nobody else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Provider, server and model that it came from.
    pub by: String,
    /// The reply's parts in their order. What the message itself holds is only hinted at.
    pub blocks: Vec<Value>,
}

impl<T: Into<String>> From<T> for Reasoning {
    fn from(text: T) -> Reasoning {
        Reasoning { text: text.into(), kept: None }
    }
}

/// For events, in which `reasoning` is null where there is none.
pub(super) fn reasoning_or_null<S: Serializer>(reasoning: &Option<Reasoning>, out: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Written<'a> {
        reasoning: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<&'a Kept>,
    }
    let text = reasoning.as_ref().map(|reasoning| reasoning.text.as_str());
    Written { reasoning: text, kept: reasoning.as_ref().and_then(|reasoning| reasoning.kept.as_ref()) }.serialize(out)
}

/// Adds a note of the host's to a conversation: to the result that ends it, else as a message. The loop and whoever rebuilds
/// a conversation from a journal must do this alike.
pub fn append_note(messages: &mut Vec<Message>, note: &str) {
    match messages.last_mut() {
        Some(Message::Tool { text, .. }) => *text = format!("{}\n\n{note}", text.trim_end()),
        _ => messages.push(Message::User { text: note.to_string() }),
    }
}

/// Stands in a conversation for a reply that did not come.
pub const NO_REPLY: &str = "(no reply: the turn ended before it)";

/// Ends a turn: behind results that were not answered stands that there was no reply, since the user's next words may not
/// follow upon a result. As with [`append_note`], a journal has to be read alike.
pub fn end_turn(messages: &mut Vec<Message>) {
    if matches!(messages.last(), Some(Message::Tool { .. })) {
        messages.push(Message::Assistant { text: NO_REPLY.into(), reasoning: None, calls: Vec::new() });
    }
}

/// A call that the model made, after recovery and repair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the session; made by the host when the server sent none.
    pub id: String,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// A JSON object, keys in the order in which the model wrote them.
    pub arguments: Value,
    /// Set when the call was found in text, or its JSON was repaired: the form it had (`fence`, `tool_call_tag`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
}

/// A tool as it is offered to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments, an object.
    pub input_schema: Value,
}

impl ToolSpec {
    /// As a model reads it, the field's usual form: `name`, `description`, `parameters`. That nothing else may be given goes
    /// without saying, and would cost tokens with each tool.
    pub fn function(&self) -> Value {
        let mut parameters = self.input_schema.clone();
        if let Some(fields) = parameters.as_object_mut()
            && fields.get("additionalProperties") == Some(&Value::Bool(false))
        {
            fields.remove("additionalProperties");
        }
        serde_json::json!({"name": self.name, "description": self.description, "parameters": parameters})
    }
}

/// Tokens, as the server counted them; `None` where it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All of the prompt, cached or not.
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    /// How many of the prompt's tokens the server took from its cache.
    pub cached_tokens: Option<u64>,
    /// How many of the prompt's tokens the server put into its cache, where that has a price of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
}

impl Usage {
    /// Both together; a figure that neither has stays `None`.
    pub fn plus(&self, other: &Usage) -> Usage {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        Usage {
            prompt_tokens: sum(self.prompt_tokens, other.prompt_tokens),
            completion_tokens: sum(self.completion_tokens, other.completion_tokens),
            cached_tokens: sum(self.cached_tokens, other.cached_tokens),
            cache_write_tokens: sum(self.cache_write_tokens, other.cache_write_tokens),
        }
    }
}

/// Why the model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    Stop,
    ToolCalls,
    /// The limit of the reply, or the end of the context window.
    Length,
    Other(String),
}
