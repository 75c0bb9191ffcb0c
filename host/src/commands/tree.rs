//! What lies behind the catalogue: every root with its files, each with the version that is in use. Looks again only where
//! something changed. Here it is decided which version of a file counts:
//!
//! - One that can be read and understood, the newest. A broken one leaves its last good version in place, and is a problem.
//! - An empty file, or one whose front matter has lost its end, may be half written: where there was a good version,
//!   that stays for [`SETTLE`] without a word. An empty file is a problem after that, and never replaces a good version.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catalogue::{Candidate, Catalogue};
use super::entry::{Entry, Unusable};
use super::live::Folders;
use super::memory::Carried;
use super::parse::parse;
use super::roots::{Layout, Root, Roots, Spot};
use super::scan::{self, Folder, Found, Part, Stamp};

/// How long a file may look half written before it is taken as it is.
const SETTLE: Duration = Duration::from_secs(1);
/// Bytes of all files together. A repository of nothing but links to one large file would fill the memory.
const HELD: u64 = 64 << 20;

pub(super) struct Tree {
    roots: Roots,
    reserved: Vec<String>,
    branches: Vec<Branch>,
    /// Of the Claude plugins.
    problems: Vec<Unusable>,
    /// Folders and names in them whose change may change the branches.
    structure: BTreeMap<PathBuf, BTreeSet<OsString>>,
    /// Canonical folder → the branches that have looked into it, and as what.
    index: HashMap<PathBuf, Vec<(usize, PathBuf)>>,
    folders: Arc<Folders>,
}

enum Branch {
    Disk(Disk),
    /// Never changes.
    Memory(Vec<Result<Arc<Entry>, Unusable>>),
}

/// One root. Paths are relative to it.
struct Disk {
    root: Root,
    files: BTreeMap<PathBuf, File>,
    folders: BTreeMap<PathBuf, Folder>,
    problems: BTreeMap<PathBuf, Unusable>,
}

struct File {
    found: Found,
    /// `None`: it could not be read.
    stamp: Option<Stamp>,
    /// The version in use.
    entry: Option<Arc<Entry>>,
    problem: Option<Unusable>,
    /// Looks half written; until then it is not taken as it is.
    until: Option<Instant>,
}

/// Whether a stamp that is as before is enough to keep a version.
#[derive(Clone, Copy, PartialEq)]
enum Trust {
    Stamp,
    Nothing,
}

impl Tree {
    pub fn new(roots: Roots, reserved: &[String]) -> Tree {
        Tree {
            roots,
            reserved: reserved.to_vec(),
            branches: Vec::new(),
            problems: Vec::new(),
            structure: BTreeMap::new(),
            index: HashMap::new(),
            folders: Arc::default(),
        }
    }

    pub fn catalogue(&self) -> Catalogue {
        let mut problems = self.problems.clone();
        let mut candidates = Vec::new();
        for branch in &self.branches {
            match branch {
                Branch::Disk(disk) => {
                    problems.extend(disk.problems.values().cloned());
                    for file in disk.files.values() {
                        problems.extend(file.problem.clone());
                        let entry = file.entry.clone();
                        candidates.extend(entry.map(|entry| Candidate { entry, real: file.found.real.clone() }));
                    }
                }
                Branch::Memory(entries) => {
                    for entry in entries {
                        match entry {
                            Ok(entry) => {
                                let real = PathBuf::from(&entry.place.shown);
                                candidates.push(Candidate { entry: entry.clone(), real });
                            }
                            Err(problem) => problems.push(problem.clone()),
                        }
                    }
                }
            }
        }
        Catalogue::new(candidates, &self.reserved, problems)
    }

    pub fn folders(&self) -> Arc<Folders> {
        self.folders.clone()
    }

