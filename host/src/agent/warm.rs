//! Warming up: while the user still writes, a server on this machine loads the model and reads what the next request will begin
//! with, so that the first words wait for neither. Nothing is kept of it here: the conversation begins later, with the same
//! bytes where nothing has changed. What goes wrong is told by the first request that matters.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::turn::Turn;
use super::{Context, budget, leaving};
use crate::model::{Model, Request};
use crate::protocol::{Message, Tier};

/// Stands for the user's words: some models' templates refuse a conversation without any.
const WORDS: &str = "…";

/// A request on its way. Dropping it ends it.
pub(super) struct Warming(JoinHandle<()>);

impl Warming {
    /// `said`: a copy of the conversation to go on with; `None` where one is yet to begin. What would not fit, or is compacted
    /// before the next request, is not read.
    pub fn begin(turn: Arc<Turn>, model: Arc<dyn Model>, said: Option<Context>) -> Warming {
        Warming(tokio::spawn(async move {
            let mut context = match said {
                Some(said) => said,
                None => Context::prefix(&turn, &model, &BTreeSet::new(), |_| true).await,
            };
            context.talk_to(Tier::Local);
            if !budget::fit(&turn, &model, &mut context).await {
                return;
            }
            let Context { mut messages, tools, .. } = context;
            messages.push(Message::User { text: WORDS.into() });
            let mut sampling = turn.services.settings.sampling;
            sampling.max_tokens = Some(1);
            let mut reply = leaving::through(&turn, &model).stream(Arc::new(Request { messages, tools, sampling }));
            while let Some(Ok(_)) = reply.next().await {}
        }))
    }

    /// Waits until the server is done with it: a second request beside it would be read from the beginning elsewhere.
    pub async fn end(mut self, cancel: &CancellationToken) {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            _ = &mut self.0 => {}
        }
    }
}

impl Drop for Warming {
    fn drop(&mut self) {
        self.0.abort();
    }
}
