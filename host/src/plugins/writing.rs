//! Who writes a plugin now: a `garth plugin dev` holds a lock beside what it builds, for as long as it lives. What it built
//! counts only as long, so that nothing stays in use of one that was killed. Nothing is known here of what it builds.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

use super::roots::{Roots, Spot};
use crate::private;

/// Who asks whether the lock is held has it for an instant: as often, and as long between, it is tried to take it.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// Held by the one `garth plugin dev` of a name in a project. The system lets go of it when the process ends, however that is.
pub struct Writing(#[expect(dead_code, reason = "it is held, not used")] File);

impl Writing {
    /// `None`: another process has it.
    pub fn begin(roots: &Roots, name: &str) -> io::Result<Option<Writing>> {
        private::create_dir(&roots.folder(Spot::Dev))?;
        let lock = File::create(roots.written(name))?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Writing(lock))),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl Roots {
    /// Whether a `garth plugin dev` that lives writes the plugin of this name. Where that cannot be told, none does.
    pub fn is_written(&self, name: &str) -> bool {
        let Ok(lock) = File::open(self.written(name)) else { return false };
        // Shared: others who ask at the same time are no writers.
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_and_all_can_tell() {
        let scratch = tempfile::tempdir().unwrap();
        let roots = Roots::new(scratch.path(), &scratch.path().join("c"), &scratch.path().join("s"));
        assert!(!roots.is_written("a"), "nobody ever wrote it");
        let writing = Writing::begin(&roots, "a").unwrap().unwrap();
        assert!(roots.is_written("a") && roots.is_written("a") && !roots.is_written("b"));
        assert!(Writing::begin(&roots, "a").unwrap().is_none());
        drop(writing);
        assert!(!roots.is_written("a"));
        let asking = File::open(roots.written("a")).unwrap();
        asking.try_lock_shared().unwrap();
        assert!(!roots.is_written("a"), "who asks is no writer");
    }
}
