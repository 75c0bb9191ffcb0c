//! `garth eval`: tasks in folders, each done by a model in a scratch copy and then checked. Says how many passed, and what
//! they took. What a task is, and how folders of tasks look, is in `host/eval/README.md`.

mod attempt;
mod exercise;
mod find;
mod judge;
mod novice;
mod own;
mod reference;
mod report;
mod results;
mod task;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;

pub use self::attempt::{Attempt, Bench, Ended};
use self::judge::Verdict;
pub use self::judge::missing as missing_program;
pub use self::novice::Novice;
use self::report::{Outcome, Row};
use self::results::{Line, Results};
pub use self::task::Task;
use super::{Context, converse};
use crate::cli::Exit;
use crate::cli::args::Evaluation;
use crate::config::Settings;
use crate::model::Model;
use crate::private;
use crate::terminal;

/// Arguments that name no tasks.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(String);

/// Runs what is not finished yet; the exit code: 0 when all that could run has run, 1 when it could not or the goal was
/// missed, 2 when a task cannot be read.
pub async fn run(context: &Context, evaluation: &Evaluation) -> Result<u8> {
    let found = find::all(&evaluation.dir).map_err(|error| BadInput(format!("{error:#}")))?;
    let wanted =
        |name: &str| evaluation.tasks.is_empty() || evaluation.tasks.iter().any(|part| name.contains(part.as_str()));
    let tasks: Vec<Arc<Task>> = found.tasks.into_iter().filter(|task| wanted(&task.name)).map(Arc::new).collect();
    let broken: Vec<_> = found.broken.into_iter().filter(|broken| wanted(&broken.name)).collect();
    if tasks.is_empty() && broken.is_empty() {
        let words = evaluation.tasks.join(", ");
        return Err(BadInput(format!("no task of {} has {words} in its name", evaluation.dir.display())).into());
    }
    let opponent = Opponent::of(&context.loaded.settings);
    let file = match &evaluation.results {
        Some(file) => file.clone(),
        None => fresh_file(context)?,
    };
    let results = Results::open(&file).map_err(|error| BadInput(format!("{error:#}")))?;
    let say = |text: &str| drop(writeln!(std::io::stderr(), "{text}"));
    say(&format!(
        "The results are in {0}. If this is stopped, go on with --results {0}; another file begins anew.",
        terminal::one_line(&results.path().display().to_string())
    ));
    let settings = &context.loaded.settings;
    let tries = if opponent == Opponent::Reference { 1 } else { evaluation.tries };
    let running = Running {
        bench: Bench::open(context, tries).await?,
        tries,
        label: opponent.label(settings),
        opponent,
        results: Mutex::new(results),
        stopped: AtomicBool::new(false),
    };
    let jobs = evaluation.jobs.unwrap_or_else(|| opponent.jobs());
    let work = futures_util::stream::iter(&tasks).map(|task| running.row(task)).buffer_unordered(jobs);
    let mut rows: Vec<Row> = Vec::new();
    let mut interrupts = terminal::interrupts();
    tokio::pin!(work);
    loop {
        let row = tokio::select! {
            row = work.next() => row,
            Some(()) = interrupts.recv() => {
                say("stopped; what is finished is kept");
                return Ok(Exit::Cancelled.code());
            }
        };
        let Some(row) = row else { break };
        say(&format!("[{}/{}] {}", rows.len() + 1, tasks.len(), report::progress(&row)));
        rows.push(row);
    }
    rows.extend(broken.into_iter().map(|broken| Row {
        name: broken.name,
        language: String::new(),
        outcome: Outcome::Unusable(broken.reason),
    }));
    let unusable = rows.iter().any(|row| matches!(row.outcome, Outcome::Unusable(_)));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    context.answer(&report::json(&rows, &running.label), &report::text(&rows, &running.label))?;
    let missed = evaluation.goal.is_some_and(|goal| report::rate(&rows).is_none_or(|rate| rate < f64::from(goal)));
    let stopped = running.stopped.load(Ordering::Relaxed);
    Ok(match (unusable, missed || stopped) {
        (true, _) => Exit::Usage.code(),
        (false, true) => Exit::Failed.code(),
        (false, false) => Exit::Done.code(),
    })
}

