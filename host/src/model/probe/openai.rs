//! OpenAI-compatible servers: `/v1/models` lists; each server hides the context length elsewhere: vLLM in
//! `max_model_len`, llama.cpp in `meta` and `/props`, LM Studio in its own `/api/v0/models`, which also says what is loaded.

use reqwest::Method;
use serde_json::Value;

use super::{ModelInfo, Probe, TIMEOUT};
use crate::model::client::Client;
use crate::model::{Endpoint, ModelError};

pub(super) async fn look(client: &Client, endpoint: &Endpoint, probe: &mut Probe) {
    probe.url = client.url();
    let listed = match get(client, "/v1/models").await {
        Ok(listed) => listed,
        Err(error) => {
            probe.reachable = !matches!(error, ModelError::Unreachable { .. } | ModelError::Interrupted { .. });
            probe.loading = is_loading(&error);
            return probe.fail(error);
        }
    };
    probe.reachable = true;
    let data = listed.get("data").or_else(|| listed.get("models")).unwrap_or(&listed);
    let entries: Vec<&Value> = data.as_array().into_iter().flatten().collect();
    if data.as_array().is_none() {
        probe.fail("/v1/models did not answer with a list of models");
    }
    for entry in &entries {
        let number = |path: &str| entry.pointer(path).and_then(Value::as_u64);
        let lengths = [
            "/max_model_len",
            "/meta/n_ctx",
            "/meta/n_ctx_train",
            "/context_length",
            "/max_context_length",
            "/context_window",
        ];
        let name = ["id", "name", "model"].iter().find_map(|key| entry.get(*key)?.as_str());
        let Some(name) = name else { continue };
        probe.models.push(ModelInfo {
            name: name.to_string(),
            context_length: lengths.iter().find_map(|path| number(path)),
            parameters: number("/meta/n_params"),
            local: Some(endpoint.serves_here()),
            ..ModelInfo::default()
        });
    }
    let owner =
        entries.first().and_then(|entry| entry.get("owned_by")?.as_str()).unwrap_or_default().to_ascii_lowercase();
    match owner.as_str() {
        "llamacpp" => llama_cpp(client, probe).await,
        "vllm" => {
            probe.server = Some("vLLM".into());
            probe.models.iter_mut().for_each(|model| model.loaded = Some(true));
        }
        _ if endpoint.is_loopback() => lm_studio(client, probe).await,
        _ => {}
    }
}

/// One model, always loaded; whether it takes tools is in its chat template's capabilities.
async fn llama_cpp(client: &Client, probe: &mut Probe) {
    probe.server = Some("llama.cpp".into());
    probe.models.iter_mut().for_each(|model| model.loaded = Some(true));
    match get(client, "/props").await {
        Ok(props) => {
            let context = props.pointer("/default_generation_settings/n_ctx").or_else(|| props.get("n_ctx"));
            let tools = ["/chat_template_caps/supports_tools", "/chat_template_caps/supports_tool_calls"];
            let tools = tools.iter().find_map(|path| props.pointer(path)?.as_bool());
            for model in &mut probe.models {
                model.context_length = context.and_then(Value::as_u64).or(model.context_length);
                model.tools = tools;
            }
        }
        Err(error) => {
            probe.loading = is_loading(&error);
            probe.fail(error);
        }
    }
}

fn is_loading(error: &ModelError) -> bool {
    matches!(error, ModelError::Server { status: 503, .. })
}

/// Asked of any server on this machine that is not known; others answer with an error, which says nothing.
async fn lm_studio(client: &Client, probe: &mut Probe) {
    let Ok(listed) = get(client, "/api/v0/models").await else { return };
    let Some(entries) = listed.get("data").and_then(Value::as_array) else { return };
    probe.server = Some("LM Studio".into());
    for entry in entries {
        let Some(model) = probe.models.iter_mut().find(|model| entry.get("id").is_some_and(|id| *id == *model.name))
        else {
            continue;
        };
        let number = |key: &str| entry.get(key).and_then(Value::as_u64);
        model.loaded = entry.get("state").and_then(Value::as_str).map(|state| state == "loaded");
        model.context_length =
            number("loaded_context_length").or_else(|| number("max_context_length")).or(model.context_length);
        let capabilities = entry.get("capabilities").and_then(Value::as_array);
        model.tools = capabilities.map(|all| all.iter().any(|each| each == "tool_use"));
    }
}

async fn get(client: &Client, path: &str) -> Result<Value, ModelError> {
    client.fetch(Method::GET, path, None, TIMEOUT).await
}
