//! Looks through a directory before it gets another name: what is protected by its path must keep its path.

use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::change::lexical;
use super::root::{Root, code};
use super::rules::Need;

/// A larger tree is not renamed: looking through it takes too long.
const MAX_ENTRIES: usize = 50_000;
const MAX_DEPTH: usize = 256;

/// Fails when the directory `name` in `parent` holds something that may not go from below `old` to below `new`.
pub fn movable(root: &Root, parent: impl AsFd, name: &str, old: &Path, new: &Path) -> FsResult<()> {
    let mut budget = MAX_ENTRIES;
    walk(root, &open(parent, name.as_bytes())?, old, new, &mut budget, MAX_DEPTH)
}

fn open(parent: impl AsFd, name: &[u8]) -> FsResult<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty()).map_err(code)
}

fn walk(root: &Root, dir: &OwnedFd, old: &Path, new: &Path, budget: &mut usize, depth: usize) -> FsResult<()> {
    use std::os::unix::ffi::OsStrExt as _;
    for entry in Dir::read_from(dir).map_err(code)? {
        let entry = entry.map_err(code)?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") {
            continue;
        }
        if *budget == 0 || depth == 0 {
            let reason = format!("'{}' was not renamed: it holds too much to be looked through", old.display());
            return Err(root.refuse(ErrorCode::Access, reason));
        }
        *budget -= 1;
        let name = std::ffi::OsStr::from_bytes(bytes);
        let (from, to) = (old.join(name), new.join(name));
        // A secret may move with its folder as long as its name still makes it one.
        let kept = root.rules.is_hidden(&from) && root.rules.is_hidden(&to);
        root.check(&from, if kept { Need::Create } else { Need::Change })?;
        root.check(&to, Need::Create)?;
        let kind = match entry.file_type() {
            FileType::Unknown => statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            kind => kind,
        };
        if kind == FileType::Symlink {
            let target = readlinkat(dir, entry.file_name(), Vec::new()).map_err(code)?;
            let target = target.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?;
            let reaches = |folder: &Path| {
                lexical(folder, Path::new(target)).is_some_and(|place| root.rules.check(&place, Need::Change).is_ok())
            };
            if !target.starts_with('/') && reaches(old) && !reaches(new) {
                let reason = format!("'{}' was not renamed: a link in it would lead elsewhere", old.display());
                return Err(root.refuse(ErrorCode::Access, reason));
            }
        }
        if kind == FileType::Directory {
            walk(root, &open(dir, bytes)?, &from, &to, budget, depth - 1)?;
        }
    }
    Ok(())
}
