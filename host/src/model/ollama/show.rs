//! What `/api/show` says of a model. Every field may be missing: older servers say less.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::model::ModelError;
use crate::model::client::Client;

/// Tokens of context when nobody says how many the model takes.
const UNKNOWN_WINDOW: u32 = 8192;

#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::model) struct Shown {
    /// The model's own window, in tokens.
    pub context_length: Option<u64>,
    /// `num_ctx` in the model's file.
    pub num_ctx: Option<u64>,
    pub tools: Option<bool>,
    /// How many it has.
    pub parameters: Option<u64>,
    /// Where the model really runs, when the server only passes requests on.
    pub remote_host: Option<String>,
}

impl Shown {
    pub(in crate::model) fn read(answer: &Value) -> Shown {
        let info = answer.get("model_info").and_then(Value::as_object);
        let length = info.and_then(|info| info.iter().find(|(key, _)| key.ends_with(".context_length")));
        let parameters = answer.get("parameters").and_then(Value::as_str).unwrap_or_default();
        let num_ctx = parameters.lines().find_map(|line| line.trim().strip_prefix("num_ctx")?.trim().parse().ok());
        let capabilities = answer.get("capabilities").and_then(Value::as_array);
        Shown {
            context_length: length.and_then(|(_, value)| value.as_u64()),
            num_ctx,
            parameters: info.and_then(|info| info.get("general.parameter_count")?.as_u64()),
            tools: capabilities.map(|all| all.iter().any(|each| each == "tools")),
            remote_host: remote(answer),
        }
    }

    /// The window to ask for: what the model's file says, else all that the model takes, but at most `ceiling`.
    pub(super) fn window(&self, ceiling: u32) -> u32 {
        let wanted = self.num_ctx.or(self.context_length).unwrap_or(UNKNOWN_WINDOW.into());
        let most = self.context_length.unwrap_or(u64::MAX).min(ceiling.into());
        u32::try_from(wanted.min(most)).unwrap_or(ceiling)
    }
}

/// Asks the server.
pub(in crate::model) async fn show(client: &Client, model: &str, timeout: Duration) -> Result<Shown, ModelError> {
    let body = json!({ "model": model }).to_string();
    client.fetch(Method::POST, "/api/show", Some(body), timeout).await.map(|answer| Shown::read(&answer))
}

/// `remote_host`, or the remote model's name where the server hides the host.
pub(in crate::model) fn remote(value: &Value) -> Option<String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_string);
    text("remote_host").or_else(|| text("remote_model").map(|model| format!("'{model}' on another machine")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_what_the_model_takes_up_to_the_ceiling() {
        let window = |answer: Value, ceiling| Shown::read(&answer).window(ceiling);
        let qwen = json!({"model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768}, "parameters": "stop \"x\""});
        assert_eq!(window(qwen.clone(), 16_384), 16_384);
        assert_eq!(window(qwen, 100_000), 32_768);
        assert_eq!(
            window(json!({"parameters": "num_ctx    4096", "model_info": {"a.context_length": 32768}}), 16_384),
            4096
        );
        assert_eq!(window(json!({}), 16_384), 8192);
        assert_eq!(Shown::read(&json!({"capabilities": ["completion"]})).tools, Some(false));
        assert_eq!(
            Shown::read(&json!({"remote_model": "big"})).remote_host.as_deref(),
            Some("'big' on another machine")
        );
        assert_eq!(Shown::read(&json!([])), Shown::default());
    }
}
