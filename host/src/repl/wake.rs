//! Waits for the front end's wish and for the keyboard at once, with `poll`: the terminal is in line mode meanwhile, so
//! that it is readable only when a whole line is there.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, mpsc};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc::Sender;

use crate::terminal::{Typed, line_text};

/// The front end's end: asks for the prompt.
pub struct Wants {
    wishes: mpsc::Sender<String>,
    bell: Mutex<UnixStream>,
}

/// The keyboard thread's end.
pub struct Wanted {
    wishes: mpsc::Receiver<String>,
    bell: UnixStream,
    /// The beginning of a line that has not ended.
    begun: Vec<u8>,
    hung_up: bool,
}

pub fn pair() -> io::Result<(Wants, Wanted)> {
    let (sender, receiver) = mpsc::channel();
    let (ring, bell) = UnixStream::pair()?;
    let wants = Wants { wishes: sender, bell: Mutex::new(ring) };
    Ok((wants, Wanted { wishes: receiver, bell, begun: Vec::new(), hung_up: false }))
}

impl Wants {
    pub fn send(&self, initial: String) {
        let _ = self.wishes.send(initial);
        if let Ok(mut bell) = self.bell.lock() {
            let _ = bell.write_all(b"!");
        }
    }
}

impl Wanted {
    /// The text for the next prompt; lines that are typed before it comes go to `typed`. `None` when the front end is gone.
    pub fn next(&mut self, typed: &Sender<Typed>) -> Option<String> {
        let stdin = io::stdin();
        loop {
            let mut fds = [PollFd::new(&self.bell, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
            let watched = if self.hung_up { &mut fds[..1] } else { &mut fds[..] };
            match poll(watched, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return None,
            }
            let rung = !fds[0].revents().is_empty();
            let keys = if self.hung_up { PollFlags::empty() } else { fds[1].revents() };
            if rung {
                // What was typed by now stays where it is: the prompt gets it.
                let mut byte = [0];
                if !matches!(self.bell.read(&mut byte), Ok(1)) {
                    return None;
                }
                return self.wishes.try_recv().ok();
            }
            if keys.contains(PollFlags::IN) {
                self.read(&stdin, typed)?;
            }
            if !self.hung_up && keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                self.hung_up = true;
                typed.blocking_send(Typed::End).ok()?;
            }
        }
    }

    /// A terminal in line mode gives whole lines, in pieces where they are long; nothing at all is Ctrl-D.
    fn read(&mut self, stdin: &io::Stdin, typed: &Sender<Typed>) -> Option<()> {
        let mut bytes = [0; 4096];
        match rustix::io::read(stdin, &mut bytes) {
            Ok(0) => typed.blocking_send(Typed::End).ok()?,
            Ok(length) => self.begun.extend_from_slice(&bytes[..length]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                self.hung_up = true;
                typed.blocking_send(Typed::Failed(error.to_string())).ok()?;
            }
        }
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            typed.blocking_send(Typed::Line(line_text(&line))).ok()?;
        }
        Some(())
    }
}
