//! Where a model runs. A server that counts as this machine may be an Ollama, which passes on what it is asked of some models,
//! whatever protocol it is asked in. It is asked once, and until it has answered nothing goes to it. What runs behind a server
//! elsewhere makes no difference.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::client::Client;
use super::ollama::{Shown, show};
use super::{Endpoint, ModelError, Provider};

/// Time for a question beside the conversation; the server answers it from disk.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Stands for the host of a model that the server names as its maker's.
const CLOUD: &str = "its maker's cloud";

/// Whether a model runs where its server is, once that is known.
#[derive(Default)]
pub(super) struct Place(OnceCell<Shown>);

impl Place {
    /// What an Ollama says of the model, and nothing of any other server's. A model that runs elsewhere is refused, unless that
    /// is allowed.
    pub(super) async fn admit(&self, client: &Client, endpoint: &Endpoint) -> Result<Shown, ModelError> {
        let shown = self.shown(client, endpoint).await?;
        match shown.remote_host.clone().filter(|_| !endpoint.allow_remote) {
            Some(host) => Err(ModelError::NotLocal { model: endpoint.model.clone(), host }),
            None => Ok(shown),
        }
    }

    /// The same without a refusal. Not remembered when the server cannot say: the next request asks again.
    pub(super) async fn shown(&self, client: &Client, endpoint: &Endpoint) -> Result<Shown, ModelError> {
        let remote =
            |shown: Shown| Shown { remote_host: shown.remote_host.or_else(|| cloud(&endpoint.model)), ..shown };
        let ask = || async {
            match is_ollama(client, endpoint).await? {
                true => show(client, &endpoint.model, TIMEOUT).await.map(remote),
                false => Ok(Shown::default()),
            }
        };
        match self.0.get_or_try_init(ask).await {
            Ok(shown) => Ok(shown.clone()),
            Err(error @ (ModelError::Unreachable { .. } | ModelError::Unauthorized { .. })) => Err(error),
            // The chat request says what is wrong, if anything is.
            Err(ModelError::Server { status: 404, .. }) => Ok(remote(Shown::default())),
            Err(_) if endpoint.allow_remote => Ok(Shown::default()),
            // Whether the model runs here is not known, so nothing is sent.
            Err(error) => Err(error),
        }
    }

    /// A model that runs elsewhere is refused before anything is sent, unless it is allowed: then it is not local.
    pub(super) fn is_local(&self, endpoint: &Endpoint) -> bool {
        match self.0.get() {
            Some(shown) => endpoint.serves_here() && (shown.remote_host.is_none() || !endpoint.allow_remote),
            None => endpoint.is_local(),
        }
    }

    /// Where requests go.
    pub(super) fn address(&self, endpoint: &Endpoint) -> String {
        let address = endpoint.address();
        match self.0.get().and_then(|shown| shown.remote_host.as_ref()) {
            Some(host) => format!("{host} through {address}"),
            None => address,
        }
    }
}

/// Whether the server speaks Ollama's own protocol too. Any answer but a version says that it does not.
async fn is_ollama(client: &Client, endpoint: &Endpoint) -> Result<bool, ModelError> {
    if endpoint.provider == Provider::Ollama || !endpoint.serves_here() {
        return Ok(endpoint.provider == Provider::Ollama);
    }
    match client.fetch(Method::GET, "/api/version", None, TIMEOUT).await {
        Ok(answer) => Ok(answer.get("version").is_some_and(Value::is_string)),
        Err(error) if error.is_retryable() => Err(error),
        Err(_) => Ok(false),
    }
}

/// By its tag alone: newer servers pass a model so named on without having it, and `/api/show` with it. Source of the rule:
/// Ollama's `internal/modelref`.
fn cloud(model: &str) -> Option<String> {
    let tag = model.rsplit_once(':')?.1.trim().to_ascii_lowercase();
    (tag == "cloud" || tag.ends_with("-cloud") && !tag.contains('/')).then(|| CLOUD.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_name_the_cloud() {
        let check = |name: &str, expected: bool| assert_eq!(cloud(name).is_some(), expected, "{name}");
        check("gpt-oss:120b-cloud", true);
        check("kimi-k2:Cloud", true);
        check("host:5000/me/model:cloud", true);
        check("gpt-oss:120b", false);
        check("my-cloud", false);
        check("host:5000/my-cloud", false);
    }
}
