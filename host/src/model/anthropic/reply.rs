//! Reads the events of one reply. Text and thoughts are passed on as they come; calls, and the blocks that have to be sent
//! back unchanged, once each is whole.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::identity;
use crate::model::error::Complaint;
use crate::model::generate::Out;
use crate::model::openai::MOST_CALLS;
use crate::model::overflow::{self, Finished};
use crate::model::sse::beginning;
use crate::model::{Delta, Endpoint, ModelError, RawCall};
use crate::protocol::{FinishReason, Kept, Usage};

/// Most blocks of any kind.
const MOST_BLOCKS: usize = 4 * MOST_CALLS;

pub(super) struct Reply {
    url: String,
    model: String,
    by: String,
    blocks: BTreeMap<u64, Block>,
    /// `input_tokens`, `cache_read_input_tokens`, `cache_creation_input_tokens`, `output_tokens`.
    counts: [Option<u64>; 4],
    stop: Option<String>,
    /// Why it stopped, in words.
    details: String,
    any: bool,
    over: bool,
    numbers: Finished,
}

struct Block {
    kind: Kind,
    /// Its end came.
    whole: bool,
}

enum Kind {
    /// Bytes of it; the text itself was passed on.
    Text(usize),
    /// As it began, and what came of its text and signature.
    Thought {
        first: Map<String, Value>,
        text: String,
        signature: String,
    },
    /// Comes whole, and readable for the server only.
    Hidden(Value),
    Call {
        id: String,
        name: String,
        first: Value,
        json: String,
    },
    /// Nothing that was asked for.
    Other,
}

