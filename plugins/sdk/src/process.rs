//! Runs programs: in a plugin through the host, which holds the tool to the prefixes in its manifest; in a plugin's
//! native tests directly, in the scratch workspace, so that the same code is tested.

use std::time::Duration;

use crate::{Error, denied};

/// A program to run. No shell reads any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// A bare name, found on the host's fixed search path.
    pub program: String,
    pub args: Vec<String>,
    /// Relative to the workspace; its root when `None`.
    pub directory: Option<String>,
    /// Added to the host's clean environment, as far as the host allows the names.
    pub env: Vec<(String, String)>,
    /// Standard input, closed when `None`.
    pub stdin: Option<String>,
    /// May only shorten the host's limit.
    pub timeout: Option<Duration>,
}

impl Command {
    /// From the program and its arguments.
    pub fn new<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Command {
        let mut words = words.into_iter().map(Into::into);
        Command { program: words.next().unwrap_or_default(), args: words.collect(), ..Command::default() }
    }

    /// As a person would type it, roughly: words that a shell would split are quoted.
    pub fn display(&self) -> String {
        let plain =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:,@+%".contains(c));
        let words = std::iter::once(&self.program).chain(&self.args);
        let quoted = words.map(|word| match plain(word) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end. An error means that it was not started: not granted, not approved, not found.
    pub fn run(&self) -> Result<Outcome, Error> {
        start(self).map_err(denied)
    }
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `None` when a signal or the time limit ended it.
    pub exit_code: Option<i32>,
    /// Head and tail, with a line between them that counts what was dropped.
    pub stdout: String,
    pub stderr: String,
    /// Bytes.
    pub stdout_dropped: u64,
    pub stderr_dropped: u64,
    pub timed_out: bool,
    pub duration: Duration,
}

impl Outcome {
    pub fn succeeded(&self) -> bool {
        self.exit_code == Some(0) && !self.timed_out
    }

    /// `exit code 1`, `stopped after 30.0 s`, `ended by a signal`.
    pub fn ending(&self) -> String {
        match self.exit_code {
            _ if self.timed_out => format!("stopped by the time limit after {:.1} s", self.duration.as_secs_f64()),
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn start(command: &Command) -> Result<Outcome, String> {
    use crate::bindings::garth::plugin::process as host;
    let outcome = host::run(&host::Command {
        program: command.program.clone(),
        args: command.args.clone(),
        directory: command.directory.clone(),
        env: command.env.clone(),
        stdin: command.stdin.clone(),
        timeout_ms: command.timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
    })?;
    Ok(Outcome {
        exit_code: outcome.exit_code,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        stdout_dropped: outcome.stdout_dropped,
        stderr_dropped: outcome.stderr_dropped,
        timed_out: outcome.timed_out,
        duration: Duration::from_millis(u64::from(outcome.duration_ms)),
    })
}

/// For native tests: no sandbox and no time limit.
#[cfg(not(target_arch = "wasm32"))]
fn start(command: &Command) -> Result<Outcome, String> {
    use std::process::{Command as Native, Stdio};
    let directory = crate::workspace::root().join(command.directory.as_deref().unwrap_or("."));
    let started = std::time::Instant::now();
    let mut native = Native::new(&command.program);
    native.args(&command.args).current_dir(directory).envs(command.env.iter().map(|(k, v)| (k, v)));
    native.stdin(Stdio::null());
    let output = native.output().map_err(|error| format!("{} was not started: {error}", command.program))?;
    Ok(Outcome {
        exit_code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        duration: started.elapsed(),
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_displayed_with_quotes_where_a_shell_needs_them() {
        assert_eq!(Command::new(["git", "log", "--format=%h"]).display(), "git log --format=%h");
        assert_eq!(Command::new(["sh", "-c", "echo 'a'"]).display(), r"sh -c 'echo '\''a'\'''");
        assert_eq!(Command::new(["x", ""]).display(), "x ''");
    }
}
