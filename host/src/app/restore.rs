//! `garth sessions restore`: puts back the files that a session has changed, without going on with it. What a file needs to
//! be put back is `agent::restore`'s matter.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::mpsc;

use super::context::Context;
use crate::agent::{self, Recorder};
use crate::protocol::Event;
use crate::terminal::{Part, Transcript};

/// Whether every file was put back.
pub async fn run(context: &Context, wanted: &str, turn: Option<u64>) -> Result<bool> {
    let journal = context.open_session(wanted)?;
    let (events_in, mut events) = mpsc::channel(16);
    let recorder = Recorder::new(journal, events_in);
    let mut out = std::io::stdout();
    let mut transcript = Transcript::new(context.style(&out));
    let restoring = async {
        let restored = agent::restore(&recorder, &context.workspace, turn).await;
        drop(recorder); // ends the events
        restored
    };
    // Owns the receiver, so that nobody waits for room in it once nothing can be shown.
    let showing = async move {
        let mut whole = true;
        while let Some(event) = events.recv().await {
            whole &= !matches!(&event, Event::RestoreEnded { refused, .. } if !refused.is_empty());
            let parts = transcript.event(&event, Instant::now());
            parts.iter().try_for_each(|part| out.write_all(Part::text(part).as_bytes()))?;
        }
        Ok::<bool, std::io::Error>(whole)
    };
    let (restored, whole) = tokio::join!(restoring, showing);
    restored.map_err(|reason| anyhow!(reason))?;
    whole.context("standard output cannot be written")
}
