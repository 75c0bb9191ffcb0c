//! The clocks of one call and the switch that stops it: wall time without the waiting for approval, processor time of
//! the thread, cancellation. Shared by the caller's future, the thread that runs the guest, and the epoch callback.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How long to sleep when nothing is left but the clock stands still, as it does while the user thinks.
const IDLE_POLL: Duration = Duration::from_millis(20);

pub(super) struct Control {
    started: Instant,
    limit: Duration,
    stop: CancellationToken,
    pause: Mutex<Pause>,
}

#[derive(Default)]
struct Pause {
    excluded: Duration,
    since: Option<Instant>,
    /// Waits that have begun and not ended: a guest may have several requests on their way.
    waits: u32,
    /// Of the time since, what counts all the same.
    charged: Duration,
}

impl Control {
    pub fn new(limit: Duration) -> Control {
        Control { started: Instant::now(), limit, stop: CancellationToken::new(), pause: Mutex::default() }
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of the wall clock. Stands still while paused.
    pub fn remaining(&self) -> Duration {
        let pause = self.pause();
        let now = pause.since.unwrap_or_else(Instant::now);
        self.limit.saturating_sub(now.saturating_duration_since(self.started).saturating_sub(pause.excluded))
    }

    /// Stops the wall clock until [`Self::resume_clock`] was called as often.
    pub fn pause_clock(&self) {
        let mut pause = self.pause();
        pause.waits += 1;
        pause.since.get_or_insert_with(Instant::now);
    }

    /// Starts the wall clock again when nothing else waits, and charges `charged` of the time since.
    pub fn resume_clock(&self, charged: Duration) {
        let mut pause = self.pause();
        pause.waits = pause.waits.saturating_sub(1);
        pause.charged += charged;
        if pause.waits > 0 {
            return;
        }
        let charged = std::mem::take(&mut pause.charged);
        if let Some(since) = pause.since.take() {
            pause.excluded += since.elapsed().saturating_sub(charged);
        }
    }

    /// Returns when the wall clock has run out.
    pub async fn expired(&self) {
        loop {
            let remaining = self.remaining();
            if remaining.is_zero() {
                return;
            }
            tokio::time::sleep(remaining.max(IDLE_POLL)).await;
        }
    }

    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }
}

/// Processor time of this thread, and where the system has no such clock, time.
pub(super) fn thread_cpu() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
    #[cfg(not(target_os = "linux"))]
    {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        START.elapsed()
    }
}
