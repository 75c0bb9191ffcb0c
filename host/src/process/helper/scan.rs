//! Looks a workspace over for what a program must not write (`.git`, `.garth`, `garth.lock`, the user's list) or read
//! (secrets), before the run, and for such entries that a run has created, after it.
//!
//! Every folder is searched, links are not followed, and in a protected folder only for secrets. Folders of dependencies
//! and build output come last, and are searched up to [`DEFERRED_LIMIT`] entries. After the run only folders whose
//! change time differs are read again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use globset::GlobSet;
use rustix::fs::{Mode, OFlags, RenameFlags, ResolveFlags};

use super::view;
use crate::policy::{Access as Level, glob_set, is_history};
use crate::process::spec::Spec;

/// Entries searched in folders like `node_modules`, all together.
pub const DEFERRED_LIMIT: usize = 200_000;
const DEFERRED: &[&str] =
    &["node_modules", "target", ".venv", "venv", "vendor", "build", "dist", "__pycache__", ".tox"];
/// Protected whatever the user's list says.
const ALWAYS: &[&str] = &[".git", ".garth", "garth.lock"];
/// Change times are only as fine as the kernel's tick: a younger folder may change without showing it.
const TICK: Duration = Duration::from_millis(50);

/// What was found, as paths relative to the workspace.
#[derive(Default)]
pub struct Scan {
    pub protected: Vec<PathBuf>,
    /// Secrets, and sockets: whoever listens on them is outside.
    pub secret: Vec<PathBuf>,
    pub sockets: Vec<PathBuf>,
    /// Folders that were left out.
    pub unsearched: Vec<PathBuf>,
    dirs: HashMap<PathBuf, Seen>,
    /// Protected things that were there before, by device and inode.
    known: HashSet<(u64, u64)>,
    /// `.git` folders in which git itself may write.
    git: HashSet<PathBuf>,
}

