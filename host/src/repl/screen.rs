//! The one place that writes: directly, or above the prompt while that is shown.

use std::io::Write;
use std::time::Instant;

use crate::protocol::Event;
use crate::terminal::{Part, Role, Style, Transcript, block, escape, one_line};

pub(super) struct Screen<W> {
    out: W,
    pub style: Style,
    transcript: Transcript,
    /// Nobody can read any more.
    pub gone: bool,
}

/// Prints above a prompt that is shown.
pub(super) type Above<'a> = Option<&'a mut Box<dyn FnMut(String) + Send>>;

impl<W: Write> Screen<W> {
    pub fn new(out: W, style: Style) -> Screen<W> {
        Screen { out, style, transcript: Transcript::new(style), gone: false }
    }

    pub fn resize(&mut self, style: Style) {
        self.style = style;
        self.transcript.resize(style);
    }

    pub fn event(&mut self, event: &Event, now: Instant, above: Above) {
        let text: String = self.transcript.event(event, now).iter().map(Part::text).collect();
        match above {
            Some(above) if !text.is_empty() => above(text),
            _ => self.write(&text),
        }
    }

    /// Text that is harmless and laid out already, on a row of its own.
    pub fn show(&mut self, text: &str) {
        let open: String = self.transcript.close().iter().map(Part::text).collect();
        self.write(&open);
        self.write(text);
    }

    /// A remark of the front end.
    pub fn note(&mut self, role: Role, text: &str) {
        let text = block(self.style, "  ", role, &one_line(text));
        self.show(&text);
    }

    /// Several lines as they are.
    pub fn lines(&mut self, text: &str) {
        let text = block(self.style, "  ", Role::Plain, &escape(text));
        self.show(&text);
    }

    /// A task that was not typed at the prompt just now, as the prompt would have shown it.
    pub fn echo(&mut self, task: &str) {
        let mut text = String::new();
        for (at, line) in task.lines().enumerate() {
            let marker = if at == 0 { "›" } else { " " };
            text.push_str(&format!("{} {}\n", self.style.paint(Role::Marker, marker), escape(line)));
        }
        self.show(&text);
    }

    fn write(&mut self, text: &str) {
        if text.is_empty() || self.gone {
            return;
        }
        self.gone = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).is_err();
    }
}
