//! Changes of directories: make, remove, rename, link, set times. Each checks the real parent with the entry's plain
//! name, and acts on that parent by that name.

use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, Timestamps, fstat, futimens, mkdirat, readlinkat, renameat,
    renameat_with, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::open::{Dir, Entry, single};
use super::root::{Root, SAFE, code, trap};
use super::rules::Need;
use super::tree;
use crate::sandbox::meter::ENTRY_COST;

impl Dir {
    pub fn create_directory_at(&self, path: &str) -> FsResult<()> {
        let entry = self.changing(path, Need::Create)?;
        self.charge(&entry)?;
        mkdirat(&*entry.parent, entry.name, Mode::from_raw_mode(0o777)).map_err(code)?;
        self.root.changed(&entry.path);
        Ok(())
    }

    pub fn unlink_file_at(&self, path: &str) -> FsResult<()> {
        if path.ends_with('/') {
            return Err(ErrorCode::NotDirectory.into());
        }
        let entry = self.changing(path, Need::Change)?;
        let size = self.freed(&entry);
        self.root.charge_entry().map_err(trap)?;
        unlinkat(&*entry.parent, entry.name, AtFlags::empty()).map_err(code)?;
        self.root.shrink(size);
        self.root.changed(&entry.path);
        Ok(())
    }

    pub fn remove_directory_at(&self, path: &str) -> FsResult<()> {
        let entry = self.changing(path, Need::Change)?;
        self.root.charge_entry().map_err(trap)?;
        unlinkat(&*entry.parent, entry.name, AtFlags::REMOVEDIR).map_err(code)?;
        self.root.shrink(ENTRY_COST);
        self.root.changed(&entry.path);
        Ok(())
    }

    /// Both ends are checked; a directory is looked through, since what is protected in it goes along.
    pub fn rename_at(&self, old: &str, target: &Dir, new: &str) -> FsResult<()> {
        if !std::sync::Arc::ptr_eq(&self.root, &target.root) {
            return Err(ErrorCode::CrossDevice.into());
        }
        let from = self.changing(old, Need::Change)?;
        let to = target.changing(new, Need::Create)?;
        let moved = statat(&*from.parent, from.name, AtFlags::SYMLINK_NOFOLLOW).map_err(code)?;
        if is_dir(&moved) {
            tree::movable(&self.root, &*from.parent, from.name, &from.path, &to.path)?;
        } else if old.ends_with('/') || new.ends_with('/') {
            return Err(ErrorCode::NotDirectory.into());
        } else if FileType::from_raw_mode(moved.st_mode) == FileType::Symlink {
            // Elsewhere the same words may lead to another place.
            let target = readlinkat(&*from.parent, from.name, Vec::new()).map_err(code)?;
            let target = target.into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
            self.link_target(&to, &target)?;
        }
        self.root.charge_entry().map_err(trap)?;
        let replaced = self.freed(&to);
        // A name that nothing has may be taken where replacing would not be allowed: a new secret.
        match self.root.check(&to.path, Need::Change) {
            Ok(()) => renameat(&*from.parent, from.name, &*to.parent, to.name).map_err(code)?,
            Err(refused) => {
                match renameat_with(&*from.parent, from.name, &*to.parent, to.name, RenameFlags::NOREPLACE) {
                    Ok(()) => {}
                    Err(Errno::EXIST | Errno::INVAL) => return Err(refused),
                    Err(errno) => return Err(code(errno)),
                }
            }
        }
        self.root.shrink(replaced);
        self.root.changed(&from.path);
        self.root.changed(&to.path);
        Ok(())
    }

    /// The link must lead to a place that this tool could reach and change itself: others follow links without asking.
    pub fn symlink_at(&self, target: &str, path: &str) -> FsResult<()> {
        let entry = self.changing(path, Need::Create)?;
        self.link_target(&entry, target)?;
        self.charge(&entry)?;
        symlinkat(target, &*entry.parent, entry.name).map_err(code)?;
        self.root.changed(&entry.path);
        Ok(())
    }

