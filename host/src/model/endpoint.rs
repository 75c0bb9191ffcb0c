//! Where a model is and how to talk to it: plain data, filled from the user's configuration, and the one place that
//! knows how a configured URL becomes the URLs of requests. A project's files never reach this.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

use super::{Family, ModelError, Price, Secret};

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Ollama's own `/api`.
    Ollama,
    /// `/v1/chat/completions`: llama.cpp, vLLM, LM Studio, and whoever else speaks it.
    OpenAi,
    /// `/v1/messages`, as Anthropic and servers beside it speak it.
    Anthropic,
    /// Plays a script from a file.
    Scripted,
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Provider::Ollama => "ollama",
            Provider::OpenAi => "openai",
            Provider::Anthropic => "anthropic",
            Provider::Scripted => "scripted",
        }
    }
}

impl FromStr for Provider {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "ollama" => Ok(Provider::Ollama),
            "openai" | "open_ai" | "openai-compatible" => Ok(Provider::OpenAi),
            "anthropic" => Ok(Provider::Anthropic),
            "scripted" => Ok(Provider::Scripted),
            _ => Err(format!("no provider is called '{text}'; there are ollama, openai, anthropic and scripted")),
        }
    }
}

/// One model on one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub provider: Provider,
    /// The server's base, `http://127.0.0.1:11434`, with or without `/v1`; the path of a script for [`Provider::Scripted`].
    pub url: String,
    pub model: String,
    /// Sent to this URL's origin only: redirects are not followed.
    pub api_key: Option<Secret>,
    /// Tokens of context to ask Ollama for; `None` takes the model's own, up to `max_num_ctx`.
    pub num_ctx: Option<u32>,
    /// Ceiling of a `num_ctx` that nobody configured: a model's full window may not fit the machine's memory.
    pub max_num_ctx: u32,
    /// How long Ollama keeps the model loaded (`"30m"`, `"-1"`); `None` leaves it to the server.
    pub keep_alive: Option<String>,
    /// Ollama's `think`; `None` leaves it to the model.
    pub think: Option<bool>,
    /// What is known of the model's family.
    pub family: Family,
    /// Whether the model's earlier reasoning goes back with the history; `None`: only to servers on this machine.
    pub replay_reasoning: Option<bool>,
    /// Whether the server counts as this machine; `None`: by its address.
    pub local: Option<bool>,
    /// Whether a model that the server itself runs elsewhere (Ollama's cloud models, in any protocol) may be used.
    pub allow_remote: bool,
    /// Longest silence after the first token. Before it there is no limit: a model may take minutes to load. Servers that
    /// collect a whole call before sending it are silent meanwhile, so this is generous.
    pub idle_timeout: Duration,
    /// Time to establish the connection, not to answer.
    pub connect_timeout: Duration,
    /// A proxy for servers that are not on this machine. Proxy variables of the environment are not read.
    pub proxy: Option<String>,
    /// What tokens cost, where that is known.
    pub price: Option<Price>,
}

impl Endpoint {
    pub fn new(provider: Provider, url: impl Into<String>, model: impl Into<String>) -> Endpoint {
        Endpoint {
            provider,
            url: url.into(),
            model: model.into(),
            api_key: None,
            num_ctx: None,
            max_num_ctx: 32_768,
            keep_alive: None,
            think: None,
            family: Family::default(),
            replay_reasoning: None,
            local: None,
            allow_remote: false,
            idle_timeout: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(10),
            proxy: None,
            price: None,
        }
    }

    /// The server's base URL without `/v1`, `/api` and what follows them.
    pub(super) fn base(&self) -> Result<Url, ModelError> {
        let wrong = |reason: String| ModelError::Settings {
            reason: format!(
                "the model's url '{}' cannot be used: {reason}; write for example http://127.0.0.1:11434",
                self.url
            ),
        };
        let written = self.url.trim();
        let full = if written.contains("://") { written.to_string() } else { format!("http://{written}") };
        let mut url = Url::parse(&full).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("only http and https are spoken".into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ModelError::Settings {
                // never shows the URL: it holds a password
                reason: "the model's url holds a user name or password; remove it and use api_key_env".into(),
            });
        }
        let mut path = url.path().trim_end_matches('/').to_string();
        for known in ["/chat/completions", "/messages", "/api/chat", "/api", "/v1"] {
            if let Some(before) = path.strip_suffix(known) {
                path = before.trim_end_matches('/').to_string();
            }
        }
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }

    /// Whether the server is on this machine, by its address.
    pub fn is_loopback(&self) -> bool {
        self.base().is_ok_and(|url| is_loopback(&url))
    }

    /// Whether what is sent there stays on this machine, as far as can be told without asking the server: one that may run its
    /// models elsewhere has to say first that it does not.
    pub fn is_local(&self) -> bool {
        match self.provider {
            Provider::Scripted => true,
            _ if self.allow_remote => false,
            _ => self.serves_here(),
        }
    }

    /// Whether the server is on this machine, or counts as that.
    pub(super) fn serves_here(&self) -> bool {
        self.local.unwrap_or_else(|| self.is_loopback())
    }

    /// Where requests go: the server's origin; the path of a script.
    pub fn address(&self) -> String {
        match self.provider {
            Provider::Scripted => self.url.clone(),
            _ => self.base().map_or_else(|_| self.url.clone(), |url| url.origin().ascii_serialization()),
        }
    }

    pub(super) fn replays_reasoning(&self) -> bool {
        self.replay_reasoning.unwrap_or_else(|| self.is_loopback())
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `base` with `path`, which may have a query, behind it, whether the base ends in a slash or not.
pub(super) fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<String, String> {
        let endpoint = Endpoint::new(Provider::OpenAi, url, "m");
        endpoint.base().map(|base| join(&base, "/v1/models").to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_are_taken_as_people_write_them() {
        for url in
            ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", "h:1", "http://h:1/v1/chat/completions"]
        {
            assert_eq!(base(url).as_deref(), Ok("http://h:1/v1/models"), "{url}");
        }
        assert_eq!(base("https://h/openai/v1").as_deref(), Ok("https://h/openai/v1/models"));
        assert!(base("ftp://h").unwrap_err().contains("only http and https"));
        assert!(!base("http://me:pass@h").unwrap_err().contains("pass@"));
    }

    #[test]
    fn this_machine_is_known_by_its_address() {
        let local = |url: &str| Endpoint::new(Provider::Ollama, url, "m").is_loopback();
        assert!(local("http://127.0.0.1:11434") && local("http://[::1]:1") && local("localhost:1"));
        assert!(!local("http://10.0.0.1") && !local("http://localhost.example.com"));
    }
}
