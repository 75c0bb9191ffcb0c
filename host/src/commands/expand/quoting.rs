//! Reads a shell line as far as is needed to put values into it that stay words. The shell's quotes, substitutions and
//! subshells are followed; what cannot be followed with certainty makes the line one that takes no values.
//!
//! A value goes in between single quotes. Inside quotes of the line these are closed before it and opened again after it,
//! so that it cannot end them. A number in single quotes is not ours: `awk '{print $1}'`.

use std::ops::Range;

use super::evaluators;
use super::placeholder::{self, Names, Placeholder};
use super::values::Values;

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub source: String,
    pub slots: Vec<Slot>,
    /// Why no value can be put in.
    unclear: Option<&'static str>,
    all: Words,
}

/// What all arguments are outside quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    Each,
    One,
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Bytes of the line.
    pub range: Range<usize>,
    pub placeholder: Placeholder,
    quotes: Quotes,
    /// What stands there is read as code by the program; only a plain word may be put in.
    evaluated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A line that was not made, and the reason.
pub(super) struct Refused {
    pub reason: String,
}

impl Line {
    /// With placeholders that begin with `$`.
    pub(super) fn read(source: String, names: &Names) -> Line {
        Line::with(source, |text, at| placeholder::read(text, at, names), Words::Each)
    }

    /// With one placeholder, spelled `args`, that is all arguments as one word.
    pub(super) fn read_one(source: String, args: &str) -> Line {
        let find = |text: &str, at: usize| text[at..].starts_with(args).then_some((Placeholder::All, at + args.len()));
        Line::with(source, find, Words::One)
    }

    fn with(source: String, find: impl Fn(&str, usize) -> Option<(Placeholder, usize)>, all: Words) -> Line {
        let frames = vec![Frame::default()];
        let mut reader = Reader { text: &source, find, at: 0, frames, slots: Vec::new(), unclear: None };
        reader.read();
        let (slots, unclear) = (reader.slots, reader.unclear);
        Line { slots, unclear, source, all }
    }

    /// Puts the values in. `shell`: the one that the file asks for.
    pub(super) fn fill(&self, values: &Values, shell: Option<&str>) -> Result<String, Refused> {
        let mut line = String::with_capacity(self.source.len());
        let mut at = 0;
        for slot in &self.slots {
            let Some(value) = values.get(slot.placeholder) else {
                continue;
            };
            let written = &self.source[slot.range.clone()];
            let refuse = |why: &str| Err(Refused { reason: format!("`{written}` cannot be put in safely: {why}") });
            if let Some(shell) = shell.filter(|shell| !POSIX.contains(shell)) {
                return refuse(&format!("the quotes of `{shell}` are not known"));
            }
            if let Some(why) = self.unclear {
                return refuse(why);
            }
            if slot.evaluated && !is_plain(value.text) {
                return refuse("there the program would read it as code");
            }
            line.push_str(&self.source[at..slot.range.start]);
            match slot.quotes {
                Quotes::None
                    if slot.placeholder == Placeholder::All && (self.all == Words::Each || value.text.is_empty()) =>
                {
                    let words: Vec<String> = values.words.iter().map(|word| quote(word)).collect();
                    line.push_str(&words.join(" "));
                }
                Quotes::None => line.push_str(&quote(value.text)),
                _ if value.text.is_empty() || is_safe(value.text) => line.push_str(value.text),
                Quotes::Double => line.extend(["\"", &quote(value.text), "\""]),
                Quotes::Single => line.extend(["'", &quote(value.text), "'"]),
            }
            at = slot.range.end;
        }
        line.push_str(&self.source[at..]);
        Ok(line)
    }
}

const POSIX: &[&str] = &["sh", "bash", "zsh", "dash", "ksh", "/bin/sh", "/bin/bash"];

/// Between single quotes nothing means anything to a shell. (The crate's `quote` leaves braces bare, which bash expands.)
fn quote(value: &str) -> String {
    if !value.is_empty() && is_safe(value) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

/// Means itself wherever it stands in a line.
fn is_safe(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b',' | b':' | b'+'))
}

