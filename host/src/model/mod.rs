//! The model: a request in, a stream of deltas out. Ollama's native protocol, OpenAI's as every local server speaks it,
//! Anthropic's, and a scripted one. Owns the HTTP client. It reports what a server said and no more: calls that a model printed as
//! text are `recover`'s, retries are offered here ([`retry`]) but decided by the caller.

mod anthropic;
mod client;
mod endpoint;
mod error;
mod family;
mod generate;
mod lines;
mod ollama;
mod openai;
mod overflow;
mod place;
mod probe;
pub mod retry;
mod scripted;
mod secret;
mod sse;
mod text_tools;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::protocol::{FinishReason, Kept, Message, ToolSpec, Usage};
pub use crate::router::Price;

pub use endpoint::{Endpoint, Provider};
pub use error::ModelError;
pub use family::{Family, Think};
pub use probe::{ModelInfo, Probe, probe};
pub use scripted::{Script, ScriptCall, ScriptError, ScriptTurn, ScriptUsage, Text, scripted};
pub use secret::Secret;

/// What the model is asked. The same messages with more behind them serialise to the same bytes with more behind them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The system message first, if there is one.
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    pub sampling: Sampling,
}

/// How the reply is drawn; `None` leaves it to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u32>,
    pub min_p: Option<f64>,
    pub repeat_penalty: Option<f64>,
    /// Tokens of the reply, reasoning included.
    pub max_tokens: Option<u32>,
}

impl Sampling {
    /// What is not said here is as `others` say.
    pub fn or(self, others: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.or(others.temperature),
            top_p: self.top_p.or(others.top_p),
            top_k: self.top_k.or(others.top_k),
            min_p: self.min_p.or(others.min_p),
            repeat_penalty: self.repeat_penalty.or(others.repeat_penalty),
            max_tokens: self.max_tokens.or(others.max_tokens),
        }
    }
}

/// A piece of a reply. Text and reasoning come as they are made; calls and finish once each, in this order, at the end. `Finish` is
/// the last item of every stream that does not end in an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    Text(String),
    Reasoning(String),
    /// At most once, before the calls: what this model wants back with the history.
    Kept(Kept),
    /// Whole.
    Call(RawCall),
    /// Of the reply so far: a later one takes the place of those before. A server may count what it has read first, and a
    /// reply that fails may have been counted.
    Usage(Usage),
    Finish(FinishReason),
}

/// A call as the server sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCall {
    /// `None` where the server gave none; ids may repeat, for nothing stops a server.
    pub id: Option<String>,
    pub name: String,
    /// JSON text as received, not yet checked; `{}` when there was none.
    pub arguments: String,
}

/// A connection to one model.
pub trait Model: Send + Sync {
    /// Asks for one reply. Nothing happens until the stream is polled; dropping it ends the request.
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>>;
    /// The model's name as configured.
    fn name(&self) -> &str;
    /// `ollama`, `openai`, `anthropic` or `scripted`.
    fn provider(&self) -> &str;
    /// What is known of its family.
    fn family(&self) -> Family {
        Family::default()
    }
    /// How many parameters it has, where the server tells, which is asked once.
    fn parameters(&self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(std::future::ready(None))
    }
    /// Whether what it is sent stays on this machine, or on one that the user has said to count as it.
    fn is_local(&self) -> bool {
        true
    }
    /// Where requests go: the server's origin, `https://api.example.com`; the script of a scripted one.
    fn address(&self) -> String {
        String::new()
    }
    /// What its tokens cost, where the user has said.
    fn price(&self) -> Option<Price> {
        None
    }
    /// Has the server load the model before it is asked, where it can be told to.
    fn load(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// Has the server take the model out of memory, and waits until it is gone; an error when that takes too long.
    fn unload(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// Tokens that the model reads at once, where configuration or server tell. The server is asked once.
    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        Box::pin(std::future::ready(None))
    }
}

/// Prepares a connection; nothing is sent yet. Fails when the URL cannot be used or the script cannot be read.
pub fn connect(endpoint: Endpoint) -> Result<Arc<dyn Model>, ModelError> {
    match endpoint.provider {
        Provider::Ollama => Ok(Arc::new(ollama::Ollama::new(endpoint)?)),
        Provider::OpenAi => Ok(Arc::new(openai::OpenAi::new(endpoint)?)),
        Provider::Anthropic => Ok(Arc::new(anthropic::Anthropic::new(endpoint)?)),
        Provider::Scripted => {
            Ok(scripted(Script::read(std::path::Path::new(&endpoint.url))?.named(&endpoint.model), &endpoint.url))
        }
    }
}
