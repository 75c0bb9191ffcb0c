//! The honest report of a turn that gives up: what still fails, what was tried, what was changed, and how to take it back.

use super::Trouble;
use crate::agent::turn::Turn;
use crate::check::{Finding, MOST};
use crate::protocol::Failing;
use crate::session;

/// What is told, in words and as data.
pub(super) struct Report {
    pub text: String,
    pub failing: Vec<Failing>,
    pub files: Vec<String>,
    pub restore: String,
}

pub(super) fn make(turn: &Turn, trouble: &Trouble, tried: &[String], failing: &[Finding]) -> Report {
    let failing: Vec<Failing> = failing
        .iter()
        .take(MOST)
        .map(|finding| Failing {
            check: trouble.failure.check.clone(),
            file: finding.file.clone().unwrap_or_default(),
            line: finding.line,
            message: finding.message.clone(),
        })
        .collect();
    let entries = turn.services.recorder.history().unwrap_or_default();
    let since = session::since(&entries, Some(turn.number));
    let changed = session::changes(since.iter().flat_map(|since| since.entries).map(|entry| &entry.event));
    let files: Vec<String> = changed.into_iter().map(|file| file.path).collect();
    let restore = format!("garth sessions restore {} --turn {}", turn.session, turn.number);
    let go_back = format!("/restore {}, or `{restore}`", turn.number);
    let text = words(&trouble.failure.file, &failing, tried, &files, &go_back);
    Report { text, failing, files, restore }
}

fn words(file: &str, failing: &[Failing], tried: &[String], files: &[String], go_back: &str) -> String {
    let mut text = "I did not get this to pass its check, and stop here.\n\n".to_string();
    text.push_str(&match failing.is_empty() {
        true => format!("{file} passes its check again, since the change that failed was taken back.\n"),
        false => "Still failing:\n".into(),
    });
    for Failing { check, file, line, message } in failing {
        text.push_str(&format!("- {}: {message} ({check})\n", place(file, *line)));
    }
    if !tried.is_empty() {
        text.push_str("\nTried, after the changes that failed:\n");
        tried.iter().for_each(|tried| text.push_str(&format!("- {tried}\n")));
    }
    if !files.is_empty() {
        text.push_str(&format!(
            "\nChanged in this task: {}.\nTo have these files as they were before it: {go_back}.",
            files.join(", ")
        ));
    }
    text.trim_end().to_string()
}

/// `src/a.rs:4`.
pub(super) fn place(file: &str, line: usize) -> String {
    if line > 0 { format!("{file}:{line}") } else { file.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_fails_what_was_tried_and_how_to_go_back() {
        let failing =
            |line| Failing { check: "rust".into(), file: "a.rs".into(), line, message: "expected `;`".into() };
        let tried = ["the error alone, in 6 requests: it still fails".to_string()];
        let files = ["a.rs".to_string(), "b.rs".to_string()];
        let go_back = "/restore 2, or `garth sessions restore 01 --turn 2`";
        let text = words("a.rs", &[failing(4), failing(0)], &tried, &files, go_back);
        insta::assert_snapshot!(text, @r"
        I did not get this to pass its check, and stop here.

        Still failing:
        - a.rs:4: expected `;` (rust)
        - a.rs: expected `;` (rust)

        Tried, after the changes that failed:
        - the error alone, in 6 requests: it still fails

        Changed in this task: a.rs, b.rs.
        To have these files as they were before it: /restore 2, or `garth sessions restore 01 --turn 2`.
        ");
    }
}