/// A folder as it was before the run.
#[derive(Clone, Copy, PartialEq)]
struct Seen {
    /// The change time; `None` when it says nothing.
    changed: Option<(i64, i64)>,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl Scan {
    /// Whether the path was protected before, in the folder that is there now: no program could put something else in its
    /// place, so somebody outside did (an editor that writes a new file, a branch switch).
    fn was_protected(&self, spec: &Spec, path: &Path) -> bool {
        let folder = path.parent().unwrap_or(Path::new(""));
        let before = self.dirs.get(folder).and_then(|seen| seen.identity);
        before.is_some()
            && before == look(&spec.workspace.join(folder)).identity
            && self.protected.iter().any(|protected| protected == path)
    }

    /// Remembers what is in `path`, if that is a `.git` folder that is written in part.
    fn know_git(&mut self, spec: &Spec, path: &Path) {
        let full = spec.workspace.join(path);
        if spec.git && path.file_name() == Some(OsStr::new(".git")) && full.symlink_metadata().is_ok_and(|m| m.is_dir())
        {
            let children = full.read_dir().into_iter().flatten().flatten();
            self.known.extend(children.filter_map(|c| c.metadata().ok()).map(|m| (m.dev(), m.ino())));
            self.git.insert(path.to_path_buf());
        }
    }
}

struct Patterns {
    readonly: GlobSet,
    secret: GlobSet,
}

pub fn scan(spec: &Spec) -> anyhow::Result<Scan> {
    let patterns = patterns(spec)?;
    let mut scan = Scan::default();
    for grant in spec.grants.iter().filter(|g| g.level > Level::None) {
        // A grant may lead into something protected: then all of it is.
        let inside = grant.path.ancestors().filter(|p| !p.as_os_str().is_empty());
        let inside: Vec<_> = inside.collect();
        if inside.iter().any(|p| patterns.secret.is_match(p)) || hides(spec, &grant.path) {
            scan.secret.push(grant.path.clone());
        } else if inside.iter().any(|p| patterns.is_readonly(p)) {
            scan.know_git(spec, &grant.path);
            scan.protected.push(grant.path.clone());
        } else {
            walk(spec, &patterns, grant.path.clone(), &mut scan);
        }
    }
    Ok(scan)
}

fn walk(spec: &Spec, patterns: &Patterns, start: PathBuf, scan: &mut Scan) {
    let (mut queue, mut deferred) = (VecDeque::from([start]), VecDeque::new());
    let mut budget = DEFERRED_LIMIT;
    loop {
        let (dir, late) = match (queue.pop_front(), deferred.pop_front()) {
            (Some(dir), later) => {
                later.into_iter().for_each(|l| deferred.push_front(l));
                (dir, false)
            }
            (None, Some(dir)) if budget == 0 => {
                scan.unsearched.push(dir);
                scan.unsearched.extend(deferred);
                return;
            }
            (None, Some(dir)) => (dir, true),
            (None, None) => return,
        };
        if scan.dirs.contains_key(&dir) {
            continue;
        }
        let full = spec.workspace.join(&dir);
        scan.dirs.insert(dir.clone(), look(&full));
        if spec.protection.hide_history && is_bare(&full) {
            scan.secret.push(dir.join("objects"));
        }
        let Ok(entries) = full.read_dir() else { continue };
        for entry in entries.flatten() {
            if late {
                budget = budget.saturating_sub(1);
            }
            let (path, Ok(kind)) = (dir.join(entry.file_name()), entry.file_type()) else { continue };
            if patterns.is_readonly(&path) {
                scan.known.extend(entry.metadata().map(|m| (m.dev(), m.ino())));
                scan.know_git(spec, &path);
                // A link cannot be mounted over; that it was replaced is seen afterwards. What it leads to is not the workspace's.
                if !kind.is_symlink() {
                    let depth = if entry.file_name().eq_ignore_ascii_case(".git") { Depth::Top } else { Depth::All };
                    secrets_within(spec, patterns, path.clone(), depth, scan);
                    scan.protected.push(path);
                }
            } else if !kind.is_symlink() && (patterns.secret.is_match(&path) || hides(spec, &path)) {
                scan.secret.push(path);
            } else if kind.is_socket() {
                scan.sockets.push(path);
            } else if kind.is_dir() {
                let later = late || DEFERRED.iter().any(|name| entry.file_name() == *name);
                if later { deferred.push_back(path) } else { queue.push_back(path) }
            }
        }
    }
}

/// How far a protected folder is looked through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// It has no files of the project, and many of its own.
    Top,
    All,
}

/// What is secret in a folder that is protected as a whole.
fn secrets_within(spec: &Spec, patterns: &Patterns, folder: PathBuf, depth: Depth, scan: &mut Scan) {
    let (mut queue, mut budget) = (VecDeque::from([folder]), DEFERRED_LIMIT);
    while let Some(dir) = queue.pop_front() {
        if budget == 0 {
            scan.unsearched.push(dir);
            continue;
        }
        for entry in spec.workspace.join(&dir).read_dir().into_iter().flatten().flatten() {
            budget = budget.saturating_sub(1);
            let (path, Ok(kind)) = (dir.join(entry.file_name()), entry.file_type()) else { continue };
            if hides(spec, &path) || depth == Depth::All && !kind.is_symlink() && patterns.secret.is_match(&path) {
                scan.secret.push(path);
            } else if depth == Depth::All && kind.is_dir() {
                queue.push_back(path);
            }
        }
    }
}

/// Whether the program is to see nothing of it for what it may hold of files that are hidden.
fn hides(spec: &Spec, path: &Path) -> bool {
    spec.protection.hide_history && is_history(path)
}

