//! One task, done by a model in a scratch copy with the real loop, tools, policy and sandbox, and then judged. Nothing of it
//! stays: the session, the audit and what plugins keep are in the scratch folder too. What left the machine is told as ever.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::judge::{self, Verdict};
use super::task::Task;
use super::tree;
use crate::app::catalogue::Follow;
use crate::app::converse::{self, Surroundings};
use crate::app::{Context, plugins, services};
use crate::audit::Exposures;
use crate::commands::{self, Roots, Setup, Source};
use crate::model::{Delta, Family, Model, ModelError, Price, Request};
use crate::plugins::Live;
use crate::process::{RunError, Runner};
use crate::protocol::{ApprovalMode, Event, Op, Span, ToolStatus, TurnEnd, Usage};
use crate::sandbox::Sandbox;
use crate::terminal::{Link, Question};

/// Of one turn, where `agent.timeout` sets no other: a server that hangs must not hold up all tasks behind it.
const LONGEST_TURN: Duration = Duration::from_secs(30 * 60);
/// What is said after a check that failed, before what it printed.
const AGAIN: &str = include_str!("again.md");

/// What the attempts share.
pub struct Bench<'a> {
    pub context: &'a Context,
    sandbox: Sandbox,
    pub runner: Runner,
    exposures: Exposures,
    /// How often the agent may try; before each further time it is shown what the check said.
    tries: u32,
}

/// What came of a task. Tokens are those that the server told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// At which try the check passed; `None`: it never did.
    pub passed_at: Option<u32>,
    /// Why not: how the last turn ended, where that was not by itself, and what the check said.
    pub why: Option<String>,
    pub steps: u64,
    pub calls: u64,
    /// Calls that did not do what they were to do.
    pub failed_calls: u64,
    pub prompt_tokens: Option<u64>,
    pub reply_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    /// US dollars, where the model has a price.
    #[serde(default)]
    pub cost: Option<f64>,
    /// From the first prompt to the end of the last check.
    pub ms: u64,
}

/// How it went. All but the first say nothing of the model.
pub enum Ended {
    Judged(Attempt),
    /// The task's own check cannot be run.
    Unusable(String),
    /// The model's server, or the sandbox, did not do its part this time.
    Disturbed(String),
    /// The same, and it would be no better with the next task.
    Broken(String),
}

