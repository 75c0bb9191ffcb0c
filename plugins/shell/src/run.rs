//! `run`: one command line, read by `sh`.

use std::time::Duration;

use garth_plugin::process::{Command, Outcome};
use garth_plugin::{Error, Output, Tool, invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct Run;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    pub command: String,
    pub timeout: Option<u32>,
}

/// How a program ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    /// Absent when a signal or the time limit ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Bytes that the host dropped from the middle.
    pub stdout_dropped: u64,
    pub stderr_dropped: u64,
    pub timed_out: bool,
    pub duration_ms: u64,
}

impl From<Outcome> for Data {
    fn from(outcome: Outcome) -> Data {
        Data {
            exit_code: outcome.exit_code,
            timed_out: outcome.timed_out,
            duration_ms: u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
            stdout_dropped: outcome.stdout_dropped,
            stderr_dropped: outcome.stderr_dropped,
            stdout: outcome.stdout,
            stderr: outcome.stderr,
        }
    }
}

impl Tool for Run {
    const NAME: &'static str = "run";
    const DESCRIPTION: &'static str = include_str!("run.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        if args.command.trim().is_empty() {
            return Err(invalid("command is empty"));
        }
        if args.timeout == Some(0) {
            return Err(invalid("timeout is 0 seconds"));
        }
        let mut command = Command::new(["sh", "-c", args.command.as_str()]);
        command.timeout = args.timeout.map(|seconds| Duration::from_secs(seconds.into()));
        let outcome = command.run()?;
        Ok(Output::new(report(&outcome), outcome.into()))
    }
}

/// How it ended, then all that it wrote: the host shortens what is too long for the model, and keeps the whole. Success
/// with output needs no heading.
fn report(outcome: &Outcome) -> String {
    let (stdout, stderr) = (outcome.stdout.trim_end(), outcome.stderr.trim_end());
    let mut parts = Vec::new();
    if !outcome.succeeded() || (stdout.is_empty() && stderr.is_empty()) {
        parts.push(format!("[{}]", outcome.ending()));
    }
    if !stdout.is_empty() {
        parts.push(stdout.to_owned());
    }
    if !stderr.is_empty() {
        parts.push(format!("[stderr]\n{stderr}"));
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    #[test]
    fn the_result_says_how_it_ended() {
        let _scratch = Scratch::new(&[("sub/file", "")]);
        let check = |command: &str, expected: &str| {
            let args = Args { command: command.into(), timeout: None };
            let text = Run::call(args).map_or_else(|error| error.to_string(), |output| output.text);
            assert_eq!(text, expected);
        };
        check("cd sub && ls", "file");
        check("true", "[exit code 0]");
        check("echo out; echo err >&2; exit 3", "[exit code 3]\nout\n[stderr]\nerr");
        check("kill -9 $$", "[ended by a signal]");
        check(" ", "command is empty");
    }

    #[test]
    fn long_output_is_all_there() {
        let _scratch = Scratch::new::<&str>(&[]);
        let args = Args { command: "seq 100000".into(), timeout: None };
        let output = Run::call(args).unwrap();
        assert_eq!(output.text.lines().count(), 100_000);
        assert_eq!(output.data.unwrap().stdout.lines().count(), 100_000);
    }
}
