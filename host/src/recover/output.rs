//! What a reader has found so far: parts for the screen, calls for the end. White space at the end of the text waits until
//! more text comes: before a call it is not shown, so that a stream shows just what the whole reply would.

use super::dialects::{Call, Section};
use super::{Found, FoundCall, MOST, Part, Unreadable};

#[derive(Default)]
pub(super) struct Output {
    parts: Vec<Part>,
    /// White space behind the text.
    waiting: String,
    /// Something but white space was text.
    spoke: bool,
    /// There was reasoning.
    thought: bool,
    /// Nothing of this stretch of reasoning was shown yet.
    fresh: bool,
    /// White space behind the reasoning.
    pause: String,
    calls: Vec<(FoundCall, Kind)>,
    unreadable: Vec<Unreadable>,
    sections: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In a section with its end that is a list of all calls.
    Listed,
    Single,
}

impl Output {
    pub(super) fn spoke(&self) -> bool {
        self.spoke
    }

    pub(super) fn called(&self) -> bool {
        !self.calls.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.calls.len() >= MOST
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.called() {
            return;
        }
        let text = if self.thought && !self.spoke { text.trim_start() } else { text };
        let length = text.trim_end().len();
        if length > 0 {
            let shown = std::mem::take(&mut self.waiting) + &text[..length];
            match self.parts.last_mut() {
                Some(Part::Text(last)) => last.push_str(&shown),
                _ => self.parts.push(Part::Text(shown)),
            }
            self.spoke = true;
        }
        self.waiting.push_str(&text[length..]);
    }

    /// A new stretch of reasoning.
    pub(super) fn begin_reasoning(&mut self) {
        if !self.spoke {
            self.waiting.clear();
        }
        self.pause = if self.thought { "\n\n" } else { "" }.to_string();
        (self.thought, self.fresh) = (true, true);
    }

    pub(super) fn reasoning(&mut self, text: &str) {
        let text = if self.fresh { text.trim_start() } else { text };
        let length = text.trim_end().len();
        if length > 0 {
            let shown = std::mem::take(&mut self.pause) + &text[..length];
            match self.parts.last_mut() {
                Some(Part::Reasoning(last)) => last.push_str(&shown),
                _ => self.parts.push(Part::Reasoning(shown)),
            }
            self.fresh = false;
        }
        self.pause.push_str(&text[length..]);
    }

    /// What was found so far was a thought.
    pub(super) fn retract(&mut self, thought: &str) {
        if !thought.is_empty() {
            self.parts.push(Part::Thought(thought.to_string()));
        }
        self.waiting.clear();
        (self.spoke, self.thought) = (false, true);
        self.calls.clear();
        self.unreadable.clear();
        self.sections = 0;
    }

    pub(super) fn section(&mut self, section: Section, form: &'static str) {
        self.sections += usize::from(section.is_list);
        let kind = if section.is_list { Kind::Listed } else { Kind::Single };
        let call = |Call { name, arguments, cut_off }| (FoundCall { name, arguments, form, cut_off }, kind);
        self.calls.extend(section.calls.into_iter().map(call).take(MOST - self.calls.len()));
        if let Some(fault) = section.fault {
            self.unreadable(fault.name, fault.reason, form);
        }
    }

    pub(super) fn unreadable(&mut self, name: Option<String>, reason: &'static str, form: &'static str) {
        if self.unreadable.len() < MOST {
            self.unreadable.push(Unreadable { name, form, reason });
        }
    }

    /// What can be shown now.
    pub(super) fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    pub(super) fn finish(mut self) -> (Vec<Part>, Found) {
        if !self.called() && !self.waiting.is_empty() && (self.spoke || !self.thought) {
            let waiting = std::mem::take(&mut self.waiting);
            match self.parts.last_mut() {
                Some(Part::Text(last)) => last.push_str(&waiting),
                _ => self.parts.push(Part::Text(waiting)),
            }
        }
        // A list holds all the calls of a step, so a second one was written by a model that made the first up. The parsers
        // that are in use take neither.
        if self.sections > 1 {
            let (refused, kept): (Vec<_>, Vec<_>) = self.calls.into_iter().partition(|(_, kind)| *kind == Kind::Listed);
            self.calls = kept;
            self.unreadable.extend(refused.into_iter().map(|(call, _)| Unreadable {
                name: Some(call.name),
                form: call.form,
                reason: "there are several lists of calls; write all calls in one list",
            }));
        }
        let calls = self.calls.into_iter().map(|(call, _)| call).collect();
        (self.parts, Found { calls, unreadable: self.unreadable, ..Found::default() })
    }
}