impl<'a> Bench<'a> {
    /// Compiles the plugins where that is still to be done: tasks side by side would each do it.
    pub async fn open(context: &'a Context, tries: u32) -> Result<Bench<'a>> {
        let settings = &context.loaded.settings;
        let (sandbox, runner) = (services::sandbox(&context.paths)?, services::runner(settings)?);
        let plugins = services::plugins(sandbox.clone(), &context.loaded, &context.paths, &context.workspace)?;
        plugins::compile(&Live::fixed(plugins)).await?;
        Ok(Bench { context, sandbox, runner, exposures: services::exposures(&context.paths), tries })
    }

    pub async fn attempt(&self, task: &Arc<Task>, model: Arc<dyn Model>) -> Ended {
        match self.try_out(task, model).await {
            Ok(ended) => ended,
            Err(error) => Ended::of(&error),
        }
    }

    /// Judges the task as it is before anybody has done anything.
    pub async fn untouched(&self, task: &Arc<Task>) -> Result<Verdict> {
        let scratch = tempfile::Builder::new().prefix("garth-eval-").tempdir()?;
        tree::write(scratch.path(), &task.files)?;
        judge::judge(&self.runner, task, scratch.path()).await
    }

    async fn try_out(&self, task: &Arc<Task>, model: Arc<dyn Model>) -> Result<Ended> {
        let scratch = tempfile::Builder::new().prefix("garth-eval-").tempdir()?;
        let folder = scratch.path().canonicalize()?;
        let root = folder.join("work").join(task.folder());
        tree::write(&root, &task.files).context("the scratch copy cannot be written")?;
        let fault = Arc::new(Mutex::new(None));
        let watched: Arc<dyn Model> = Arc::new(Watched { model, fault: fault.clone() });
        let mut context = self.scratch_context(&root, &folder);
        // Who plays a solution is of no tier.
        if !matches!(watched.provider(), "scripted" | "simulated") {
            context.flags.tier = self.context.flags.tier.or(context.flags.tier);
        }
        let connect = Box::new(move |_: &str| Ok(watched.clone()));
        let around = self.surroundings(&context)?;
        let (mut link, running) = converse::start(&context, connect, around, Follow::Nothing).await?;

        let (start, mut attempt) = (Instant::now(), Attempt::default());
        let mut prompts = task.prompts.clone();
        for number in 1..=self.tries {
            let end = converse_through(&mut link, &mut prompts, &mut attempt).await?;
            if let Some(fault) = *fault.lock().unwrap_or_else(PoisonError::into_inner) {
                let reason = if let TurnEnd::Failed { error } = end { error } else { "its server failed".into() };
                let reason = format!("the model: {reason}");
                return Ok(match fault {
                    Fault::Passing => Ended::Disturbed(reason),
                    Fault::Lasting => Ended::Broken(reason),
                });
            }
            let said = match judge::judge(&self.runner, task, &root).await? {
                Verdict::Failed(said) => said,
                Verdict::Passed => {
                    attempt.passed_at = Some(number);
                    attempt.why = None;
                    break;
                }
                Verdict::Unusable(reason) => return Ok(Ended::Unusable(reason)),
            };
            prompts.insert(0, AGAIN.replace("{output}", &said));
            attempt.why = Some(match told(&end) {
                Some(end) => format!("{end}; the check: {said}"),
                None => said,
            });
        }
        attempt.ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        link.post(Op::Shutdown);
        link.flush().await;
        drop(link);
        running.await?;
        Ok(Ended::Judged(attempt))
    }

    /// The user's settings in the scratch copy. It is nobody's but the agent's, so that nothing has to be asked; what a rule
    /// denies or asks about stays denied.
    fn scratch_context(&self, root: &Path, scratch: &Path) -> Context {
        let mut context = self.context.in_project(root, scratch);
        context.paths.state = scratch.join("state");
        context.loaded.settings.approval.mode = ApprovalMode::Auto;
        context.loaded.settings.agent.timeout.get_or_insert(Span(LONGEST_TURN));
        context
    }

    /// The binary's own plugins, commands and skills: what a user has beside them would make results depend on it.
    fn surroundings(&self, context: &Context) -> Result<Surroundings> {
        let plugins = services::plugins(self.sandbox.clone(), &context.loaded, &context.paths, &context.workspace)?;
        let setup = Setup {
            order: vec![Source::Builtin],
            ..Setup::new(&context.workspace, &context.workspace, &context.paths.config, None)
        };
        let commands = commands::Live::open(Roots::find(&setup), &[]);
        let (consents, exposures) = (services::consents(&context.paths), self.exposures.clone());
        Ok(Surroundings { plugins: Live::fixed(plugins), commands, consents, exposures })
    }
}

/// Says one prompt after the other, until one does not end by itself: those behind it stay in `prompts`. The end of the last
/// that was said.
async fn converse_through(link: &mut Link, prompts: &mut Vec<String>, attempt: &mut Attempt) -> Result<TurnEnd> {
    let (mut said, mut end) = (0, TurnEnd::Done);
    for text in prompts.iter() {
        link.post(Op::Submit { text: text.clone() });
        end = turn(link, attempt).await?;
        said += 1;
        if end != TurnEnd::Done {
            break;
        }
    }
    prompts.drain(..said);
    Ok(end)
}

async fn turn(link: &mut Link, attempt: &mut Attempt) -> Result<TurnEnd> {
    loop {
        let Some(event) = link.next().await else { bail!("the agent went away before the turn had ended") };
        match event {
            Event::StepStarted { .. } => attempt.steps += 1,
            Event::Usage { usage, cost, .. } => attempt.count(usage, cost),
            Event::ToolFinished { status, .. } => {
                attempt.calls += 1;
                attempt.failed_calls += u64::from(status != ToolStatus::Ok);
            }
            Event::ApprovalRequested { id, request, .. } => {
                link.post(Op::Answer { id, answer: Question::new(id, request).unattended() });
            }
            Event::TurnEnded { end, .. } => return Ok(end),
            _ => {}
        }
    }
}

impl Ended {
    /// Of an error that is neither the model's nor the task's.
    pub fn of(error: &anyhow::Error) -> Ended {
        let reason = format!("{error:#}");
        match error.downcast_ref::<RunError>() {
            Some(RunError::Refused { .. }) => Ended::Broken(reason),
            _ => Ended::Disturbed(reason),
        }
    }
}

impl Attempt {
    fn count(&mut self, usage: Usage, cost: Option<f64>) {
        if let Some(cost) = cost {
            self.cost = Some(self.cost.unwrap_or_default() + cost);
        }
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or_default() + more);
            }
        };
        add(&mut self.prompt_tokens, usage.prompt_tokens);
        add(&mut self.reply_tokens, usage.completion_tokens);
        add(&mut self.cached_tokens, usage.cached_tokens);
    }
}

