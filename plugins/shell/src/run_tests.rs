//! `run_tests`: finds out how the project's tests are run, runs them, and puts the failures first.

use garth_plugin::process::Command;
use garth_plugin::text::head_and_tail;
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, progress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::detect;
use crate::run;
use crate::summary::{Summary, summarise};

/// What is shown of the output besides the failures that were found in it.
const MAX_OUTPUT: usize = 4 << 10;
/// Where none was found.
const MAX_UNREAD: usize = 8 << 10;

pub struct RunTests;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    filter: Option<String>,
    directory: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    /// As a person would type it.
    pub command: String,
    #[serde(flatten)]
    pub summary: Summary,
    #[serde(flatten)]
    pub outcome: run::Data,
}

impl Tool for RunTests {
    const NAME: &'static str = "run_tests";
    const DESCRIPTION: &'static str = include_str!("run_tests.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let folder = Path::parse_or_root(args.directory.as_deref())?;
        let (runner, words) = detect(&folder, args.filter.as_deref())?;
        let directory = (!folder.is_root()).then(|| folder.name().to_owned());
        let command = Command { directory, ..Command::new(words) };
        progress(&command.display(), None);
        let outcome = command.run()?;
        let summary = summarise(runner, &outcome.stdout, &outcome.stderr);

        let passed = outcome.succeeded();
        let mut text = format!("{}: {} ({})", verdict(passed, &summary), command.display(), outcome.ending());
        let output = format!("{}\n{}", outcome.stderr.trim(), outcome.stdout.trim());
        if passed {
            // Which tests passed is noise; that none ran is not.
            text.push_str(&format!("\n{}", head_and_tail(output.trim(), MAX_OUTPUT / 4)));
        } else {
            for failure in &summary.failures {
                text.push_str(&format!("\n\nFAILED {}", failure.name));
                if !failure.message.is_empty() {
                    text.push_str(&format!("\n{}", failure.message));
                }
            }
            let budget = if summary.failures.is_empty() { MAX_UNREAD } else { MAX_OUTPUT };
            text.push_str(&format!("\n\nOutput:\n{}", head_and_tail(output.trim(), budget)));
        }
        Ok(Output::new(text, Data { command: command.display(), summary, outcome: outcome.into() }))
    }
}

fn verdict(passed: bool, summary: &Summary) -> String {
    let counts = match (summary.passed, summary.failed) {
        (Some(passed), Some(failed)) => format!(" ({failed} failed, {passed} passed)"),
        (Some(passed), None) => format!(" ({passed} passed)"),
        (None, Some(failed)) => format!(" ({failed} failed)"),
        (None, None) => String::new(),
    };
    format!("{}{counts}", if passed { "PASSED" } else { "FAILED" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    #[test]
    fn failures_come_first() {
        let script = "test:\n\t@echo 'one failed'; exit 1\n";
        let _scratch = Scratch::new(&[("sub/Makefile", script)]);
        let output = RunTests::call(Args { filter: None, directory: Some("sub".into()) }).unwrap();
        assert!(output.text.starts_with("FAILED: make test (exit code 2)\n\nOutput:\n"), "{}", output.text);
        assert!(output.text.contains("one failed"));
        let data = serde_json::to_value(output.data.unwrap()).unwrap();
        assert_eq!((&data["command"], &data["exit_code"]), (&"make test".into(), &2.into()));
        assert!(data["stdout"].as_str().unwrap().contains("one failed"));
        assert!(data["failures"].as_array().unwrap().is_empty());
    }
}
