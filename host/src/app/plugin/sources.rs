//! What a plugin is built from, for `garth plugin dev`: which folders to watch, and a digest of what is in them. What the
//! build itself makes is not part of it, so a build gives no reason for another one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::watch::Folders;

/// Folders that hold what tools make or fetch. Hidden ones are left out as well.
const MADE: [&str; 5] = ["target", "node_modules", "__pycache__", "venv", "dist"];
/// More folders are not looked into, nor more files read: then it is no plugin's folder.
const MAX_FOLDERS: usize = 1_000;
const MAX_FILES: usize = 10_000;
/// Of a larger file only the size counts.
const MAX_FILE: u64 = 8 << 20;

/// A look at a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// To be watched.
    pub folders: Folders,
    /// SHA-256 over the files' paths and contents.
    pub digest: [u8; 32],
}

/// Looks the folder over. What cannot be read counts as absent.
pub fn look(root: &Path) -> Sources {
    let (folders, files) = all(root);
    Sources { folders, digest: digest(&files) }
}

/// Whether something that the plugin is built from was written after `output` was, or there is no `output`. Its cases are not
/// part of it.
pub fn newer_than(root: &Path, output: &Path) -> bool {
    let written = |file: &Path| file.metadata().and_then(|meta| meta.modified()).ok();
    let Some(built) = written(output) else { return true };
    let cases = root.join("tests");
    all(root).1.iter().any(|file| !file.starts_with(&cases) && written(file).is_some_and(|at| at > built))
}

/// Folders and files, the latter sorted.
fn all(root: &Path) -> (Folders, Vec<PathBuf>) {
    let (mut folders, mut files, mut open) = (Folders::new(), Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_made(&entry.file_name()) => open.push(path),
                Ok(kind) if kind.is_file() && is_source(root, &path) => files.push(path),
                _ => {}
            }
        }
        folders.insert(folder, Default::default());
        if folders.len() >= MAX_FOLDERS || files.len() >= MAX_FILES {
            break;
        }
    }
    files.sort();
    (folders, files)
}

/// Whether a change of this path can matter.
pub fn matters(root: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    !below.parent().into_iter().flat_map(Path::iter).any(is_made) && (path.is_dir() || is_source(root, path))
}

fn is_made(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || MADE.contains(&name.as_ref())
}

/// Not what cargo, npm and Garth write beside the sources, and not an editor's half-written copy.
fn is_source(root: &Path, path: &Path) -> bool {
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let written = matches!(name.as_ref(), "Cargo.lock" | "package-lock.json");
    let built = path.parent() == Some(root) && name.ends_with(".wasm");
    let temporary = name.starts_with('.') || name.ends_with(['~']) || name.ends_with(".tmp") || name.ends_with(".swp");
    !written && !built && !temporary
}

fn digest(files: &[PathBuf]) -> [u8; 32] {
    let mut all = Sha256::new();
    for file in files {
        let Ok(meta) = std::fs::metadata(file) else { continue };
        let content = if meta.len() <= MAX_FILE { std::fs::read(file).unwrap_or_default() } else { Vec::new() };
        all.update(Sha256::digest(file.as_os_str().as_encoded_bytes()));
        all.update(meta.len().to_le_bytes());
        all.update(Sha256::digest(&content));
    }
    all.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            file
        };
        write("plugin.toml", "a");
        let first = look(&root);
        for made in [
            "notes.wasm",
            "Cargo.lock",
            "target/x.rs",
            ".venv/a.py",
            "node_modules/a/b.js",
            "src/.a.rs.swp",
            "src/a.rs~",
        ] {
            let file = write(made, "b");
            assert_eq!(look(&root).digest, first.digest, "{made}");
            assert!(!matters(&root, &file), "{made}");
        }
        for source in ["src/a.rs", "plugin.toml", "wit/world.wit", "src/data.wasm"] {
            let before = look(&root);
            let file = write(source, "c");
            let after = look(&root);
            assert_ne!(after.digest, before.digest, "{source}");
            assert!(matters(&root, &file) && after.folders.contains_key(file.parent().unwrap()), "{source}");
        }
        assert!(!look(&root).folders.contains_key(&root.join("target")));

        let output = root.join("notes.wasm");
        let at = |path: &Path, seconds: u64| {
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        all(&root).1.iter().for_each(|file| at(file, 100));
        at(&output, 200);
        assert!(!newer_than(&root, &output));
        for (path, newer) in [("tests/cases.toml", false), ("target/x.rs", false), ("src/a.rs", true)] {
            at(&write(path, "d"), 300);
            assert_eq!(newer_than(&root, &output), newer, "{path}");
        }
        assert!(newer_than(&root, &root.join("none.wasm")));
    }
}
