//! Reads the lines of one reply. The last one carries the counts and the reason of the end.

use serde_json::Value;

use crate::model::error::Complaint;
use crate::model::generate::Out;
use crate::model::openai::MOST_CALLS;
use crate::model::overflow::{self, Finished};
use crate::model::sse::beginning;
use crate::model::{Delta, Endpoint, ModelError, RawCall};
use crate::protocol::{FinishReason, Usage};

pub(super) struct Reply {
    url: String,
    model: String,
    calls: Vec<RawCall>,
    /// `done_reason` of the last line, empty where older servers give none.
    done: Option<String>,
    usage: Usage,
    numbers: Finished,
}

impl Reply {
    pub(super) fn new(endpoint: &Endpoint, url: String, window: u32, max_tokens: Option<u32>, sent: usize) -> Reply {
        let numbers = Finished { sent: sent as u64, window: Some(window.into()), max_tokens, ..Finished::default() };
        Reply { url, model: endpoint.model.clone(), calls: Vec::new(), done: None, usage: Usage::default(), numbers }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.is_some()
    }

    /// Passes on what a line holds. Whether it held anything that the model made.
    pub(super) async fn take(&mut self, line: &Value, out: &Out<Delta>) -> Result<bool, ModelError> {
        if let Some(complaint) = Complaint::read(line) {
            return Err(complaint.into_error(&self.url, &self.model, 200, None));
        }
        let message = line.get("message");
        if message.is_none() && line.get("done").is_none() {
            return Err(ModelError::Protocol {
                what: format!("a line is neither a message nor an error: {}", beginning(&line.to_string())),
            });
        }
        let text = |key: &str| message.and_then(|message| message.get(key)).and_then(Value::as_str).unwrap_or_default();
        let calls = message.and_then(|message| message.get("tool_calls")).and_then(Value::as_array);
        let calls = calls.map(Vec::as_slice).unwrap_or_default();
        let made = !text("thinking").is_empty() || !text("content").is_empty() || !calls.is_empty();
        out.reasoning(text("thinking")).await?;
        out.text(text("content")).await?;
        for call in calls {
            if self.calls.len() == MOST_CALLS {
                return Err(ModelError::TooLarge { what: "calls in one reply", limit: MOST_CALLS as u64 });
            }
            self.calls.extend(read_call(call));
        }
        if line.get("done").and_then(Value::as_bool) == Some(true) {
            let count = |key: &str| line.get(key).and_then(Value::as_u64);
            self.done = Some(line.get("done_reason").and_then(Value::as_str).unwrap_or_default().to_string());
            self.usage.prompt_tokens = count("prompt_eval_count");
            self.usage.completion_tokens = count("eval_count");
        }
        Ok(made)
    }

    pub(super) async fn finish(self, out: &Out<Delta>) -> Result<(), ModelError> {
        let Some(reason) = self.done else {
            return Err(ModelError::Interrupted { reason: "the line that says done never came".into() });
        };
        let numbers = Finished {
            prompt_tokens: self.usage.prompt_tokens,
            completion_tokens: self.usage.completion_tokens,
            length: reason == "length",
            has_calls: !self.calls.is_empty(),
            ..self.numbers
        };
        if self.usage != Usage::default() {
            out.send(Delta::Usage(self.usage)).await?;
        }
        if let Some(overflow) = overflow::from_numbers(&numbers) {
            return Err(overflow);
        }
        let finish = match reason.as_str() {
            "length" => FinishReason::Length,
            _ if !self.calls.is_empty() => FinishReason::ToolCalls,
            "" | "stop" | "tool_calls" => FinishReason::Stop,
            other => FinishReason::Other(other.to_string()),
        };
        for call in self.calls {
            out.send(Delta::Call(call)).await?;
        }
        out.send(Delta::Finish(finish)).await
    }
}

/// Calls come whole; arguments as an object, from some proxies as a string.
fn read_call(call: &Value) -> Option<RawCall> {
    let function = call.get("function").unwrap_or(call);
    let arguments = match function.get("arguments") {
        None | Some(Value::Null) => "{}".to_string(),
        Some(Value::String(text)) if text.trim().is_empty() => "{}".to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Some(RawCall {
        id: call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_string),
        name: function.get("name")?.as_str()?.to_string(),
        arguments,
    })
}
