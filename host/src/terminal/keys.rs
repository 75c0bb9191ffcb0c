//! What arrives from a keyboard or a pipe, a line at a time, over a channel.

use std::io::BufRead;

use tokio::sync::mpsc;

/// Lines that wait for the front end before the reader stops reading.
const WAITING: usize = 256;

/// Something that the user did at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line without its end; bytes that are not UTF-8 are replaced.
    Line(String),
    /// What a prompt was waiting for.
    Prompted(String),
    /// End of input: a closed pipe, Ctrl-D.
    End,
    /// Reading failed, and there will be no more.
    Failed(String),
}

/// Reads lines in a thread of its own until the input ends or nobody listens. The last message is an end or a failure.
pub fn read_lines(mut input: impl BufRead + Send + 'static) -> mpsc::Receiver<Typed> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        loop {
            let mut line = Vec::new();
            let typed = match input.read_until(b'\n', &mut line) {
                Ok(0) => Typed::End,
                Ok(_) => Typed::Line(line_text(&line)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => Typed::Failed(error.to_string()),
            };
            let last = !matches!(typed, Typed::Line(_));
            if sender.blocking_send(typed).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// A line's text without its end.
pub fn line_text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}