/// Means nothing to any interpreter.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// One list of commands: the line, a subshell, a substitution.
#[derive(Default)]
struct Frame {
    in_double: bool,
    /// The words of the simple command that is being read, without their quotes.
    words: Vec<String>,
    word: Option<String>,
    /// That word has something besides placeholders.
    embedding: bool,
    /// The slots in that word.
    parts: Vec<usize>,
    /// The slots of this simple command, and which of its words they are in.
    held: Vec<(usize, usize)>,
}

struct Reader<'a, F> {
    text: &'a str,
    find: F,
    at: usize,
    frames: Vec<Frame>,
    slots: Vec<Slot>,
    unclear: Option<&'static str>,
}

/// Deeper nesting is not followed.
const DEEPEST: usize = 32;

impl<F: Fn(&str, usize) -> Option<(Placeholder, usize)>> Reader<'_, F> {
    fn read(&mut self) {
        while let Some(c) = self.text[self.at..].chars().next() {
            if self.top().in_double { self.double(c) } else { self.bare(c) }
        }
        if self.frames.len() > 1 || self.top().in_double {
            self.unclear("its quotes or brackets do not match");
        }
        while !self.frames.is_empty() {
            self.end_command();
            self.frames.pop();
        }
    }

    fn double(&mut self, c: char) {
        match c {
            '"' => {
                self.top().in_double = false;
                self.at += 1;
            }
            '\\' => self.escape(),
            '`' => self.backtick(),
            '$' | '{' => self.dollar(c, Quotes::Double),
            c => self.literal(c),
        }
    }

    fn bare(&mut self, c: char) {
        let rest = &self.text[self.at..];
        match c {
            '\'' => self.single(),
            '"' => {
                self.top().in_double = true;
                self.top().word.get_or_insert_default();
                self.at += 1;
            }
            '\\' => self.escape(),
            '`' => self.backtick(),
            '$' | '{' => self.dollar(c, Quotes::None),
            '#' if self.top().word.is_none() => self.at += rest.find('\n').unwrap_or(rest.len()),
            '<' if rest.starts_with("<<") && !rest.starts_with("<<<") => {
                self.unclear("the line has a here-document");
                self.at += 2;
            }
            '<' | '>' => {
                self.end_word();
                self.at += if rest.starts_with("<<<") { 3 } else { 1 };
            }
            '(' if rest.starts_with("((") || rest[1..].trim_start().starts_with(')') => {
                self.unclear("the line has arithmetic or a function");
                self.at += 1;
                self.open();
            }
            '(' => {
                self.at += 1;
                self.open();
            }
            ')' => self.close(),
            ';' | '&' | '|' | '\n' => {
                self.end_command();
                self.at += 1;
            }
            ' ' | '\t' | '\r' => {
                self.end_word();
                self.at += 1;
            }
            c => self.literal(c),
        }
    }

    fn dollar(&mut self, c: char, quotes: Quotes) {
        let rest = &self.text[self.at + 1..];
        if let Some((placeholder, end)) = (self.find)(self.text, self.at) {
            self.slot(self.at..end, placeholder, quotes);
            self.at = end;
        } else if c == '{' {
            self.literal(c);
        } else if rest.starts_with("((") || rest.starts_with('[') {
            self.unclear("the line has arithmetic");
            self.literal('$');
        } else if rest.starts_with('(') {
            self.top().word.get_or_insert_default().push('$');
            self.top().embedding = true;
            self.at += 2;
            self.open();
        } else if rest.starts_with('{') && self.unclear.is_none() {
            let name = rest[1..].split('}').next().unwrap_or_default();
            if name.contains(['\'', '"', '$', '`', '\\', '\n', '{', '(']) || !rest.contains('}') {
                self.unclear("the line has an expansion with a text of its own");
            }
            self.literal('$');
        } else {
            if quotes == Quotes::None && rest.starts_with(['\'', '"']) {
                self.unclear("the line has `$` before a quote");
            }
            self.literal('$');
        }
    }

    fn single(&mut self) {
        let start = self.at + 1;
        let Some(length) = self.text[start..].find('\'') else {
            self.unclear("its quotes or brackets do not match");
            self.at = self.text.len();
            return;
        };
        let end = start + length;
        self.top().word.get_or_insert_default();
        while self.at < end {
            let from = self.at + 1;
            let next = self.text[from..end].find(['$', '{']).map_or(end, |offset| from + offset);
            self.keep(&self.text[from..next]);
            self.at = next;
            if next == end {
                break;
            }
            match (self.find)(self.text, next) {
                Some((Placeholder::Number(_), after)) if (next, after) != (start, end) => {
                    self.keep("$");
                }
                Some((placeholder, after)) if after <= end => {
                    self.slot(next..after, placeholder, Quotes::Single);
                    self.at = after - 1;
                }
                _ => self.keep(&self.text[next..=next]),
            }
        }
        self.at = end + 1;
    }

    fn slot(&mut self, range: Range<usize>, placeholder: Placeholder, quotes: Quotes) {
        let slot = self.slots.len();
        self.slots.push(Slot { range, placeholder, quotes, evaluated: false });
        let frame = self.top();
        frame.held.push((slot, frame.words.len()));
        frame.parts.push(slot);
        frame.word.get_or_insert_default();
    }

    fn escape(&mut self) {
        self.at += 1;
        match self.text[self.at..].chars().next() {
            // The line goes on.
            Some('\n') => self.at += 1,
            Some(c) => self.literal(c),
            None => self.unclear("it ends with a backslash"),
        }
    }

    fn backtick(&mut self) {
        self.unclear("the line has backticks; write `$(…)`");
        self.literal('`');
    }

    fn literal(&mut self, c: char) {
        let frame = self.top();
        frame.word.get_or_insert_default().push(c);
        frame.embedding = true;
        self.at += c.len_utf8();
    }

    fn keep(&mut self, text: &str) {
        let frame = self.top();
        frame.word.get_or_insert_default().push_str(text);
        frame.embedding |= !text.is_empty();
    }

    fn open(&mut self) {
        if self.frames.len() == DEEPEST {
            self.unclear("the line is nested too deeply");
            return;
        }
        self.frames.push(Frame::default());
    }

    fn close(&mut self) {
        self.end_command();
        self.at += 1;
        if self.frames.len() > 1 {
            self.frames.pop();
        } else {
            self.unclear("its quotes or brackets do not match");
        }
    }

    fn end_word(&mut self) {
        let frame = self.top();
        let Some(word) = frame.word.take() else {
            return;
        };
        let embedded = std::mem::take(&mut frame.embedding) || frame.parts.len() > 1;
        let parts = std::mem::take(&mut frame.parts);
        let reserved = frame.words.is_empty() && matches!(word.as_str(), "case" | "function" | "coproc");
        frame.words.push(word);
        if embedded {
            for slot in parts {
                self.slots[slot].evaluated = true;
            }
        }
        if reserved {
            self.unclear("the line has a `case` or a function");
        }
    }

    /// Until here `evaluated` says that a slot is a part of a longer word; now that the program is known, whether it matters.
    fn end_command(&mut self) {
        self.end_word();
        let frame = self.top();
        let (words, held) = (std::mem::take(&mut frame.words), std::mem::take(&mut frame.held));
        if !held.is_empty() {
            let program = evaluators::Command::of(&words);
            for (slot, word) in held {
                let slot = &mut self.slots[slot];
                slot.evaluated = program.evaluates(word, slot.evaluated);
            }
        }
        if evaluators::reads_commands(&words) {
            self.unclear("a shell there runs what it reads");
        }
    }

    fn top(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn unclear(&mut self, why: &'static str) {
        self.unclear.get_or_insert(why);
    }
}
