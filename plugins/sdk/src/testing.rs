//! A scratch workspace for a plugin's own tests: a temporary folder that is the workspace of the test's thread. And with
//! the feature `http` a web that answers as the test says.

#[cfg(feature = "http")]
mod web;

use std::path::PathBuf;

use crate::workspace;

#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
pub(crate) use web::exchange;
#[cfg(feature = "http")]
pub use web::{Answer, Asked, Web};

/// A temporary folder that is the workspace of this thread until it is dropped.
pub struct Scratch {
    folder: tempfile::TempDir,
    before: PathBuf,
}

impl Scratch {
    /// With these files; folders in between are made.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[allow(clippy::unwrap_used, clippy::new_without_default, reason = "a test that cannot go on should stop here")]
    pub fn new<C: AsRef<[u8]>>(files: &[(&str, C)]) -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        let before = workspace::set_root(folder.path().to_owned());
        let scratch = Scratch { folder, before };
        for (path, content) in files {
            scratch.write(path, content.as_ref());
        }
        scratch
    }

    /// Writes one more file.
    ///
    /// # Panics
    /// When it cannot be written.
    #[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]
    pub fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        std::fs::write(path, content).unwrap();
    }

    /// The content of a file.
    ///
    /// # Panics
    /// When it cannot be read.
    #[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]
    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).unwrap()
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        workspace::set_root(std::mem::take(&mut self.before));
    }
}