impl Reply {
    pub(super) fn new(endpoint: &Endpoint, url: String, max_tokens: u32) -> Reply {
        Reply {
            url,
            model: endpoint.model.clone(),
            by: identity(endpoint),
            blocks: BTreeMap::new(),
            counts: [None; 4],
            stop: None,
            details: String::new(),
            any: false,
            over: false,
            numbers: Finished { max_tokens: Some(max_tokens), ..Finished::default() },
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Passes on what an event holds. Whether it held anything that the model made.
    pub(super) async fn take(&mut self, event: &Value, out: &Out<Delta>) -> Result<bool, ModelError> {
        let kind = event.get("type").and_then(Value::as_str);
        if kind == Some("error") || event.get("error").is_some_and(|error| !error.is_null()) {
            return Err(self.complaint(event));
        }
        let at = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        let none = Value::Null;
        let part = |key: &str| event.get(key).unwrap_or(&none);
        match kind {
            Some("message_start") => {
                self.any = true;
                self.count(part("message"));
                // It may be all that is ever told: the reply may be cut here.
                self.tell_usage(out).await?;
                Ok(false)
            }
            Some("content_block_start") => self.begin(at, part("content_block"), out).await,
            Some("content_block_delta") => self.go_on(at, part("delta"), out).await,
            Some("content_block_stop") => {
                if let Some(block) = self.blocks.get_mut(&at) {
                    block.whole = true;
                }
                Ok(false)
            }
            Some("message_delta") => {
                self.count(event);
                self.stopped(part("delta"));
                Ok(false)
            }
            Some("message_stop") => {
                self.over = true;
                Ok(false)
            }
            Some(_) => Ok(false), // ping, and what is yet to come
            None => Err(ModelError::Protocol {
                what: format!("neither an event nor an error: {}", beginning(&event.to_string())),
            }),
        }
    }

    /// A reply that was not streamed.
    pub(super) async fn whole(&mut self, message: &Value, out: &Out<Delta>) -> Result<(), ModelError> {
        if message.get("type").and_then(Value::as_str) != Some("message") {
            return self.take(message, out).await.map(drop);
        }
        self.any = true;
        self.count(message);
        for (at, block) in message.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.begin(at as u64, block, out).await?;
            self.blocks.values_mut().for_each(|block| block.whole = true);
        }
        self.stopped(message);
        Ok(())
    }

    async fn begin(&mut self, at: u64, block: &Value, out: &Out<Delta>) -> Result<bool, ModelError> {
        let word = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
        let kind = match word("type") {
            "text" => Kind::Text(0),
            "thinking" => Kind::Thought {
                first: block.as_object().cloned().unwrap_or_default(),
                text: String::new(),
                signature: word("signature").to_string(),
            },
            "redacted_thinking" => Kind::Hidden(block.clone()),
            "tool_use" => Kind::Call {
                id: word("id").to_string(),
                name: word("name").to_string(),
                first: block.get("input").cloned().unwrap_or(Value::Null),
                json: String::new(),
            },
            _ => Kind::Other,
        };
        let calls = self.blocks.values().filter(|block| matches!(block.kind, Kind::Call { .. })).count();
        if matches!(kind, Kind::Call { .. }) && calls == MOST_CALLS {
            return Err(ModelError::TooLarge { what: "calls in one reply", limit: MOST_CALLS as u64 });
        }
        if self.blocks.len() == MOST_BLOCKS {
            return Err(ModelError::TooLarge { what: "blocks in one reply", limit: MOST_BLOCKS as u64 });
        }
        let made = !matches!(kind, Kind::Other);
        self.blocks.insert(at, Block { kind, whole: false });
        self.say(at, word("text"), word("thinking"), out).await?;
        Ok(made)
    }

    async fn go_on(&mut self, at: u64, delta: &Value, out: &Out<Delta>) -> Result<bool, ModelError> {
        let word = |key: &str| delta.get(key).and_then(Value::as_str).unwrap_or_default();
        match self.blocks.get_mut(&at).map(|block| &mut block.kind) {
            Some(Kind::Call { json, .. }) => json.push_str(word("partial_json")),
            Some(Kind::Thought { signature, .. }) => signature.push_str(word("signature")),
            Some(_) => {}
            None => {
                let what = format!("a block goes on that never began: {}", beginning(&delta.to_string()));
                return Err(ModelError::Protocol { what });
            }
        }
        self.say(at, word("text"), word("thinking"), out).await?;
        Ok(true)
    }

    /// More of a block's text, whichever kind it is.
    async fn say(&mut self, at: u64, said: &str, thought: &str, out: &Out<Delta>) -> Result<(), ModelError> {
        match self.blocks.get_mut(&at).map(|block| &mut block.kind) {
            Some(Kind::Text(bytes)) => {
                *bytes += said.len();
                out.text(said).await
            }
            Some(Kind::Thought { text, .. }) => {
                text.push_str(thought);
                out.reasoning(thought).await
            }
            _ => Ok(()),
        }
    }

    /// Later counts are of the whole reply so far.
    fn count(&mut self, holder: &Value) {
        let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"];
        for (count, name) in self.counts.iter_mut().zip(names) {
            *count = holder.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64).or(*count);
        }
    }

    fn stopped(&mut self, holder: &Value) {
        if let Some(reason) = holder.get("stop_reason").and_then(Value::as_str) {
            self.stop = Some(reason.to_string());
        }
        let words = ["/stop_details/explanation", "/stop_details/category"];
        if let Some(words) = words.iter().find_map(|path| holder.pointer(path)?.as_str()) {
            self.details = beginning(words);
        }
    }

    /// An error in the middle of a reply has a type where others have a status.
    fn complaint(&self, event: &Value) -> ModelError {
        let mut complaint = Complaint::read(event).unwrap_or_else(|| Complaint::from_body(&event.to_string()));
        complaint.status = match complaint.kind.as_str() {
            "invalid_request_error" => Some(400),
            "authentication_error" => Some(401),
            "billing_error" => Some(402),
            "permission_error" => Some(403),
            "not_found_error" => Some(404),
            "request_too_large" => Some(413),
            "rate_limit_error" => Some(429),
            "api_error" => Some(500),
            "timeout_error" => Some(504),
            "overloaded_error" => Some(529),
            _ => complaint.status,
        };
        complaint.into_error(&self.url, &self.model, 200, None)
    }

