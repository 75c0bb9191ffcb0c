//! Brings the graph up to date: which files are new, changed or gone, by time and size first and then by the content's
//! digest; reads those side by side and writes from one thread. What changed is committed every so often, so that a large
//! project can be asked before all of it is read. Nothing is read while the database is held for writing, since another process
//! may want it too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::content::{self, Skipped};
use super::error::Error;
use super::extract::{Unread, extract};
use super::store::{Content, Known, State, Store, Writer};
use super::walk::{Candidate, walk};
use crate::parallel::side_by_side;

/// Files, and bytes of them, between two commits.
const BATCH: usize = 1_000;
const BATCH_BYTES: u64 = 16 << 20;
/// Names that are remembered while indexing.
const MOST_NAMES: usize = 1_000_000;
/// Files that took too long and are tried again at once; each may take seconds.
const TRIED_AGAIN: usize = 4;

/// Which files are looked at, and how closely. Paths are relative to the root.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    All,
    /// All, and of those that took too long to read the first few once more.
    AllAgain,
    /// What is at or below these.
    Below(&'a [PathBuf]),
    /// The same, read whatever their time and size say.
    Closely(&'a [PathBuf]),
}

impl<'a> Which<'a> {
    fn only(self) -> Option<&'a [PathBuf]> {
        match self {
            Which::All | Which::AllAgain => None,
            Which::Below(paths) | Which::Closely(paths) => Some(paths),
        }
    }
}

/// What became of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Read anew.
    pub indexed: usize,
    pub unchanged: usize,
    pub removed: usize,
    /// Looked at and not indexed; the first few, with the reason.
    pub skipped: Vec<(String, &'static str)>,
    /// There are more files than are indexed.
    pub cut: bool,
    /// The graph was damaged, for this reason, and was made anew.
    pub rebuilt: Option<String>,
}

const SKIPPED_TOLD: usize = 20;

/// A change that was committed, for who keeps something in memory.
pub enum Change<'a> {
    Put(i64, &'a Candidate, &'a Content),
    Removed(i64),
}

/// What is told after each commit, and of the folders that were seen, after all.
pub enum News<'a> {
    One(Change<'a>),
    /// More files than are told one by one.
    Many,
    Folders(Vec<String>),
}

const FEW: usize = 64;

/// A file that may have changed, with what is known of it.
type Stale = (Candidate, Option<Known>);

struct Looked<'a> {
    candidate: &'a Candidate,
    known: Option<i64>,
    digest: [u8; 32],
    /// None: it has the content that is known.
    content: Option<Content>,
}

/// Looks at the project, and tells of each change.
pub fn bring_up_to_date(
    store: &mut Store,
    root: &Path,
    which: Which,
    cancelled: &(dyn Fn() -> bool + Sync),
    changed: &mut dyn FnMut(News),
) -> Result<Report, Error> {
    let walked = walk(root, which.only(), SystemTime::now());
    let mut known = known(store, which.only()).map_err(|error| store.error(error))?;
    let mut report = Report { cut: walked.cut, ..Report::default() };
    let mut stale: Vec<Stale> = Vec::new();
    let mut tries = if matches!(which, Which::AllAgain) { TRIED_AGAIN } else { 0 };
    for candidate in walked.files {
        let before = known.remove(&candidate.path);
        let same = |known: &Known| {
            let looks = known.size == candidate.size && known.modified == candidate.modified && candidate.modified != 0;
            looks && !matches!(which, Which::Closely(_))
        };
        if tries > 0 && before.as_ref().is_some_and(|known| known.state == State::Skipped(Skipped::TooSlow)) {
            tries -= 1;
            stale.push((candidate, None));
        } else if before.as_ref().is_some_and(same) {
            report.unchanged += 1;
        } else {
            stale.push((candidate, before));
        }
    }
    write_all(store, root, &stale, cancelled, changed, &mut report)?;
    if !known.is_empty() {
        let gone: Vec<i64> = known.into_values().map(|known| known.id).collect();
        remove(&mut store.connection, &gone).map_err(|error| store.error(error))?;
        report.removed = gone.len();
        if gone.len() > FEW {
            changed(News::Many);
        } else {
            gone.into_iter().for_each(|id| changed(News::One(Change::Removed(id))));
        }
    }
    changed(News::Folders(walked.folders));
    Ok(report)
}

fn known(store: &Store, only: Option<&[PathBuf]>) -> rusqlite::Result<HashMap<String, Known>> {
    let Some(only) = only else { return store.known() };
    let mut all = HashMap::new();
    for path in only.iter().filter_map(|path| path.to_str()) {
        all.extend(if path.is_empty() { store.known()? } else { store.known_at(path)?.into_iter().collect() });
    }
    Ok(all)
}

fn remove(connection: &mut rusqlite::Connection, gone: &[i64]) -> rusqlite::Result<()> {
    let mut names = HashMap::new();
    let mut writer = Writer::begin(connection, &mut names)?;
    gone.iter().try_for_each(|id| writer.remove(*id))?;
    writer.commit()
}

