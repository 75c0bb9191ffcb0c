//! Puts the outputs of shell lines and the contents of files into a template, and says of each byte where it came from.
//! Nothing in them is expanded.

use super::{Part, Source, Template};
use crate::protocol::PromptSpan;

/// What the model is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub text: String,
    /// In order, without gaps, none of them empty.
    pub spans: Vec<PromptSpan>,
}

impl Template {
    /// `filled`: one for each [`Part::Shell`] and [`Part::Include`], in order; `None`, or one that is missing, keeps what
    /// the file says.
    pub fn finish<F: Into<Option<String>>>(self, filled: Vec<F>) -> Prompt {
        let mut prompt = Prompt { text: String::new(), spans: Vec::new() };
        let mut filled = filled.into_iter().map(Into::into);
        for part in self.parts {
            match part {
                Part::Text { text, source, written, line } => prompt.push(&text, source.name(), written, line),
                Part::Shell { written, at, .. } => match filled.next().flatten() {
                    Some(output) => prompt.push(&output, "shell", Some(written), at),
                    None => prompt.push(&written, Source::Body.name(), None, at),
                },
                Part::Include { path, written, at } => match filled.next().flatten() {
                    Some(content) => prompt.push(&content, "file", Some(written), at),
                    None if written.contains(['$', '{']) => {
                        prompt.push(&format!("@{path}"), Source::Argument.name(), Some(written), at);
                    }
                    None => prompt.push(&written, Source::Body.name(), None, at),
                },
            }
        }
        prompt
    }
}

impl Prompt {
    fn push(&mut self, text: &str, source: &str, written: Option<String>, line: u32) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        let end = self.text.len();
        match self.spans.last_mut() {
            Some(last) if last.source == source && last.written.is_none() && written.is_none() => last.end = end,
            _ => self.spans.push(PromptSpan { start, end, source: source.to_owned(), written, line: Some(line) }),
        }
    }
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Body => "body",
            Source::Argument => "argument",
            Source::Variable => "variable",
            Source::Note => "note",
        }
    }
}
