//! Writes what happens, and notices when nobody reads any more.

use std::io::{ErrorKind, Write};
use std::time::Instant;

use tokio::sync::mpsc;

use super::{Console, Form};
use crate::cli::{Exit, Verdict};
use crate::protocol::Event;
use crate::terminal::{Part, Question, Role, Style, Transcript, Typed, block, escape, escape_json};

pub(super) struct Output<O, E> {
    form: Form,
    out: O,
    streams: bool,
    err: E,
    err_style: Style,
    transcript: Transcript,
    /// Standard output is closed.
    gone: bool,
}

impl<O: Write, E: Write> Output<O, E> {
    /// Splits the console into what is written and who answers.
    pub fn new(console: Console<O, E>) -> (Self, Option<mpsc::Receiver<Typed>>) {
        let Console { form, out, out_style, err, err_style, answers } = console;
        let streams = out_style.width.is_some();
        let transcript = Transcript::split(if streams { out_style } else { err_style }, err_style);
        let answers = answers.filter(|_| form == Form::Text);
        (Output { form, out, streams, err, err_style, transcript, gone: false }, answers)
    }

    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// The style of what is written beside the answer.
    pub fn style(&self) -> Style {
        self.err_style
    }

    pub fn event(&mut self, event: &Event, now: Instant) {
        match self.form {
            Form::Json => match serde_json::to_string(event) {
                Ok(json) => self.write_out(&format!("{}\n", escape_json(&json))),
                Err(error) => self.problem(&format!("an event could not be written as JSON: {error}")),
            },
            Form::Text if self.streams => self.parts(event, now),
            Form::Text => match event {
                Event::TextDelta { .. } => {}
                Event::ReasoningDelta { .. } if self.err_style.width.is_none() => {}
                Event::AssistantMessage { text, calls, .. } if calls.is_empty() => {
                    let open = self.transcript.close();
                    self.write_parts(open);
                    if !text.trim().is_empty() {
                        self.write_out(&format!("{}\n", escape(&text.trim_end().replace("\r\n", "\n"))));
                    }
                }
                event => self.parts(event, now),
            },
        }
    }

    fn parts(&mut self, event: &Event, now: Instant) {
        let parts = self.transcript.event(event, now);
        self.write_parts(parts);
    }

    fn write_parts(&mut self, parts: Vec<Part>) {
        for part in parts {
            match part {
                Part::Said(text) if self.streams => self.write_out(&text),
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
        if exit == Exit::Denied && self.form == Form::Text {
            let tools = verdict.denied().collect::<Vec<_>>().join(", ");
            self.problem(&format!("ended because something was denied ({tools}); the reason stands with each"));
        }
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
