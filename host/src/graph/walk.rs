//! Which files of a project are code: below its root, not ignored by git, no links followed, known by their extension or
//! their first line. It looks at names and times; what is in a file others read.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ignore::{DirEntry, WalkBuilder};

use super::content;
use super::languages::Language;

/// More are not indexed, and that is said.
pub const MOST_FILES: usize = 100_000;
const DEEPEST: usize = 64;
/// Bytes in which the name of a script's program stands.
const FIRST_LINE: u64 = 256;
const OWN_FOLDERS: [&str; 4] = [".git", ".hg", ".jj", ".svn"];

/// A file as the folder shows it.
#[derive(Clone)]
pub struct Candidate {
    /// Relative to the root, with `/`.
    pub path: String,
    pub language: &'static Language,
    pub size: u64,
    /// Nanoseconds since 1970; 0 where it is not known, or so new that a later change could have the same.
    pub modified: i64,
}

#[derive(Default)]
pub struct Walked {
    pub files: Vec<Candidate>,
    /// Those that were looked into, code or not.
    pub folders: Vec<String>,
    /// There were more than [`MOST_FILES`].
    pub cut: bool,
}

/// All code below the root; with `only` that below these paths (or at them), which are relative to the root. What is ignored
/// is found from the root in both cases.
pub fn walk(root: &Path, only: Option<&[PathBuf]>, now: SystemTime) -> Walked {
    let mut builder = WalkBuilder::new(root);
    builder
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(DEEPEST));
    let (above, wanted) = (root.to_path_buf(), only.map(<[PathBuf]>::to_vec));
    builder.filter_entry(move |entry| {
        let own = entry.file_name().to_str().is_some_and(|name| OWN_FOLDERS.contains(&name));
        let near = |wanted: &[PathBuf]| {
            let Ok(path) = entry.path().strip_prefix(&above) else { return false };
            wanted.iter().any(|one| one.starts_with(path) || path.starts_with(one))
        };
        !own && wanted.as_deref().is_none_or(near)
    });
    let mut walked = Walked::default();
    for entry in builder.build().flatten() {
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            walked.folders.extend(relative(root, &entry));
            continue;
        }
        let Some(candidate) = candidate(root, &entry, now) else { continue };
        if walked.files.len() == MOST_FILES {
            walked.cut = true;
            break;
        }
        walked.files.push(candidate);
    }
    walked
}

fn candidate(root: &Path, entry: &DirEntry, now: SystemTime) -> Option<Candidate> {
    if !entry.file_type()?.is_file() {
        return None;
    }
    let path = relative(root, entry)?;
    let plain = !entry.file_name().to_str()?.contains('.');
    let language = Language::of_path(&path).or_else(|| plain.then(|| scripted(root, &path)).flatten())?;
    let metadata = entry.metadata().ok()?;
    Some(Candidate { path, language, size: metadata.len(), modified: modified(metadata.modified().ok(), now) })
}

fn relative(root: &Path, entry: &DirEntry) -> Option<String> {
    let path = entry.path().strip_prefix(root).ok()?.to_str()?;
    Some(if std::path::MAIN_SEPARATOR == '/' { path.to_string() } else { path.replace('\\', "/") })
}

fn scripted(root: &Path, path: &str) -> Option<&'static Language> {
    Language::of_first_line(&content::beginning(root, path, FIRST_LINE).ok()?)
}

/// A file that was written a moment ago may be written again without looking newer.
fn modified(modified: Option<SystemTime>, now: SystemTime) -> i64 {
    let Some(modified) = modified else { return 0 };
    let old = now.duration_since(modified).is_ok_and(|age| age.as_millis() > 2_000);
    let nanoseconds = || i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok();
    if old { nanoseconds().unwrap_or(0) } else { 0 }
}
