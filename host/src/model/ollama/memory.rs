//! What the server holds in memory: a model is loaded, or taken out and its going watched, so that two of them need not fit
//! beside each other. `keep_alive: 0` only asks for it, and a model that still answers stays; `/api/ps` says when it is gone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::Connection;
use super::request::keep_alive;
use crate::model::ModelError;
use crate::model::client::Client;

/// A large model is read from disk.
const LOADING: Duration = Duration::from_secs(300);
/// Of one question beside that.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a model may take to go, and how often that is looked at.
const GOING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(250);

impl Connection {
    /// With the window that requests ask for: with another one the server would load it again.
    pub(super) async fn load(&self) -> Result<(), ModelError> {
        let window = self.window(&self.shown().await?);
        let mut body = json!({ "model": self.endpoint.model, "stream": false, "options": { "num_ctx": window } });
        if let Some(keep_alive) = keep_alive(&self.endpoint) {
            body["keep_alive"] = keep_alive;
        }
        self.client.fetch(Method::POST, "/api/generate", Some(body.to_string()), LOADING).await.map(drop)
    }

    pub(super) async fn unload(&self) -> Result<(), ModelError> {
        let body = json!({ "model": self.endpoint.model, "stream": false, "keep_alive": 0 });
        self.client.fetch(Method::POST, "/api/generate", Some(body.to_string()), ANSWER).await?;
        let gone = async {
            loop {
                let running = self.client.fetch(Method::GET, "/api/ps", None, ANSWER).await?;
                if !holds(&running, &self.endpoint.model) {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let late = || {
            let (model, waited) = (&self.endpoint.model, GOING.as_secs());
            let reason = format!("the model '{model}' is still in memory {waited} s after it was told to go");
            Err(ModelError::Interrupted { reason })
        };
        tokio::time::timeout(GOING, gone).await.unwrap_or_else(|_| late())
    }
}

/// Tokens that the model reads at once as the server has loaded it, which it does first where it has not. So it is for who asks it
/// by OpenAI's protocol, which has no word for the window: what is beyond it the server cuts without a word.
pub(in crate::model) async fn loaded_window(client: &Client, model: &str) -> Option<u32> {
    let running = async || {
        let running = client.fetch(Method::GET, "/api/ps", None, ANSWER).await.ok()?;
        u32::try_from(entry(&running, model)?.get("context_length")?.as_u64()?).ok()
    };
    if let Some(window) = running().await {
        return Some(window);
    }
    let body = json!({ "model": model, "stream": false }).to_string();
    client.fetch(Method::POST, "/api/generate", Some(body), LOADING).await.ok()?;
    running().await
}

/// Whether the answer of `/api/ps` names the model.
fn holds(running: &Value, model: &str) -> bool {
    entry(running, model).is_some()
}

/// What it says of the model. A name without a tag stands for the tag `latest`.
fn entry<'a>(running: &'a Value, model: &str) -> Option<&'a Value> {
    let tagged = |name: &str| if name.contains(':') { name.to_string() } else { format!("{name}:latest") };
    let is_it = |entry: &&Value| {
        let mut names = ["name", "model"].into_iter().filter_map(|key| entry.get(key)?.as_str());
        names.any(|name| tagged(name) == tagged(model))
    };
    running.get("models").and_then(Value::as_array)?.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name_and_tag() {
        let running = json!({"models": [{"name": "small:latest", "model": "small:latest"}, {"name": "large:32b"}, {}]});
        let check = |model: &str, expected: bool| assert_eq!(holds(&running, model), expected, "{model}");
        check("small", true);
        check("small:latest", true);
        check("large:32b", true);
        check("large", false);
        check("small:8b", false);
        assert!(!holds(&json!({"models": null}), "small") && !holds(&json!([]), "small"));
    }
}
