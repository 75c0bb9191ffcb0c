//! Looks at a server without a conversation, for `garth models` and `garth doctor`: what it offers, as far as it says.
//! Never fails: what was found comes with what went wrong. Every question has a short timeout.

mod anthropic;
mod ollama;
mod openai;

use std::time::Duration;

use super::client::Client;
use super::{Endpoint, Provider};

/// Time for each question.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Models that are asked about one by one; the others are only listed.
const DETAILED: usize = 50;

/// What a server said of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probe {
    /// As it will be asked.
    pub url: String,
    /// It answered.
    pub reachable: bool,
    /// It answered that it is not ready: its model is being loaded.
    pub loading: bool,
    /// The server's name and version, where it says: `Ollama 0.12.6`, `llama.cpp`.
    pub server: Option<String>,
    pub models: Vec<ModelInfo>,
    /// What went wrong; there may be models all the same.
    pub error: Option<String>,
}

/// A model on offer; `None` where the server does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelInfo {
    pub name: String,
    /// It can call tools by the protocol. Garth describes them in text where it cannot.
    pub tools: Option<bool>,
    /// Tokens that the model takes, or, when it is loaded, that it was loaded with.
    pub context_length: Option<u64>,
    /// How many it has.
    pub parameters: Option<u64>,
    pub loaded: Option<bool>,
    /// Whether it runs where the server is; a server elsewhere is not local whatever it says.
    pub local: Option<bool>,
    /// Where it runs instead.
    pub remote_host: Option<String>,
}

impl Probe {
    /// The model of this name; Ollama's `:latest` may be left out.
    pub fn model(&self, name: &str) -> Option<&ModelInfo> {
        let same = |model: &&ModelInfo| model.name == name || model.name.strip_suffix(":latest") == Some(name);
        self.models.iter().find(same)
    }

    fn fail(&mut self, error: impl ToString) {
        self.error.get_or_insert_with(|| error.to_string());
    }
}

/// Asks the endpoint's server what it offers.
pub async fn probe(endpoint: &Endpoint) -> Probe {
    let mut probe = Probe { url: endpoint.url.clone(), ..Probe::default() };
    if endpoint.provider == Provider::Scripted {
        match super::Script::read(std::path::Path::new(&endpoint.url)) {
            Ok(script) => {
                let name = script.named(&endpoint.model).name;
                probe.reachable = true;
                probe.server = Some("a script, not a model".into());
                probe.models = vec![ModelInfo {
                    name,
                    tools: Some(true),
                    loaded: Some(true),
                    local: Some(true),
                    ..ModelInfo::default()
                }];
            }
            Err(error) => probe.fail(error),
        }
        return probe;
    }
    let mut endpoint = endpoint.clone();
    endpoint.connect_timeout = endpoint.connect_timeout.min(TIMEOUT);
    match Client::new(&endpoint) {
        Ok(client) if endpoint.provider == Provider::Ollama => ollama::look(&client, &endpoint, &mut probe).await,
        Ok(client) if endpoint.provider == Provider::Anthropic => anthropic::look(&client, &endpoint, &mut probe).await,
        Ok(client) => openai::look(&client, &endpoint, &mut probe).await,
        Err(error) => probe.fail(error),
    }
    probe
}
