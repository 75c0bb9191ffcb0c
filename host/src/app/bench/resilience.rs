//! What each mechanism of the loop is worth to a model that errs: the tasks of a folder, done by a simulated small model, with
//! everything on, and with each mechanism switched off in turn by the setting that a user has for it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;

use super::report::Figure;
use crate::app::eval::{Attempt, Bench, Ended, Novice, Task, find_tasks, missing_program};
use crate::app::{Context, demo};
use crate::config::Settings;

/// Where this repository keeps its tasks.
pub const TASKS: &str = "host/eval";
/// Every task is done with so many seeds.
const SEEDS: u64 = 3;

type SwitchOff = fn(&mut Settings);

/// What is switched off, and how.
const WITHOUT: [(&str, SwitchOff); 9] = [
    ("everything on", |_| {}),
    ("without calls from text", |settings| settings.agent.text_calls = false),
    ("without repair of calls", |settings| settings.agent.repair_calls = false),
    ("without checks after writes", |settings| {
        settings.checks.values_mut().for_each(|check| check.enabled = false);
    }),
    ("without the loop guard", |settings| settings.agent.loop_repeats = 1_000),
    ("without the nudge", |settings| settings.agent.nudge = false),
    ("without mending apart", |settings| settings.agent.mend_after = 0),
    ("without the note on reading again", |settings| settings.agent.read_repeats = 0),
    ("without the note on changes back and forth", |settings| settings.agent.patch_repeats = 0),
];

/// Success and steps, for each of [`WITHOUT`].
pub async fn measure(context: &Context, tasks: &Path) -> Result<Vec<Figure>> {
    let longest = context.loaded.settings.process.time.0;
    let found = find_tasks(tasks, longest).context("the tasks are named with --tasks")?;
    let mut figures = Vec::new();
    for (name, switch_off) in WITHOUT {
        let folder = tempfile::tempdir()?;
        let mut simulated = context.in_project(&context.workspace, folder.path());
        simulated.loaded = demo::scratch_settings(&context.loaded);
        switch_off(&mut simulated.loaded.settings);
        let bench = Bench::open(&simulated, 1).await?;
        let mut runs = Vec::new();
        for task in found.iter().filter(|task| !task.reference.is_empty()) {
            if missing_program(&bench.runner, task)?.is_none() {
                runs.extend((0..SEEDS).map(|seed| (task.clone(), seed)));
            }
        }
        if runs.is_empty() {
            bail!("no task of {} has a reference solution and all its programs", tasks.display());
        }
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let work = futures_util::stream::iter(&runs).map(|(task, seed)| attempt(&bench, task, *seed));
        let attempts: Vec<Result<Attempt>> = work.buffer_unordered(jobs).collect().await;
        let attempts = attempts.into_iter().collect::<Result<Vec<_>>>()?;
        let passed = attempts.iter().filter(|attempt| attempt.passed_at.is_some()).count();
        let steps: u64 = attempts.iter().map(|attempt| attempt.steps).sum();
        let share = 100.0 * passed as f64 / attempts.len() as f64;
        figures.push(Figure::told(&format!("resilience: passed, {name}"), share, "%"));
        figures.push(Figure::told(
            &format!("resilience: steps a task, {name}"),
            steps as f64 / attempts.len() as f64,
            "",
        ));
        eprintln!("{name}: {passed} of {} passed, {steps} steps", attempts.len());
    }
    Ok(figures)
}

async fn attempt(bench: &Bench<'_>, task: &Arc<Task>, seed: u64) -> Result<Attempt> {
    let model = Arc::new(Novice::new(task, seed)?);
    match bench.attempt(task, model).await {
        Ended::Judged(attempt) => Ok(attempt),
        Ended::Unusable(reason) | Ended::Disturbed(reason) | Ended::Broken(reason) => bail!("{}: {reason}", task.name),
    }
}
