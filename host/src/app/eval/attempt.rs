//! One task, done by a model in a scratch copy with the real loop, tools, policy and sandbox, and then judged. Nothing of it
//! stays: the session, the audit and what plugins keep are in the scratch folder too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::commands::{self, Roots, Setup, Source};
use crate::model::{Delta, Model, ModelError, Request};
use crate::plugins::Live;
use crate::process::Runner;
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
    /// From the first prompt to the end of the last check.
    pub ms: u64,
}

/// How it went.
pub enum Ended {
    Judged(Attempt),
    /// The model's server, or the sandbox, could not do its part: this says nothing of the model.
    Broken(String),
}

impl<'a> Bench<'a> {
    /// Compiles the plugins where that is still to be done: tasks side by side would each do it.
    pub async fn open(context: &'a Context, tries: u32) -> Result<Bench<'a>> {
        let settings = &context.loaded.settings;
        let (sandbox, runner) = (services::sandbox(&context.paths)?, services::runner(settings)?);
        let plugins = services::plugins(sandbox.clone(), &context.loaded, &context.paths, &context.workspace)?;
        plugins::compile(&Live::fixed(plugins)).await?;
        Ok(Bench { context, sandbox, runner, tries })
    }

    pub async fn attempt(&self, task: &Arc<Task>, model: Arc<dyn Model>) -> Ended {
        match self.try_out(task, model).await {
            Ok(ended) => ended,
            Err(error) => Ended::Broken(format!("{error:#}")),
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
        let broken = Arc::new(AtomicBool::new(false));
        let watched: Arc<dyn Model> = Arc::new(Watched { model, broken: broken.clone() });
        let connect = Box::new(move |_: &str| Ok(watched.clone()));
        let context = self.scratch_context(&root, &folder);
        let around = self.surroundings(&context)?;
        let (mut link, running) = converse::start(&context, connect, around, Follow::Nothing).await?;

        let (start, mut attempt) = (Instant::now(), Attempt::default());
        let mut prompts = task.prompts.clone();
        for number in 1..=self.tries {
            let end = converse_through(&mut link, &prompts, &mut attempt).await?;
            if broken.load(Ordering::Relaxed) {
                let reason = if let TurnEnd::Failed { error } = end { error } else { "its server failed".into() };
                return Ok(Ended::Broken(format!("the model: {reason}")));
            }
            let verdict = judge::judge(&self.runner, task, &root).await?;
            let Verdict::Failed(said) = verdict else {
                attempt.passed_at = Some(number);
                attempt.why = None;
                break;
            };
            prompts = vec![AGAIN.replace("{output}", &said)];
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
        Ok(Surroundings { plugins: Live::fixed(plugins), commands, consents: services::consents(&context.paths) })
    }
}

/// Says one prompt after the other, until one does not end by itself. The end of the last.
async fn converse_through(link: &mut Link, prompts: &[String], attempt: &mut Attempt) -> Result<TurnEnd> {
    let mut end = TurnEnd::Done;
    for text in prompts {
        link.post(Op::Submit { text: text.clone() });
        end = turn(link, attempt).await?;
        if end != TurnEnd::Done {
            break;
        }
    }
    Ok(end)
}

async fn turn(link: &mut Link, attempt: &mut Attempt) -> Result<TurnEnd> {
    loop {
        let Some(event) = link.next().await else { bail!("the agent went away before the turn had ended") };
        match event {
            Event::StepStarted { .. } => attempt.steps += 1,
            Event::Usage { usage } => attempt.count(usage),
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

impl Attempt {
    fn count(&mut self, usage: Usage) {
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

/// A model of which it is known whether its last reply failed for reasons that are its server's.
struct Watched {
    model: Arc<dyn Model>,
    broken: Arc<AtomicBool>,
}

impl Model for Watched {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let broken = self.broken.clone();
        let seen = move |item: &Result<Delta, ModelError>| match item {
            Ok(Delta::Finish(_)) => broken.store(false, Ordering::Relaxed),
            Err(error) => broken.store(is_the_servers(error), Ordering::Relaxed),
            Ok(_) => {}
        };
        self.model.stream(request).inspect(seen).boxed()
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn window(&self) -> BoxFuture<'_, Option<u32>> {
        self.model.window()
    }
}

/// Whether the error would come whatever the model is like: a server that is away, a key, a setting.
fn is_the_servers(error: &ModelError) -> bool {
    match error {
        ModelError::ContextOverflow { .. }
        | ModelError::Protocol { .. }
        | ModelError::TooLarge { .. }
        | ModelError::ToolsUnsupported { .. } => false,
        ModelError::Unreachable { .. }
        | ModelError::Interrupted { .. }
        | ModelError::Unauthorized { .. }
        | ModelError::Server { .. }
        | ModelError::Idle { .. }
        | ModelError::NotLocal { .. }
        | ModelError::Script { .. }
        | ModelError::Settings { .. } => true,
    }
}