/// The tasks of a folder, all of which can be read.
pub fn find_tasks(folder: &Path) -> Result<Vec<Arc<Task>>> {
    let find::Found { tasks, broken } = find::all(folder)?;
    match broken.first() {
        None => Ok(tasks.into_iter().map(Arc::new).collect()),
        Some(find::Broken { name, reason }) => bail!("the task {name} cannot be used: {reason}"),
    }
}

/// A new file for the results of this run.
fn fresh_file(context: &Context) -> Result<PathBuf> {
    let folder = context.paths.data.join("eval");
    private::create_dir(&folder).with_context(|| folder.display().to_string())?;
    let file = tempfile::Builder::new().prefix("results-").suffix(".jsonl").tempfile_in(&folder)?;
    Ok(file.into_temp_path().keep()?)
}

/// Who does the tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opponent {
    Configured,
    Reference,
}

impl Opponent {
    fn of(settings: &Settings) -> Opponent {
        match settings.model.name.as_deref() {
            Some(reference::NAME) => Opponent::Reference,
            _ => Opponent::Configured,
        }
    }

    /// As results name it.
    fn label(self, settings: &Settings) -> String {
        match self {
            Opponent::Reference => reference::NAME.to_owned(),
            Opponent::Configured => {
                let name = settings.model.name.as_deref().unwrap_or("auto");
                let server = settings.model.url().unwrap_or_default();
                format!("{name} at {server}")
            }
        }
    }

    /// A local server answers one question at a time, and keeps the prompt of the last.
    fn jobs(self) -> usize {
        match self {
            Opponent::Configured => 1,
            Opponent::Reference => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

struct Running<'a> {
    bench: Bench<'a>,
    tries: u32,
    label: String,
    opponent: Opponent,
    results: Mutex<Results>,
    /// What all tasks need is not there; those that are left do not begin.
    stopped: AtomicBool,
}

impl Running<'_> {
    async fn row(&self, task: &Arc<Task>) -> Row {
        let outcome = match self.outcome(task).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.stopped.store(true, Ordering::Relaxed);
                Outcome::NotRun(format!("{error:#}"))
            }
        };
        Row { name: task.name.clone(), language: task.language.clone(), outcome }
    }

    async fn outcome(&self, task: &Arc<Task>) -> Result<Outcome> {
        let line = Line {
            task: task.name.clone(),
            digest: task.digest(),
            model: self.label.clone(),
            tries: self.tries,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            attempt: Attempt::default(),
        };
        let earlier = self.results.lock().unwrap_or_else(PoisonError::into_inner).find(&line).cloned();
        if let Some(Line { attempt, .. }) = earlier {
            return Ok(Outcome::Judged { attempt, earlier: true });
        }
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(Outcome::NotRun("an earlier task could not be run".into()));
        }
        if let Some(program) = judge::missing(&self.bench.runner, task)? {
            return Ok(Outcome::Skipped(format!("it needs {program}, which is not on the search path")));
        }
        let attempt = match self.opponent {
            Opponent::Configured => {
                let name = self.bench.context.loaded.settings.model.name.clone().unwrap_or_default();
                let model = converse::connect(self.bench.context)(&name)?;
                self.bench.attempt(task, model).await
            }
            Opponent::Reference if task.reference.is_empty() => {
                return Ok(Outcome::Skipped("it has no reference solution".into()));
            }
            Opponent::Reference => match reference::model(task) {
                Ok(model) => self.prove(task, model).await?,
                Err(error) => return Ok(Outcome::Unusable(format!("{error:#}"))),
            },
        };
        let attempt = match attempt {
            Ended::Judged(attempt) => attempt,
            Ended::Broken(reason) => {
                self.stopped.store(true, Ordering::Relaxed);
                return Ok(Outcome::NotRun(reason));
            }
        };
        let line = Line { attempt: attempt.clone(), ..line };
        self.results.lock().unwrap_or_else(PoisonError::into_inner).add(line)?;
        Ok(Outcome::Judged { attempt, earlier: false })
    }

    /// A reference solution proves something only where nothing was solved before it.
    async fn prove(&self, task: &Arc<Task>, model: Arc<dyn Model>) -> Result<Ended> {
        if self.bench.untouched(task).await? == Verdict::Passed {
            let why = Some("its check passes before anything was done".into());
            return Ok(Ended::Judged(Attempt { why, ..Attempt::default() }));
        }
        Ok(self.bench.attempt(task, model).await)
    }
}
