//! Notices that the model goes in circles: calls that come again with the same results, one after the other or in turns, which
//! ends the turn; and what it reads or changes over and over, which it is told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::announced::host_tools;
use super::ask::Asked;
use super::call::{By, CallResult};
use super::mend::Run;
use super::rereading::Rereading;
use super::spiral::Spiral;
use super::turn::Turn;
use super::{Context, Settings, files};
use crate::policy::{self, Access};
use crate::protocol::ToolStatus;

/// The longest circle that is noticed: A, B, C, D, A, B, C, D, …
const LONGEST: usize = 4;
/// Replies in a row that call no tool that exists, at which the turn ends.
const UNKNOWN: u32 = 5;

/// A call and what came of it: tool, arguments, result.
type Seen = (String, String, String);

/// Remembers the last calls, and the last replies as wholes.
pub(super) struct Guard {
    limit: u32,
    calls: Rounds<Seen>,
    replies: Rounds<Vec<Seen>>,
    rereading: Rereading,
    spiral: Spiral,
    /// Replies in a row that call no tool that exists.
    unknown: u32,
    /// What the model was told, without how often it did so, and how often it was told.
    told: BTreeMap<String, u32>,
}

/// The last things, no more than are needed to see a circle close `limit` times.
struct Rounds<T> {
    last: Vec<T>,
    most: usize,
}

impl<T: PartialEq> Rounds<T> {
    fn new(limit: u32) -> Rounds<T> {
        Rounds { last: Vec::new(), most: LONGEST * limit as usize }
    }

    /// How often the circle closed that ends with this, whatever its length.
    fn count(&mut self, next: T) -> u32 {
        if self.last.len() == self.most {
            self.last.remove(0);
        }
        self.last.push(next);
        let closed = |length: usize| {
            let (_, circle) = self.last.split_at(self.last.len().saturating_sub(length));
            self.last.rchunks_exact(length).take_while(|round| *round == circle).count()
        };
        (1..=LONGEST).map(closed).max().and_then(|times| u32::try_from(times).ok()).unwrap_or_default()
    }
}

impl Guard {
    pub fn new(settings: &Settings) -> Guard {
        let limit = settings.loop_repeats;
        Guard {
            limit,
            calls: Rounds::new(limit),
            replies: Rounds::new(limit),
            rereading: Rereading::new(settings.recovery.read_repeats),
            spiral: Spiral::new(settings.recovery.patch_repeats),
            unknown: 0,
            told: BTreeMap::new(),
        }
    }

    /// What was read, and told, is no longer in the conversation.
    pub fn forget_readings(&mut self) {
        self.rereading.forget();
        self.told.clear();
    }

    /// How often the model was told this, when that is `limit` times: it does not heed it.
    pub fn is_unheeded(&mut self, note: &str) -> Option<u32> {
        let times = self.told.entry(without_count(note)).or_default();
        *times += 1;
        (*times >= self.limit).then_some(*times)
    }

    /// What the model is told of these calls: the first thing, so that there is one to do.
    pub fn note(&mut self, turn: &Turn, context: &Context, asked: &[Asked], results: &[CallResult]) -> Option<String> {
        let calls = asked.iter().zip(results).filter(|(asked, _)| context.admits(&asked.call.name));
        let notes: Vec<String> = calls.filter_map(|(asked, result)| self.note_call(turn, asked, result)).collect();
        notes.into_iter().next()
    }

    /// Why the turn ends where calls name no tool again and again.
    pub fn lost(&mut self, turn: &Turn, asked: &[Asked]) -> Option<String> {
        let own = |name: &str| host_tools().iter().any(|tool| tool.name == name);
        let exists = |asked: &Asked| {
            asked.unreadable.is_some() || own(&asked.call.name) || turn.plugins.find(&asked.call.name).is_some()
        };
        self.unknown = if asked.iter().any(exists) { 0 } else { self.unknown + 1 };
        (self.unknown >= UNKNOWN).then(|| {
            format!(
                "the model called tools that do not exist in {} replies in a row; ask again, or try another model",
                self.unknown
            )
        })
    }

    fn note_call(&mut self, turn: &Turn, asked: &Asked, result: &CallResult) -> Option<String> {
        if turn.reads_only(&asked.call.name) {
            if result.cut {
                return None;
            }
            let (path, lines) = lines_read(result)?;
            let content = files::read(&turn.services.workspace, &path).ok()??;
            return self.rereading.read(&path, lines, &files::sha256(&content));
        }
        if matches!(result.status, ToolStatus::Failed | ToolStatus::Invalid) {
            let tool = turn.plugins.find(&asked.call.name)?;
            if turn.scope.narrow(tool, By::Model).workspace.widest() != Access::Write {
                return None;
            }
            let path = policy::normalise(asked.call.arguments.get("path").and_then(Value::as_str)?).ok()?;
            // What the complaint asks for may be just to read the file.
            self.rereading.forget_file(&path);
            return self.spiral.failed(&path);
        }
        let mut notes: Vec<String> = result.wrote.iter().filter_map(|wrote| self.spiral.wrote(wrote)).collect();
        notes.extend(errors(&result.runs).into_iter().filter_map(|(file, count)| self.spiral.checked(file, count)));
        notes.into_iter().next()
    }

