//! The note that opens a compacted conversation, at the beginning of a user's message: what was left out, in lines. By the
//! rules of `compact`, or by a summary of the model's. The next compaction reads it and goes on with it.

use std::collections::BTreeSet;

use super::tokens::width;
use crate::protocol::Message;

/// Opens the note.
pub const EARLIER: &str = "[Earlier in this conversation, shortened to fit the context window:";
/// How lines of it begin.
pub const ASKED: &str = "- The user asked: ";
pub const CHANGED: &str = "  Files that were changed: ";
pub const ANSWERED: &str = "  You answered: ";
pub const CALLED: &str = "- You called ";
/// Behind a `- `, or in a turn that is over behind two spaces.
pub const SAID: &str = "You said: ";
/// Of the turn that runs, in one line.
const FILES: &str = "- Files that you changed: ";
/// What still holds: what it is about, the tool in brackets and a colon follow, and then its text.
pub const HELD: &str = "- The newest result about ";
/// How lines begin that belong to the one above: deeper than any line of the rules.
pub const INDENT: &str = "    ";
/// Counts the lines that had to go; a number, and the rest, stand between.
const GONE: (&str, &str) = ("- (", " earlier lines are left out here)");
const SUMMARY: &str = "- Your own summary:";
/// Width of the names of changed files; the newest stay.
const MOST_FILES: usize = 600;
/// Stands for names that had to go.
const MORE: &str = "…";

/// What is added to a note.
pub struct Told {
    pub lines: Vec<String>,
    /// Files that were changed meanwhile.
    pub files: Vec<String>,
    /// Entries that begin with [`HELD`].
    pub held: Vec<String>,
    /// Of what nothing holds any more that the note says.
    pub settled: BTreeSet<String>,
}

/// Puts a summary in the place of what the rules say of calls and answers that were left out. What the user asked for, what the
/// model said of its steps, the files that were changed and what still holds stay.
pub fn sum_up(messages: &mut [Message], summary: Vec<String>) {
    let noted =
        messages.iter().position(|message| matches!(message, Message::User { text } if text.starts_with(EARLIER)));
    let Some(Message::User { text }) = noted.map(|place| &mut messages[place]) else { return };
    let (told, task) = split_note(text);
    let stays = |line: &String| line.starts_with(ASKED) || line.starts_with(CHANGED) || is_said(line) || holds(line);
    let lines: Vec<String> = told.into_iter().filter(stays).chain([SUMMARY.to_string()]).chain(summary).collect();
    *text = noted_before(&lines, task);
}

/// Adds to the note at the beginning of the user's message at `place`, which is at most `room` wide.
pub fn put_note(messages: &mut [Message], place: usize, told: Told, room: usize) {
    let Some(Message::User { text }) = messages.get_mut(place) else { return };
    let (earlier, task) = split_note(text);
    let lines = within(tidied(earlier, told), room);
    if !lines.is_empty() {
        *text = noted_before(&lines, task);
    }
}

/// All lines together: what holds is told once, as it is now, at the end; so are the files; nothing is said twice.
fn tidied(earlier: Vec<String>, told: Told) -> Vec<String> {
    let Told { lines, files, held, mut settled } = told;
    let (stand, mut lines): (Vec<String>, Vec<String>) = earlier.into_iter().chain(lines).partition(|line| holds(line));
    let mut said = BTreeSet::new();
    lines.reverse();
    lines.retain(|line| !is_said(line) || said.insert(line.trim_start_matches(['-', ' ']).to_string()));
    lines.reverse();
    let (listed, stand): (Vec<String>, Vec<String>) = stand.into_iter().partition(|line| line.starts_with(FILES));
    let listed = listed.iter().flat_map(|line| line[FILES.len()..].split(", ")).map(String::from);
    lines.extend(list(listed.chain(files).collect()));
    let mut stand: Vec<String> = stand.into_iter().chain(held).rev().collect();
    stand.retain(|entry| settled.insert(about(entry).to_string()));
    lines.extend(stand.into_iter().rev());
    lines
}

