//! Reads the chunks of one reply and says at the end what it was. A finish reason is believed only where the calls do not
//! contradict it.

use serde_json::Value;

use super::calls::Calls;
use crate::model::error::Complaint;
use crate::model::generate::Out;
use crate::model::overflow::{self, Finished};
use crate::model::{Delta, Endpoint, ModelError};
use crate::protocol::{FinishReason, Usage};

pub(super) struct Reply {
    url: String,
    model: String,
    calls: Calls,
    usage: Usage,
    finish: Option<String>,
    /// Anything of a reply came.
    any: bool,
    numbers: Finished,
}

impl Reply {
    pub(super) fn new(endpoint: &Endpoint, url: String, max_tokens: Option<u32>, sent: usize) -> Reply {
        let window = endpoint.num_ctx.map(u64::from);
        let numbers = Finished { sent: sent as u64, max_tokens, window, ..Finished::default() };
        Reply {
            url,
            model: endpoint.model.clone(),
            calls: Calls::default(),
            usage: Usage::default(),
            finish: None,
            any: false,
            numbers,
        }
    }

    /// Passes on what a chunk holds. Whether it held anything that the model made.
    pub(super) async fn take(&mut self, chunk: &Value, out: &Out<Delta>) -> Result<bool, ModelError> {
        if let Some(complaint) = Complaint::read(chunk) {
            return Err(complaint.into_error(&self.url, &self.model, 200, None));
        }
        self.count(chunk);
        let choices = chunk.get("choices").and_then(Value::as_array);
        let Some(choice) = choices.and_then(|choices| {
            choices.iter().find(|choice| choice.get("index").is_none_or(|index| index == 0 || index.is_null()))
        }) else {
            return match choices {
                Some(_) => Ok(false), // the usage chunk
                None if chunk.get("usage").is_some() || chunk.get("timings").is_some() => Ok(false),
                None if chunk.get("id").is_some() || chunk.as_object().is_some_and(serde_json::Map::is_empty) => {
                    Ok(false)
                }
                None => Err(ModelError::Protocol {
                    what: format!("neither a chunk nor an error: {}", crate::model::sse::beginning(&chunk.to_string())),
                }),
            };
        };
        self.any = true;
        let piece = ["delta", "message"]
            .iter()
            .filter_map(|key| choice.get(*key))
            .find(|piece| piece.is_object())
            .unwrap_or(choice);
        let mut made = false;
        let reasoning = ["reasoning_content", "reasoning"]
            .iter()
            .filter_map(|key| piece.get(*key)?.as_str())
            .find(|text| !text.is_empty());
        if let Some(text) = reasoning {
            made = true;
            out.reasoning(text).await?;
        }
        let content = piece.get("content").or_else(|| piece.get("text"));
        for (is_reasoning, text) in content.map(parts).unwrap_or_default().into_iter().chain(refusal(piece)) {
            made |= !text.is_empty();
            if is_reasoning { out.reasoning(text).await? } else { out.text(text).await? }
        }
        let calls = piece.get("tool_calls").or_else(|| piece.get("function_call"));
        let calls = match calls {
            Some(Value::Array(calls)) => calls.as_slice(),
            Some(call @ Value::Object(_)) => std::slice::from_ref(call),
            _ => &[],
        };
        for call in calls {
            made = true;
            self.calls.take(call)?;
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason.to_string());
        }
        Ok(made)
    }

    /// Usage as OpenAI counts it, and llama.cpp's `timings` (`prompt_n` evaluated, `cache_n` taken from the cache).
    fn count(&mut self, chunk: &Value) {
        let number = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_u64);
        if let Some(usage) = chunk.get("usage").or_else(|| chunk.pointer("/choices/0/usage")) {
            self.usage.prompt_tokens = number(usage, "/prompt_tokens").or(self.usage.prompt_tokens);
            self.usage.completion_tokens = number(usage, "/completion_tokens").or(self.usage.completion_tokens);
            self.usage.cached_tokens =
                number(usage, "/prompt_tokens_details/cached_tokens").or(self.usage.cached_tokens);
        }
        if let Some(timings) = chunk.get("timings") {
            let cached = number(timings, "/cache_n");
            self.usage.cached_tokens = cached.or(self.usage.cached_tokens);
            let evaluated = number(timings, "/prompt_n").map(|prompt| prompt.saturating_add(cached.unwrap_or(0)));
            self.usage.prompt_tokens = self.usage.prompt_tokens.or(evaluated);
            self.usage.completion_tokens = self.usage.completion_tokens.or(number(timings, "/predicted_n"));
        }
    }

    /// `done`: the server said that this was all. Without that and without a finish reason it was cut.
    pub(super) async fn finish(self, done: bool, out: &Out<Delta>) -> Result<(), ModelError> {
        if !self.any {
            return Err(ModelError::Interrupted { reason: "it held no message at all".into() });
        }
        if self.finish.is_none() && !done {
            return Err(ModelError::Interrupted { reason: "it has no finish reason and no [DONE]".into() });
        }
        let reason = self.finish.unwrap_or_default();
        if reason == "error" {
            return Err(ModelError::Server {
                status: 200,
                message: "the reply ended with an error that it does not name".into(),
                retry_after: None,
            });
        }
        let length = matches!(reason.as_str(), "length" | "max_tokens" | "model_length");
        let numbers = Finished {
            prompt_tokens: self.usage.prompt_tokens,
            completion_tokens: self.usage.completion_tokens,
            length,
            has_calls: !self.calls.is_empty(),
            ..self.numbers
        };
        if self.usage != Usage::default() {
            out.send(Delta::Usage(self.usage)).await?;
        }
        if let Some(overflow) = overflow::from_numbers(&numbers) {
            return Err(overflow);
        }
        let calls = self.calls.finish(length);
        let finish = match reason.as_str() {
            _ if length => FinishReason::Length,
            _ if !calls.is_empty() => FinishReason::ToolCalls,
            "" | "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" | "tool_calls" | "function_call"
            | "tool_use" => FinishReason::Stop,
            other => FinishReason::Other(other.to_string()),
        };
        for call in calls {
            out.send(Delta::Call(call)).await?;
        }
        out.send(Delta::Finish(finish)).await
    }
}

/// Content is a string, or a list of parts of which some may be thoughts (`true`).
fn parts(content: &Value) -> Vec<(bool, &str)> {
    match content {
        Value::String(text) => vec![(false, text)],
        Value::Array(parts) => parts.iter().flat_map(part).collect(),
        _ => Vec::new(),
    }
}

fn part(part: &Value) -> Vec<(bool, &str)> {
    match (part.get("text"), part.get("thinking")) {
        (Some(Value::String(text)), _) => vec![(false, text)],
        (_, Some(Value::String(text))) => vec![(true, text)],
        (_, Some(Value::Array(inner))) => {
            inner.iter().filter_map(|part| part.get("text")?.as_str()).map(|text| (true, text)).collect()
        }
        _ => Vec::new(),
    }
}

fn refusal(piece: &Value) -> Option<(bool, &str)> {
    piece.get("refusal").and_then(Value::as_str).map(|text| (false, text))
}
