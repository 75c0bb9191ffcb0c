//! The code graph of a project: what its files define, mention, call and import, kept on disk by the content of each file and
//! asked by name. It reads sources and knows languages; whom the answers are for, and what they look like there, it must not
//! know. What a caller may not see it is told with each question.

mod asker;
mod calls;
mod content;
mod error;
mod extract;
mod facts;
mod index;
mod languages;
mod live;
mod lookup;
mod rank;
mod related;
mod store;
mod tidy;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

pub use asker::Asker;
pub use calls::{Callee, Callees, Caller, Callers, Place};
pub use error::Error;
pub use facts::Kind;
pub use index::Report;
pub use live::{Live, Say, Watching};
pub use lookup::{Line, Outline, Symbol, Symbols};
pub use related::{Related, RelatedFile};
pub use store::Opened;

use index::{News, Which};
use rank::Ranking;
use store::Store;

/// How long a question waits for another process that is writing.
const PATIENCE: Duration = Duration::from_millis(100);
/// The same for what is brought up to date behind questions.
const PATIENCE_BEHIND: Duration = Duration::from_secs(10);

/// The graph of one project. Questions are answered while it is brought up to date, from what was committed.
pub struct Graph {
    root: PathBuf,
    file: PathBuf,
    writer: Mutex<Store>,
    reader: Mutex<Store>,
    ranking: Mutex<Remembered>,
    /// Below the root, code or not, as they were when they were last looked into.
    folders: Mutex<BTreeSet<String>>,
    /// All files were looked at once, by this process.
    looked: AtomicBool,
}

/// What is kept in memory of the database.
#[derive(Default)]
struct Remembered {
    /// Made when it is first asked for.
    ranking: Option<Ranking>,
    /// [`Store::foreign`] before it was made.
    foreign: Option<i64>,
}

impl Graph {
    /// Opens the graph of the project at `root`, kept in `file`, or makes an empty one. Nothing is read of the project yet.
    pub fn open(root: &Path, file: &Path) -> Result<(Graph, Opened), Error> {
        let (writer, opened) = Store::open(file, root)?;
        let reader = writer.again()?;
        reader.wait_for_others(PATIENCE)?;
        let graph = Graph {
            root: root.to_path_buf(),
            file: file.to_path_buf(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            ranking: Mutex::default(),
            folders: Mutex::default(),
            looked: AtomicBool::new(false),
        };
        Ok((graph, opened))
    }

    /// Looks at all files. A graph that turns out to be damaged is made anew.
    pub fn refresh(&self, cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Report, Error> {
        let mut writer = lock(&self.writer);
        let damaged = lock(&self.reader).is_damaged();
        // Why a file took too long may have been the machine.
        let which = if self.looked.swap(true, Ordering::Relaxed) { Which::All } else { Which::AllAgain };
        let reason = match damaged {
            Some(reason) => reason,
            None => match self.bring_up_to_date(&mut writer, which, cancelled) {
                Err(Error::Damaged { reason, .. }) => reason,
                done => return done,
            },
        };
        {
            let mut reader = lock(&self.reader);
            // Both connections are closed before the file goes.
            writer.close();
            reader.close();
            *writer = Store::create(&self.file, &self.root)?;
            *reader = writer.again()?;
            reader.wait_for_others(PATIENCE)?;
        }
        *lock(&self.ranking) = Remembered::default();
        let report = self.bring_up_to_date(&mut writer, Which::All, cancelled)?;
        Ok(Report { rebuilt: Some(reason), ..report })
    }

    /// Looks at what is at or below these paths, which may be gone; they are relative to the root. A file that says what is
    /// ignored stands for its folder.
    pub fn update(&self, paths: &[PathBuf]) -> Result<Report, Error> {
        let ignores = |path: &PathBuf| path.file_name().is_some_and(|name| name == ".gitignore" || name == ".ignore");
        let folder = |path: &PathBuf| path.parent().map(Path::to_path_buf).unwrap_or_default();
        let paths: Vec<PathBuf> =
            paths.iter().map(|path| if ignores(path) { folder(path) } else { path.clone() }).collect();
        self.bring_up_to_date(&mut lock(&self.writer), Which::Below(&paths), &|| false)
    }

    fn bring_up_to_date(
        &self,
        store: &mut Store,
        which: Which,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Report, Error> {
        // Whoever loads the ranking meanwhile has what was committed before; what comes after is told here.
        let mut changed = |news: News| {
            let mut ranking = lock(&self.ranking);
            match (news, ranking.ranking.as_mut()) {
                (News::Many, _) => ranking.ranking = None,
                (News::One(change), Some(ranking)) => ranking.change(change),
                (News::One(_), None) => {}
                (News::Folders(seen), _) => self.saw(which, seen),
            }
        };
        index::bring_up_to_date(store, &self.root, which, cancelled, &mut changed)
    }

    fn saw(&self, which: Which, seen: Vec<String>) {
        let mut folders = lock(&self.folders);
        match which {
            Which::All | Which::AllAgain => folders.clear(),
            Which::Below(paths) | Which::Closely(paths) => {
                folders.retain(|folder| !paths.iter().any(|path| Path::new(folder).starts_with(path)));
            }
        }
        folders.extend(seen);
    }

    /// Looks at one file before it is asked about.
    fn freshen(&self, path: &str) -> Result<(), Error> {
        self.look_now(path, Which::Below(&[path.into()]))
    }

    /// Reads one file again that is not as it was indexed, whatever its time and size say.
    fn reread(&self, path: &str) -> Result<(), Error> {
        self.look_now(path, Which::Closely(&[path.into()]))
    }

    /// Unless somebody is writing, this process or another one.
    fn look_now(&self, path: &str, which: Which) -> Result<(), Error> {
        // A folder would be looked at as a whole.
        if path.is_empty() || std::fs::symlink_metadata(self.root.join(path)).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(());
        }
        let Some(mut writer) = try_lock(&self.writer) else { return Ok(()) };
        writer.wait_for_others(PATIENCE)?;
        let done = self.bring_up_to_date(&mut writer, which, &|| false);
        writer.wait_for_others(PATIENCE_BEHIND)?;
        match done {
            Err(Error::Busy { .. }) => Ok(()),
            done => done.map(drop),
        }
    }

    /// The folders in which code may be or come, relative to the root; none before all files were looked at.
    fn folders(&self) -> Vec<String> {
        lock(&self.folders).iter().cloned().collect()
    }

    /// Runs a query.
    fn ask<T>(&self, query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let mut store = lock(&self.reader);
        query(&store.connection).map_err(|error| store.failed(error))
    }
}

/// `None`: it is in use.
fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// What a thread that panicked has left is a store like any other: SQLite takes back what was not committed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
