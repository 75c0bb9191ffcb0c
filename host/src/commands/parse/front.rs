//! Finds the front matter: what stands between a first line `---` and the next one. Own code rather than
//! `pulldown-cmark`'s metadata blocks, which parse the whole document first (a catalogue reads thousands), leave out a
//! block that begins with an empty line or is empty, and accept one that begins further down. What is in it comes later.

use super::lines::looks_like_field;
use super::notes::Notes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Toml,
}

pub(super) struct Split<'a> {
    pub front: Option<Front<'a>>,
    pub body: &'a str,
    /// The line on which the body begins, from 1.
    pub body_line: u32,
}

pub(super) struct Front<'a> {
    pub format: Format,
    pub text: &'a str,
    /// The line on which `text` begins, from 1.
    pub line: u32,
}

pub(super) fn split<'a>(text: &'a str, notes: &mut Notes) -> Split<'a> {
    let none = Split { front: None, body: text, body_line: 1 };
    let mut lines = Lines { text, at: 0, line: 0 };
    let Some((open, number)) = lines.by_ref().find(|(line, _)| !line.trim().is_empty()) else { return none };
    let (fence, format) = match open.trim_end() {
        "---" => ("---", Format::Yaml),
        "+++" => ("+++", Format::Toml),
        _ => return none,
    };
    if number > 1 {
        notes.info(number, "the front matter begins below empty lines; other agents read it only from line 1");
    }
    let (begin, first) = (lines.at, number + 1);
    let front = |end: usize| Front { format, text: &text[begin..end], line: first };
    let mut dots = None;
    loop {
        let before = lines.at;
        let Some((line, _)) = lines.next() else { break };
        match line.trim_end() {
            closing if closing == fence => return closed(front(before), &lines, none, notes),
            "..." if format == Format::Yaml && dots.is_none() => {
                dots = Some((before, Lines { text, at: lines.at, line: lines.line }));
            }
            _ => {}
        }
    }
    // YAML's own end of a document closes as well, where nothing else does.
    match dots {
        Some((end, after)) => closed(front(end), &after, none, notes),
        None => unclosed(front(text.len()), number, none, notes),
    }
}

/// A line `---` is also how Markdown draws a rule, so there must be something that reads like a field, or nothing.
fn closed<'a>(front: Front<'a>, after: &Lines<'a>, none: Split<'a>, notes: &mut Notes) -> Split<'a> {
    let empty = front.text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
    if !empty && front.format == Format::Yaml && !front.text.lines().any(looks_like_field) {
        notes
            .info(front.line - 1, "begins with `---`, but no `name: value` follows; read as text without front matter");
        return none;
    }
    Split { front: Some(front), body: &after.text[after.at..], body_line: after.line + 1 }
}

/// The closing `---` was forgotten: what reads like fields is the front matter, up to the first empty line or heading.
fn unclosed<'a>(front: Front<'a>, open: u32, none: Split<'a>, notes: &mut Notes) -> Split<'a> {
    let mut lines = Lines { text: front.text, at: 0, line: 0 };
    let mut end = (0, 0);
    let mut fields = 0;
    while let Some((line, number)) = lines.next() {
        let indented = fields > 0 && line.starts_with([' ', '\t', '-']) && !line.trim().is_empty();
        if looks_like_field(line) && !line.starts_with([' ', '\t']) {
            fields += 1;
        } else if !indented {
            break;
        }
        end = (lines.at, number);
    }
    if fields == 0 {
        return none;
    }
    let body_line = front.line + end.1;
    notes.warning(
        open,
        format!(
            "the front matter is not closed by a line `---`; lines {} to {} are read as it",
            front.line,
            body_line - 1
        ),
    );
    let body = &front.text[end.0..];
    Split { front: Some(Front { text: &front.text[..end.0], ..front }), body, body_line }
}

/// Lines with their numbers; knows where the next one begins.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    /// Of the last line given.
    line: u32,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a str, u32);
    fn next(&mut self) -> Option<(&'a str, u32)> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let line = rest.split_inclusive('\n').next()?;
        self.at += line.len();
        self.line += 1;
        Some((line.strip_suffix('\n').unwrap_or(line), self.line))
    }
}
