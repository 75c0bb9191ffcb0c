//! Reading a journal: everything that can be read, and how much could not.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::protocol::Event;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// Lines that are JSON but no event of this version: a newer Garth wrote them.
    pub unknown: usize,
    /// Lines that are no JSON: a crash, or a hand.
    pub damaged: usize,
}

/// Reads a journal. Fails only when the file cannot be read at all.
pub fn load(file: &Path) -> io::Result<Log> {
    let mut reader = BufReader::new(std::fs::File::open(file)?);
    let (mut log, mut line) = (Log::default(), Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
            match serde_json::from_slice::<Entry>(&line) {
                Ok(entry) => log.entries.push(entry),
                Err(error) if error.is_data() => log.unknown += 1,
                Err(_) => log.damaged += 1,
            }
        }
        line.clear();
    }
    Ok(log)
}