    /// Looks at everything again.
    pub fn rescan(&mut self) -> bool {
        let spots = self.roots.spots();
        let mut old: Vec<Branch> = std::mem::take(&mut self.branches);
        for spot in spots.spots {
            let branch = match spot {
                Spot::Folder(root) => {
                    let room = self.room(None);
                    let before =
                        old.iter().position(|branch| matches!(branch, Branch::Disk(disk) if disk.root == root));
                    let before = before.map(|index| old.swap_remove(index));
                    let mut disk = match before {
                        Some(Branch::Disk(disk)) => disk,
                        _ => Disk { root, files: BTreeMap::new(), folders: BTreeMap::new(), problems: BTreeMap::new() },
                    };
                    let roots = &self.roots;
                    disk.look(Path::new(""), Part::All, Trust::Stamp, room, &|path| roots.shown(path));
                    Branch::Disk(disk)
                }
                Spot::Memory(files) => {
                    Branch::Memory(files.into_iter().map(|(place, bytes)| parse(place, &bytes).map(Arc::new)).collect())
                }
            };
            self.branches.push(branch);
        }
        self.problems = spots.problems;
        self.structure = BTreeMap::new();
        for (folder, name) in spots.hints {
            self.hint(&folder, &name);
        }
        let ways: Vec<(PathBuf, OsString)> = self.branches.iter().flat_map(Branch::way).collect();
        for (folder, name) in ways {
            self.hint(&folder, &name);
        }
        self.note_folders();
        true
    }

    pub fn carry(&mut self, carried: Vec<Carried>) -> bool {
        self.roots.carry(carried) && self.rescan()
    }

    pub fn touch(&mut self, path: &Path) -> bool {
        self.roots.touch(&canonical(path)) && self.rescan()
    }

    pub fn reload(&mut self, paths: &[PathBuf]) -> bool {
        // What to look at again: a branch, a path in it, and whether its files are read whatever their stamps say.
        let mut parts: BTreeMap<(usize, PathBuf), Trust> = BTreeMap::new();
        let mut seen = HashSet::new();
        for path in paths {
            let path = canonical(path);
            if !seen.insert(path.clone()) {
                continue;
            }
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if self.structure.get(folder).is_some_and(|names| names.is_empty() || names.contains(name)) {
                return self.rescan();
            }
            for (branch, relative) in self.index.get(&path).into_iter().flatten() {
                parts.entry((*branch, relative.clone())).or_insert(Trust::Stamp);
            }
            for (branch, relative) in self.index.get(folder).into_iter().flatten() {
                let Some(Branch::Disk(disk)) = self.branches.get(*branch) else { continue };
                parts.insert((*branch, disk.part(relative, name)), Trust::Nothing);
            }
        }
        let mut folders = false;
        for ((branch, path), trust) in &parts {
            let room = self.room(Some(*branch));
            let Some(Branch::Disk(disk)) = self.branches.get_mut(*branch) else { continue };
            let roots = &self.roots;
            folders |= disk.look_at(path, *trust, room, &|path| roots.shown(path));
        }
        if folders {
            self.note_folders();
        }
        !parts.is_empty()
    }

    pub fn unsettled(&self) -> Option<Duration> {
        let until = self.files().filter_map(|file| file.until).min()?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    pub fn settle(&mut self) -> bool {
        let now = Instant::now();
        let mut changed = false;
        for branch in &mut self.branches {
            let Branch::Disk(disk) = branch else { continue };
            for file in disk.files.values_mut().filter(|file| file.until.is_some_and(|until| until <= now)) {
                file.read();
                changed = true;
            }
        }
        changed
    }

    fn files(&self) -> impl Iterator<Item = &File> {
        self.branches
            .iter()
            .filter_map(|branch| match branch {
                Branch::Disk(disk) => Some(disk.files.values()),
                Branch::Memory(_) => None,
            })
            .flatten()
    }

    /// Bytes that a branch may hold, beside what all the others do.
    fn room(&self, but: Option<usize>) -> u64 {
        let others = self.branches.iter().enumerate().filter(|(number, _)| Some(*number) != but);
        HELD.saturating_sub(others.map(|(_, branch)| branch.length()).sum())
    }

    fn hint(&mut self, folder: &Path, name: &OsStr) {
        let Ok(folder) = folder.canonicalize() else { return };
        let any = name.is_empty();
        match self.structure.get_mut(&folder) {
            Some(names) if any => names.clear(),
            // No names mean every name.
            Some(names) if names.is_empty() => {}
            Some(names) => drop(names.insert(name.to_os_string())),
            None if any => drop(self.structure.insert(folder, BTreeSet::new())),
            None => drop(self.structure.insert(folder, [name.to_os_string()].into())),
        }
    }

    fn note_folders(&mut self) {
        let mut index: HashMap<PathBuf, Vec<(usize, PathBuf)>> = HashMap::new();
        let mut folders: Folders = self.structure.clone();
        for (number, branch) in self.branches.iter().enumerate() {
            let Branch::Disk(disk) = branch else { continue };
            for (path, folder) in &disk.folders {
                folders.insert(folder.real.clone(), BTreeSet::new());
                index.entry(folder.real.clone()).or_default().push((number, path.clone()));
            }
        }
        self.index = index;
        if *self.folders != folders {
            self.folders = Arc::new(folders);
        }
    }
}

impl Branch {
    fn length(&self) -> u64 {
        match self {
            Branch::Disk(disk) => disk.files.values().map(File::length).sum(),
            Branch::Memory(_) => 0,
        }
    }

