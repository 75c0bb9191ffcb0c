//! The watcher's thread: takes the system's events, gathers them, hands them to the sink, and watches what the sink answers.
//!
//! Each folder is watched by itself, since a recursive watch would take in whole repositories and follow links in circles.
//! Between the moment a new folder is seen and the moment it is watched, something may be put into it: so a folder
//! that is newly watched is told as changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::debounce::{Debounce, What};
use super::{Folders, fallback};

/// How often is looked where the system does not tell.
const POLL: Duration = Duration::from_secs(1);
/// Looking takes at most this part of the time.
const POLL_SHARE: u32 = 20;
/// More folders that are new are told as [`Report::Rescan`].
const NEW: usize = 64;

/// What the sink is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// These files or folders, by their canonical paths, have come, gone or changed.
    Changed(Vec<PathBuf>),
    /// Anything may have changed.
    Rescan,
    /// [`Watch::waker`] was called, or the time of [`Answer::again`] is over.
    Woken,
    /// Changes are found by looking once a second, for this reason. Told once for each reason.
    Polling(String),
}

/// What the sink answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What to watch from now on; the same `Arc` costs nothing. `None`: as before.
    pub folders: Option<Arc<Folders>>,
    /// Report [`Report::Woken`] after this time.
    pub again: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Watch, and look only where that cannot work.
    Auto,
    /// Look only.
    Poll,
}

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Watch {
    inbox: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to watch. Once everything is watched, the first report is [`Report::Rescan`], for what has changed meanwhile.
/// The sink is called on the watcher's own thread and may block; what changes meanwhile is told afterwards.
pub fn start(
    folders: Arc<Folders>,
    mode: Mode,
    sink: impl FnMut(Report) -> Answer + Send + 'static,
) -> std::io::Result<Watch> {
    let (inbox, messages) = mpsc::channel();
    let events = inbox.clone();
    let run = move || {
        let mut drive = Drive::new(events, mode, Box::new(sink));
        drive.set(&folders);
        drive.debounce.overflow(Instant::now());
        drive.run(&messages);
    };
    let thread = std::thread::Builder::new().name("watch".into()).spawn(run)?;
    Ok(Watch { inbox, thread: Some(thread) })
}

impl Watch {
    /// Has the sink called with [`Report::Woken`], so that it can answer with other folders.
    pub fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let inbox = self.inbox.clone();
        move || drop(inbox.send(Message::Wake))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.inbox.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

enum Message {
    Event(notify::Result<Event>),
    Wake,
    Stop,
}

struct Drive {
    /// `None`: nothing can be watched.
    watcher: Option<RecommendedWatcher>,
    wanted: Arc<Folders>,
    /// What is watched, or looked at.
    held: BTreeMap<PathBuf, Held>,
    debounce: Debounce,
    again: Option<Instant>,
    polls: Polls,
    told: BTreeSet<String>,
    sink: Box<dyn FnMut(Report) -> Answer + Send>,
}

#[derive(Clone, Copy, PartialEq)]
enum Held {
    Watched,
    Polled,
}

struct Polls {
    always: bool,
    next: Option<Instant>,
    /// How long the last look took.
    took: Duration,
}

impl Drive {
    fn new(events: Sender<Message>, mode: Mode, sink: Box<dyn FnMut(Report) -> Answer + Send>) -> Drive {
        let mut drive = Drive {
            watcher: None,
            wanted: Arc::default(),
            held: BTreeMap::new(),
            debounce: Debounce::default(),
            again: None,
            polls: Polls { always: mode == Mode::Poll, next: None, took: Duration::ZERO },
            told: BTreeSet::new(),
            sink,
        };
        if mode == Mode::Auto {
            // Reading makes events too, which would come back as changes.
            let counts = |event: &Event| !matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
            let handler = move |event: notify::Result<Event>| {
                if event.as_ref().map_or(true, counts) {
                    let _ = events.send(Message::Event(event));
                }
            };
            match notify::recommended_watcher(handler) {
                Ok(watcher) => drive.watcher = Some(watcher),
                Err(error) => {
                    drive.polls.always = true;
                    drive.polling(fallback::reason(&error, Path::new("the folder")));
                }
            }
        }
        drive
    }

    fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            let now = Instant::now();
            let next = [self.debounce.due(), self.again, self.polls.next].into_iter().flatten().min();
            let message = match next {
                Some(next) => messages.recv_timeout(next.saturating_duration_since(now)),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Event(Ok(event))) => self.event(&event),
                Ok(Message::Event(Err(error))) => self.error(&error),
                Ok(Message::Wake) => self.report(Report::Woken),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.what_is_due();
        }
    }

    fn what_is_due(&mut self) {
        let over = |time: Option<Instant>| time.is_some_and(|time| time <= Instant::now());
        if over(self.debounce.due()) {
            let burst = self.debounce.take();
            match burst.overflow {
                true => self.rescan(),
                false => self.report(Report::Changed(burst.paths.into_iter().collect())),
            }
        }
        if over(self.again) {
            self.again = None;
            self.report(Report::Woken);
        }
        if over(self.polls.next) {
            self.rescan();
        }
    }

    fn event(&mut self, event: &Event) {
        let now = Instant::now();
        if event.need_rescan() {
            return self.debounce.overflow(now);
        }
        let gone = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From | RenameMode::Any))
        );
        let moved = gone || matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)));
        for path in &event.paths {
            if moved {
                self.forget(path);
            }
            if self.is_wanted(path) {
                self.debounce.add(path.clone(), if gone { What::Gone } else { What::Changed }, now);
            }
        }
    }

    fn error(&mut self, error: &notify::Error) {
        if matches!(error.kind, ErrorKind::MaxFilesWatch) {
            self.polls.always = true;
            self.polling(fallback::reason(error, Path::new("the folder")));
        }
        self.debounce.overflow(Instant::now());
    }

    fn is_wanted(&self, path: &Path) -> bool {
        let names = path.parent().and_then(|folder| self.wanted.get(folder));
        let named =
            names.is_some_and(|names| names.is_empty() || path.file_name().is_some_and(|name| names.contains(name)));
        named || self.wanted.contains_key(path)
    }

    /// Another folder may have come to this path: the kernel goes on watching the old one, wherever that is now.
    fn forget(&mut self, path: &Path) {
        let below = self.held.range::<Path, _>((Bound::Included(path), Bound::Unbounded));
        let below: Vec<PathBuf> =
            below.map(|(held, _)| held).take_while(|held| held.starts_with(path)).cloned().collect();
        for folder in below {
            self.release(&folder);
        }
    }

    fn release(&mut self, folder: &Path) {
        if self.held.remove(folder) == Some(Held::Watched)
            && let Some(watcher) = &mut self.watcher
        {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(folder);
        }
    }

    fn rescan(&mut self) {
        let start = Instant::now();
        self.report(Report::Rescan);
        self.polls.took = start.elapsed();
        self.schedule();
    }

    fn report(&mut self, report: Report) {
        let answer = (self.sink)(report);
        self.again = answer.again.map(|after| Instant::now() + after).or(self.again);
        let folders = answer.folders.unwrap_or_else(|| self.wanted.clone());
        let new = self.set(&folders);
        let now = Instant::now();
        match new.len() {
            0 => {}
            1..=NEW => new.into_iter().for_each(|folder| self.debounce.add(folder, What::Changed, now)),
            _ => self.debounce.overflow(now),
        }
    }

    /// Watches these folders and no others; returns those that were not watched before.
    fn set(&mut self, wanted: &Arc<Folders>) -> Vec<PathBuf> {
        if Arc::ptr_eq(wanted, &self.wanted) && self.held.len() == wanted.len() {
            return Vec::new();
        }
        self.wanted = wanted.clone();
        let over: Vec<PathBuf> = self.held.keys().filter(|folder| !wanted.contains_key(*folder)).cloned().collect();
        over.iter().for_each(|folder| self.release(folder));
        let missing: Vec<PathBuf> = wanted.keys().filter(|folder| !self.held.contains_key(*folder)).cloned().collect();
        let mut new = Vec::new();
        let mut full = false;
        for folder in missing {
            match self.hold(&folder, full) {
                Ok(held) => {
                    self.held.insert(folder.clone(), held);
                    new.push(folder);
                }
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                Err(error) => {
                    full |= matches!(error.kind, ErrorKind::MaxFilesWatch);
                    self.polling(fallback::reason(&error, &folder));
                    self.held.insert(folder, Held::Polled);
                }
            }
        }
        self.schedule();
        new
    }

    /// `full`: the kernel takes no more.
    fn hold(&mut self, folder: &Path, full: bool) -> notify::Result<Held> {
        let Some(watcher) = &mut self.watcher else { return Ok(Held::Polled) };
        if full {
            return Ok(Held::Polled);
        }
        if fallback::is_remote(folder) {
            self.polling(format!(
                "{} is on a network drive, whose changes are not told to this machine",
                folder.display()
            ));
            return Ok(Held::Polled);
        }
        watcher.watch(folder, RecursiveMode::NonRecursive).map(|()| Held::Watched)
    }

    fn schedule(&mut self) {
        let polls = self.polls.always || self.held.values().any(|held| *held == Held::Polled);
        let pause = POLL.max(self.polls.took * POLL_SHARE);
        self.polls.next = polls.then(|| Instant::now() + pause);
    }

    fn polling(&mut self, reason: String) {
        // One folder of each sort is enough: a drive has many.
        let sort = reason.rsplit('/').next().and_then(|rest| rest.split_once(' ')).map_or(&*reason, |(_, words)| words);
        if self.told.insert(sort.to_string()) {
            (self.sink)(Report::Polling(reason));
        }
    }
}
