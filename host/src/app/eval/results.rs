//! The file of results: a JSON line for each task that is finished, added when it is. Whoever names the file again goes on
//! where it ends; lines of another model, or of a task that has changed since, do not count.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;

/// Bytes of a file, and of a line.
const LARGEST: u64 = 64 << 20;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub task: String,
    /// [`Task::digest`](super::task::Task::digest).
    pub digest: String,
    /// Provider and name, as configured.
    pub model: String,
    pub tries: u32,
    /// Garth's version.
    pub version: String,
    #[serde(flatten)]
    pub attempt: Attempt,
}

pub struct Results {
    file: File,
    path: PathBuf,
    lines: Vec<Line>,
}

impl Results {
    /// Opens or makes the file.
    pub fn open(path: &Path) -> Result<Results> {
        let shown = path.display();
        let open = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = open.with_context(|| format!("the results cannot be kept in {shown}"))?;
        let metadata = file.metadata()?;
        ensure!(metadata.is_file(), "the results cannot be kept in {shown}, which is no plain file");
        ensure!(metadata.len() <= LARGEST, "{shown} has more than {LARGEST} bytes; name another file with --results");
        let mut text = Vec::new();
        BufReader::new(&file).take(LARGEST).read_to_end(&mut text)?;
        ensure!(
            text.is_empty() || text.first() == Some(&b'{'),
            "{shown} holds something else than results; name another file with --results"
        );
        if !text.is_empty() && !text.ends_with(b"\n") {
            // The line before was cut off.
            file.write_all(b"\n")?;
        }
        let lines = text.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect();
        Ok(Results { file, path: path.to_path_buf(), lines })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last line of the same task, model and number of tries.
    pub fn find(&self, wanted: &Line) -> Option<&Line> {
        let key = |line: &Line| (line.task.clone(), line.digest.clone(), line.model.clone(), line.tries);
        self.lines.iter().rev().find(|line| key(line) == key(wanted))
    }

    pub fn add(&mut self, line: Line) -> Result<()> {
        let text = serde_json::to_string(&line)? + "\n";
        self.file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", self.path.display()))?;
        self.lines.push(line);
        Ok(())
    }
}
