//! The plugin files as they are on disk: reads those that may have changed, and keeps what it read, so that what the user is
//! shown, what is verified and what runs are the same bytes. Whether a file may be used is not decided here.
//!
//! Which files there is room for is decided by their lengths, in the order of folders and names. Those are then read, hashed
//! and parsed side by side: an agent's start waits for it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::manifest::is_plugin_name;
use super::roots::{Candidate, Roots, Spot};
use super::{MAX_FILE, MAX_MANIFEST, Origin, PluginFile};
use crate::parallel::side_by_side;

/// Bytes of all plugins together.
const MAX_HELD: u64 = 512 << 20;
/// A clock of a file system may tick this slowly.
const TICK: Duration = Duration::from_millis(50);

/// Which file: its folder, and its name without `.wasm`.
pub(super) type Key = (Spot, String);

/// Everything that was found.
pub(super) struct Installed {
    files: BTreeMap<Key, Slot>,
    /// Folders that cannot be used, as people write them, with the reason.
    problems: Vec<(String, String)>,
}

/// One file.
pub(super) struct Slot {
    /// As people write its path.
    pub shown: String,
    /// `Err`: why it is no plugin.
    pub content: Result<Arc<PluginFile>, String>,
    /// Of the component, and of the manifest beside it, where there is one.
    stamps: Option<(Stamp, Option<Stamp>)>,
    candidate: Candidate,
}

/// What tells that a file is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Inode, and the time of its last change, where there are such.
    identity: (u64, i64, i64),
    /// It was written so short before it was read that a later write may have left the same stamp.
    fresh: bool,
}

impl Installed {
    pub fn new() -> Installed {
        Installed { files: BTreeMap::new(), problems: Vec::new() }
    }

    /// Takes in what is there now. Files in `changed` (canonical paths) are read whatever their stamps say.
    pub fn look(&mut self, roots: &Roots, changed: &[PathBuf]) {
        let mut old = std::mem::take(&mut self.files);
        self.problems.clear();
        let (mut held, mut new) = (0, Vec::new());
        for spot in Spot::ALL {
            let candidates = match roots.list(spot) {
                Ok(candidates) => candidates,
                Err(reason) => {
                    self.problems.push((roots.shown(&roots.folder(spot)), reason));
                    continue;
                }
            };
            for candidate in candidates {
                let key = (spot, candidate.name.clone());
                let room = MAX_HELD.saturating_sub(held);
                if let Some(slot) = old.remove(&key).filter(|slot| slot.is_as_it_was(changed) && slot.length() <= room)
                {
                    held += slot.length();
                    self.files.insert(key, slot);
                    continue;
                }
                let length = length(roots, spot, &candidate.path, room);
                held += length.as_ref().map_or(0, |length| *length);
                new.push((key, candidate, length));
            }
        }
        let slots = side_by_side(&new, |((spot, _), candidate, length)| match length {
            Ok(length) => Slot::read(roots, *spot, candidate, *length),
            Err(reason) => Slot::unread(roots, candidate, reason.clone()),
        });
        self.files.extend(new.into_iter().map(|(key, ..)| key).zip(slots));
    }

    pub fn files(&self) -> &BTreeMap<Key, Slot> {
        &self.files
    }

    pub fn problems(&self) -> &[(String, String)] {
        &self.problems
    }
}

/// The plugin of this name, as it is now: `None` where no file is, `Err` says why it is no plugin.
pub fn read(roots: &Roots, spot: Spot, name: &str) -> Option<Result<PluginFile, String>> {
    let candidate = roots.candidate(spot, name);
    if !is_plugin_name(name) || candidate.path.symlink_metadata().is_err() {
        return None;
    }
    let content = match length(roots, spot, &candidate.path, MAX_HELD) {
        Ok(length) => Slot::read(roots, spot, &candidate, length).content,
        Err(reason) => Err(reason),
    };
    Some(content.map(Arc::unwrap_or_clone))
}

/// What the plugin in a file of any name is called, if it is one.
pub(super) fn inside(roots: &Roots, spot: Spot, path: &Path) -> Option<String> {
    let (real, _) = resolved(roots, spot, path).ok()?;
    let (bytes, _) = bounded(&real, MAX_FILE, |_| String::new()).ok()?;
    let file = PluginFile::parse(bytes, Origin::File { shown: roots.shown(path) }).ok()?;
    Some(file.sections.manifest.name)
}

impl Slot {
    /// A file that is not read, with the reason.
    fn unread(roots: &Roots, candidate: &Candidate, reason: String) -> Slot {
        let shown = roots.shown(&candidate.path);
        Slot { shown, content: Err(reason), stamps: None, candidate: candidate.clone() }
    }

