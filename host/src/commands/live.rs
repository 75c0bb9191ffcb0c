//! The catalogue as it is now. Holds the state behind it, takes in what the watcher reports, and swaps snapshots; whoever
//! holds an older one keeps it. Reloading blocks, reads files, and never fails: what cannot be used is in the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::catalogue::Catalogue;
use super::changes::Changes;
use super::memory::Carried;
use super::roots::Roots;
use super::tree::Tree;

/// Folders to be watched, each by itself: canonical path → the names in it that matter; no names: all do.
pub type Folders = BTreeMap<PathBuf, BTreeSet<OsString>>;

/// A handle; clones share everything.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    tree: Mutex<Tree>,
    current: watch::Sender<Arc<Catalogue>>,
    /// Called when [`Live::touch`] has found folders to watch.
    waker: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Live {
    /// Reads everything. `reserved` are the names that a front end keeps for itself, without slash.
    pub fn open(roots: Roots, reserved: &[String]) -> Live {
        let mut tree = Tree::new(roots, reserved);
        tree.rescan();
        let current = watch::Sender::new(Arc::new(tree.catalogue()));
        Live(Arc::new(Inner { tree: Mutex::new(tree), current, waker: OnceLock::new() }))
    }

    /// The newest snapshot.
    pub fn current(&self) -> Arc<Catalogue> {
        self.0.current.borrow().clone()
    }

    /// Takes in that these paths (absolute; files or folders) have come, gone or changed. `None`: nothing to tell. Paths that
    /// have nothing to do with the catalogue cost little.
    pub fn reload(&self, paths: &[PathBuf]) -> Option<Changes> {
        self.update(|tree| tree.reload(paths))
    }

    /// Looks at everything again and reads what is not as it was.
    pub fn rescan(&self) -> Option<Changes> {
        self.update(Tree::rescan)
    }

    /// Takes in that a tool used this file of the project: folders of commands between it and the project's root count from
    /// now on. Cheap where there are none.
    pub fn touch(&self, path: &Path) -> Option<Changes> {
        let mut found = false;
        let changes = self.update(|tree| {
            found = tree.touch(path);
            found
        });
        if let Some(waker) = self.0.waker.get().filter(|_| found) {
            waker();
        }
        changes
    }

    /// From now on plugins carry just this.
    pub fn carry(&self, carried: Vec<Carried>) -> Option<Changes> {
        self.update(|tree| tree.carry(carried))
    }

    /// A file that looked half written is believed when it has not changed for a while: call [`Live::settle`] after this
    /// time. `None`: there is none.
    pub fn unsettled(&self) -> Option<Duration> {
        self.tree().unsettled()
    }

    /// Takes in the files that looked half written and have had their time.
    pub fn settle(&self) -> Option<Changes> {
        self.update(Tree::settle)
    }

    /// What to watch. The same `Arc` as long as it is the same.
    pub fn folders(&self) -> Arc<Folders> {
        self.tree().folders()
    }

    /// Has this called when [`Live::folders`] changes otherwise than by `reload`, `rescan` or `settle`. Only the first call
    /// counts.
    pub fn when_folders_change(&self, waker: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.waker.set(Box::new(waker));
    }

    /// From the newest snapshot on.
    pub fn subscribe(&self) -> Subscription {
        let mut updates = self.0.current.subscribe();
        let seen = updates.borrow_and_update().clone();
        Subscription { updates, seen }
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `work` says whether anything may have changed.
    fn update(&self, work: impl FnOnce(&mut Tree) -> bool) -> Option<Changes> {
        // The lock is held until the swap: snapshots follow each other in the order of what they show.
        let mut tree = self.tree();
        if !work(&mut tree) {
            return None;
        }
        let new = Arc::new(tree.catalogue());
        let changes = Changes::between(&self.current(), &new);
        self.0.current.send_replace(new);
        drop(tree);
        (!changes.is_empty()).then_some(changes)
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("entries", &self.current().entries().len()).finish()
    }
}

/// Tells what changes, from snapshot to snapshot; whatever comes while nobody asks is told as one.
pub struct Subscription {
    updates: watch::Receiver<Arc<Catalogue>>,
    seen: Arc<Catalogue>,
}

impl Subscription {
    /// Waits for the next change; for ever when the catalogue is gone. Nothing is lost when the wait is given up.
    pub async fn changed(&mut self) -> Changes {
        loop {
            if self.updates.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(changes) = self.take() {
                return changes;
            }
        }
    }

    /// What has changed since the last time, without waiting.
    pub fn take(&mut self) -> Option<Changes> {
        let new = self.updates.borrow_and_update().clone();
        let changes = Changes::between(&self.seen, &new);
        self.seen = new;
        (!changes.is_empty()).then_some(changes)
    }

    /// The snapshot up to which changes were told.
    pub fn seen(&self) -> &Arc<Catalogue> {
        &self.seen
    }
}
