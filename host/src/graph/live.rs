//! The graph of a project while the project is worked on: opened and brought up to date on a thread of its own, which ends when
//! nothing is left to look at, and asked meanwhile. Nothing is read before somebody starts it or asks. What has changed others
//! tell it; it watches nothing itself.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::error::Error;
use super::index::Report;
use super::store::Opened;
use super::walk::MOST_FILES;
use super::{Graph, lock, tidy};

/// How long a question waits for changes that are just being taken in.
const CATCH_UP: Duration = Duration::from_millis(500);
/// How often a waiting question looks whether it is still wanted.
const SLICE: Duration = Duration::from_millis(20);
/// How old the last look at all files may be where nobody tells of changes. A question that comes later looks again.
const OLD: Duration = Duration::from_secs(2);
/// Between two tries while another process is writing.
const PAUSE: Duration = Duration::from_millis(200);
/// More paths at once are all files.
const MOST_PATHS: usize = 500;

/// What is told to the user: that the graph was damaged, or leaves files out.
pub type Say = Box<dyn Fn(String) + Send + Sync>;

/// Whether somebody tells the graph when something changes in the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    All,
    /// Nobody, or not everywhere.
    #[default]
    NotAll,
}

/// A handle; the work stops when the last one is dropped.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
    _stop: Arc<Stop>,
}

struct Shared {
    root: PathBuf,
    file: PathBuf,
    /// How long a question waits for the first index.
    patience: Duration,
    say: Say,
    stopped: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// Told when nothing is left to be looked at.
    done: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
    /// What others have left behind was looked for.
    tidied: AtomicBool,
}

#[derive(Default)]
struct State {
    graph: Option<Arc<Graph>>,
    /// All files were looked at once.
    complete: bool,
    /// Why there is no graph.
    failed: Option<String>,
    cut: bool,
    pending: Option<Look>,
    running: bool,
    watching: Watching,
    /// When the last look at all files began.
    looked: Option<Instant>,
    /// Programs have run since.
    ran: bool,
}

impl State {
    /// Something may have changed that nobody tells of.
    fn may_be_old(&self) -> bool {
        let old = !self.running && self.looked.is_none_or(|looked| looked.elapsed() > OLD);
        match self.watching {
            Watching::NotAll => self.ran || old,
            Watching::All => self.failed.is_some() && old,
        }
    }

    /// In words, what answers may lack now.
    fn missing(&self) -> Option<String> {
        let text = if !self.complete {
            "the code is still being indexed: there may be more"
        } else if self.failed.is_some() {
            "the index of the code could not be brought up to date: what has changed lately may be missing"
        } else if self.running {
            "changes are still being taken in: what has changed lately may be missing"
        } else if self.watching == Watching::NotAll && self.ran {
            "a program has run since the code was looked at: what it has written may be missing"
        } else {
            return self.cut.then(too_many);
        };
        Some(text.into())
    }
}

/// What is to be looked at.
#[derive(Clone, PartialEq)]
enum Look {
    Paths(Vec<PathBuf>),
    All,
}

impl Look {
    fn with(self, more: Look) -> Look {
        let (Look::Paths(mut paths), Look::Paths(more)) = (self, more) else { return Look::All };
        let new: Vec<PathBuf> = more.into_iter().filter(|path| !paths.contains(path)).collect();
        paths.extend(new);
        if paths.len() > MOST_PATHS { Look::All } else { Look::Paths(paths) }
    }
}

struct Stop(Arc<Shared>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("root", &self.shared.root).finish_non_exhaustive()
    }
}

impl Live {
    /// The graph of the project at `root`, which is canonical, kept in `file`.
    pub fn new(root: &Path, file: &Path, patience: Duration, say: Say) -> Live {
        let shared = Arc::new(Shared {
            root: root.to_path_buf(),
            file: file.to_path_buf(),
            patience,
            say,
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            done: Mutex::default(),
            tidied: AtomicBool::new(false),
        });
        Live { _stop: Arc::new(Stop(shared.clone())), shared }
    }

