//! What each mechanism of the loop is worth to a model that errs: the tasks of a folder, done by a simulated small model, with
//! everything on, and with each mechanism switched off in turn by the setting that a user has for it. Told as the table that
//! `host/README.md` shows. What the model does wrong is decided in `eval::novice`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;

use super::report::Figure;
use crate::app::eval::{Attempt, Bench, Ended, Novice, Task, find_tasks, missing_program};
use crate::app::{Context, demo};
use crate::config::Settings;
use crate::protocol::ToolSet;

/// Where this repository keeps its tasks.
pub const TASKS: &str = "host/eval";
/// Every task is done with so many seeds.
const SEEDS: u64 = 5;

/// What is switched off, the setting as people read it, and how.
struct Without {
    name: &'static str,
    setting: &'static str,
    switch_off: fn(&mut Settings),
}

const WITHOUT: [Without; 10] = [
    Without { name: "everything on", setting: "", switch_off: |_| {} },
    Without {
        name: "without calls from text",
        setting: "agent.text_calls = false",
        switch_off: |settings| settings.agent.text_calls = false,
    },
    Without {
        name: "without repair of calls",
        setting: "agent.repair_calls = false",
        switch_off: |settings| settings.agent.repair_calls = false,
    },
    Without {
        name: "without checks after writes",
        setting: "checks.*.enabled = false",
        switch_off: |settings| settings.checks.values_mut().for_each(|check| check.enabled = false),
    },
    Without {
        name: "without mending apart",
        setting: "agent.mend_after = 0",
        switch_off: |settings| settings.agent.mend_after = 0,
    },
    Without {
        name: "without the nudge",
        setting: "agent.nudge = false",
        switch_off: |settings| settings.agent.nudge = false,
    },
    Without {
        name: "without the note on reading again",
        setting: "agent.read_repeats = 0",
        switch_off: |settings| settings.agent.read_repeats = 0,
    },
    Without {
        name: "without the note on changes that lead nowhere",
        setting: "agent.patch_repeats = 0",
        switch_off: |settings| settings.agent.patch_repeats = 0,
    },
    Without {
        name: "without the loop guard",
        setting: "agent.loop_repeats = 1000",
        switch_off: |settings| settings.agent.loop_repeats = 1_000,
    },
    Without {
        name: "without the small set of tools",
        setting: "tools.set = \"full\"",
        switch_off: |settings| settings.tools.set = Some(ToolSet::Full),
    },
];

/// A line of the table.
pub struct Row {
    name: &'static str,
    setting: &'static str,
    attempts: usize,
    passed: usize,
    steps: u64,
}

impl Row {
    fn share(&self) -> f64 {
        100.0 * self.passed as f64 / self.attempts as f64
    }

    fn steps_a_task(&self) -> f64 {
        self.steps as f64 / self.attempts as f64
    }

    fn line(&self) -> String {
        let Row { name, setting, attempts, passed, .. } = self;
        let setting = if setting.is_empty() { String::new() } else { format!(" (`{setting}`)") };
        format!("| {name}{setting} | {passed} of {attempts}, {:.0} % | {:.1} |", self.share(), self.steps_a_task())
    }
}

/// Success and steps, for each of [`WITHOUT`].
pub async fn measure(context: &Context, tasks: &Path) -> Result<Vec<Row>> {
    let longest = context.loaded.settings.process.time.0;
    let found = find_tasks(tasks, longest).context("the tasks are named with --tasks")?;
    let mut rows = Vec::new();
    for Without { name, setting, switch_off } in WITHOUT {
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
        let steps = attempts.iter().map(|attempt| attempt.steps).sum();
        let row = Row { name, setting, attempts: attempts.len(), passed, steps };
        eprintln!("{}", row.line());
        rows.push(row);
    }
    Ok(rows)
}

async fn attempt(bench: &Bench<'_>, task: &Arc<Task>, seed: u64) -> Result<Attempt> {
    let model = Arc::new(Novice::new(task, seed)?);
    match bench.attempt(task, model).await {
        Ended::Judged(attempt) => Ok(attempt),
        Ended::Unusable(reason) | Ended::Disturbed(reason) | Ended::Broken(reason) => bail!("{}: {reason}", task.name),
    }
}

/// In Markdown.
pub fn table(rows: &[Row]) -> String {
    let tasks = rows.first().map_or(0, |row| row.attempts as u64 / SEEDS);
    let mut text = format!("| {tasks} tasks, {SEEDS} times each | passed | steps a task |\n| --- | --- | --- |\n");
    for row in rows {
        let _ = writeln!(text, "{}", row.line());
    }
    text
}

pub fn figures(rows: &[Row]) -> Vec<Figure> {
    let of = |row: &Row| {
        let name = |what: &str| format!("resilience: {what}, {}", row.name);
        [Figure::told(&name("passed"), row.share(), "%"), Figure::told(&name("steps a task"), row.steps_a_task(), "")]
    };
    rows.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_markdown() {
        let row = |name, setting, passed, steps| Row { name, setting, attempts: 115, passed, steps };
        let rows = [row("everything on", "", 100, 495), row("without x", "agent.x = 0", 7, 115)];
        let expected = "| 23 tasks, 5 times each | passed | steps a task |\n| --- | --- | --- |\n\
                        | everything on | 100 of 115, 87 % | 4.3 |\n\
                        | without x (`agent.x = 0`) | 7 of 115, 6 % | 1.0 |\n";
        assert_eq!(table(&rows), expected);
        assert_eq!(figures(&rows).len(), 4);
    }
}