/// How a turn ended, where that was not by itself.
fn told(end: &TurnEnd) -> Option<String> {
    Some(match end {
        TurnEnd::Done => return None,
        TurnEnd::StepLimit { max_steps } => format!("it reached its limit of {max_steps} steps"),
        TurnEnd::Cancelled => "it was cancelled".into(),
        TurnEnd::Loop { tool, times } => format!("it went in circles ({tool}, {times} times)"),
        TurnEnd::Failed { error } => error.clone(),
    })
}

/// Why the model's last reply failed, where that was not its own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The next task may fare better.
    Passing,
    /// A server that is away, a key, a setting.
    Lasting,
}

/// A model of which it is known whether its last reply failed for reasons that are its server's. In all else it is the model
/// itself: what the loop asks of one decides the tools and the window.
struct Watched {
    model: Arc<dyn Model>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Model for Watched {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let fault = self.fault.clone();
        let seen = move |item: &Result<Delta, ModelError>| {
            let now = match item {
                Ok(Delta::Finish(_)) => None,
                Err(error) => fault_of(error),
                Ok(_) => return,
            };
            *fault.lock().unwrap_or_else(PoisonError::into_inner) = now;
        };
        self.model.stream(request).inspect(seen).boxed()
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn is_local(&self) -> bool {
        self.model.is_local()
    }

    fn address(&self) -> String {
        self.model.address()
    }

    fn price(&self) -> Option<Price> {
        self.model.price()
    }

    fn family(&self) -> Family {
        self.model.family()
    }

    fn parameters(&self) -> BoxFuture<'_, Option<u64>> {
        self.model.parameters()
    }

    fn load(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        self.model.load()
    }

    fn unload(&self) -> BoxFuture<'_, Result<(), ModelError>> {
        self.model.unload()
    }

    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        self.model.window()
    }
}

/// `None` where the model itself may be the reason.
fn fault_of(error: &ModelError) -> Option<Fault> {
    match error {
        ModelError::ContextOverflow { .. }
        | ModelError::Protocol { .. }
        | ModelError::TooLarge { .. }
        | ModelError::Refused { .. }
        | ModelError::ToolsUnsupported { .. } => None,
        ModelError::Interrupted { .. }
        | ModelError::Server { .. }
        | ModelError::Idle { .. }
        | ModelError::Script { .. } => Some(Fault::Passing),
        ModelError::Unreachable { .. }
        | ModelError::Unauthorized { .. }
        | ModelError::NotLocal { .. }
        | ModelError::Settings { .. } => Some(Fault::Lasting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ToolSet;
    use futures_util::FutureExt;
    use futures_util::stream;

    struct Known;

    impl Model for Known {
        fn stream(&self, _: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
            stream::empty().boxed()
        }

        fn name(&self) -> &str {
            "known"
        }

        fn provider(&self) -> &str {
            "scripted"
        }

        fn family(&self) -> Family {
            Family { tools: Some(ToolSet::Small), ..Family::default() }
        }

        fn parameters(&self) -> BoxFuture<'_, Option<u64>> {
            Box::pin(std::future::ready(Some(3)))
        }

        fn window(&self) -> BoxFuture<'_, Option<u32>> {
            Box::pin(std::future::ready(Some(5)))
        }
    }

    #[test]
    fn what_the_loop_asks_of_a_model_is_what_the_model_says() {
        let watched = Watched { model: Arc::new(Known), fault: Arc::default() };
        assert_eq!((watched.name(), watched.provider(), watched.family()), ("known", "scripted", Known.family()));
        assert_eq!(watched.parameters().now_or_never(), Some(Some(3)));
        assert_eq!(watched.window().now_or_never(), Some(Some(5)));
    }
}
