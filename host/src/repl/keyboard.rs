//! Where lines come from, and how the front end asks for the next one.

use std::io::BufRead;

use tokio::sync::mpsc;

use crate::terminal::{Typed, read_lines};

/// Whether somebody sits there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person, who can be asked; lines may come at any time.
    Terminal,
    /// A file or a pipe: its lines are tasks, read one at a time; nobody can be asked.
    Pipe,
}

/// A source of lines.
pub struct Keyboard {
    pub kind: Kind,
    pub typed: mpsc::Receiver<Typed>,
    /// Shows the prompt with this text in it, and reads one line with editing and history. Lines typed at other times
    /// arrive without it.
    pub prompt: Box<dyn Fn(String) + Send>,
    /// Prints above the prompt while it is shown; `None` where nothing has to be redrawn.
    pub above: Option<Box<dyn FnMut(String) + Send>>,
    /// Takes the names that Tab completes from now on, with their slash.
    pub complete: Box<dyn Fn(Vec<String>) + Send>,
}

impl Keyboard {
    /// Lines of a pipe or a file.
    pub fn pipe(input: impl BufRead + Send + 'static) -> Keyboard {
        Keyboard {
            kind: Kind::Pipe,
            typed: read_lines(input),
            prompt: Box::new(|_| {}),
            above: None,
            complete: Box::new(|_| {}),
        }
    }
}
