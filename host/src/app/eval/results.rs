//! The file of results: a JSON line for each task that is finished, added when it is. Whoever names the file again goes on
//! where it ends; lines of another model or version, or of a task that has changed since, do not count.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
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
        (&file).take(LARGEST).read_to_end(&mut text)?;
        // By bytes: a line that is no UTF-8 is one line that is lost, and not the end.
        let lines = text.split(|byte| *byte == b'\n');
        let lines: Vec<Line> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        ensure!(
            text.is_empty() || !lines.is_empty(),
            "{shown} holds something else than results; name another file with --results"
        );
        if !text.is_empty() && !text.ends_with(b"\n") {
            // The line before was cut off.
            file.write_all(b"\n")?;
        }
        Ok(Results { file, path: path.to_path_buf(), lines })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last line of the same task, model, number of tries and version.
    pub fn find(&self, wanted: &Line) -> Option<&Line> {
        let is_same = |line: &&Line| {
            (&line.task, &line.digest, &line.model, line.tries, &line.version)
                == (&wanted.task, &wanted.digest, &wanted.model, wanted.tries, &wanted.version)
        };
        self.lines.iter().rev().find(is_same)
    }

    pub fn add(&mut self, line: Line) -> Result<()> {
        let text = serde_json::to_string(&line)? + "\n";
        self.file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", self.path.display()))?;
        self.lines.push(line);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
mod tests {
    use super::*;

    fn line(task: &str) -> Line {
        Line {
            task: task.into(),
            digest: "d".into(),
            model: "m".into(),
            tries: 1,
            version: "1".into(),
            attempt: Attempt { steps: 3, ..Attempt::default() },
        }
    }

    fn file(parts: &[&[u8]]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&parts.concat()).unwrap();
        file
    }

    #[test]
    fn a_line_that_cannot_be_read_takes_no_other_with_it() {
        let [a, b] = ["a", "b"].map(|task| serde_json::to_string(&line(task)).unwrap());
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let check = |parts: &[&[u8]], expected: &[&str]| {
            let file = file(parts);
            let results = Results::open(file.path()).unwrap();
            assert_eq!(results.lines.iter().map(|line| line.task.as_str()).collect::<Vec<_>>(), expected);
        };
        check(&[], &[]);
        check(&[a, b"\n", b, b"\n"], &["a", "b"]);
        check(&[a, b"\n\xff\xfe{\n", b, b"\n"], &["a", "b"]);
        check(&[&a[..a.len() / 2], b"\n\n", b, b"\n{\"task\": \"c"], &["b"]);
        check(&[a, b"\r\n", b], &["a", "b"]);
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let package = &b"{\n  \"name\": \"shop\",\n  \"version\": \"1.0.0\"\n}\n"[..];
        for text in [package, b"{\"task\": \"a\"}\n", b"\n", b"\xff"] {
            let file = file(&[text]);
            let error = Results::open(file.path()).err().unwrap().to_string();
            assert!(error.contains("holds something else than results"), "{error}");
            assert_eq!(std::fs::read(file.path()).unwrap(), text);
        }
    }

    #[test]
    fn only_a_line_of_the_same_run_is_found() {
        let file = file(&[]);
        let mut results = Results::open(file.path()).unwrap();
        results.add(line("a")).unwrap();
        let check = |wanted: Line, expected: bool| assert_eq!(results.find(&wanted).is_some(), expected, "{wanted:?}");
        check(line("a"), true);
        check(Line { attempt: Attempt::default(), ..line("a") }, true);
        check(line("b"), false);
        check(Line { digest: "e".into(), ..line("a") }, false);
        check(Line { model: "n".into(), ..line("a") }, false);
        check(Line { tries: 2, ..line("a") }, false);
        check(Line { version: "2".into(), ..line("a") }, false);
    }
}
