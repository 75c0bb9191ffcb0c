//! Writes what happens, and notices when nobody reads any more.

use std::io::{ErrorKind, Write};
use std::time::Instant;

use tokio::sync::mpsc;

use super::{Console, Form};
use crate::cli::{Exit, Verdict};
use crate::protocol::{Event, PromptSpan, TurnEnd};
use crate::terminal::{Part, Question, Role, Style, Transcript, Typed, block, escape, escape_json};

/// What belongs on standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The model's answer, or the events.
    Answer,
    /// The expanded prompt.
    Prompt,
}

pub(super) struct Output<O, E> {
    form: Form,
    wanted: Wanted,
    out: O,
    streams: bool,
    err: E,
    err_style: Style,
    transcript: Transcript,
    prompt: Prompt,
    /// Conversations of commands that are open, and what the last one brought: the answer, unless more is said.
    forks: usize,
    brought: Option<String>,
    /// Standard output is closed.
    gone: bool,
}

/// What the model would be told.
#[derive(Default)]
struct Prompt {
    text: String,
    spans: Vec<PromptSpan>,
}

impl<O: Write, E: Write> Output<O, E> {
    /// Splits the console into what is written and who answers.
    pub fn new(console: Console<O, E>, wanted: Wanted) -> (Self, Option<mpsc::Receiver<Typed>>) {
        let Console { form, out, out_style, err, err_style, answers } = console;
        let streams = out_style.width.is_some();
        let transcript = Transcript::split(if streams { out_style } else { err_style }, err_style);
        let answers = answers.filter(|_| form == Form::Text || wanted == Wanted::Prompt);
        let (prompt, forks, brought, gone) = (Prompt::default(), 0, None, false);
        (Output { form, wanted, out, streams, err, err_style, transcript, prompt, forks, brought, gone }, answers)
    }

    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// The style of what is written beside the answer.
    pub fn style(&self) -> Style {
        self.err_style
    }

    pub fn event(&mut self, event: &Event, now: Instant) {
        match (self.wanted, self.form) {
            (Wanted::Prompt, _) => match event {
                Event::Prompted { text, spans } => self.prompt.add(text, spans),
                // No model answers, and the session is not kept.
                Event::SessionStarted { .. } => {}
                event => self.parts(event, now),
            },
            (_, Form::Json) => match serde_json::to_string(event) {
                Ok(json) => self.write_out(&format!("{}\n", escape_json(&json))),
                Err(error) => self.problem(&format!("an event could not be written as JSON: {error}")),
            },
            (_, Form::Text) if self.streams => self.parts(event, now),
            (_, Form::Text) => self.answer(event, now),
        }
    }

    /// The answer alone goes to standard output, whole.
    fn answer(&mut self, event: &Event, now: Instant) {
        match event {
            Event::TextDelta { .. } => return,
            Event::ReasoningDelta { .. } if self.err_style.width.is_none() => return,
            Event::AssistantMessage { text, calls, .. } if self.forks == 0 => {
                self.brought = None;
                if calls.is_empty() {
                    return self.write_answer(text);
                }
            }
            Event::ForkStarted { .. } | Event::MendStarted { .. } => self.forks += 1,
            Event::MendEnded { .. } => self.forks = self.forks.saturating_sub(1),
            Event::ForkEnded { text } => {
                self.forks = self.forks.saturating_sub(1);
                self.brought = Some(text.clone());
            }
            Event::TurnEnded { end, .. } => {
                self.forks = 0;
                if let (Some(text), TurnEnd::Done) = (self.brought.take(), end) {
                    self.write_answer(&text);
                }
            }
            _ => {}
        }
        self.parts(event, now);
    }

    fn write_answer(&mut self, text: &str) {
        let open = self.transcript.close();
        self.write_parts(open);
        if !text.trim().is_empty() {
            self.write_out(&format!("{}\n", escape(&text.trim_end().replace("\r\n", "\n"))));
        }
    }

    fn parts(&mut self, event: &Event, now: Instant) {
        let parts = self.transcript.event(event, now);
        self.write_parts(parts);
    }

    fn write_parts(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Said(text) if self.streams && self.wanted == Wanted::Answer => self.write_out(&text),
                Part::Said(text) | Part::Activity(text) => self.write_err(&text),
            }
        }
    }

    /// Puts a question to the terminal.
    pub fn ask(&mut self, question: &Question) {
        let open = self.transcript.close();
        self.write_parts(open);
        let text = question.text(self.err_style);
        self.write_err(&text);
    }

    /// More about the open question.
    pub fn show(&mut self, text: &str) {
        self.write_err(text);
    }

    /// Something about the run itself.
    pub fn problem(&mut self, text: &str) {
        let open = self.transcript.close();
        self.write_parts(open);
        let line = block(self.err_style, "garth: ", Role::Warn, text);
        self.write_err(&line);
    }

    /// The last words, where the end needs some.
    pub fn finish(&mut self, exit: Exit, verdict: &Verdict) {
        if self.wanted == Wanted::Prompt && exit == Exit::Done {
            self.write_prompt();
        }
        if exit == Exit::Denied && (self.form == Form::Text || self.wanted == Wanted::Prompt) {
            let tools = verdict.denied().collect::<Vec<_>>().join(", ");
            self.problem(&format!("ended because something was denied ({tools}); the reason stands with each"));
        }
    }

    /// Exactly what the model would be told; only a terminal gets it harmless.
    fn write_prompt(&mut self) {
        let Prompt { text, spans } = std::mem::take(&mut self.prompt);
        let shown = match self.form {
            Form::Json => {
                let json = serde_json::json!({"prompt": text, "spans": spans}).to_string();
                format!("{}\n", escape_json(&json))
            }
            Form::Text => {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                if self.streams { format!("{}{end}", escape(&text)) } else { text + end }
            }
        };
        self.write_out(&shown);
    }

    fn write_out(&mut self, text: &str) {
        if self.gone {
            return;
        }
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = written {
            self.gone = true;
            if error.kind() != ErrorKind::BrokenPipe {
                self.problem(&format!("standard output cannot be written: {error}"));
            }
        }
    }

    /// A closed standard error is no reason to stop, and there is nowhere to say it.
    fn write_err(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

impl Prompt {
    /// Appends what else the model would be told, as a paragraph of its own.
    fn add(&mut self, text: &str, spans: &[PromptSpan]) {
        if !self.text.is_empty() {
            let start = self.text.len();
            self.text.push_str("\n\n");
            let end = self.text.len();
            self.spans.push(PromptSpan { start, end, source: "note".into(), written: None, line: None });
        }
        let offset = self.text.len();
        self.text.push_str(text);
        let moved =
            |span: &PromptSpan| PromptSpan { start: span.start + offset, end: span.end + offset, ..span.clone() };
        self.spans.extend(spans.iter().map(moved));
    }
}
