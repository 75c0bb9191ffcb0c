//! What one request took, as its server counts it: told once, when the reply has ended, however it has. A reply that failed or
//! was cut has its price as well, and one that nobody has counted is told as that.

use super::turn::Turn;
use crate::model::Delta;
use crate::protocol::Usage;

/// Of one request.
#[derive(Default)]
pub(super) struct Tally {
    usage: Option<Usage>,
    /// Something of the reply has come.
    begun: bool,
}

/// How the reply ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, or with an error.
    There,
    /// By us, while the server was at work on it.
    Here,
}

impl Tally {
    pub fn see(&mut self, delta: &Delta) {
        self.begun = true;
        if let Delta::Usage(usage) = delta {
            self.usage = Some(*usage);
        }
    }

    /// Tells it. What a server refused before it began took nothing.
    pub async fn close(self, turn: &Turn, ended: Ended) {
        if self.begun || ended == Ended::Here {
            let event = turn.services.routing.spend(self.usage.unwrap_or_default());
            turn.services.recorder.emit(event).await;
        }
    }
}
