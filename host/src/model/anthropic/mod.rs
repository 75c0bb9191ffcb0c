//! The provider for Anthropic's `/v1/messages`, also where other servers speak it. Source of the format: Anthropic's API
//! reference. Models differ in what they take of it: what one refuses by name is left out from then on.

mod leeway;
mod reply;
mod request;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::client::{Body, Client, read_whole};
use super::generate::{Out, generate};
use super::place::Place;
use super::sse::{Events, Piece, beginning};
use super::{Delta, Endpoint, Family, Model, ModelError, Price, Request};
use leeway::{Leeway, Told};
use reply::Reply;

/// Time for a question beside the conversation.
const TOLD_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Anthropic(Arc<Connection>);

struct Connection {
    client: Client,
    endpoint: Endpoint,
    place: Place,
    /// What the server says of the model; asked once.
    told: OnceCell<Told>,
    leeway: Leeway,
}

impl Anthropic {
    pub(super) fn new(endpoint: Endpoint) -> Result<Anthropic, ModelError> {
        let client = Client::new(&endpoint)?;
        let (place, told, leeway) = (Place::default(), OnceCell::new(), Leeway::default());
        Ok(Anthropic(Arc::new(Connection { client, endpoint, place, told, leeway })))
    }
}

impl Model for Anthropic {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let connection = self.0.clone();
        generate(move |out| async move { connection.answer(&request, &out).await })
    }

    fn name(&self) -> &str {
        &self.0.endpoint.model
    }

    fn provider(&self) -> &str {
        super::Provider::Anthropic.name()
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

    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        Box::pin(async {
            // The first that is asked of a server, and so it is known whose the model is; the request says what is wrong.
            let _ = self.0.place.shown(&self.0.client, &self.0.endpoint).await;
            self.0.endpoint.num_ctx.or(self.0.told().await.window)
        })
    }
}

impl Connection {
    /// Nothing is known of a model when the server cannot say; when it could not be reached it is asked again.
    async fn told(&self) -> Told {
        let path = format!("/v1/models/{}", self.endpoint.model);
        let ask = || async {
            match self.client.fetch(Method::GET, &path, None, TOLD_TIMEOUT).await {
                Ok(answer) => Ok(Told::read(&answer)),
                Err(error @ (ModelError::Unreachable { .. } | ModelError::Interrupted { .. })) => Err(error),
                Err(_) => Ok(Told::default()),
            }
        };
        self.told.get_or_try_init(ask).await.copied().unwrap_or_default()
    }

    async fn answer(&self, request: &Request, out: &Out<Delta>) -> Result<(), ModelError> {
        self.place.admit(&self.client, &self.endpoint).await?;
        let told = self.told().await;
        let (response, max_tokens) = self.post(request, &told).await?;
        let mut reply = Reply::new(&self.endpoint, self.client.url(), max_tokens);
        match self.read(response, &mut reply, out).await {
            Ok(()) => reply.finish(out).await,
            Err(error) => {
                reply.tell_usage(out).await?;
                Err(error)
            }
        }
    }

    /// Takes in what comes, until the reply is over.
    async fn read(&self, response: Response, reply: &mut Reply, out: &Out<Delta>) -> Result<(), ModelError> {
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let mut events = Events::default();
        if kind.contains("text/html") {
            let page = read_whole(response).await?;
            let what =
                format!("{} answered with a web page, is it the right url? {}", self.client.url(), beginning(&page));
            return Err(ModelError::Protocol { what });
        }
        if kind.contains("json") {
            let text = read_whole(response).await?;
            if let Ok(message) = serde_json::from_str(&text) {
                return reply.whole(&message, out).await;
            }
            for line in text.lines().chain([""]) {
                if let Some(Piece::Data(event)) = events.line(line)? {
                    reply.take(&event, out).await?;
                }
            }
            return Ok(());
        }
        let mut body = Body::new(response, self.endpoint.idle_timeout);
        while let Some(line) = body.line().await? {
            match events.line(&line)? {
                Some(Piece::Data(event)) => body.began |= reply.take(&event, out).await?,
                Some(Piece::Done) => break,
                None => {}
            }
            if reply.is_over() {
                return Ok(());
            }
        }
        if let Some(Piece::Data(event)) = events.end()? {
            reply.take(&event, out).await?;
        }
        Ok(())
    }

    /// Sends the request, without what the model turns out to refuse.
    async fn post(&self, request: &Request, told: &Told) -> Result<(Response, u32), ModelError> {
        loop {
            let body = request::body(request, &self.endpoint, told, &self.leeway);
            let error = match self.client.post("/v1/messages", body.text).await {
                Ok(response) => return Ok((response, body.max_tokens)),
                Err(error) => error,
            };
            if !self.leeway.learn(&error, body.used) {
                return Err(self.explained(error));
            }
        }
    }

    fn explained(&self, error: ModelError) -> ModelError {
        match error {
            ModelError::Server { status: 413, message, .. } => {
                ModelError::ContextOverflow { message, prompt_tokens: None, limit: None }
            }
            ModelError::Server { status: 404, message, retry_after } => {
                let message = format!("{message}; `garth models` lists what is there");
                ModelError::Server { status: 404, message, retry_after }
            }
            other => other,
        }
    }
}

/// Whose blocks they are: another model, or another server, has no use for them.
fn identity(endpoint: &Endpoint) -> String {
    format!("anthropic {} {}", endpoint.address(), endpoint.model)
}

/// What `/v1/models` says of one.
pub(super) fn window_of(model: &Value) -> Option<u64> {
    model.get("max_input_tokens").and_then(Value::as_u64).filter(|tokens| *tokens > 0)
}