    /// Looks at all files, in the background.
    pub fn look(&self) {
        self.add(Look::All);
    }

    /// Looks at what is at or below these paths, in the background; they are relative to the root. Nothing happens before all
    /// files were looked at once or are about to be.
    pub fn changed(&self, paths: Vec<PathBuf>) {
        let used = {
            let state = lock(&self.shared.state);
            state.running || state.complete
        };
        match paths.len() {
            _ if !used => {}
            0 => {}
            few if few <= MOST_PATHS => self.add(Look::Paths(paths)),
            _ => self.add(Look::All),
        }
    }

    /// Says whether whoever calls [`Self::changed`] hears of everything. As long as it does not, questions look themselves.
    pub fn watching(&self, watching: Watching) {
        lock(&self.shared.state).watching = watching;
    }

    /// Programs have run that may have written anything.
    pub fn ran(&self) {
        lock(&self.shared.state).ran = true;
    }

    /// Whether all files were looked at once; waits for that at most so long.
    pub fn is_ready_within(&self, time: Duration) -> bool {
        self.settled(time, &|| false).complete
    }

    /// Has `done` called each time that nothing is left to be looked at.
    pub fn when_done(&self, done: impl Fn() + Send + Sync + 'static) {
        *lock(&self.shared.done) = Some(Box::new(done));
        let state = lock(&self.shared.state);
        let done = state.complete && !state.running;
        drop(state);
        if done {
            self.shared.tell();
        }
    }

    /// The folders in which code may be or come, relative to the root.
    pub fn folders(&self) -> Vec<String> {
        let graph = lock(&self.shared.state).graph.clone();
        graph.map(|graph| graph.folders()).unwrap_or_default()
    }

    /// In words, what answers may lack now.
    pub fn missing(&self) -> Option<String> {
        lock(&self.shared.state).missing()
    }

    /// Asks when the graph is there. `Err` is for whoever asks, and says nothing of the machine.
    pub fn ask<T>(
        &self,
        most: Duration,
        stopped: &dyn Fn() -> bool,
        question: impl FnOnce(&Graph) -> Result<T, Error>,
    ) -> Result<T, String> {
        let (look, complete) = {
            let state = lock(&self.shared.state);
            let look = if state.complete { state.may_be_old() } else { !state.running };
            (look, state.complete)
        };
        if look {
            self.look();
        }
        let patience = if complete { CATCH_UP } else { self.shared.patience };
        let Settled { graph, failed, .. } = self.settled(patience.min(most), stopped);
        let Some(graph) = graph else {
            let reason = failed.unwrap_or_else(|| "the code is still being indexed".into());
            return Err(format!("{reason}; search the files instead, or ask again later"));
        };
        question(&graph).map_err(|error| match error {
            Error::Damaged { .. } => {
                self.look();
                "the index of the code was damaged and is made anew; ask again in a moment".into()
            }
            Error::Busy { .. } => {
                "another session is just writing the index of the code; ask again in a moment, or search the files"
                    .into()
            }
            Error::Store { .. } => {
                (self.shared.say)(error.to_string());
                "the index of the code cannot be used; search the files instead".into()
            }
            other => other.to_string(),
        })
    }

