//! The provider for `/v1/chat/completions`, as llama.cpp, vLLM, LM Studio and hosted servers speak it. Source of the
//! format: OpenAI's API reference and the servers' own documentation; where they differ, every reading is accepted.

mod calls;
mod reply;
mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::OnceCell;

use super::client::{Body, Client, read_whole};
use super::generate::{Out, generate};
use super::place::Place;
use super::sse::{Events, Piece, beginning};
use super::{Delta, Endpoint, Family, Model, ModelError, ModelInfo, Price, Request, probe};
pub(super) use calls::MOST as MOST_CALLS;
use reply::Reply;
pub(super) use request::tool;

pub(super) struct OpenAi(Arc<Connection>);

struct Connection {
    client: Client,
    endpoint: Endpoint,
    place: Place,
    /// The server said that it takes no tools: they are described in the system prompt from then on.
    tools_as_text: AtomicBool,
    /// What the server says of the model.
    told: OnceCell<ModelInfo>,
}

impl OpenAi {
    pub(super) fn new(endpoint: Endpoint) -> Result<OpenAi, ModelError> {
        let client = Client::new(&endpoint)?;
        Ok(OpenAi(Arc::new(Connection {
            client,
            place: Place::default(),
            tools_as_text: AtomicBool::new(endpoint.family.tools_as_text),
            endpoint,
            told: OnceCell::new(),
        })))
    }
}

impl Model for OpenAi {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let connection = self.0.clone();
        generate(move |out| async move { connection.answer(&request, &out).await })
    }

    fn name(&self) -> &str {
        &self.0.endpoint.model
    }

    fn provider(&self) -> &str {
        super::Provider::OpenAi.name()
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
        Box::pin(async { self.0.told().await.parameters })
    }

    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        Box::pin(self.0.window())
    }
}

impl Connection {
    /// As configured, or as the server says of this model, or of the only one that it has.
    async fn window(&self) -> Option<u32> {
        // The first that is asked of a server, and so it is known whose the model is; the request says what is wrong.
        let _ = self.place.shown(&self.client, &self.endpoint).await;
        if self.endpoint.num_ctx.is_some() {
            return self.endpoint.num_ctx;
        }
        u32::try_from(self.told().await.context_length?).ok()
    }

    async fn told(&self) -> &ModelInfo {
        let ask = || async {
            let models = probe(&self.endpoint).await.models;
            let model = match models.as_slice() {
                [only] => Some(only),
                several => several.iter().find(|model| model.name == self.endpoint.model),
            };
            model.cloned().unwrap_or_default()
        };
        self.told.get_or_init(ask).await
    }

    async fn answer(&self, request: &Request, out: &Out<Delta>) -> Result<(), ModelError> {
        self.place.admit(&self.client, &self.endpoint).await?;
        match self.ask(request, out).await {
            Err(ModelError::ToolsUnsupported { .. })
                if !request.tools.is_empty() && !self.tools_as_text.swap(true, Ordering::Relaxed) =>
            {
                self.ask(request, out).await
            }
            other => other,
        }
    }

    async fn ask(&self, request: &Request, out: &Out<Delta>) -> Result<(), ModelError> {
        let as_text = self.tools_as_text.load(Ordering::Relaxed);
        let sent = request::body(request, &self.endpoint, as_text);
        let mut reply = Reply::new(&self.endpoint, self.client.url(), request.sampling.max_tokens, sent.len());
        let response = self.client.post("/v1/chat/completions", sent).await?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.contains("text/html") {
            let page = read_whole(response).await?;
            let what =
                format!("{} answered with a web page, is it the right url? {}", self.client.url(), beginning(&page));
            return Err(ModelError::Protocol { what });
        }
        if kind.contains("json") && !kind.contains("ndjson") && !kind.contains("jsonl") {
            return self.whole(&read_whole(response).await?, reply, out).await;
        }
        let mut body = Body::new(response, self.endpoint.idle_timeout);
        let mut events = Events::default();
        while let Some(line) = body.line().await? {
            match events.line(&line)? {
                Some(Piece::Done) => return reply.finish(true, out).await,
                Some(Piece::Data(value)) => body.began |= reply.take(&value, out).await?,
                None => {}
            }
        }
        if let Some(Piece::Data(value)) = events.end()? {
            reply.take(&value, out).await?;
        }
        reply.finish(false, out).await
    }

    /// A server that does not stream, or that streams under the wrong name.
    async fn whole(&self, text: &str, mut reply: Reply, out: &Out<Delta>) -> Result<(), ModelError> {
        if let Ok(value) = serde_json::from_str(text) {
            reply.take(&value, out).await?;
            return reply.finish(true, out).await;
        }
        let mut events = Events::default();
        let mut done = false;
        for line in text.lines().chain([""]) {
            match events.line(line)? {
                Some(Piece::Done) => done = true,
                Some(Piece::Data(value)) => drop(reply.take(&value, out).await?),
                None => {}
            }
        }
        reply.finish(done, out).await
    }
}
