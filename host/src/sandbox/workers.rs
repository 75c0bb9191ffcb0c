//! Threads that run guests. A call has a thread to itself, so that its file operations may block and its processor time
//! can be read; threads are started when needed and kept for the next call. The engine's slots bound their number.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

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
    idle: usize,
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
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut queue = self.shared.lock();
        if queue.idle > queue.jobs.len() {
            queue.jobs.push_back(Box::new(job));
            drop(queue);
            self.shared.wake.notify_one();
            return Ok(());
        }
        drop(queue);
        let shared = self.shared.clone();
        let run = move || {
            run_job(Box::new(job));
            work(&shared);
        };
        std::thread::Builder::new().name("garth-call".to_owned()).spawn(run).map(drop)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

fn work(shared: &Shared) {
    let mut queue = shared.lock();
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            run_job(job);
            queue = shared.lock();
            continue;
        }
        if queue.closed {
            return;
        }
        queue.idle += 1;
        let (woken, timeout) = shared.wake.wait_timeout(queue, KEEP).unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        queue.idle -= 1;
        if timeout.timed_out() && queue.jobs.is_empty() {
            return;
        }
    }
}

/// A panic in a host function costs the call: whoever waits for its answer sees the channel close.
fn run_job(job: Job) {
    let _ = catch_unwind(AssertUnwindSafe(job));
}
