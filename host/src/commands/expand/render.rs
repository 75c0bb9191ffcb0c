//! Makes parts of tokens and values, in one pass over the body. Lines are counted on the way.

use super::include::{self, Segment};
use super::placeholder::Placeholder;
use super::quoting::Line;
use super::tokens::{Token, What};
use super::values::Values;
use super::{Part, Source, Template};
use crate::commands::entry::{Diagnostic, Entry, Severity};

pub(super) struct Render<'a> {
    body: &'a str,
    shell: Option<&'a str>,
    project: &'a str,
    values: &'a Values,
    parts: Vec<Part>,
    notes: Vec<Diagnostic>,
    /// Bytes of the body that are done, and the line of the file that follows them.
    done: usize,
    line: u32,
    /// Which of the words have been put somewhere.
    used: Vec<bool>,
}

impl<'a> Render<'a> {
    pub(super) fn new(entry: &'a Entry, project: &'a str, values: &'a Values) -> Render<'a> {
        Render {
            body: &entry.body,
            shell: entry.fields.shell.as_deref(),
            project,
            values,
            parts: Vec::new(),
            notes: Vec::new(),
            done: 0,
            line: entry.body_line,
            used: vec![false; values.words.len()],
        }
    }

    pub(super) fn render(mut self, tokens: &[Token]) -> Template {
        if self.values.unbalanced {
            self.note(0, Severity::Info, "The quotes of the arguments do not match; they were split at spaces.".into());
        }
        for token in tokens {
            match &token.what {
                What::Escape => {
                    self.body_until(token.range.start);
                    self.skip_to(token.range.end);
                }
                What::Placeholder { needs_arguments: true, .. } if !self.values.are_given() => {}
                What::Placeholder { placeholder, .. } => self.placeholder(token, *placeholder),
                What::Shell(line) => self.shell_line(token, line),
                What::Include(segments) => self.include(token, segments),
            }
        }
        self.body_until(self.body.len());
        self.rest_of_arguments();
        Template { parts: self.parts, notes: self.notes }
    }

    fn placeholder(&mut self, token: &Token, placeholder: Placeholder) {
        self.put(token.range.clone(), placeholder);
    }

    /// Puts the value of a placeholder in place of `range`; without one, nothing is done.
    fn put(&mut self, range: std::ops::Range<usize>, placeholder: Placeholder) {
        let Some(value) = self.values.get(placeholder) else {
            return;
        };
        self.body_until(range.start);
        let (text, source) = (value.text.to_owned(), value.source);
        self.parts.push(Part::Text {
            text,
            source,
            written: Some(self.body[range.clone()].to_owned()),
            line: self.line,
        });
        self.skip_to(range.end);
        self.consume(placeholder);
    }

    fn shell_line(&mut self, token: &Token, line: &Line) {
        self.body_until(token.range.start);
        let written = &self.body[token.range.clone()];
        match line.fill(self.values, self.shell) {
            Ok(filled) => {
                self.parts.push(Part::Shell { line: filled, written: written.to_owned(), at: self.line });
                self.skip_to(token.range.end);
                for slot in &line.slots {
                    self.consume(slot.placeholder);
                }
            }
            Err(refused) => {
                let message = format!("{} was not run: {}.", one_line(written), refused.reason);
                self.note(self.line, Severity::Warning, message);
            }
        }
    }

    fn include(&mut self, token: &Token, segments: &[Segment]) {
        let mut path = String::new();
        let mut complete = true;
        for segment in segments {
            let text = match segment.placeholder {
                None => Some(&self.body[segment.range.clone()]),
                Some(placeholder) => {
                    self.values.get(placeholder).map(|value| value.text).filter(|text| !text.is_empty())
                }
            };
            // People type `/review @src/main.rs`.
            let text = text.map(|text| if path.is_empty() { text.strip_prefix('@').unwrap_or(text) } else { text });
            complete &= text.is_some();
            path.push_str(text.unwrap_or_default());
        }
        let inside = include::inside(&path, self.project);
        match inside {
            Ok(path) if complete => {
                self.body_until(token.range.start);
                let written = self.body[token.range.clone()].to_owned();
                self.parts.push(Part::Include { path, written, at: self.line });
                self.skip_to(token.range.end);
                for placeholder in segments.iter().filter_map(|segment| segment.placeholder) {
                    self.consume(placeholder);
                }
            }
            inside => {
                if let (Err(why), true) = (inside, complete) {
                    self.body_until(token.range.start);
                    let message = format!("{} was not included: {why}.", one_line(&self.body[token.range.clone()]));
                    // `@/x` is often an import of a program or a scope; these can be nothing but a path.
                    let meant = ["../", "~/"].iter().any(|start| path.starts_with(start));
                    let severity = if meant { Severity::Warning } else { Severity::Info };
                    self.note(self.line, severity, message);
                }
                for segment in segments {
                    if let Some(placeholder) = segment.placeholder {
                        self.put(segment.range.clone(), placeholder);
                    }
                }
            }
        }
    }

    /// Appends the arguments where no placeholder took any, and tells of single ones that none took.
    fn rest_of_arguments(&mut self) {
        if !self.values.are_given() {
            return;
        }
        if !self.used.contains(&true) {
            let gap = match () {
                () if self.body.is_empty() || self.body.ends_with("\n\n") => "",
                () if self.body.ends_with('\n') => "\n",
                () => "\n\n",
            };
            let line = self.line;
            self.parts.push(Part::Text {
                text: format!("{gap}ARGUMENTS: "),
                source: Source::Note,
                written: None,
                line,
            });
            let text = self.values.raw().to_owned();
            self.parts.push(Part::Text { text, source: Source::Argument, written: None, line });
            return;
        }
        let unused: Vec<&str> = self
            .values
            .words
            .iter()
            .zip(&self.used)
            .filter(|(_, used)| !**used)
            .map(|(word, _)| word.as_str())
            .collect();
        if !unused.is_empty() {
            let message = format!("The command has no place for: {}.", one_line(&unused.join(" ")));
            self.note(0, Severity::Info, message);
        }
    }

    fn consume(&mut self, placeholder: Placeholder) {
        match self.values.index(placeholder) {
            Some(index) => {
                if let Some(used) = self.used.get_mut(index) {
                    *used = true;
                }
            }
            None if placeholder == Placeholder::All => self.used.fill(true),
            None => {}
        }
    }

    fn body_until(&mut self, end: usize) {
        if self.done < end {
            let text = self.body[self.done..end].to_owned();
            let line = self.line;
            self.parts.push(Part::Text { text, source: Source::Body, written: None, line });
            self.skip_to(end);
        }
    }

    fn skip_to(&mut self, end: usize) {
        let lines = self.body[self.done..end].bytes().filter(|b| *b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.done = end;
    }

    fn note(&mut self, line: u32, severity: Severity, message: String) {
        self.notes.push(Diagnostic { severity, line, message });
    }
}

/// Short enough for a message.
fn one_line(text: &str) -> String {
    let line = text.split('\n').next().unwrap_or_default();
    match line.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None if line.len() < text.len() => format!("{line}…"),
        None => line.to_owned(),
    }
}
