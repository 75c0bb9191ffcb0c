//! What the model reads in the small conversation, filled into the texts beside this file. They are short, name one file and
//! one error, and end with the one thing to do, since that is what a small model does. Lines of code carry no numbers: they are
//! there to be copied into `old_text`.

use crate::check::{Finding, excerpt, surroundings};
use crate::context::{Matters, bounded};

/// Stable for all of them, so that a server keeps it.
pub(super) const SYSTEM: &str = include_str!("system.md");
const NARROW: &str = include_str!("narrow.md");
const ANEW: &str = include_str!("anew.md");
const REWRITE: &str = include_str!("rewrite.md");

/// Characters of the task, and of the change that failed.
const TASK: usize = 800;
const DIFF: usize = 3_000;
/// Characters of code; lines may be long.
const CODE: usize = 8_000;

/// The way that the model is to go.
pub(super) enum Way<'a> {
    Narrow,
    /// The file is as it was before the change that failed.
    Anew {
        line: usize,
        diff: &'a str,
    },
    Rewrite,
}

/// What the prompt speaks of.
pub(super) struct Subject<'a> {
    pub file: &'a str,
    pub check: &'a str,
    pub finding: &'a Finding,
    pub content: &'a str,
    pub task: &'a str,
}

/// The first message of the conversation.
pub(super) fn prompt(way: &Way<'_>, subject: &Subject<'_>) -> String {
    let Subject { file, check, finding, content, task } = *subject;
    let line = match way {
        Way::Anew { line, .. } => *line,
        Way::Narrow | Way::Rewrite => finding.line,
    };
    let range = surroundings(content, line);
    let (code, marked) = excerpt(content, &range, finding.line);
    let mut error = format!("{}: {}", super::report::place(file, finding.line), finding.message);
    if let (Some(marked), Way::Narrow | Way::Rewrite) = (marked, way) {
        error.push_str(&format!("\nLine {} reads: {marked}", finding.line));
    }
    let whole = range.clone().count() == content.lines().count();
    let (part, call) = match whole {
        true => ("the file", format!("call write_file once, with all of {file}")),
        false => ("these lines", "call edit_file once, with what is to stand in place of the lines above".into()),
    };
    let diff = match way {
        Way::Anew { diff, .. } => fenced(diff, DIFF),
        Way::Narrow | Way::Rewrite => String::new(),
    };
    let text = match way {
        Way::Narrow => NARROW,
        Way::Anew { .. } => ANEW,
        Way::Rewrite => REWRITE,
    };
    fill(
        text.trim_end(),
        &[
            ("file", file),
            ("check", check),
            ("error", &error),
            ("first", &range.start().to_string()),
            ("last", &range.end().to_string()),
            ("code", &fenced(&code, CODE)),
            ("task", &bounded(task.trim(), TASK, Matters::Head, "this is its beginning")),
            ("diff", &diff),
            ("part", part),
            ("call", &call),
        ],
    )
}

/// In a fence that nothing inside of it ends.
fn fenced(text: &str, limit: usize) -> String {
    let mut fence = "```".to_string();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!(
        "{fence}\n{}\n{fence}",
        bounded(text.trim_end_matches('\n'), limit, Matters::Head, "read_file shows the rest")
    )
}

/// Each `{name}` once replaced; what is filled in is not looked at again.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 1_024);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let found = after
            .split_once('}')
            .and_then(|(name, after)| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, after)));
        rest = match found {
            Some((value, after)) => {
                filled.push_str(value);
                after
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>(content: &'a str, finding: &'a Finding) -> Subject<'a> {
        Subject { file: "src/a.rs", check: "rust", finding, content, task: "Make {file} add numbers.\n" }
    }

    #[test]
    fn what_the_model_reads() {
        let finding = Finding { file: None, line: 2, column: None, message: "expected `;`, found `}`".into() };
        let content = "fn add() {\n    work()\n}\n";
        insta::assert_snapshot!("mend_narrow", prompt(&Way::Narrow, &subject(content, &finding)));
        insta::assert_snapshot!("mend_rewrite", prompt(&Way::Rewrite, &subject(content, &finding)));
        let way = Way::Anew { line: 1, diff: "-fn add() {}\n+fn add() {\n+    work()\n+}\n" };
        insta::assert_snapshot!("mend_anew", prompt(&way, &subject("fn add() {}\n", &finding)));
    }

    #[test]
    fn a_long_file_is_shown_in_part_and_its_text_ends_no_fence() {
        let content = format!("{}fn a() {{\n    ```{{task}}\n    x\n    y\n}}\n", "use x;\n".repeat(80));
        let finding = Finding { file: None, line: 82, column: None, message: "wrong".into() };
        let text = prompt(&Way::Rewrite, &subject(&content, &finding));
        assert!(text.contains("Lines 81 to 85 of src/a.rs") && text.contains("Write these lines once more"), "{text}");
        assert!(text.contains("````\nfn a() {\n    ```{task}\n") && text.contains("call edit_file once"), "{text}");
    }
}