/// The line of these files, the newest last.
fn list(files: Vec<String>) -> Option<String> {
    let (mut names, mut room) = (Vec::<&str>::new(), MOST_FILES);
    let mut more = false;
    for name in files.iter().rev().map(String::as_str) {
        let wide = width(name) + 2;
        if name == MORE || wide > room {
            more = true;
        } else if !names.contains(&name) {
            names.push(name);
            room -= wide;
        }
    }
    names.extend(more.then_some(MORE));
    names.reverse();
    (!names.is_empty()).then(|| format!("{FILES}{}", names.join(", ")))
}

fn holds(line: &str) -> bool {
    line.starts_with(HELD) || line.starts_with(FILES)
}

fn is_said(line: &str) -> bool {
    line.trim_start_matches(['-', ' ']).starts_with(SAID)
}

/// What an entry is about that begins with [`HELD`].
fn about(entry: &str) -> &str {
    let line = entry.lines().next().unwrap_or_default().trim_start_matches(HELD);
    line.rsplit_once(" (").map_or(line, |(about, _)| about)
}

/// Leaves out what matters least, the oldest first, until the lines are at most `room` wide: calls, what the model said, answers,
/// then whatever does not hold any more, then all. How many are gone stands before the others.
fn within(mut lines: Vec<String>, room: usize) -> Vec<String> {
    let count = |line: &str| line.strip_prefix(GONE.0)?.strip_suffix(GONE.1)?.parse::<usize>().ok();
    let mut gone: usize = lines.iter().filter_map(|line| count(line)).sum();
    lines.retain(|line| count(line).is_none());
    let mut wide: usize = lines.iter().map(|line| width(line) + 1).sum();
    let goes: [fn(&str) -> bool; 5] =
        [|line| line.starts_with(CALLED), is_said, |line| line.starts_with(ANSWERED), |line| !holds(line), |_| true];
    for goes in goes {
        lines.retain(|line| {
            let goes = wide > room && goes(line);
            if goes {
                wide -= width(line) + 1;
                gone += 1;
            }
            !goes
        });
    }
    if gone > 0 {
        lines.insert(0, format!("{}{gone}{}", GONE.0, GONE.1));
    }
    lines
}

/// What the host says, in the user's place, of a reply with which nothing can be done. Behind results notes are part of these.
pub const NOTHING_SAID: &str =
    "[Your reply was empty. Call a tool to go on, or answer in plain words if you are done.]";
pub const REPEATS: &str =
    "[Your reply repeated itself and was cut. Do the next step: call one tool, or answer in plain words.]";
pub const NOT_YET: &str = "[Nothing was changed yet. Make the change now: call one of the tools.]";

/// Whether a user's message is one of these, and not the user's.
pub fn is_note(text: &str) -> bool {
    [NOTHING_SAID, REPEATS, NOT_YET].contains(&text)
}

/// The user's words in a message, behind what the host has put before them.
pub fn words(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('[')
        && let Some((_, behind)) = rest.split_once("]\n\n")
    {
        rest = behind.trim_start_matches('\n');
    }
    if rest.trim().is_empty() { text } else { rest }
}

fn noted_before(lines: &[String], task: &str) -> String {
    format!("{EARLIER}\n{}\n]\n\n{task}", lines.join("\n"))
}