/// Whether the folder is a repository without a working tree, whatever its name.
fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// Renames what a run has created although it is protected, and says so, a line each.
pub fn undo_new(spec: &Spec, scan: &Scan) -> Vec<String> {
    let (mut notes, Ok(patterns)) = (Vec::new(), patterns(spec)) else { return Vec::new() };
    if spec.grants.iter().all(|g| g.level < Level::Write) {
        return notes;
    }
    let changed =
        |(dir, before): &(&PathBuf, &Seen)| before.changed.is_none() || look(&spec.workspace.join(dir)) != **before;
    let mut queue: Vec<PathBuf> = scan.dirs.iter().filter(changed).map(|(dir, _)| dir.clone()).collect();
    queue.extend(scan.git.iter().cloned());
    // What is in these was not looked at before, so it cannot be told to be new. Into secrets no program writes.
    let passed: HashSet<&PathBuf> = scan.secret.iter().chain(&scan.unsearched).collect();
    while let Some(dir) = queue.pop() {
        let Ok(entries) = spec.workspace.join(&dir).read_dir() else { continue };
        let in_git = scan.git.contains(&dir);
        for entry in entries.flatten() {
            let (path, Ok(meta)) = (dir.join(entry.file_name()), entry.metadata()) else { continue };
            let refused = match in_git {
                true => !view::git_may_write(&entry.file_name()),
                false => patterns.is_readonly(&path),
            };
            if refused && !scan.known.contains(&(meta.dev(), meta.ino())) {
                notes.push(match scan.was_protected(spec, &path) {
                    true => format!("{} was replaced from outside while the program ran", path.display()),
                    false => undo(&spec.workspace, &path),
                });
            } else if !refused && !in_git && meta.is_dir() && !scan.dirs.contains_key(&path) && !passed.contains(&path)
            {
                queue.push(path);
            }
        }
    }
    notes
}

fn undo(workspace: &Path, path: &Path) -> String {
    let shown = path.display();
    match set_aside(workspace, path) {
        Ok(new) => format!("the program created {shown}, which programs may not write: it is now named {new}"),
        Err(error) => {
            format!("the program created {shown}, which programs may not write; it could not be renamed: {error}")
        }
    }
}

fn set_aside(workspace: &Path, path: &Path) -> anyhow::Result<String> {
    let parent = path.parent().context("no parent")?;
    let name = path.file_name().and_then(OsStr::to_str).context("no name")?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(workspace, flags, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let parent = rustix::fs::openat2(&root, parent, flags, Mode::empty(), beneath)?;
    let mut result = Err(rustix::io::Errno::EXIST);
    for n in 1..100 {
        let new = format!("{name}.refused-{n}");
        result = rustix::fs::renameat_with(&parent, name, &parent, &new, RenameFlags::NOREPLACE).map(|()| new);
        if !matches!(result, Err(rustix::io::Errno::EXIST)) {
            break;
        }
    }
    Ok(result?)
}

fn look(dir: &Path) -> Seen {
    let Ok(meta) = dir.symlink_metadata() else { return Seen { changed: None, identity: None } };
    Seen { changed: changed(&meta), identity: Some((meta.dev(), meta.ino())) }
}

/// The change time; `None` when it is too young to show the next change.
fn changed(meta: &std::fs::Metadata) -> Option<(i64, i64)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let changed = Duration::new(meta.ctime().try_into().ok()?, meta.ctime_nsec().try_into().ok()?);
    (now.checked_sub(changed)? > TICK).then_some((meta.ctime(), meta.ctime_nsec()))
}

impl Patterns {
    fn is_readonly(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        ALWAYS.iter().any(|always| name.eq_ignore_ascii_case(always)) || self.readonly.is_match(path)
    }
}

fn patterns(spec: &Spec) -> anyhow::Result<Patterns> {
    let secret: &[String] = if spec.secrets { &[] } else { &spec.protection.secret };
    Ok(Patterns { readonly: globs(&spec.protection.readonly)?, secret: globs(secret)? })
}

fn globs(patterns: &[String]) -> anyhow::Result<GlobSet> {
    glob_set(patterns).map_err(anyhow::Error::msg)
}
