//! The provider for Ollama's own `/api/chat`: newline-delimited JSON, a context size that the client must ask for, and
//! errors in the middle of a reply that began with HTTP 200. Source of the format: Ollama's API documentation.

mod memory;
mod reply;
mod request;
mod show;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::client::{Body, Client, read_whole};
use super::generate::{Out, generate};
use super::place::Place;
use super::sse::beginning;
use super::{Delta, Endpoint, Family, Model, ModelError, Price, Request};
use reply::Reply;
pub(super) use show::{Shown, remote, show};

pub(super) struct Ollama(Arc<Connection>);

struct Connection {
    client: Client,
    endpoint: Endpoint,
    place: Place,
    /// The model takes no tools: they are described in the system prompt from then on.
    tools_as_text: AtomicBool,
}

impl Ollama {
    pub(super) fn new(endpoint: Endpoint) -> Result<Ollama, ModelError> {
        let client = Client::new(&endpoint)?;
        let (place, tools_as_text) = (Place::default(), AtomicBool::new(endpoint.family.tools_as_text));
        Ok(Ollama(Arc::new(Connection { client, endpoint, place, tools_as_text })))
    }
}

impl Model for Ollama {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let connection = self.0.clone();
        generate(move |out| async move { connection.answer(&request, &out).await })
    }

    fn name(&self) -> &str {
        &self.0.endpoint.model
    }

    fn provider(&self) -> &str {
        super::Provider::Ollama.name()
    }

    fn family(&self) -> Family {
        self.0.endpoint.family.clone()
    }

    fn is_local(&self) -> bool {
        self.0.place.is_local(&self.0.endpoint)
    }

    fn address(&self) -> String {
        self.0.place.address(&self.0.endpoint)
    }

    fn price(&self) -> Option<Price> {
        self.0.endpoint.price
    }

    fn parameters(&self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(async { self.0.shown().await.ok()?.parameters })
    }

    fn load(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(self.0.load())
    }

    fn unload(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(self.0.unload())
    }

    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        Box::pin(async { Some(self.0.window(&self.0.shown().await.ok()?)) })
    }
}

impl Connection {
    async fn answer(&self, request: &Request, out: &Out<Delta>) -> Result<(), ModelError> {
        let shown = self.place.admit(&self.client, &self.endpoint).await?;
        if shown.tools == Some(false) {
            self.tools_as_text.store(true, Ordering::Relaxed);
        }
        let window = self.window(&shown);
        match self.ask(request, window, out).await {
            Err(ModelError::ToolsUnsupported { .. })
                if !request.tools.is_empty() && !self.tools_as_text.swap(true, Ordering::Relaxed) =>
            {
                self.ask(request, window, out).await
            }
            other => other,
        }
    }

    fn window(&self, shown: &Shown) -> u32 {
        self.endpoint.num_ctx.unwrap_or_else(|| shown.window(self.endpoint.max_num_ctx))
    }

    async fn shown(&self) -> Result<Shown, ModelError> {
        self.place.shown(&self.client, &self.endpoint).await
    }

    async fn ask(&self, request: &Request, window: u32, out: &Out<Delta>) -> Result<(), ModelError> {
        let sent = request::body(request, &self.endpoint, window, self.tools_as_text.load(Ordering::Relaxed));
        let mut reply = Reply::new(&self.endpoint, self.client.url(), window, request.sampling.max_tokens, sent.len());
        let response = self.client.post("/api/chat", sent).await.map_err(|error| self.with_hint(error))?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.is_some_and(|kind| kind.contains("text/html")) {
            let page = read_whole(response).await?;
            let what =
                format!("{} answered with a web page, is it the right url? {}", self.client.url(), beginning(&page));
            return Err(ModelError::Protocol { what });
        }
        let mut body = Body::new(response, self.endpoint.idle_timeout);
        while let Some(line) = body.line().await? {
            if line.trim().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(&line)
                .map_err(|_| ModelError::Protocol { what: format!("a line is not JSON: {}", beginning(&line)) })?;
            body.began |= reply.take(&value, out).await?;
            if reply.is_done() {
                break;
            }
        }
        reply.finish(out).await
    }

    fn with_hint(&self, error: ModelError) -> ModelError {
        match error {
            ModelError::Server { status: 404, message, retry_after } => {
                let message = format!(
                    "{message}; `ollama pull {}` fetches it, `garth models` lists what is there",
                    self.endpoint.model
                );
                ModelError::Server { status: 404, message, retry_after }
            }
            other => other,
        }
    }
}