    /// The state once nothing is left to be looked at, or the time is over.
    fn settled(&self, time: Duration, stopped: &dyn Fn() -> bool) -> Settled {
        let begun = Instant::now();
        let mut state = lock(&self.shared.state);
        while state.running && begun.elapsed() < time && !stopped() {
            let wait = self.shared.changed.wait_timeout(state, SLICE);
            state = wait.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Settled { graph: state.graph.clone(), complete: state.complete, failed: state.failed.clone() }
    }

    fn add(&self, more: Look) {
        let mut state = lock(&self.shared.state);
        state.pending = Some(match state.pending.take() {
            Some(pending) => pending.with(more),
            None => more,
        });
        if state.running {
            return;
        }
        state.running = true;
        let shared = self.shared.clone();
        if let Err(error) = std::thread::Builder::new().name("graph".into()).spawn(move || shared.work()) {
            state.running = false;
            state.failed = Some(format!("the code cannot be indexed: {error}"));
        }
    }
}

struct Settled {
    graph: Option<Arc<Graph>>,
    complete: bool,
    failed: Option<String>,
}

/// Whoever waits must not wait for a thread that has panicked.
struct OnPanic<'a>(&'a Shared);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.state).running = false;
        }
    }
}

impl Shared {
    fn work(&self) {
        let _ended = OnPanic(self);
        while let Some(look) = self.next() {
            let worked = self.take_in(look.clone());
            match &worked {
                // Another process is writing.
                Err(Error::Busy { .. }) => {
                    self.again(look);
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(error) if !matches!(error, Error::Cancelled) => (self.say)(error.to_string()),
                _ => {}
            }
            let mut state = lock(&self.state);
            match worked {
                // The next question looks at all files again.
                Err(_) => (state.failed, state.complete) = (Some("the code cannot be indexed".into()), false),
                Ok(()) if look == Look::All => state.failed = None,
                Ok(()) => {}
            }
        }
        self.tell();
        if !self.stopped.load(Ordering::Relaxed) && !self.tidied.swap(true, Ordering::Relaxed) {
            tidy::tidy(&self.file);
        }
    }

    fn again(&self, look: Look) {
        let mut state = lock(&self.state);
        state.pending = Some(match state.pending.take() {
            Some(more) => look.with(more),
            None => look,
        });
    }

    fn tell(&self) {
        if let Some(done) = lock(&self.done).as_ref() {
            done();
        }
    }

    /// What to look at next. With nothing left the work ends in the same step, so that what comes then begins another.
    fn next(&self) -> Option<Look> {
        let mut state = lock(&self.state);
        let next = state.pending.take().filter(|_| !self.stopped.load(Ordering::Relaxed));
        match &next {
            None => {
                state.running = false;
                self.changed.notify_all();
            }
            Some(Look::All) => (state.looked, state.ran) = (Some(Instant::now()), false),
            Some(Look::Paths(_)) => {}
        }
        next
    }

    fn take_in(&self, look: Look) -> Result<(), Error> {
        let graph = self.open()?;
        let cancelled = || self.stopped.load(Ordering::Relaxed);
        let all = look == Look::All;
        let report = match look {
            Look::All => graph.refresh(&cancelled)?,
            Look::Paths(paths) => match graph.update(&paths) {
                Err(Error::Damaged { .. }) => graph.refresh(&cancelled)?,
                done => Report { cut: lock(&self.state).cut, ..done? },
            },
        };
        if let Some(reason) = &report.rebuilt {
            (self.say)(format!("the index of the code was damaged ({reason}) and has been made anew"));
        }
        let news = {
            let mut state = lock(&self.state);
            let news = report.cut && !state.cut;
            state.cut = report.cut;
            state.complete |= all;
            news
        };
        if news {
            (self.say)(too_many());
        }
        Ok(())
    }

    fn open(&self) -> Result<Arc<Graph>, Error> {
        if let Some(graph) = &lock(&self.state).graph {
            return Ok(graph.clone());
        }
        let (graph, opened) = Graph::open(&self.root, &self.file)?;
        if let Opened::Rebuilt(reason) = opened {
            (self.say)(format!("the index of the code could not be used ({reason}) and is made anew"));
        }
        let graph = Arc::new(graph);
        lock(&self.state).graph = Some(graph.clone());
        Ok(graph)
    }
}

fn too_many() -> String {
    format!("only the first {MOST_FILES} source files are indexed: there may be more")
}