/// The lines of the note, each with those that belong to it, and what stands behind it.
pub fn split_note(text: &str) -> (Vec<String>, &str) {
    let split = text.strip_prefix(EARLIER).and_then(|rest| rest.strip_prefix('\n')?.split_once("\n]\n\n"));
    let Some((note, task)) = split else { return (Vec::new(), text) };
    let mut lines: Vec<String> = Vec::new();
    for line in note.lines() {
        match lines.last_mut() {
            Some(above) if line.starts_with(INDENT) => above.extend(["\n", line]),
            _ => lines.push(line.to_string()),
        }
    }
    (lines, task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_is_too_long_loses_calls_then_answers_then_the_oldest() {
        let lines = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let told = [
            "- The user asked: one",
            "  Files that were changed: a",
            "  You answered: done",
            "- The user asked: two",
            "- You called read_file (a): x",
            "- You called read_file (b): x",
        ];
        let check = |room: usize, expected: &[&str]| assert_eq!(within(lines(&told), room), lines(expected), "{room}");
        check(500, &told);
        check(130, &[&["- (1 earlier lines are left out here)"], &told[..4], &told[5..]].concat());
        check(80, &["- (3 earlier lines are left out here)", told[0], told[1], told[3]]);
        check(25, &["- (5 earlier lines are left out here)", told[3]]);
        check(0, &["- (6 earlier lines are left out here)"]);
        let again = within(within(lines(&told), 80), 25);
        assert_eq!(again, ["- (5 earlier lines are left out here)", told[3]]);
    }

    #[test]
    fn what_holds_is_told_once_and_stays_longest() {
        let lines = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let told = |texts: &[&str], files: &[&str], held: &[&str], settled: &[&str]| Told {
            lines: lines(texts),
            files: lines(files),
            held: lines(held),
            settled: lines(settled).into_iter().collect(),
        };
        let plan = |step: u32| format!("{HELD}todo (todo):\n    [x] look\n    [>] step {step}");
        let error = format!("{HELD}bad.py (write_file):\n    bad.py:1: wrong");
        let earlier = tidied(
            lines(&["- The user asked: one", "- You said: ok"]),
            told(&["- You said: by way B", "- You said: ok"], &["a", "b"], &[&plan(1), &error], &[]),
        );
        let said =
            ["- The user asked: one", "- You said: by way B", "- You said: ok", "- Files that you changed: a, b"];
        assert_eq!(earlier, [lines(&said), lines(&[&plan(1), &error])].concat());
        let mut messages = [Message::User { text: noted_before(&earlier, "mend it") }];
        put_note(&mut messages, 0, told(&["- You called x (y): z"], &["c", "a"], &[&plan(2)], &["bad.py"]), 130);
        let Message::User { text } = &messages[0] else { return };
        let (now, task) = split_note(text);
        let gone = "- (3 earlier lines are left out here)".to_string();
        let left = [gone, said[0].into(), "- Files that you changed: b, c, a".into(), plan(2)];
        assert_eq!((now.as_slice(), task), (left.as_slice(), "mend it"));
        sum_up(&mut messages, lines(&["    short"]));
        let Message::User { text } = &messages[0] else { return };
        assert_eq!(split_note(text).0, [&left[1..], &lines(&["- Your own summary:\n    short"])].concat());
        let many: Vec<String> = (0..100).map(|number| format!("src/file{number}.rs")).collect();
        let list = list([vec![MORE.to_string()], many].concat()).unwrap();
        assert!(
            list.starts_with("- Files that you changed: …, src/file") && list.ends_with(", src/file99.rs"),
            "{list}"
        );
    }

    #[test]
    fn notes_of_the_host_are_told_from_the_users_words() {
        let check = |text: &str, note: bool, expected: &str| assert_eq!((is_note(text), words(text)), (note, expected));
        check(NOT_YET, true, NOT_YET);
        check("[JIRA-7] sort items[0]", false, "[JIRA-7] sort items[0]");
        check("[1, 2]", false, "[1, 2]");
        check("[New tools:\n- a\n- b]\n\n[Gone: c]\n\nmend it\n\nnow", false, "mend it\n\nnow");
        check("mend [it]", false, "mend [it]");
        check("[x] is wrong", false, "[x] is wrong");
        check(&format!("{EARLIER}\n- a\n]"), false, &format!("{EARLIER}\n- a\n]"));
    }
}
