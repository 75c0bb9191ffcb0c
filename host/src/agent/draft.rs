//! A message to the model while it is put together: its text, and where each part comes from.

use crate::commands::Prompt;
use crate::protocol::{Event, PromptSpan};

/// Parts in order, with an empty line between them.
#[derive(Default)]
pub(super) struct Draft {
    pub text: String,
    spans: Vec<PromptSpan>,
}

impl Draft {
    /// The user's own words.
    pub fn words(&mut self, text: &str) {
        self.part(text, "body");
    }

    /// What the host adds.
    pub fn note(&mut self, text: &str) {
        self.part(text, "note");
    }

    pub fn prompt(&mut self, prompt: Prompt) {
        self.gap();
        let start = self.text.len();
        self.text.push_str(&prompt.text);
        let moved = |span: PromptSpan| PromptSpan { start: span.start + start, end: span.end + start, ..span };
        self.spans.extend(prompt.spans.into_iter().map(moved));
    }

    pub fn into_event(self) -> Event {
        Event::Prompted { text: self.text, spans: self.spans }
    }

    fn part(&mut self, text: &str, source: &str) {
        self.gap();
        let start = self.text.len();
        self.text.push_str(text);
        self.span(start, source);
    }

    /// Spans leave no gaps: the space between two parts belongs to the first.
    fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.truncate(self.text.trim_end_matches('\n').len());
            self.text.push_str("\n\n");
        }
        let end = self.text.len();
        self.spans.retain(|span| span.start < end);
        if let Some(last) = self.spans.last_mut() {
            last.end = end;
        }
    }

    fn span(&mut self, start: usize, source: &str) {
        let end = self.text.len();
        self.spans.push(PromptSpan { start, end, source: source.into(), written: None, line: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_the_text_without_gaps() {
        let span =
            |start, end, source: &str| PromptSpan { start, end, source: source.into(), written: None, line: None };
        let mut draft = Draft::default();
        draft.note("news");
        draft.prompt(Prompt { text: "do it\n\n".into(), spans: vec![span(0, 3, "body"), span(3, 7, "argument")] });
        draft.note("only that");
        assert_eq!(draft.text, "news\n\ndo it\n\nonly that");
        let Event::Prompted { text, spans } = draft.into_event() else { panic!() };
        let parts: Vec<(&str, &str)> =
            spans.iter().map(|span| (span.source.as_str(), &text[span.start..span.end])).collect();
        assert_eq!(parts, [("note", "news\n\n"), ("body", "do "), ("argument", "it\n\n"), ("note", "only that")]);
    }
}
