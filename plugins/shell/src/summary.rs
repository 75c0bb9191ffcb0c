//! Finds the failures in what a test runner wrote, by the lines that each runner is known for. What is not recognised
//! is not lost: the result shows the output too.

use schemars::JsonSchema;
use serde::Serialize;

use crate::detect::Runner;

const MAX_FAILURES: usize = 20;
const MAX_MESSAGE: usize = 600;
const MAX_MESSAGE_LINES: usize = 8;

#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Absent when the output does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<u64>,
    /// The first of them.
    pub failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    pub name: String,
    /// The first lines of what was said about it; may be empty.
    pub message: String,
}

pub fn summarise(runner: Runner, stdout: &str, stderr: &str) -> Summary {
    let text = format!("{stdout}\n{stderr}");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut summary = match runner {
        Runner::Cargo => cargo(&lines),
        Runner::Go => go(&lines),
        Runner::Pytest => pytest(&lines),
        Runner::Unittest => unittest(&lines),
        Runner::Node => node(&lines),
        Runner::Other => Summary::default(),
    };
    summary.failures.truncate(MAX_FAILURES);
    summary
}

/// The number before `word` in a line like `2 failed, 3 passed in 0.1s`.
fn count_before(line: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> = line.split([' ', ',', ';', '=']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|found| *found == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

/// The number behind `label`, as in `# pass 3`.
fn count_after(lines: &[&str], labels: &[&str]) -> Option<u64> {
    let found = lines.iter().rev().find_map(|line| labels.iter().find_map(|label| line.trim().strip_prefix(label)));
    found?.trim().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn add(total: &mut Option<u64>, count: Option<u64>) {
    if let Some(count) = count {
        *total = Some(total.unwrap_or_default() + count);
    }
}

/// The first lines from `start` until `end` says so.
fn message(lines: &[&str], start: usize, end: impl Fn(&str) -> bool) -> String {
    let block = lines.iter().skip(start).take_while(|line| !end(line)).filter(|line| !line.trim().is_empty());
    let text = block.take(MAX_MESSAGE_LINES).copied().collect::<Vec<_>>().join("\n");
    garth_plugin::text::clip_line(&text, MAX_MESSAGE)
}

/// Lines in `---- name stdout ----` blocks; what the compiler says when it does not come to tests.
fn cargo(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("test result:") {
            add(&mut summary.passed, count_before(line, "passed"));
            add(&mut summary.failed, count_before(line, "failed"));
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----")) {
            let end = |line: &str| {
                line.starts_with("---- ")
                    || line == "failures:"
                    || line.starts_with("note: run with `RUST_BACKTRACE")
                    || line.starts_with("stack backtrace:")
            };
            summary.failures.push(Failure { name: name.to_owned(), message: message(lines, at + 1, end) });
        }
        if (line.starts_with("error[") || line.starts_with("error: ")) && !line.contains("test failed, to rerun") {
            let end = |line: &str| line.is_empty();
            summary.failures.push(Failure { name: (*line).to_owned(), message: message(lines, at + 1, end) });
        }
    }
    summary
}

/// `--- FAIL: TestX (0.00s)` with indented lines below; `FAIL package [build failed]`.
fn go(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.trim_start().strip_prefix("--- FAIL: ") {
            let end = |line: &str| !line.starts_with([' ', '\t']) || line.trim_start().starts_with("--- ");
            let name = name.split(' ').next().unwrap_or(name).to_owned();
            summary.failures.push(Failure { name, message: message(lines, at + 1, end) });
        } else if line.starts_with("FAIL\t") && line.ends_with("failed]") {
            summary.failures.push(Failure { name: line[5..].to_owned(), message: String::new() });
        }
    }
    summary.failed = (!summary.failures.is_empty()).then_some(summary.failures.len() as u64);
    summary
}

/// The short summary's `FAILED path::name - message` and the last line's counts.
fn pytest(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    for line in lines {
        let found = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "));
        if let Some((name, said)) = found.map(|rest| rest.split_once(" - ").unwrap_or((rest, ""))) {
            let short = name.rsplit("::").next().unwrap_or(name).split('[').next().unwrap_or(name);
            let heading = lines.iter().position(|line| line.starts_with("___") && line.contains(&format!(" {short} ")));
            let block = heading.map_or(&[][..], |at| &lines[at + 1..]);
            let end = block.iter().position(|line| line.starts_with("___") || line.starts_with("==="));
            let wanted = |line: &&&str| line.starts_with("E ") || line.starts_with('>') || line.contains(": in ");
            let block = block[..end.unwrap_or(block.len())].iter().filter(wanted);
            let mut details: Vec<&str> = block.copied().take(MAX_MESSAGE_LINES).collect();
            if details.is_empty() && !said.is_empty() {
                details.push(said);
            }
            let message = garth_plugin::text::clip_line(&details.join("\n"), MAX_MESSAGE);
            summary.failures.push(Failure { name: name.to_owned(), message });
        }
        if line.contains(" in ") && (line.contains(" passed") || line.contains(" failed") || line.contains(" error")) {
            let (passed, failed) = (count_before(line, "passed"), count_before(line, "failed"));
            let errors = count_before(line, "error").or_else(|| count_before(line, "errors"));
            if passed.or(failed).or(errors).is_some() {
                summary.passed = Some(passed.unwrap_or(0));
                summary.failed = Some(failed.unwrap_or(0) + errors.unwrap_or(0));
            }
        }
    }
    summary
}

/// `FAIL: name (class)` with a traceback between rules; `Ran 5 tests`; `FAILED (failures=1, errors=2)`.
fn unittest(lines: &[&str]) -> Summary {
    let mut summary = Summary::default();
    let mut ran = None;
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: ")) {
            let end = |line: &str| line.starts_with("=====");
            let block: Vec<&str> = lines.iter().skip(at + 2).copied().take_while(|line| !end(line)).collect();
            let finish = block.iter().position(|line| line.starts_with("-----")).unwrap_or(block.len());
            // A traceback's end is what matters.
            let block: Vec<&str> = block[..finish].iter().copied().filter(|line| !line.trim().is_empty()).collect();
            let tail = &block[block.len().saturating_sub(MAX_MESSAGE_LINES)..];
            let message = garth_plugin::text::clip_line(&tail.join("\n"), MAX_MESSAGE);
            summary.failures.push(Failure { name: name.to_owned(), message });
        }
        if line.starts_with("Ran ") {
            ran = count_before(line, "tests").or_else(|| count_before(line, "test"));
        }
    }
    if let Some(ran) = ran {
        let failed = summary.failures.len() as u64;
        (summary.passed, summary.failed) = (Some(ran.saturating_sub(failed)), Some(failed));
    }
    summary
}

