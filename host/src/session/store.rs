//! The sessions of one project: new ones, lists, and finding one by what a person types.

use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::journal::{FILE, Journal};
use super::{Entry, id};
use crate::protocol::Event;

/// Names that are tried for a new session. More than a few are taken only where the directory itself is wrong.
const NAMES: usize = 16;

/// The directory of a project's sessions; it may not exist yet.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// A session in which something was said, in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub id: String,
    /// Milliseconds since 1970.
    pub started: u64,
    /// What the user first said.
    pub task: String,
    /// At least 1.
    pub turns: u64,
}

/// Why there is not one session to go on with.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("this project has no session yet; start one with a task")]
    Empty,
    #[error("no session is called '{wanted}'; {}", match nearest { Some(id) => format!("the nearest is {id}"), None => "`latest` is the last one".into() })]
    Unknown { wanted: String, nearest: Option<String> },
    #[error("'{wanted}' may be any of {}; write more of it", candidates.join(", "))]
    Ambiguous { wanted: String, candidates: Vec<String> },
    #[error("the sessions cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Store {
    pub fn new(dir: impl Into<PathBuf>) -> Store {
        Store { dir: dir.into() }
    }

    /// A new session.
    pub fn create(&self) -> io::Result<Journal> {
        use io::ErrorKind::{AlreadyExists, NotFound, WouldBlock};
        for _ in 1..NAMES {
            match Journal::create(&self.dir, &id::new()?) {
                Err(error) if matches!(error.kind(), AlreadyExists | NotFound | WouldBlock) => {}
                result => return result,
            }
        }
        Journal::create(&self.dir, &id::new()?)
    }

    /// Goes on with a session. Fails with `WouldBlock` while another Garth has it open.
    pub fn open(&self, id: &str) -> io::Result<Journal> {
        Journal::open(&self.dir, id)
    }

    /// The journal's file, for [`load`](super::load).
    pub fn file(&self, id: &str) -> PathBuf {
        self.dir.join(id).join(FILE)
    }

    /// The sessions in which something was said, the newest first. What cannot be read is left out.
    pub fn list(&self) -> io::Result<Vec<Summary>> {
        Ok(self.ids()?.iter().filter_map(|id| summary(&self.file(id), id)).collect())
    }

    /// The newest session in which something was said.
    pub fn latest(&self) -> Result<String, FindError> {
        let said = |id: &String| summary(&self.file(id), id).is_some();
        self.ids()?.into_iter().find(said).ok_or(FindError::Empty)
    }

    /// The session that is meant by `latest`, an id, its beginning or its end (which differs more).
    pub fn find(&self, wanted: &str) -> Result<String, FindError> {
        let wanted = wanted.trim().to_lowercase();
        if wanted == "latest" {
            return self.latest();
        }
        let ids = self.ids()?;
        let matching = |is: fn(&str, &str) -> bool| -> Vec<String> {
            ids.iter().filter(|id| !wanted.is_empty() && is(id, &wanted)).cloned().collect()
        };
        for candidates in [
            matching(|id, wanted| id == wanted),
            matching(|id, wanted| id.starts_with(wanted)),
            matching(|id, wanted| id.ends_with(wanted)),
        ] {
            match candidates.as_slice() {
                [] => {}
                [id] => return Ok(id.clone()),
                _ => return Err(FindError::Ambiguous { wanted, candidates: candidates.into_iter().take(8).collect() }),
            }
        }
        if ids.is_empty() {
            return Err(FindError::Empty);
        }
        let nearest = ids
            .into_iter()
            .map(|id| (strsim::levenshtein(&id, &wanted), id))
            .min()
            .filter(|(distance, _)| *distance <= 4);
        Err(FindError::Unknown { wanted, nearest: nearest.map(|(_, id)| id) })
    }

    /// Removes the sessions in which nothing was said, then the oldest of the others beyond this many; those that are
    /// open stay. How many were removed.
    pub fn prune(&self, keep: usize) -> io::Result<usize> {
        let (silent, said): (Vec<String>, Vec<String>) =
            self.ids()?.into_iter().partition(|id| is_silent(&self.file(id)));
        let mut removed = 0;
        for id in &silent {
            removed += self.remove(id, is_silent)?;
        }
        for id in said.iter().skip(keep) {
            removed += self.remove(id, Path::exists)?;
        }
        Ok(removed)
    }

    /// Removes a session whose journal `still` is what it was before it was locked; whoever holds the lock is using it.
    /// How many were removed.
    fn remove(&self, id: &str, still: fn(&Path) -> bool) -> io::Result<usize> {
        let Ok(journal) = self.open(id) else { return Ok(0) };
        if !still(&journal.file()) {
            return Ok(0);
        }
        std::fs::remove_dir_all(self.dir.join(id))?;
        drop(journal);
        Ok(1)
    }

    /// The newest first.
    fn ids(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut ids: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| id::is_id(name))
            .collect();
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }
}

/// Whether no turn began in a journal that can be read to its end. A line that is damaged, or of a newer Garth, may have
/// been the beginning of one, so such a session is kept like the others.
fn is_silent(file: &Path) -> bool {
    let Ok(file) = File::open(file) else { return false };
    let says_nothing = |line: Vec<u8>| {
        line.trim_ascii().is_empty()
            || serde_json::from_slice::<Entry>(&line)
                .is_ok_and(|entry| !matches!(entry.event, Event::TurnStarted { .. }))
    };
    BufReader::new(file).split(b'\n').all(|line| line.is_ok_and(says_nothing))
}

/// Reads only the lines that matter: a journal holds every result. `None` where nothing was said.
fn summary(file: &Path, id: &str) -> Option<Summary> {
    let mut reader = BufReader::new(File::open(file).ok()?);
    let (mut started, mut first, mut turns) = (0, None, 0);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).ok()? > 0 {
        // `at` and `type` come first in every line.
        let beginning = String::from_utf8_lossy(&line[..line.len().min(64)]);
        if started == 0 || beginning.contains(r#""type":"turn_started""#) {
            let entry = serde_json::from_slice::<Entry>(&line).ok();
            if let (0, Some(entry)) = (started, &entry) {
                started = entry.at;
            }
            if let Some(Event::TurnStarted { turn, task }) = entry.map(|entry| entry.event) {
                turns = turn;
                first.get_or_insert(task);
            }
        }
        line.clear();
    }
    first.filter(|_| turns > 0).map(|task| Summary { id: id.into(), started, task, turns })
}

/// A directory and its parents, for their owner only.
pub(super) fn create_private_dir(dir: &Path) -> io::Result<()> {
    private().recursive(true).create(dir)
}

/// A directory that did not exist.
pub(super) fn new_private_dir(dir: &Path) -> io::Result<()> {
    private().create(dir)
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
