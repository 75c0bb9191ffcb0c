//! Where a headless run writes, and who answers it.

use std::io::{Stderr, Stdout, Write};

use tokio::sync::mpsc;

use crate::terminal::{Style, Typed};

/// What goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    /// One event a line.
    Json,
}

/// The streams of a run. A style with a width is a terminal.
pub struct Console<O: Write = Stdout, E: Write = Stderr> {
    pub form: Form,
    pub out: O,
    pub out_style: Style,
    pub err: E,
    pub err_style: Style,
    /// Lines from the terminal; `None` where nobody can be asked. Not used in JSON form.
    pub answers: Option<mpsc::Receiver<Typed>>,
}
