//! Files of JSON lines in plain ASCII, so that nothing in them can steer a terminal or a pager. They are only added to. The
//! newest is `calls.jsonl`, say; when it is full it becomes `calls.1.jsonl`, and the oldest goes. Several processes may write
//! at once. What a line says is not known here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::private;

/// Bytes after which a file is full, and how many full ones are kept.
const FULL: u64 = 8 << 20;
const KEPT: u32 = 7;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub dir: PathBuf,
    /// What the files are called, without numbers and ending.
    pub stem: &'static str,
    pub full: u64,
}

impl Lines {
    /// The directory is made when something is added.
    pub fn open(dir: PathBuf, stem: &'static str) -> Lines {
        Lines { dir, stem, full: FULL }
    }

    /// Adds one line, in one write. One before it that was cut off ends there.
    pub fn append(&self, entry: &impl Serialize) -> io::Result<()> {
        let file = self.file(0);
        if std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() >= self.full) {
            self.rotate()?;
        }
        let begins = if is_torn(&file)? { "\n" } else { "" };
        let line = format!("{begins}{}\n", ascii(&serde_json::to_string(entry)?));
        private::append(&file, line.as_bytes())
    }

    /// Reads all lines, the oldest first; how many are none of ours, or half of one.
    pub fn each<T: DeserializeOwned>(&self, mut read: impl FnMut(T)) -> io::Result<usize> {
        let mut damaged = 0;
        for number in (0..=KEPT).rev() {
            let file = match File::open(self.file(number)) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            for line in BufReader::new(file).split(b'\n') {
                let line = line?;
                match serde_json::from_slice(&line) {
                    Ok(entry) => read(entry),
                    Err(_) => damaged += usize::from(!line.is_empty()),
                }
            }
        }
        Ok(damaged)
    }

    /// The newest file, for people.
    pub fn newest(&self) -> PathBuf {
        self.file(0)
    }

    /// What another process has open is renamed under it, and the line that it is about to add is kept there.
    fn rotate(&self) -> io::Result<()> {
        let beside = self.dir.join("lock");
        private::append(&beside, b"")?;
        let lock = File::open(&beside)?;
        lock.lock()?;
        if !std::fs::metadata(self.file(0)).is_ok_and(|metadata| metadata.len() >= self.full) {
            return Ok(()); // another process was first
        }
        for number in (0..KEPT).rev() {
            match std::fs::rename(self.file(number), self.file(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&self, number: u32) -> PathBuf {
        self.dir.join(match number {
            0 => format!("{}.jsonl", self.stem),
            number => format!("{}.{number}.jsonl", self.stem),
        })
    }
}

/// Whether the last line has no end: the disk was full, or the machine went down.
fn is_torn(file: &Path) -> io::Result<bool> {
    let mut file = match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// JSON has characters beyond ASCII, and DEL, only inside strings, where an escape means the same.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => text.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    text
}
