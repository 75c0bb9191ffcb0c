//! What the loop costs for each step, without a model and without a tool: recovery, checks, the journal, the events.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::report::Figure;
use crate::app::Context;
use crate::app::catalogue::Follow;
use crate::app::converse::{self, Surroundings};
use crate::commands::{Live, Roots, Setup};
use crate::model::{Delta, Model, ModelError, RawCall, Request};
use crate::protocol::{Event, FinishReason, Op, TurnEnd};

/// Messages that the conversation has when the measured steps begin.
const MESSAGES: usize = 200;
const STEPS: usize = 200;

/// Answers at once with a call of a tool that does not exist, another one each time.
struct AtOnce;

impl Model for AtOnce {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let arguments =
            format!(r#"{{"path": "src/file{}.rs", "note": "{}"}}"#, request.messages.len(), "x".repeat(400));
        let call = RawCall { id: None, name: "nothing".into(), arguments };
        stream::iter([Ok(Delta::Call(call)), Ok(Delta::Finish(FinishReason::ToolCalls))]).boxed()
    }
    fn name(&self) -> &str {
        "none"
    }
    fn provider(&self) -> &str {
        "bench"
    }
}

/// The median over the steps after the first two hundred messages.
pub async fn measure(context: &Context) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let mut bench = context.in_project(&root, folder.path());
    bench.loaded.settings.agent.max_steps = u32::try_from(MESSAGES / 2 + STEPS)?;
    let nothing = Live::open(Roots::find(&Setup::default()), &[]);
    let around = Surroundings::builtin(&bench, nothing)?;
    let connect = Box::new(|_: &str| -> Result<Arc<dyn Model>, ModelError> { Ok(Arc::new(AtOnce)) });
    let (mut link, running) = converse::start(&bench, connect, around, Follow::Nothing).await?;
    link.post(Op::Submit { text: "go on".into() });
    let mut times = Vec::new();
    let mut last = Instant::now();
    while let Some(event) = link.next().await {
        match event {
            Event::StepStarted { .. } => {
                times.push(last.elapsed().as_secs_f64() * 1e3);
                last = Instant::now();
            }
            Event::TurnEnded { end, .. } => {
                ensure!(matches!(end, TurnEnd::StepLimit { .. }), "the turn ended otherwise: {end:?}");
                break;
            }
            _ => {}
        }
    }
    link.post(Op::Shutdown);
    link.flush().await;
    running.await?;
    let mut counted = times.split_off(MESSAGES / 2);
    counted.sort_by(f64::total_cmp);
    Ok(vec![Figure::at_most("loop: one step at 200 to 600 messages", counted[counted.len() / 2], "ms", 1.0)])
}