    /// The steps from a root's anchor down to it, as far as they exist.
    fn way(&self) -> Vec<(PathBuf, OsString)> {
        let Branch::Disk(Disk { root, .. }) = self else { return Vec::new() };
        let steps = root.path.ancestors().take_while(|step| *step != root.anchor && step.starts_with(&root.anchor));
        let steps = steps.filter_map(|step| Some((step.parent()?.to_path_buf(), step.file_name()?.to_os_string())));
        let mut steps: Vec<_> = steps.collect();
        steps.reverse();
        // Below one that is missing there is nothing to watch.
        let there = steps.iter().take_while(|(folder, _)| folder.is_dir()).count();
        steps.truncate(there);
        steps
    }
}

impl Disk {
    /// The part to look at when this entry of that folder has changed: the entry, or the whole folder where that begins
    /// or ceases to be a skill.
    fn part(&self, folder: &Path, name: &OsStr) -> PathBuf {
        let path = folder.join(name);
        let there = self.folders.get(folder).is_some_and(|folder| folder.real.join(name).symlink_metadata().is_ok());
        let turns = scan::is_skill(name) && there != self.files.contains_key(&path);
        if turns && self.root.layout == Layout::Skills { folder.to_path_buf() } else { path }
    }

    /// Says whether other folders are looked into now.
    fn look_at(&mut self, path: &Path, trust: Trust, room: u64, shown: &dyn Fn(&Path) -> String) -> bool {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.look(Path::new(""), Part::All, trust, room, shown);
        };
        // A part of what is gone itself goes with it.
        let Some(folder) = self.folders.get(parent).cloned() else { return false };
        self.look(path, Part::Entry { parent, folder: &folder, name }, trust, room, shown)
    }

    fn look(&mut self, from: &Path, part: Part<'_>, trust: Trust, room: u64, shown: &dyn Fn(&Path) -> String) -> bool {
        let walk = scan::walk(&self.root, part, shown);
        let mut files = take(&mut self.files, from);
        let folders = take(&mut self.folders, from);
        take(&mut self.problems, from);
        self.problems.extend(walk.problems);
        let mut held: u64 = self.files.values().map(File::length).sum();
        for (path, found) in walk.files {
            if held >= room {
                let shown = found.place.shown.clone();
                let reason =
                    "is left out, with what follows it: commands and skills together fill 64 MiB; take some away"
                        .into();
                self.problems.insert(path, Unusable { shown, line: 0, reason });
                break;
            }
            let file = match files.remove(&path) {
                Some(old) => old.again(found, trust),
                None => File::new(found),
            };
            held += file.length();
            self.files.insert(path, file);
        }
        let new: BTreeMap<PathBuf, Folder> = walk.folders.into_iter().collect();
        let others = folders != new;
        self.folders.extend(new);
        others
    }
}

/// Takes a path and everything below it out of the map.
fn take<T>(map: &mut BTreeMap<PathBuf, T>, from: &Path) -> BTreeMap<PathBuf, T> {
    if from.as_os_str().is_empty() {
        return std::mem::take(map);
    }
    // Paths are ordered by their components: what lies below one follows it at once.
    let below: Vec<PathBuf> = map
        .range(from.to_path_buf()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(from))
        .cloned()
        .collect();
    below.into_iter().filter_map(|path| map.remove_entry(&path)).collect()
}

impl File {
    fn new(found: Found) -> File {
        let mut file = File { found, stamp: None, entry: None, problem: None, until: None };
        file.read();
        file
    }

