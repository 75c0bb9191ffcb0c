//! Runs a task's check over what an agent left behind: in a copy, so that nothing of the check comes back, with the task's
//! own tests laid over it, and in the operating system's sandbox without the network.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::task::Task;
use super::tree;
use crate::policy::{self, Workspace};
use crate::process::{Access, Command, Outcome, RunError, Runner};

/// Characters of the check's output that are kept, from its end.
const KEPT: usize = 4_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// With what the check said.
    Failed(String),
    /// Its command is none that can be run.
    Unusable(String),
}

/// A program that the task needs and that is not there.
pub fn missing<'a>(runner: &Runner, task: &'a Task) -> Result<Option<&'a str>, RunError> {
    for program in &task.needs {
        match runner.find(program, &std::env::temp_dir()) {
            Ok(_) => {}
            Err(RunError::NotFound { .. }) => return Ok(Some(program)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Judges the files below `work`. An error is neither the agent's nor the task's.
pub async fn judge(runner: &Runner, task: &Arc<Task>, work: &Path) -> Result<Verdict> {
    let folder = tempfile::Builder::new().prefix("garth-check-").tempdir()?;
    let root = folder.path().canonicalize()?.join(task.folder());
    let laid = {
        let (task, work, root) = (task.clone(), work.to_path_buf(), root.clone());
        tokio::task::spawn_blocking(move || tree::copy(&work, &root).and_then(|()| tree::write(&root, &task.laid_over)))
    };
    if let Err(error) = laid.await? {
        return Ok(Verdict::Failed(format!("what the agent left cannot be checked: {error:#}")));
    }
    let access = Access {
        workspace: root,
        files: Workspace::All(policy::Access::Write),
        secrets: true,
        git: false,
        network: false,
    };
    for argv in &task.check {
        let Some((program, args)) = argv.split_first() else { bail!("the check names no program") };
        let command =
            Command { program: program.clone(), args: args.to_vec(), timeout: Some(task.time), ..Command::default() };
        let outcome = match runner.run(&command, &access, CancellationToken::new()).await {
            Ok(outcome) => outcome,
            Err(error) if is_the_tasks(&error) => return Ok(Verdict::Unusable(format!("its check: {error}"))),
            Err(error) => return Err(error.into()),
        };
        if outcome.exit_code != Some(0) {
            return Ok(Verdict::Failed(said(&outcome, task)));
        }
    }
    Ok(Verdict::Passed)
}

/// Whether the command itself is why nothing was run.
pub fn is_the_tasks(error: &RunError) -> bool {
    matches!(error, RunError::BadCommand(_) | RunError::BadDirectory(_))
}

/// The end of what it printed, and why it ended.
fn said(outcome: &Outcome, task: &Task) -> String {
    let printed = [outcome.stdout.trim_end(), outcome.stderr.trim_end()].into_iter().filter(|text| !text.is_empty());
    let printed = printed.collect::<Vec<_>>().join("\n");
    let start = printed.char_indices().rev().take(KEPT).last().map_or(0, |(at, _)| at);
    let start = if start == 0 { 0 } else { printed[start..].find('\n').map_or(start, |newline| start + newline + 1) };
    let end = match outcome.exit_code {
        _ if outcome.timed_out => format!("[ended after {} s, its deadline]", task.time.as_secs_f64()),
        Some(code) => format!("[exit code {code}]"),
        None => "[ended by a signal or a limit]".to_owned(),
    };
    let notes = outcome.notes.iter().map(String::as_str);
    [&printed[start..]].into_iter().chain(notes).chain([end.as_str()]).collect::<Vec<_>>().join("\n")
}