    fn link_target(&self, entry: &Entry<'_>, target: &str) -> FsResult<()> {
        let refused = |why: &str| {
            let reason = format!("'{}' was not made a link to '{target}': {why}", entry.path.display());
            self.root.refuse(ErrorCode::NotPermitted, reason)
        };
        if target.is_empty() || target.starts_with('/') || target.contains('\0') {
            return Err(refused("a link has to stay within what is granted"));
        }
        let folder = entry.path.parent().unwrap_or(Path::new(""));
        let place = self.destination(&folder.join(target))?;
        let Some(place) = place else { return Err(refused("a link has to stay within what is granted")) };
        self.root.check(&place, Need::Change)
    }

    /// Where a path below the root really leads: what exists of it is resolved, the rest is taken as spelled. `None`: out
    /// of the root, or through a link to nothing.
    fn destination(&self, spelled: &Path) -> FsResult<Option<PathBuf>> {
        let root = &self.root;
        let mut there = spelled.to_owned();
        let mut missing = PathBuf::new();
        loop {
            let path = if there.as_os_str().is_empty() { Path::new(".") } else { &there };
            let path = path.to_str().ok_or(ErrorCode::IllegalByteSequence)?;
            match root.resolve(&root.dir, path, OFlags::PATH) {
                Ok(fd) => {
                    let real = root.locate(&fd)?;
                    return Ok(lexical(&real, &missing));
                }
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    let is_link = root.resolve(&root.dir, path, OFlags::PATH | OFlags::NOFOLLOW).is_ok();
                    let Some(last) = there.components().next_back().filter(|_| !is_link) else { return Ok(None) };
                    missing = Path::new(last.as_os_str()).join(missing);
                    there.pop();
                }
                Err(_) => return Ok(None),
            }
        }
    }

    /// Hard links would give a protected file an unprotected name.
    pub fn link_at(&self, old: &str, new: &str) -> FsResult<()> {
        let reason = format!("'{new}' was not made a hard link to '{old}': tools make no hard links; copy the file");
        Err(self.root.refuse(ErrorCode::NotPermitted, reason))
    }

    pub fn set_times_at(&self, path: &str, follow: bool, times: &Timestamps) -> FsResult<()> {
        let entry = self.changing(path, Need::Change)?;
        let stat = statat(&*entry.parent, entry.name, AtFlags::SYMLINK_NOFOLLOW).map_err(code)?;
        self.root.charge_entry().map_err(trap)?;
        if !follow || FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            single(&self.root, &entry.path, &stat)?;
            utimensat(&*entry.parent, entry.name, times, AtFlags::SYMLINK_NOFOLLOW).map_err(code)?;
            self.root.changed(&entry.path);
            return Ok(());
        }
        let fd = self.root.beneath(&*self.fd, path, OFlags::RDONLY | SAFE)?;
        set_times(&self.root, &self.root.locate(&fd)?, &fd, times)
    }

    fn charge(&self, entry: &Entry<'_>) -> FsResult<()> {
        let there = statat(&*entry.parent, entry.name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if there {
            return Err(ErrorCode::Exist.into());
        }
        self.root.charge_entry().map_err(trap)?;
        self.root.grow(ENTRY_COST)
    }

    /// What the state directory gets back when this entry goes.
    fn freed(&self, entry: &Entry<'_>) -> u64 {
        if !self.root.is_state() {
            return 0;
        }
        statat(&*entry.parent, entry.name, AtFlags::SYMLINK_NOFOLLOW)
            .map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0).saturating_add(ENTRY_COST))
    }
}

/// Sets the times of something that is open and really is at `path`.
pub fn set_times(root: &Root, path: &Path, fd: impl rustix::fd::AsFd, times: &Timestamps) -> FsResult<()> {
    root.check(path, Need::Change)?;
    single(root, path, &fstat(fd.as_fd()).map_err(code)?)?;
    futimens(fd, times).map_err(code)?;
    root.changed(path);
    Ok(())
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Where a path leads when nothing of it is a link; `None`: out of the root.
pub fn lexical(folder: &Path, target: &Path) -> Option<PathBuf> {
    let mut place = folder.to_owned();
    for part in target.components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !place.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(place)
}
