//! The score of a task, 0 to 1: a weighted sum of what was seen of it so far. Without a command that says how hard it is, the
//! weights add up to 1. Errors weigh most, since a small model that fails is the best sign that the task is too hard for it;
//! a command's own word alone reaches the usual threshold.

use serde::Serialize;

use crate::protocol::RoutePart;

/// What has been seen of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signals {
    /// Files that its calls have named or changed.
    pub files: usize,
    pub tools: Kinds,
    /// Calls that failed or were refused, and checks that found errors.
    pub errors: usize,
    /// Characters of what the model was asked.
    pub task: usize,
    /// Tokens of the conversation, and of the local model's window.
    pub tokens: usize,
    pub window: usize,
    /// What the command that runs says.
    pub command: Option<Complexity>,
}

/// What its calls do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    pub reads: bool,
    pub writes: bool,
    pub programs: bool,
    pub network: bool,
}

/// A command's `complexity:`, a hint; it never opens a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    Low,
    Medium,
    High,
}

impl Complexity {
    pub fn name(self) -> &'static str {
        match self {
            Complexity::Low => "low",
            Complexity::Medium => "medium",
            Complexity::High => "high",
        }
    }
}

const FILES: f64 = 0.20;
const TOOLS: f64 = 0.15;
const ERRORS: f64 = 0.40;
const TASK: f64 = 0.10;
const CONVERSATION: f64 = 0.15;
const COMMAND: f64 = 0.80;

/// What makes a signal count in full.
const MANY_FILES: usize = 8;
const MANY_ERRORS: usize = 4;
const LONG_TASK: usize = 4_000;

/// The score, and what adds to it. A command that says nothing of its complexity has no part.
pub fn score(signals: &Signals) -> (f64, Vec<RoutePart>) {
    let Signals { files, tools, errors, task, tokens, window, command } = signals;
    let mut parts = vec![
        part("files", count(*files, "file"), FILES, share(*files, MANY_FILES)),
        part("tools", tools.words(), TOOLS, tools.value()),
        part("errors", count(*errors, "error"), ERRORS, share(*errors, MANY_ERRORS)),
        part("task", count(*task, "character"), TASK, share(*task, LONG_TASK)),
        part("conversation", format!("{tokens} of {window} tokens"), CONVERSATION, share(*tokens, *window)),
    ];
    if let Some(complexity) = command {
        let value = match complexity {
            Complexity::Low => -0.5,
            Complexity::Medium => 0.5,
            Complexity::High => 1.0,
        };
        parts.push(part("command", format!("complexity: {}", complexity.name()), COMMAND, value));
    }
    let sum: f64 = parts.iter().map(|part| part.adds).sum();
    (round(sum.clamp(0.0, 1.0)), parts)
}

impl Kinds {
    fn value(self) -> f64 {
        let kinds = [(self.reads, 0.1), (self.network, 0.3), (self.writes, 0.4), (self.programs, 0.4)];
        kinds.iter().filter(|(used, _)| *used).fold(0.0, |sum: f64, (_, value)| sum + value).min(1.0)
    }

    fn words(self) -> String {
        let kinds = [
            (self.reads, "read"),
            (self.writes, "write"),
            (self.programs, "run programs"),
            (self.network, "use the network"),
        ];
        let words: Vec<&str> = kinds.iter().filter(|(used, _)| *used).map(|(_, word)| *word).collect();
        if words.is_empty() { "no calls".into() } else { format!("calls that {}", words.join(", ")) }
    }
}

fn part(name: &str, seen: String, weight: f64, value: f64) -> RoutePart {
    let value = round(value);
    RoutePart { name: name.into(), seen, weight, value, adds: round(weight * value) }
}

fn share(number: usize, full: usize) -> f64 {
    if full == 0 { 0.0 } else { (number as f64 / full as f64).min(1.0) }
}

/// To thousandths: what is shown is what is compared.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Kinds = Kinds { reads: true, writes: true, programs: true, network: true };

    #[test]
    fn what_was_seen_adds_up() {
        let check = |signals: Signals, expected: f64| assert_eq!(score(&signals).0, expected, "{signals:?}");
        let nothing = Signals { window: 8_000, ..Signals::default() };
        check(nothing.clone(), 0.0);
        check(Signals { files: 2, ..nothing.clone() }, 0.05);
        check(Signals { errors: 2, ..nothing.clone() }, 0.2);
        check(Signals { tokens: 4_000, ..nothing.clone() }, 0.075);
        check(Signals { tokens: 4_000, window: 0, ..nothing.clone() }, 0.0);
        check(Signals { tools: Kinds { reads: true, writes: true, ..Kinds::default() }, ..nothing.clone() }, 0.075);
        let most = Signals { files: 99, tools: ALL, errors: 99, task: 99_999, tokens: 9_000, ..nothing.clone() };
        check(most.clone(), 1.0);
        check(Signals { command: Some(Complexity::High), ..nothing.clone() }, 0.8);
        check(Signals { command: Some(Complexity::Medium), errors: 2, ..nothing.clone() }, 0.6);
        check(Signals { command: Some(Complexity::Low), ..nothing }, 0.0);
        check(Signals { command: Some(Complexity::Low), ..most }, 0.6);
    }

    #[test]
    fn each_part_says_what_was_seen() {
        let tools = Kinds { writes: true, programs: true, ..Kinds::default() };
        let command = Some(Complexity::Medium);
        let signals = Signals { files: 1, tools, errors: 0, task: 400, tokens: 10, window: 100, command };
        let (_, parts) = score(&signals);
        let lines: Vec<String> =
            parts.iter().map(|part| format!("{} {} {} {}", part.name, part.seen, part.value, part.adds)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        files 1 file 0.125 0.025
        tools calls that write, run programs 0.8 0.12
        errors 0 errors 0 0
        task 400 characters 0.1 0.01
        conversation 10 of 100 tokens 0.1 0.015
        command complexity: medium 0.5 0.4
        ");
    }
}