/// node's own runner in both of its formats (`not ok 1 - name`, `✖ name`), and the lines of common others (`● suite › name`).
fn node(lines: &[&str]) -> Summary {
    let mut summary = Summary {
        passed: count_after(lines, &["# pass ", "ℹ pass "]),
        failed: count_after(lines, &["# fail ", "ℹ fail "]),
        failures: Vec::new(),
    };
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim_start();
        if let Some(counts) = bare.strip_prefix("Tests:").or_else(|| bare.strip_prefix("Tests ")) {
            let counts = counts.replace('|', ",");
            (summary.passed, summary.failed) = (count_before(&counts, "passed"), count_before(&counts, "failed"));
        }
        let tap = bare.strip_prefix("not ok ").and_then(|rest| rest.split_once(" - ")).map(|(_, name)| name);
        let name = tap.or_else(|| bare.strip_prefix("✖ ")).or_else(|| bare.strip_prefix("● "));
        let Some(name) = name.filter(|name| *name != "failing tests:") else { continue };
        let name = name.rsplit_once(" (").filter(|(_, time)| time.ends_with("ms)")).map_or(name, |(name, _)| name);
        let end = |line: &str| {
            let bare = line.trim_start();
            ["not ok ", "ok ", "✖ ", "✔ ", "● ", "# ", "ℹ ", "...", "test at "]
                .iter()
                .any(|start| bare.starts_with(start))
        };
        let said = message(lines, at + 1, end);
        // The list at the end repeats each name, with details.
        match summary.failures.iter_mut().find(|failure| failure.name == name) {
            Some(failure) if failure.message.len() < said.len() => failure.message = said,
            Some(_) => {}
            None => summary.failures.push(Failure { name: name.to_owned(), message: said }),
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: Runner, output: &str, counts: (Option<u64>, Option<u64>), failures: &[(&str, &str)]) {
        let summary = summarise(runner, output, "");
        assert_eq!((summary.passed, summary.failed), counts, "{output}");
        let found: Vec<_> = summary.failures.iter().map(|f| (f.name.as_str(), f.message.as_str())).collect();
        assert_eq!(found, failures);
    }

    #[test]
    fn cargo_is_understood() {
        check(
            Runner::Cargo,
            "running 2 tests\ntest a ... ok\ntest t::b ... FAILED\n\nfailures:\n\n---- t::b stdout ----\n\nthread 't::b' panicked at src/lib.rs:9:5:\nassertion failed: x\nnote: run with `RUST_BACKTRACE=1`\n\n\nfailures:\n    t::b\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n",
            (Some(1), Some(1)),
            &[("t::b", "thread 't::b' panicked at src/lib.rs:9:5:\nassertion failed: x")],
        );
        check(
            Runner::Cargo,
            "error[E0308]: mismatched types\n --> src/lib.rs:2:5\n\nerror: could not compile `x`\n",
            (None, None),
            &[("error[E0308]: mismatched types", " --> src/lib.rs:2:5"), ("error: could not compile `x`", "")],
        );
    }

    #[test]
    fn python_is_understood() {
        check(
            Runner::Pytest,
            "____ test_a ____\n\n    def test_a():\n>       assert 1 == 2\nE       assert 1 == 2\n\nt.py:2: AssertionError\n=== short test summary info ===\nFAILED t.py::test_a - assert 1 == 2\n=== 1 failed, 2 passed in 0.01s ===\n",
            (Some(2), Some(1)),
            &[("t.py::test_a", ">       assert 1 == 2\nE       assert 1 == 2")],
        );
        check(
            Runner::Unittest,
            "F.\n=====\nFAIL: test_a (t.T.test_a)\n-----\nTraceback (most recent call last):\n  File \"t.py\", line 5\nAssertionError: 1 != 2\n\n-----\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n",
            (Some(1), Some(1)),
            &[(
                "test_a (t.T.test_a)",
                "Traceback (most recent call last):\n  File \"t.py\", line 5\nAssertionError: 1 != 2",
            )],
        );
    }

    #[test]
    fn go_and_node_are_understood() {
        check(
            Runner::Go,
            "--- FAIL: TestA (0.00s)\n    a_test.go:5: got 1\nFAIL\nFAIL\tx\t0.001s\nFAIL\ty [build failed]\n",
            (None, Some(2)),
            &[("TestA", "    a_test.go:5: got 1"), ("y [build failed]", "")],
        );
        check(
            Runner::Node,
            "✖ adds (1.2ms)\n✔ other (0.1ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\n\n✖ failing tests:\n\ntest at a.js:1:1\n✖ adds (1.2ms)\n  AssertionError: 1 == 2\n",
            (Some(1), Some(1)),
            &[("adds", "  AssertionError: 1 == 2")],
        );
        check(Runner::Node, "not ok 1 - adds\n# pass 0\n# fail 1\n", (Some(0), Some(1)), &[("adds", "")]);
    }
}
