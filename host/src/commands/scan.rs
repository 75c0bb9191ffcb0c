//! Looks through a folder for commands, skills and agents: bounded, without reading them, and without trust in what the
//! folder holds. A symbolic link is followed once, and from a project not out of it; what cannot be used is said.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, FileType};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Kind;
use super::entry::{Place, Unusable};
use super::roots::{self, Layout, Root};

/// Bytes of one file.
const FILE: u64 = 1 << 20;
/// Entries of folders that one walk looks at.
const ENTRIES: usize = 50_000;
/// Files that one walk takes.
const FILES: usize = 20_000;
/// Folders below each other.
const DEPTH: usize = 16;
/// Problems that one walk tells; a folder can be made of them.
const PROBLEMS: usize = 100;

/// What one walk found. Paths are relative to the root.
#[derive(Default)]
pub(super) struct Walk {
    pub files: Vec<(PathBuf, Found)>,
    pub folders: Vec<(PathBuf, Folder)>,
    pub problems: Vec<(PathBuf, Unusable)>,
}

/// A file that will be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub place: Place,
    /// Canonical.
    pub real: PathBuf,
}

/// A folder that was looked into.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Folder {
    /// Canonical.
    pub real: PathBuf,
    /// It was reached through a symbolic link below the root.
    pub linked: bool,
}

/// Which of a folder's entries a walk visits.
pub(super) enum Part<'a> {
    All,
    /// This entry of this folder.
    Entry {
        parent: &'a Path,
        folder: &'a Folder,
        name: &'a OsStr,
    },
}

/// Walks a root; one that does not exist is empty.
pub(super) fn walk(root: &Root, part: Part<'_>, shown: &dyn Fn(&Path) -> String) -> Walk {
    let mut walker = Walker { root, shown, walk: Walk::default(), left: Vec::new(), entries: 0, full: false };
    match part {
        Part::All => walker.start(),
        Part::Entry { parent, folder, name } => {
            if let Ok(metadata) = folder.real.join(name).symlink_metadata() {
                walker.entry(parent, folder, name, metadata.file_type());
            }
        }
    }
    while let Some((path, folder)) = walker.left.pop() {
        walker.folder(path, folder);
    }
    walker.walk
}

struct Walker<'a> {
    root: &'a Root,
    shown: &'a dyn Fn(&Path) -> String,
    walk: Walk,
    left: Vec<(PathBuf, Folder)>,
    entries: usize,
    full: bool,
}