    /// Reads a component of this length.
    fn read(roots: &Roots, spot: Spot, candidate: &Candidate, length: u64) -> Slot {
        let shown = roots.shown(&candidate.path);
        let (stamps, read) = match both(roots, spot, candidate, length) {
            Ok((bytes, manifest, stamps)) => (Some(stamps), Ok((bytes, manifest))),
            Err(reason) => (None, Err(reason)),
        };
        let content = read.and_then(|(bytes, manifest)| {
            let origin = Origin::File { shown: shown.clone() };
            let file = match manifest {
                Some(manifest) => PluginFile::parse_with(bytes, origin, &manifest),
                None => PluginFile::parse(bytes, origin),
            };
            let file = file.map_err(|error| error.to_string())?;
            let says = &file.sections.manifest.name;
            match *says == candidate.name {
                true => Ok(Arc::new(file)),
                false => Err(format!("the plugin in it is called '{says}'; name the file {says}.wasm")),
            }
        });
        Slot { shown, content, stamps, candidate: candidate.clone() }
    }

    /// Bytes that were read, whatever came of them.
    fn length(&self) -> u64 {
        self.stamps.as_ref().map_or(0, |(component, _)| component.length)
    }

    /// A file that could not be read is read again each time.
    fn is_as_it_was(&self, changed: &[PathBuf]) -> bool {
        let Some((component, manifest)) = &self.stamps else { return false };
        let same = |path: &Path, stamp: Option<&Stamp>| match (path.canonicalize(), stamp) {
            (Err(_), None) => true,
            (Ok(real), Some(stamp)) => {
                let now = real.metadata().map(|metadata| Stamp::of(&metadata));
                !changed.contains(&real) && !stamp.fresh && now.is_ok_and(|now| now.alike(stamp))
            }
            _ => false,
        };
        same(&self.candidate.path, Some(component)) && same(&self.candidate.manifest, manifest.as_ref())
    }
}

type Both = (Vec<u8>, Option<String>, (Stamp, Option<Stamp>));

/// The component, which has this length, and the text of the manifest beside it.
fn both(roots: &Roots, spot: Spot, candidate: &Candidate, length: u64) -> Result<Both, String> {
    let grown = |_| "changes while it is read; try again".to_string();
    let (bytes, stamp) = bounded(&resolved(roots, spot, &candidate.path)?.0, length, grown)?;
    if candidate.manifest.symlink_metadata().is_err() {
        return Ok((bytes, None, (stamp, None)));
    }
    let of_manifest = |reason: String| format!("the manifest beside it {reason}");
    let too_large = |most: u64| format!("is larger than {} KiB", most >> 10);
    let read = resolved(roots, spot, &candidate.manifest);
    let read = read.and_then(|(real, _)| bounded(&real, MAX_MANIFEST, too_large)).map_err(of_manifest)?;
    let text = String::from_utf8(read.0).map_err(|_| of_manifest("is not UTF-8".into()))?;
    Ok((bytes, Some(text), (stamp, Some(read.1))))
}

/// How long a component is; `Err`: why it is not read.
fn length(roots: &Roots, spot: Spot, path: &Path, room: u64) -> Result<u64, String> {
    let length = resolved(roots, spot, path)?.1.len();
    match length {
        _ if length > MAX_FILE => Err(format!("is larger than {} MiB", MAX_FILE >> 20)),
        _ if length > room => Err(format!("all plugins together are larger than {} MiB", MAX_HELD >> 20)),
        _ => Ok(length),
    }
}

/// Where a regular file really is.
fn resolved(roots: &Roots, spot: Spot, path: &Path) -> Result<(PathBuf, Metadata), String> {
    let real = path.canonicalize().map_err(unreadable)?;
    if !roots.allows(spot, &real) {
        return Err("leads out of the project; put the file itself there".into());
    }
    let metadata = real.symlink_metadata().map_err(unreadable)?;
    match metadata.is_file() {
        true => Ok((real, metadata)),
        false => Err("is not a regular file".into()),
    }
}

fn unreadable(error: std::io::Error) -> String {
    format!("cannot be read: {error}")
}

/// A file at a resolved path.
fn bounded(real: &Path, most: u64, too_large: impl Fn(u64) -> String) -> Result<(Vec<u8>, Stamp), String> {
    let mut options = File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // What it was resolved to may be another file by now, or a pipe that nobody writes to.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(real).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    if metadata.len() > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > most {
        true => Err(too_large(most)),
        false => Ok((bytes, Stamp::of(&metadata))),
    }
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Stamp {
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

    fn alike(&self, other: &Stamp) -> bool {
        (self.length, self.modified, self.identity) == (other.length, other.modified, other.identity)
    }
}
