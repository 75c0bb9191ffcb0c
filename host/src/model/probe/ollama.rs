//! Ollama: `/api/tags` lists, `/api/ps` says what is loaded and with how much context, `/api/show` says the rest.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use super::{DETAILED, ModelInfo, Probe, TIMEOUT};
use crate::model::client::Client;
use crate::model::ollama::{Shown, remote, show};
use crate::model::{Endpoint, ModelError};

pub(super) async fn look(client: &Client, endpoint: &Endpoint, probe: &mut Probe) {
    probe.url = client.url();
    let listed = match get(client, "/api/tags").await {
        Ok(listed) => listed,
        Err(error) => {
            probe.reachable = !matches!(error, ModelError::Unreachable { .. } | ModelError::Interrupted { .. });
            return probe.fail(error);
        }
    };
    probe.reachable = true;
    let version = get(client, "/api/version").await.ok();
    let version = version.as_ref().and_then(|version| version.get("version")?.as_str());
    probe.server = version.map(|version| format!("Ollama {version}"));
    let running = match get(client, "/api/ps").await {
        Ok(running) => Some(running),
        Err(error) => {
            probe.fail(error);
            None
        }
    };
    let entries: Vec<&Value> = entries(&listed).collect();
    let shown = entries.iter().take(DETAILED).map(|entry| show(client, name(entry), TIMEOUT));
    let mut shown = join_all(shown).await.into_iter();
    for entry in entries {
        let shown = match shown.next() {
            Some(Ok(shown)) => shown,
            Some(Err(error)) => {
                probe.fail(format!("{}: {error}", name(entry)));
                Shown::default()
            }
            None => Shown::default(),
        };
        let found = running.as_ref().map(|running| entries_of(running, name(entry)));
        let remote_host = remote(entry).or(shown.remote_host);
        probe.models.push(ModelInfo {
            name: name(entry).to_string(),
            tools: shown.tools,
            parameters: shown.parameters,
            context_length: found
                .flatten()
                .and_then(|found| found.get("context_length")?.as_u64())
                .or(shown.context_length),
            loaded: found.map(|found| found.is_some()),
            local: if remote_host.is_some() { Some(false) } else { Some(endpoint.serves_here()) },
            remote_host,
        });
    }
}

async fn get(client: &Client, path: &str) -> Result<Value, ModelError> {
    client.fetch(Method::GET, path, None, TIMEOUT).await
}

fn entries(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("models").and_then(Value::as_array).into_iter().flatten().filter(|entry| !name(entry).is_empty())
}

fn entries_of<'a>(answer: &'a Value, wanted: &str) -> Option<&'a Value> {
    entries(answer).find(|entry| name(entry) == wanted)
}

fn name(entry: &Value) -> &str {
    entry.get("name").or_else(|| entry.get("model")).and_then(Value::as_str).unwrap_or_default()
}