impl Walker<'_> {
    fn start(&mut self) {
        if self.root.path.symlink_metadata().is_err() {
            return;
        }
        let here = PathBuf::new();
        match self.resolve(&self.root.path) {
            Ok((real, kind)) if kind.is_dir() => self.left.push((here, Folder { real, linked: false })),
            Ok(_) => self.problem(&here, "is not a folder; commands are looked for in a folder of this name"),
            Err(reason) => self.problem(&here, &reason),
        }
    }

    fn folder(&mut self, path: PathBuf, folder: Folder) {
        let entries = match std::fs::read_dir(&folder.real) {
            Ok(entries) => entries,
            Err(error) => {
                return self.problem(&path, &format!("cannot be looked into: {error}; change its permissions"));
            }
        };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            self.entries += 1;
            if self.entries > ENTRIES {
                self.full(&path, &format!("has more than {ENTRIES} entries; what comes after them is left out"));
                break;
            }
            if let Ok(kind) = entry.file_type() {
                names.push((entry.file_name(), kind));
            }
        }
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        // A skill's folder holds its own files, which are not commands.
        if self.root.layout == Layout::Skills {
            let skill = names.iter().find(|(name, _)| is_skill(name)).cloned();
            names = skill.map_or(names, |skill| vec![skill]);
        }
        for (name, kind) in names {
            self.entry(&path, &folder, &name, kind);
        }
        self.walk.folders.push((path, folder));
    }

    fn entry(&mut self, parent: &Path, folder: &Folder, name: &OsStr, kind: FileType) {
        let text = name.to_string_lossy();
        let place = self.place(parent, &text);
        if text.starts_with('.') || text == "node_modules" || (place.is_none() && kind.is_file()) {
            return;
        }
        let path = parent.join(name);
        let (real, kind, linked) = match kind.is_symlink() {
            false => (folder.real.join(name), kind, folder.linked),
            true if folder.linked => {
                let reason = "is a symbolic link inside a linked folder; links are followed once, link to it directly";
                return self.problem(&path, reason);
            }
            true => match self.resolve(&folder.real.join(name)) {
                Ok((real, kind)) if kind.is_dir() && folder.real.starts_with(&real) => {
                    return self.problem(&path, "is a symbolic link to a folder above it; remove it");
                }
                // Its text reaches the model unasked, and a secret is seldom Markdown.
                Ok((real, kind)) if place.is_some() && kind.is_file() && !self.may_be_read(name, &real) => {
                    let reason =
                        "is a symbolic link to a file of another kind; link to one that ends the same, or copy it";
                    return self.problem(&path, reason);
                }
                Ok((real, kind)) => (real, kind, true),
                // What would not have been used needs no explanation.
                Err(reason) if place.is_some() || self.root.layout == Layout::Skills => {
                    return self.problem(&path, &reason);
                }
                Err(_) => return,
            },
        };
        match place {
            _ if kind.is_dir() => match path.components().count() {
                depth if depth <= DEPTH => self.left.push((path, Folder { real, linked })),
                _ => self.problem(&path, &format!("lies deeper than {DEPTH} folders; move it up")),
            },
            Some(place) if kind.is_file() => match self.walk.files.len() {
                FILES.. => self.full(parent, &format!("holds more than {FILES} files; those after them are left out")),
                _ => self.walk.files.push((path, Found { place, real })),
            },
            Some(_) => self.problem(&path, "is not a regular file; commands are plain text files"),
            None => {}
        }
    }

    /// What the file in this folder would be; `None`: nothing.
    fn place(&self, parent: &Path, name: &str) -> Option<Place> {
        let root = self.root;
        let own = parent.file_name().or(root.path.file_name()).map(|name| name.to_string_lossy());
        let (kind, own, syntax) = roots::classify(root.layout, name, own.as_deref())?;
        let mut parts: Vec<String> = root.prefix.iter().cloned().collect();
        if kind != Kind::Skill {
            parts.extend(parent.iter().map(|part| part.to_string_lossy().into_owned()));
        }
        parts.push(own);
        let path = root.path.join(parent).join(name);
        let shown = (self.shown)(&path);
        Some(Place { kind, name: parts.join(":"), path, shown, origin: root.origin.clone(), syntax })
    }

    fn resolve(&self, link: &Path) -> Result<(PathBuf, FileType), String> {
        let real = link.canonicalize().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "is a symbolic link that leads nowhere; remove it or mend it".to_string(),
            _ => format!("cannot be followed: {error}"),
        })?;
        if self.root.within.as_ref().is_some_and(|within| !real.starts_with(within)) {
            return Err("leads out of the project by a symbolic link; copy it into the project".into());
        }
        let kind = real.metadata().map_err(|error| format!("cannot be read: {error}"))?.file_type();
        Ok((real, kind))
    }

    /// Whether a project's link of this name may lead to that file.
    fn may_be_read(&self, name: &OsStr, real: &Path) -> bool {
        let toml = |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
        let markdown = |path: &Path| {
            path.extension().is_some_and(|end| end.eq_ignore_ascii_case("md") || end.eq_ignore_ascii_case("markdown"))
        };
        let hidden = real.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let alike = if toml(Path::new(name)) { toml(real) } else { markdown(real) };
        self.root.within.is_none() || (alike && !hidden)
    }

    fn full(&mut self, path: &Path, reason: &str) {
        if !std::mem::replace(&mut self.full, true) {
            self.problem(path, reason);
        }
    }

    fn problem(&mut self, path: &Path, reason: &str) {
        if self.walk.problems.len() < PROBLEMS {
            let shown = (self.shown)(&self.root.path.join(path));
            self.walk.problems.push((path.to_path_buf(), Unusable { shown, line: 0, reason: reason.to_string() }));
        }
    }
}

/// Whether a file of this name makes its folder a skill.
pub(super) fn is_skill(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.eq_ignore_ascii_case("SKILL.md"))
}

/// Which content a file had when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Inode, and the time of its last change, where there are such.
    identity: (u64, i64, i64),
    /// The file was written so short before it was read that a later write may have left the same stamp.
    pub fresh: bool,
}

impl Stamp {
    /// Bytes of the content.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether they tell of the same content, however fresh they are.
    pub fn alike(&self, other: &Stamp) -> bool {
        (self.length, self.modified, self.identity) == (other.length, other.modified, other.identity)
    }
}

