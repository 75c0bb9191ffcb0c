//! Paths of the workspace. A model writes them in many ways (`src/a.rs`, `./src/a.rs`, `/workspace/src/a.rs`); a tool sees one.
//! The host decides what may be opened; here is only spelling.

use std::io;
use std::path::PathBuf;

use crate::file::File;
use crate::{Error, folder, invalid};

/// A path below the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Relative, with `/`, without `.` and `..`; empty for the workspace itself.
    relative: String,
}

impl Path {
    /// Reads a path as a model writes it. Fails when it leaves the workspace.
    pub fn parse(written: &str) -> Result<Path, Error> {
        if written.contains('\0') {
            return Err(invalid("a path cannot contain a NUL character"));
        }
        let inside = match written.strip_prefix("/workspace") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ if written.starts_with('/') && written != "/" => {
                return Err(invalid(format!(
                    "{written} is an absolute path; give it relative to the workspace, like src/main.rs"
                )));
            }
            _ => written,
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in inside.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.pop().is_none() => {
                    return Err(invalid(format!("{written} is outside the workspace")));
                }
                ".." => {}
                part => parts.push(part),
            }
        }
        Ok(Path { relative: parts.join("/") })
    }

    /// An optional argument: the workspace itself when there is none.
    pub fn parse_or_root(written: Option<&str>) -> Result<Path, Error> {
        Path::parse(written.unwrap_or_default())
    }

    /// Relative to the workspace, `.` for itself: how results name it.
    pub fn name(&self) -> &str {
        if self.relative.is_empty() { "." } else { &self.relative }
    }

    pub fn is_root(&self) -> bool {
        self.relative.is_empty()
    }

    /// Relative to the workspace, empty for itself.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn relative(&self) -> &str {
        &self.relative
    }

    /// What file functions take.
    pub fn on_disk(&self) -> PathBuf {
        root().join(&self.relative)
    }

    /// The name of a file below this folder.
    pub fn join(&self, name: &str) -> Path {
        let separator = if self.relative.is_empty() { "" } else { "/" };
        Path { relative: format!("{}{separator}{name}", self.relative) }
    }

    /// Opens the file for reading. Fails for directories.
    pub fn open(&self) -> Result<File, Error> {
        folder::open_file(self).map_err(|error| Error::file("read", self.name(), &error))
    }

    /// The whole file. Fails when it has more than `limit` bytes.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = self.open()?.rest(limit.saturating_add(1));
        let bytes = read.map_err(|error| Error::file("read", self.name(), &error))?;
        if bytes.len() > limit {
            return Err(crate::failed(format!("{} has more than {limit} bytes, which is too much here", self.name())));
        }
        Ok(bytes)
    }

    /// The whole file, `None` when there is none.
    pub fn read_if_exists(&self, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match std::fs::symlink_metadata(self.on_disk()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => self.read(limit).map(Some),
        }
    }
}

/// Where the workspace is: `/workspace` in a plugin, a scratch folder in a native test.
#[cfg(target_arch = "wasm32")]
pub fn root() -> PathBuf {
    PathBuf::from("/workspace")
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static ROOT: std::cell::RefCell<PathBuf> = std::cell::RefCell::new(PathBuf::from("."));
}

/// Where the workspace is: `/workspace` in a plugin, a scratch folder in a native test.
#[cfg(not(target_arch = "wasm32"))]
pub fn root() -> PathBuf {
    ROOT.with(|root| root.borrow().clone())
}

/// Sets the workspace of this thread and returns the one before.
#[cfg(feature = "testing")]
pub(crate) fn set_root(path: PathBuf) -> PathBuf {
    ROOT.with(|root| root.replace(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_models_write_them() {
        let name = |written: &str| Path::parse(written).map(|path| path.name().to_owned()).map_err(|e| e.to_string());
        for written in ["src/a.rs", "./src/a.rs", "/workspace/src/a.rs", "src//x/../a.rs"] {
            assert_eq!(name(written).as_deref(), Ok("src/a.rs"), "{written}");
        }
        for written in ["", ".", "/", "/workspace", "/workspace/", "a/.."] {
            assert_eq!(name(written).as_deref(), Ok("."), "{written}");
        }
        assert!(name("../x").unwrap_err().contains("outside the workspace"));
        assert!(name("/workspace/../x").unwrap_err().contains("outside the workspace"));
        assert!(name("/etc/passwd").unwrap_err().contains("relative to the workspace"));
        assert!(name("/workspaces/x").unwrap_err().contains("relative to the workspace"));
        assert!(name("a\0b").is_err());
    }
}