    /// The file again, where it may have changed.
    fn again(mut self, found: Found, trust: Trust) -> File {
        let same = self.found == found;
        if !same && self.found.place != found.place {
            return File::new(found);
        }
        self.found = found;
        let stamp = self.found.real.metadata().ok().map(|metadata| scan::stamp(&metadata));
        let kept = self.stamp.as_ref().is_some_and(|old| !old.fresh && stamp.is_some_and(|new| new.alike(old)));
        if !same || trust == Trust::Nothing || !kept {
            self.read();
        }
        self
    }

    fn length(&self) -> u64 {
        self.stamp.as_ref().map_or(0, Stamp::length)
    }

    fn read(&mut self) {
        let Found { place, real } = &self.found;
        let unusable = |reason: &str| Unusable { shown: place.shown.clone(), line: 0, reason: reason.to_string() };
        let (bytes, stamp) = match scan::read(real) {
            Ok((bytes, stamp)) => (bytes, stamp),
            Err(reason) => {
                // Gone since its folder was listed, as in a branch switch: its removal is reported too, and takes it away.
                let gone = real.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
                let problem = (!gone).then(|| unusable(&reason));
                (self.stamp, self.until, self.problem) = (None, None, problem);
                return;
            }
        };
        let unchanged = self.stamp.as_ref().is_some_and(|old| old.alike(&stamp));
        self.stamp = Some(stamp);
        let waited = self.until.is_some_and(|until| unchanged && until <= Instant::now());
        if let Some(entry) = &self.entry {
            let half = half_written(&bytes, entry);
            if half != Half::No && !waited {
                let again = self.until.filter(|_| unchanged).unwrap_or_else(|| Instant::now() + SETTLE);
                // A problem that was told stays told.
                self.until = Some(again).filter(|_| !(unchanged && self.problem.is_some()));
                return;
            }
            if half == Half::Empty {
                self.problem = Some(unusable("is empty; its last version stays until it says something or is deleted"));
                self.until = None;
                return;
            }
        }
        self.until = None;
        match parse(place.clone(), &bytes) {
            Ok(entry) => {
                self.problem = None;
                let same =
                    self.entry.as_ref().is_some_and(|old| old.digest == entry.digest && old.place == entry.place);
                if !same {
                    self.entry = Some(Arc::new(entry));
                }
            }
            Err(problem) => self.problem = Some(problem),
        }
    }
}

#[derive(PartialEq)]
enum Half {
    No,
    Empty,
    /// Front matter without an end, where there was one.
    Open,
}

fn half_written(bytes: &[u8], last: &Entry) -> Half {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if text.is_empty() {
        return if last.body.trim().is_empty() && last.body_line <= 1 { Half::No } else { Half::Empty };
    }
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let open = lines.next() == Some(b"---") && !lines.any(|line| line == b"---" || line == b"...");
    if open && last.body_line > 1 { Half::Open } else { Half::No }
}

/// The canonical path of a file that may be gone.
fn canonical(path: &Path) -> PathBuf {
    let above = path.parent().and_then(|parent| parent.canonicalize().ok());
    above.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(above, name)| above.join(name))
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Kind, Origin, Place, Syntax};
    use super::*;

    #[test]
    fn a_file_that_has_gone_is_no_problem_and_a_folder_in_its_place_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("x.md");
        let place = Place {
            kind: Kind::Command,
            name: "x".into(),
            path: real.clone(),
            shown: "x.md".into(),
            origin: Origin::Project,
            syntax: Syntax::Dollar,
        };
        let found = Found { place, real: real.clone() };
        let check = |file: &File, body: Option<&str>, problem: Option<&str>| {
            assert_eq!(file.entry.as_ref().map(|entry| entry.body.trim()), body);
            assert_eq!(file.problem.as_ref().map(|problem| problem.reason.as_str()), problem);
        };
        check(&File::new(found.clone()), None, None);
        std::fs::write(&real, "Say it.").unwrap();
        let file = File::new(found.clone());
        check(&file, Some("Say it."), None);
        std::fs::remove_file(&real).unwrap();
        let file = file.again(found.clone(), Trust::Nothing);
        check(&file, Some("Say it."), None);
        std::fs::create_dir(&real).unwrap();
        let reason = "is not a regular file; commands are plain text files";
        check(&file.again(found, Trust::Nothing), Some("Say it."), Some(reason));
    }
}