/// A clock of a file system may tick this slowly.
const TICK: Duration = Duration::from_millis(50);

pub(super) fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let identity = (0, 0, 0);
    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    Stamp { length: metadata.len(), modified, identity, fresh: age.is_none_or(|age| age < TICK) }
}

/// Reads a regular file of at most a mebibyte. The path is canonical: a link that has come there since is not followed,
/// and a pipe that has come there does not block.
pub(super) fn read(real: &Path) -> Result<(Vec<u8>, Stamp), String> {
    let mut options = File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = options.open(real).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a regular file; commands are plain text files".into());
    }
    if metadata.len() > FILE {
        return Err("is larger than 1 MiB; move parts of it into files of their own, and name them in it".into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    (&mut file).take(FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE {
        return Err("grew beyond 1 MiB while it was read".into());
    }
    Ok((bytes, stamp(&metadata)))
}

/// Everything below a folder, whatever it is called: `SKILL.md` is a skill, Markdown in a folder `agents` an agent, other
/// Markdown a command, TOML below `commands` one of Gemini's. For checking files that are not installed. A link to
/// elsewhere is not followed: a repository may link to the whole machine.
pub fn folder(folder: &Path) -> (Vec<Place>, Vec<Unusable>) {
    let mut places = Vec::new();
    let mut problems = Vec::new();
    let (mut left, mut seen) = (vec![folder.to_path_buf()], HashSet::new());
    let top = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let shown = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let mut say = |path: &Path, reason: String| problems.push(Unusable { shown: shown(path), line: 0, reason });
    while let Some(here) = left.pop() {
        let real = here.canonicalize().unwrap_or_else(|_| here.clone());
        if !real.starts_with(&top) || !seen.insert(real) {
            continue;
        }
        if seen.len() > ENTRIES || places.len() > FILES {
            say(&here, format!("is left out: there are more than {ENTRIES} folders or {FILES} files"));
            break;
        }
        let mut entries: Vec<_> = match std::fs::read_dir(&here) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => {
                say(&here, format!("cannot be looked into: {error}; change its permissions"));
                continue;
            }
        };
        entries.sort();
        let mut below = Vec::new();
        for path in entries {
            let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_dir() {
                below.extend((name != ".git" && name != "node_modules").then_some(path));
                continue;
            }
            let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
            if is_link && !path.canonicalize().is_ok_and(|real| real.starts_with(&top)) {
                if loose(folder, &path, &name).is_some() {
                    say(&path, "leads out of the folder by a symbolic link; copy it into the folder".into());
                }
                continue;
            }
            places.extend(loose(folder, &path, &name).map(|place| Place { shown: shown(&path), ..place }));
        }
        left.extend(below.into_iter().rev());
    }
    (places, problems)
}

fn loose(top: &Path, path: &Path, name: &str) -> Option<Place> {
    // The folder itself may be one of `agents` or of `commands`.
    let below = path.strip_prefix(top).ok()?.parent()?;
    let folders: Vec<String> =
        top.file_name().into_iter().chain(below.iter()).map(|part| part.to_string_lossy().into_owned()).collect();
    let after = |wanted: &[&str]| folders.iter().rposition(|folder| wanted.contains(&folder.as_str()));
    let own = folders.last();
    let (layout, from) = match (after(&["agents", "agent"]), after(&["commands", "command", "prompts"])) {
        _ if name.to_ascii_lowercase().ends_with(".toml") => {
            let commands = after(&["commands"])?;
            (Layout::Toml, Some(commands))
        }
        _ if is_skill(OsStr::new(name)) => (Layout::Skills, None),
        (Some(agents), commands) if commands.is_none_or(|commands| commands < agents) => (Layout::Agents, Some(agents)),
        (_, commands) => (Layout::Commands, commands),
    };
    let (kind, stem, syntax) = roots::classify(layout, name, own.map(String::as_str))?;
    let mut parts: Vec<String> = from.map(|from| folders[from + 1..].to_vec()).unwrap_or_default();
    if kind == Kind::Skill {
        parts.clear();
    }
    parts.push(stem);
    let origin = super::Origin::Project;
    Some(Place { kind, name: parts.join(":"), path: path.to_path_buf(), shown: String::new(), origin, syntax })
}
