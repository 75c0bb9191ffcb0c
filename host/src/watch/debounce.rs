//! Gathers what changes in a burst, and says when it is time to tell. Pure: it is handed the time.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A burst is over when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(10);
/// The same after something went away: editors and version control put the new file there a moment later.
const QUIET_GONE: Duration = Duration::from_millis(30);
/// Nobody waits longer than this, however long the burst is.
const PATIENCE: Duration = Duration::from_millis(60);
/// More paths are told as 'look at everything'.
const PATHS: usize = 10_000;

#[derive(Default)]
pub(super) struct Debounce {
    burst: Burst,
    /// The first and the last event of the burst, and how much quiet ends it.
    times: Option<(Instant, Instant, Duration)>,
}

/// What has come together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Burst {
    pub paths: BTreeSet<PathBuf>,
    /// Paths are missing.
    pub overflow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Changed,
    Gone,
}

impl Debounce {
    pub fn add(&mut self, path: PathBuf, what: What, now: Instant) {
        self.time(now, what);
        if self.burst.paths.len() < PATHS {
            self.burst.paths.insert(path);
        } else if !self.burst.paths.contains(&path) {
            self.burst.overflow = true;
        }
    }

    /// Events were lost.
    pub fn overflow(&mut self, now: Instant) {
        self.time(now, What::Changed);
        self.burst.overflow = true;
    }

    /// When the burst is to be told; `None`: there is none.
    pub fn due(&self) -> Option<Instant> {
        self.times.map(|(first, last, quiet)| (last + quiet).min(first + PATIENCE))
    }

    pub fn take(&mut self) -> Burst {
        self.times = None;
        std::mem::take(&mut self.burst)
    }

    fn time(&mut self, now: Instant, what: What) {
        let own = if what == What::Gone { QUIET_GONE } else { QUIET };
        let (first, quiet) = self.times.map_or((now, own), |(first, _, quiet)| (first, quiet.max(own)));
        self.times = Some((first, now, quiet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds at which something came, and when the burst is told.
    #[track_caller]
    fn check(events: &[(u64, What)], due: u64) {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        for (at, what) in events {
            debounce.add(PathBuf::from(format!("/{at}")), *what, start + Duration::from_millis(*at));
        }
        assert_eq!(debounce.due().map(|due| due - start), Some(Duration::from_millis(due)), "{events:?}");
        assert_eq!(debounce.take().paths.len(), events.len());
        assert_eq!((debounce.due(), debounce.take()), (None, Burst::default()));
    }

    #[test]
    fn a_burst_is_told_when_it_is_over_or_has_lasted_long() {
        use What::{Changed, Gone};
        check(&[(0, Changed)], 10);
        check(&[(0, Changed), (8, Changed), (15, Changed)], 25);
        check(&[(0, Gone)], 30);
        check(&[(0, Gone), (5, Changed)], 35);
        check(&[(0, Changed), (9, Changed), (18, Changed), (27, Changed), (36, Gone), (45, Changed)], 60);
    }

    #[test]
    fn a_flood_is_told_as_one() {
        let mut debounce = Debounce::default();
        let now = Instant::now();
        for number in 0..PATHS + 5 {
            debounce.add(PathBuf::from(format!("/{number}")), What::Changed, now);
        }
        let burst = debounce.take();
        assert!(burst.overflow && burst.paths.len() == PATHS);
        debounce.overflow(now);
        assert!(debounce.take().overflow);
    }
}
