//! The diagnostics of one file while it is read: sorted, bounded, with lines that exist.

use super::super::{Diagnostic, Severity};

/// More than these and nobody reads them; what the rest would say is counted.
const MOST: usize = 50;
/// A quoted piece of a file in a message.
const QUOTE: usize = 80;

#[derive(Default)]
pub(super) struct Notes {
    list: Vec<Diagnostic>,
    dropped: usize,
}

impl Notes {
    pub fn info(&mut self, line: u32, message: impl Into<String>) {
        self.add(Severity::Info, line, message.into());
    }

    pub fn warning(&mut self, line: u32, message: impl Into<String>) {
        self.add(Severity::Warning, line, message.into());
    }

    pub fn error(&mut self, line: u32, message: impl Into<String>) {
        self.add(Severity::Error, line, message.into());
    }

    fn add(&mut self, severity: Severity, line: u32, message: String) {
        // An error is never the one that is left out: it may say that a restriction was not understood.
        if self.list.len() >= MOST && severity < Severity::Error || self.list.len() >= 4 * MOST {
            self.dropped += 1;
        } else {
            self.list.push(Diagnostic { severity, line, message });
        }
    }

    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|note| note.line);
        if self.dropped > 0 {
            let message = format!("{} more remarks like these", self.dropped);
            self.list.push(Diagnostic { severity: Severity::Info, line: 0, message });
        }
        self.list
    }
}

/// A piece of the file for a message: one line, bounded, without control characters.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.trim().chars().take(QUOTE + 1).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.chars().count() > QUOTE {
        shown.pop();
        shown.push('…');
    }
    format!("`{shown}`")
}
