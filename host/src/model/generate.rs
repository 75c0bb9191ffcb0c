//! Turns an async function that sends items into a stream that is polled, so that nothing runs unless someone listens
//! and dropping the stream stops the function where it is. No task is spawned.

use std::future::{Future, ready};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::{Delta, ModelError};

/// Where such a function puts its items. Waits until the item before was taken.
pub(super) struct Out<T>(mpsc::Sender<Result<T, ModelError>>);

impl<T> Out<T> {
    /// The error ends the producer: nobody listens any more. It is never seen, for its stream is gone.
    pub(super) async fn send(&self, item: T) -> Result<(), ModelError> {
        self.0.send(Ok(item)).await.map_err(|_| ModelError::Protocol { what: "the reader of the reply is gone".into() })
    }
}

impl Out<Delta> {
    pub(super) async fn text(&self, text: &str) -> Result<(), ModelError> {
        if text.is_empty() { Ok(()) } else { self.send(Delta::Text(text.to_string())).await }
    }

    pub(super) async fn arguments(&self, text: &str) -> Result<(), ModelError> {
        if text.is_empty() { Ok(()) } else { self.send(Delta::Arguments(text.to_string())).await }
    }

    pub(super) async fn reasoning(&self, text: &str) -> Result<(), ModelError> {
        if text.is_empty() { Ok(()) } else { self.send(Delta::Reasoning(text.to_string())).await }
    }
}

/// Runs `produce` as the stream is polled; its error is the last item.
pub(super) fn generate<T, P, F>(produce: P) -> BoxStream<'static, Result<T, ModelError>>
where
    T: Send + 'static,
    P: FnOnce(Out<T>) -> F,
    F: Future<Output = Result<(), ModelError>> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(1);
    let last = sender.clone();
    let produced = produce(Out(sender));
    let driver = async move {
        if let Err(error) = produced.await {
            let _ = last.send(Err(error)).await; // a reader that left needs no error
        }
    };
    let items = stream::poll_fn(move |context| receiver.poll_recv(context));
    stream::select(items, stream::once(driver).filter_map(|()| ready(None))).boxed()
}
