//! Threads that run guests. A call has a thread to itself, so that its file operations may block and its processor time
//! can be read; threads are started when needed and kept for the next call. The engine's slots bound their number.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Does the work, and gives what hands its result over.
type Job = Box<dyn FnOnce() -> Answer + Send>;
type Answer = Box<dyn FnOnce()>;

/// An idle thread ends after this time.
const KEEP: Duration = Duration::from_secs(30);

pub(super) struct Workers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that take a job next: those that sleep, and those that are handing over an answer.
    idle: usize,
    asleep: usize,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    pub fn new() -> Workers {
        Workers { shared: Arc::default() }
    }

    /// Runs the job on a thread of its own. Fails when the system gives no more threads; the job is dropped then.
    pub fn submit<A: FnOnce() + 'static>(&self, job: impl FnOnce() -> A + Send + 'static) -> std::io::Result<()> {
        let job: Job = Box::new(move || Box::new(job()));
        let mut queue = self.shared.lock();
        if queue.idle > queue.jobs.len() {
            queue.jobs.push_back(job);
            let asleep = queue.asleep > 0;
            drop(queue);
            if asleep {
                self.shared.wake.notify_one();
            }
            return Ok(());
        }
        drop(queue);
        let shared = self.shared.clone();
        let work = move || work(&shared, job);
        std::thread::Builder::new().name("garth-call".to_owned()).spawn(work).map(drop)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

fn work(shared: &Shared, first: Job) {
    let mut job = first;
    loop {
        // A panic in a host function costs the call: whoever waits for its answer sees the channel close.
        let answer = catch_unwind(AssertUnwindSafe(job));
        // Before the answer: whoever gets it may have the next job, and that needs no other thread then.
        shared.lock().idle += 1;
        if let Ok(answer) = answer {
            let _ = catch_unwind(AssertUnwindSafe(answer));
        }
        let mut queue = shared.lock();
        let next = loop {
            if let Some(job) = queue.jobs.pop_front() {
                break Some(job);
            }
            if queue.closed {
                break None;
            }
            queue.asleep += 1;
            let (woken, timeout) = shared.wake.wait_timeout(queue, KEEP).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.asleep -= 1;
            if timeout.timed_out() && queue.jobs.is_empty() {
                break None;
            }
        };
        queue.idle -= 1;
        drop(queue);
        match next {
            Some(next) => job = next,
            None => return,
        }
    }
}
