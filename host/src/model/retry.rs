//! Tries again what may pass, with growing and slightly random pauses, and tells the reader: after [`Attempt::Retry`] the
//! reply starts anew, and what came of it before is void.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};

use super::generate::generate;
use super::{Delta, Model, ModelError, Request};

/// How often and how patiently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Retries after the first try; 0 tries once.
    pub retries: u32,
    /// The first pause; each next one is twice as long, less a random part of up to a quarter.
    pub first: Duration,
    /// No pause is longer, not even when the server asks for more.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { retries: 4, first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

/// An item of a reply that may begin more than once.
#[derive(Clone, Debug, PartialEq)]
pub enum Attempt {
    Delta(Delta),
    /// The try number `attempt` (the first retry is 1) starts after `wait_ms`; deltas until here are void.
    Retry {
        attempt: u32,
        wait_ms: u64,
        reason: String,
    },
}

/// Like [`Model::stream`], with retries. The last item is an error only when it is not worth a retry or none are left.
pub fn stream(
    model: Arc<dyn Model>,
    request: Arc<Request>,
    backoff: Backoff,
) -> BoxStream<'static, Result<Attempt, ModelError>> {
    generate(move |out| async move {
        let mut attempt = 0;
        loop {
            let mut deltas = model.stream(request.clone());
            let error = loop {
                match deltas.next().await {
                    Some(Ok(delta)) => out.send(Attempt::Delta(delta)).await?,
                    Some(Err(error)) => break error,
                    None => return Ok(()),
                }
            };
            drop(deltas); // closes the broken connection before the pause
            if attempt == backoff.retries || !error.is_retryable() {
                return Err(error);
            }
            let wait = pause(&backoff, attempt, error.retry_after());
            attempt += 1;
            out.send(Attempt::Retry { attempt, wait_ms: wait.as_millis() as u64, reason: error.to_string() }).await?;
            tokio::time::sleep(wait).await;
        }
    })
}

fn pause(backoff: &Backoff, attempt: u32, asked: Option<Duration>) -> Duration {
    let grown = backoff.first.saturating_mul(2u32.saturating_pow(attempt)).min(backoff.longest);
    let random = getrandom::u32().unwrap_or_default() % 256;
    let jittered = grown - grown / 4 * random / 256;
    asked.map_or(jittered, |asked| asked.max(jittered)).min(backoff.longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_honour_the_server() {
        let backoff = Backoff { retries: 9, first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        for (attempt, most) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 10), (400, 10)] {
            let wait = pause(&backoff, attempt, None);
            let most = Duration::from_secs(most);
            assert!(wait <= most && wait >= most * 3 / 4, "{attempt}: {wait:?}");
        }
        assert_eq!(pause(&backoff, 0, Some(Duration::from_secs(5))), Duration::from_secs(5));
        assert_eq!(pause(&backoff, 0, Some(Duration::from_secs(500))), Duration::from_secs(10));
    }
}
