//! Runs the calls of one reply: those that only read side by side, all others alone and in the order of the reply.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};

use super::ask::Asked;
use super::call::{self, By, CallResult};
use super::turn::Turn;

/// One result for each call, in the same order.
pub(super) async fn run(turn: &Arc<Turn>, asked: &[Asked]) -> Vec<CallResult> {
    let mut results = Vec::with_capacity(asked.len());
    let mut rest = asked;
    while let Some(first) = rest.first() {
        let together = rest.iter().take_while(|asked| reads(turn, asked)).count();
        if together > 1 {
            let calls: Vec<_> =
                rest[..together].iter().map(|asked| call::run(turn, asked, By::Model).boxed()).collect();
            let running = futures_util::stream::iter(calls).buffered(turn.services.settings.parallel.max(1));
            results.extend(running.collect::<Vec<_>>().await);
            rest = &rest[together..];
        } else {
            results.push(call::run(turn, first, By::Model).await);
            rest = &rest[1..];
        }
    }
    results
}

fn reads(turn: &Turn, asked: &Asked) -> bool {
    turn.reads_only(&asked.call.name)
}