    /// The tool and the count when the same calls, or the same replies, came to the same results `limit` times.
    pub fn repeated(&mut self, asked: &[Asked], results: &[CallResult]) -> Option<(String, u32)> {
        let seen = |(asked, result): (&Asked, &CallResult)| {
            (asked.call.name.clone(), asked.call.arguments.to_string(), untimed(&result.text).into_owned())
        };
        let reply: Vec<Seen> = asked.iter().zip(results).map(seen).collect();
        // The same call twice in one reply was made without knowing its result.
        let mut made: Vec<&Seen> = Vec::new();
        for call in &reply {
            if !made.contains(&call) {
                made.push(call);
            }
        }
        let calls = made.into_iter().map(|call| self.calls.count(call.clone())).max().unwrap_or_default();
        let tool = reply.first()?.0.clone();
        let times = calls.max(self.replies.count(reply));
        (times >= self.limit).then_some((tool, times))
    }
}

/// The note without the number that counts how often it was so: of what was read or changed nothing is left out.
fn without_count(note: &str) -> String {
    let words: Vec<&str> = note.split_whitespace().collect();
    let counts =
        |at: usize| words.get(at + 1).is_some_and(|next| next.starts_with("times") || next.starts_with("changes"));
    let is_count = |at: usize, word: &str| word.trim_start_matches('[').parse::<u32>().is_ok() && counts(at);
    let kept = words.iter().enumerate().filter(|(at, word)| !is_count(*at, word)).map(|(_, word)| *word);
    kept.collect::<Vec<_>>().join(" ")
}

/// Without times and addresses, which differ whenever a program runs.
fn untimed(text: &str) -> Cow<'_, str> {
    const UNITS: &str = r"\b\d+(?:[.,]\d+)?\s?(?:ns|µs|us|ms|s|secs?|seconds?|min|minutes?)\b|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b|\b0x[0-9a-f]+\b";
    static TIMES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(UNITS).ok());
    TIMES.as_ref().map_or(Cow::Borrowed(text), |times| times.replace_all(text, "#"))
}

/// How many errors each file that was checked has, of all its checks.
fn errors(runs: &[Run]) -> BTreeMap<&str, usize> {
    let mut errors: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        for file in &run.files {
            *errors.entry(file.as_str()).or_default() += run.errors(file).count();
        }
    }
    errors
}

/// The file that a call has read and the lines that it has shown, as the result's data tell.
fn lines_read(result: &CallResult) -> Option<(String, (u64, u64))> {
    let data = result.data.as_ref().filter(|_| result.status == ToolStatus::Ok)?;
    let number = |name: &str| data.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
    let path = policy::normalise(data.get("path").and_then(Value::as_str)?).ok()?;
    Some((path, (number("start")?, number("end")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Finding;

    #[test]
    fn a_file_has_the_errors_of_all_its_checks() {
        let finding = |file: &str| Finding { file: Some(file.into()), line: 1, column: None, message: "m".into() };
        let run = |files: &[&str], found: &[&str]| Run {
            check: "c".into(),
            files: files.iter().map(ToString::to_string).collect(),
            whole: true,
            findings: found.iter().map(|file| finding(file)).collect(),
        };
        let check = |runs: &[Run], expected: &[(&str, usize)]| {
            assert_eq!(errors(runs).into_iter().collect::<Vec<_>>(), expected, "{runs:?}");
        };
        check(&[], &[]);
        check(&[run(&["a"], &["a", "b"])], &[("a", 1)]);
        check(&[run(&["a"], &["a"]), run(&["a", "b"], &[]), run(&["a"], &["a", "a"])], &[("a", 3), ("b", 0)]);
    }

    #[test]
    fn the_same_note_is_one_about_the_same() {
        let check = |one: &str, other: &str, same: bool| {
            assert_eq!(without_count(one) == without_count(other), same, "{one}");
        };
        check(
            "[You have read lines 1 to 9 of a.rs 3 times, and",
            "[You have read lines 1 to 9 of a.rs 6 times, and",
            true,
        );
        check(
            "[You have read lines 1 to 9 of a.rs 3 times, and",
            "[You have read lines 20 to 29 of a.rs 3 times, and",
            false,
        );
        check("[3 changes of a2.rs in a row", "[6 changes of a2.rs in a row", true);
        check("[3 changes of a2.rs in a row", "[3 changes of a3.rs in a row", false);
    }

    #[test]
    fn the_time_that_a_program_took_makes_no_difference() {
        let check = |one: &str, other: &str, same: bool| assert_eq!(untimed(one) == untimed(other), same, "{one}");
        check("test result: ok. 3 passed; finished in 0.03s", "test result: ok. 3 passed; finished in 1.20s", true);
        check("Ran 1 test in 12 ms", "Ran 1 test in 9 ms", true);
        check("[09:12:33] built at 0x7ffe10", "[09:12:41] built at 0x55aa", true);
        check("3 passed", "4 passed", false);
        check("a.rs:12:5 wrong", "a.rs:13:5 wrong", false);
    }

    #[test]
    fn circles_are_counted_whatever_their_length() {
        let check = |calls: &str, expected: u32| {
            let mut rounds = Rounds::new(3);
            let times = calls.chars().map(|call| rounds.count(call)).last().unwrap_or_default();
            assert_eq!(times, expected, "{calls}");
        };
        check("a", 1);
        check("aaa", 3);
        check("aab", 1);
        check("abab", 2);
        check("ababab", 3);
        check("xabcabcabc", 3);
        check("abcdabcdabcd", 3);
        check("abcdeabcdeabcde", 1);
        check("abaab", 1);
    }
}