    /// What was counted so far, if anything was.
    pub(super) async fn tell_usage(&self, out: &Out<Delta>) -> Result<(), ModelError> {
        match self.usage() {
            usage if usage == Usage::default() => Ok(()),
            usage => out.send(Delta::Usage(usage)).await,
        }
    }

    pub(super) async fn finish(self, out: &Out<Delta>) -> Result<(), ModelError> {
        // Before anything else: a reply that is refused or cut has its price all the same.
        self.tell_usage(out).await?;
        if !self.any {
            return Err(ModelError::Interrupted { reason: "it held no message at all".into() });
        }
        let Some(stop) = self.stop.clone() else {
            return Err(ModelError::Interrupted { reason: "it has no stop_reason".into() });
        };
        if stop == "refusal" {
            let message = if self.details.is_empty() { "it gave no reason".into() } else { self.details };
            return Err(ModelError::Refused { model: self.model, message });
        }
        let full = stop == "model_context_window_exceeded";
        let length = full || stop == "max_tokens";
        let usage = self.usage();
        let numbers = Finished {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            length,
            max_tokens: self.numbers.max_tokens.filter(|_| !full),
            has_calls: self.blocks.values().any(|block| matches!(block.kind, Kind::Call { .. })),
            ..self.numbers
        };
        if let Some(overflow) = overflow::from_numbers(&numbers) {
            return Err(overflow);
        }
        let (mut calls, mut kept, mut thought) = (Vec::new(), Vec::new(), false);
        for Block { kind, whole } in self.blocks.into_values() {
            match kind {
                Kind::Text(bytes) => kept.push(json!({ "type": "text", "bytes": bytes })),
                Kind::Hidden(block) => {
                    thought = true;
                    kept.push(block);
                }
                Kind::Thought { first, text, signature } if whole => {
                    thought = true;
                    kept.push(as_it_came(first, text, signature));
                }
                Kind::Call { id, name, first, json } if whole || !length => {
                    kept.push(json!({ "type": "tool_use" }));
                    calls.push(raw(id, name, &first, json));
                }
                // Cut off: neither the half of a thought nor that of a call is of any use.
                Kind::Thought { .. } | Kind::Call { .. } | Kind::Other => {}
            }
        }
        let finish = match stop.as_str() {
            _ if length => FinishReason::Length,
            _ if !calls.is_empty() => FinishReason::ToolCalls,
            "end_turn" | "stop_sequence" | "tool_use" => FinishReason::Stop,
            other => FinishReason::Other(other.to_string()),
        };
        if thought {
            out.send(Delta::Kept(Kept { by: self.by, blocks: kept })).await?;
        }
        for call in calls {
            out.send(Delta::Call(call)).await?;
        }
        out.send(Delta::Finish(finish)).await
    }

    /// The protocol counts what was read, what came from the cache, and what went into it, each for itself.
    fn usage(&self) -> Usage {
        let [input, cached, written, output] = self.counts;
        let all = |input: u64| input.saturating_add(cached.unwrap_or(0)).saturating_add(written.unwrap_or(0));
        Usage {
            prompt_tokens: input.map(all),
            completion_tokens: output,
            cached_tokens: cached,
            cache_write_tokens: written,
        }
    }
}

/// The block as the server will want it back: its own fields in its own order.
fn as_it_came(mut first: Map<String, Value>, text: String, signature: String) -> Value {
    first.insert("thinking".into(), Value::String(text));
    first.insert("signature".into(), Value::String(signature));
    Value::Object(first)
}

fn raw(id: String, name: String, first: &Value, json: String) -> RawCall {
    let given = first.as_object().is_some_and(|fields| !fields.is_empty());
    let arguments = match json.trim().is_empty() {
        true if given => first.to_string(),
        true => "{}".into(),
        false => json,
    };
    RawCall { id: Some(id).filter(|id| !id.is_empty()), name, arguments }
}