/// Reads one batch while the one before it is written.
fn write_all(
    store: &mut Store,
    root: &Path,
    stale: &[Stale],
    cancelled: &(dyn Fn() -> bool + Sync),
    changed: &mut dyn FnMut(News),
    report: &mut Report,
) -> Result<(), Error> {
    let mut names = HashMap::new();
    let mut write = |batch: Vec<Looked>| -> Result<usize, Error> {
        write(store, &batch, &mut names, changed, report)?;
        if names.len() > MOST_NAMES {
            names.clear();
        }
        Ok(batch.len())
    };
    let batches = batches(stale);
    let written = match batches.as_slice() {
        [] => return Ok(()),
        [batch] => write(read(root, batch, cancelled))?,
        many => std::thread::scope(|scope| {
            let (send, batches) = mpsc::sync_channel(1);
            // Who no longer listens has failed, and says so.
            scope.spawn(move || many.iter().try_for_each(|batch| send.send(read(root, batch, cancelled))));
            batches.into_iter().map(&mut write).sum::<Result<usize, Error>>()
        })?,
    };
    if written == stale.len() { Ok(()) } else { Err(Error::Cancelled) }
}

/// As far as it comes before it is cancelled.
fn read<'a>(root: &Path, batch: &'a [Stale], cancelled: &(dyn Fn() -> bool + Sync)) -> Vec<Looked<'a>> {
    let batch: Vec<&Stale> = batch.iter().collect();
    let looked = side_by_side(&batch, |one| {
        let (candidate, known) = *one;
        (!cancelled()).then(|| look(root, candidate, known.as_ref()))
    });
    looked.into_iter().flatten().collect()
}

fn batches(mut rest: &[Stale]) -> Vec<&[Stale]> {
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let mut room = BATCH_BYTES;
        let fits = |(candidate, _): &&Stale| {
            let fits = room > 0;
            room = room.saturating_sub(candidate.size.min(content::LARGEST));
            fits
        };
        let (batch, more) = rest.split_at(rest.iter().take(BATCH).take_while(fits).count());
        batches.push(batch);
        rest = more;
    }
    batches
}

fn write(
    store: &mut Store,
    batch: &[Looked],
    names: &mut HashMap<String, i64>,
    changed: &mut dyn FnMut(News),
    report: &mut Report,
) -> Result<(), Error> {
    let mut put = || -> rusqlite::Result<Vec<Option<i64>>> {
        let mut writer = Writer::begin(&mut store.connection, names)?;
        let ids = batch.iter().map(|looked| settle(&mut writer, looked, report)).collect::<Result<_, _>>()?;
        writer.commit()?;
        Ok(ids)
    };
    let ids = put().map_err(|error| store.error(error))?;
    if batch.len() > FEW {
        changed(News::Many);
        return Ok(());
    }
    for (looked, id) in batch.iter().zip(ids) {
        if let (Some(content), Some(id)) = (&looked.content, id) {
            changed(News::One(Change::Put(id, looked.candidate, content)));
        }
    }
    Ok(())
}

/// The number of the file, when there is something new to know.
fn settle(writer: &mut Writer, looked: &Looked, report: &mut Report) -> rusqlite::Result<Option<i64>> {
    let Looked { candidate, known, digest, content } = looked;
    let Some(content) = content else {
        report.unchanged += 1;
        if let Some(known) = known {
            writer.touch(*known, candidate.size, candidate.modified)?;
        }
        return Ok(None);
    };
    match content {
        Content::Indexed { .. } => report.indexed += 1,
        Content::Skipped(skipped) if report.skipped.len() < SKIPPED_TOLD => {
            report.skipped.push((candidate.path.clone(), skipped.reason()));
        }
        Content::Skipped(_) => {}
    }
    writer.put(candidate, digest, content).map(Some)
}

fn look<'a>(root: &Path, candidate: &'a Candidate, known: Option<&Known>) -> Looked<'a> {
    let looked = |digest, content| Looked { candidate, known: known.map(|known| known.id), digest, content };
    let bytes = if candidate.size > content::LARGEST {
        Err(Skipped::TooLarge)
    } else {
        content::read(root, &candidate.path).map_err(|_| Skipped::Unreadable)
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(skipped) => return looked([0; 32], Some(Content::Skipped(skipped))),
    };
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    if known.is_some_and(|known| known.digest == digest) {
        return looked(digest, None);
    }
    let read = content::text(&bytes).and_then(|text| {
        let facts = extract(candidate.language, text).map_err(|unread| match unread {
            Unread::TooSlow => Skipped::TooSlow,
            Unread::NoGrammar => Skipped::Unreadable,
        })?;
        Ok(Content::Indexed { facts, generated: content::is_generated(text) })
    });
    looked(digest, Some(read.unwrap_or_else(Content::Skipped)))
}
