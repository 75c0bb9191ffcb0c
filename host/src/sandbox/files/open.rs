//! Opens files and directories: the check before, the open, the check after, and only then the truncation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, ftruncate, openat};
use rustix::io::Errno;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags};

use super::file::File;
use super::root::{Root, SAFE, code, trap};
use super::rules::Need;
use crate::sandbox::meter::ENTRY_COST;

/// What a guest's descriptor stands for.
pub enum Node {
    Dir(Dir),
    File(File),
}

#[derive(Clone)]
pub struct Dir {
    pub fd: Arc<OwnedFd>,
    pub root: Arc<Root>,
    /// Whether anything may be changed through it at all; the rules decide on each path.
    pub writable: bool,
}

/// An entry about to be changed: its parent, opened, and its plain name there.
pub struct Entry<'a> {
    pub parent: Parent<'a>,
    pub name: &'a str,
    /// Real path below the root.
    pub path: PathBuf,
}

pub enum Parent<'a> {
    Held(&'a OwnedFd),
    Opened(OwnedFd),
}

impl std::ops::Deref for Parent<'_> {
    type Target = OwnedFd;
    fn deref(&self) -> &OwnedFd {
        match self {
            Parent::Held(fd) => fd,
            Parent::Opened(fd) => fd,
        }
    }
}

impl Dir {
    /// Finds the parent of what `path` names. Trailing slashes are ignored; `.` and `..` at the end name no entry.
    pub fn entry<'a>(&'a self, path: &'a str) -> FsResult<Entry<'a>> {
        let trimmed = path.trim_end_matches('/');
        let (above, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
        if path.starts_with('/') {
            return Err(self.root.explain(path, Errno::XDEV));
        }
        if matches!(name, "" | "." | "..") || name.contains('\0') {
            return Err(ErrorCode::Invalid.into());
        }
        let parent = match above {
            "" | "." => Parent::Held(&self.fd),
            above => Parent::Opened(self.root.beneath(&*self.fd, above, OFlags::PATH | OFlags::DIRECTORY)?),
        };
        let path = self.root.locate(&*parent)?.join(name);
        Ok(Entry { parent, name, path })
    }

    /// The same for a change of `need`'s kind, which has to be allowed.
    pub fn changing<'a>(&'a self, path: &'a str, need: Need) -> FsResult<Entry<'a>> {
        self.writable(path)?;
        let entry = self.entry(path)?;
        self.root.check(&entry.path, need)?;
        Ok(entry)
    }

    fn writable(&self, path: &str) -> FsResult<()> {
        match self.writable {
            true => Ok(()),
            false => {
                let reason =
                    format!("'{path}' was not changed: this tool has no write access (capability `workspace`)");
                Err(self.root.refuse(ErrorCode::NotPermitted, reason))
            }
        }
    }

    /// `follow`: whether a link at the end is followed.
    pub fn open(&self, path: &str, follow: bool, how: OpenFlags, flags: DescriptorFlags) -> FsResult<Node> {
        if path.contains('\0') {
            return Err(ErrorCode::Invalid.into());
        }
        let changes = how.intersects(OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE);
        if how.contains(OpenFlags::DIRECTORY) && changes {
            return Err(ErrorCode::Invalid.into());
        }
        let writes = flags.contains(DescriptorFlags::WRITE) || how.contains(OpenFlags::TRUNCATE);
        let reads = flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE);
        let mode = match (reads, writes) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        let wanted = Wanted { reads, writes, truncate: how.contains(OpenFlags::TRUNCATE) };
        if how.contains(OpenFlags::CREATE) {
            return self.create(path, follow, how.contains(OpenFlags::EXCLUSIVE), mode, wanted);
        }
        if writes {
            self.writable(path)?;
        }
        let mut flags = mode | SAFE;
        flags.set(OFlags::NOFOLLOW, !follow);
        flags.set(OFlags::DIRECTORY, how.contains(OpenFlags::DIRECTORY));
        if writes {
            // A link's target can only be checked once it is open, which changes nothing; a plain name can be before.
            if let Ok(entry) = self.entry(path) {
                self.root.check(&entry.path, Need::Change)?;
            }
        }
        let fd = self.root.beneath(&*self.fd, path, flags)?;
        self.admit(fd, wanted)
    }

    fn create(&self, path: &str, follow: bool, exclusive: bool, mode: OFlags, wanted: Wanted) -> FsResult<Node> {
        if path.ends_with('/') {
            return Err(ErrorCode::IsDirectory.into());
        }
        let entry = self.changing(path, Need::Create)?;
        let flags = mode | SAFE | OFlags::NOFOLLOW;
        self.root.meter.check_calls().map_err(trap)?;
        match openat(&*entry.parent, entry.name, flags | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o666)) {
            Ok(fd) => {
                let made = self.made(&entry.path);
                if made.is_err() {
                    let _ = rustix::fs::unlinkat(&*entry.parent, entry.name, rustix::fs::AtFlags::empty());
                }
                made?;
                let file = File::new(fd, self.root.clone(), entry.path, 0, wanted.reads, wanted.writes);
                return Ok(Node::File(file));
            }
            Err(Errno::EXIST) if !exclusive => {}
            Err(errno) => return Err(code(errno)),
        }
        if wanted.writes {
            self.root.check(&entry.path, Need::Change)?;
        }
        match openat(&*entry.parent, entry.name, flags, Mode::empty()) {
            Ok(fd) => self.admit(fd, wanted),
            Err(Errno::LOOP) if follow => match self.root.resolve(&*self.fd, path, mode | SAFE) {
                Ok(fd) => self.admit(fd, wanted),
                Err(Errno::NOENT) => {
                    let reason = format!("'{path}' is a link to nothing; files are not made through links");
                    Err(self.root.refuse(ErrorCode::NotPermitted, reason))
                }
                Err(errno) => Err(self.root.explain(path, errno)),
            },
            Err(errno) => Err(code(errno)),
        }
    }

    fn made(&self, path: &Path) -> FsResult<()> {
        self.root.charge_entry().map_err(trap)?;
        self.root.grow(ENTRY_COST)?;
        self.root.changed(path);
        Ok(())
    }

    /// The check after: what was really opened, and whether that may be used as wanted.
    fn admit(&self, fd: OwnedFd, wanted: Wanted) -> FsResult<Node> {
        let stat = fstat(&fd).map_err(code)?;
        let path = self.root.locate(&fd)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.root.check(&path, Need::Look)?;
                Ok(Node::Dir(Dir { fd: Arc::new(fd), root: self.root.clone(), writable: self.writable }))
            }
            FileType::RegularFile => {
                if wanted.reads {
                    self.root.check(&path, Need::Read)?;
                }
                if wanted.writes {
                    self.root.check(&path, Need::Change)?;
                    single(&self.root, &path, &stat)?;
                }
                let mut size = u64::try_from(stat.st_size).unwrap_or(0);
                if wanted.truncate && size > 0 {
                    self.root.charge_entry().map_err(trap)?;
                    ftruncate(&fd, 0).map_err(code)?;
                    self.root.shrink(size);
                    self.root.changed(&path);
                    size = 0;
                }
                Ok(Node::File(File::new(fd, self.root.clone(), path, size, wanted.reads, wanted.writes)))
            }
            _ => {
                let reason = format!("'{}' is neither a file nor a directory and was not opened", path.display());
                Err(self.root.refuse(ErrorCode::NotPermitted, reason))
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Wanted {
    reads: bool,
    writes: bool,
    truncate: bool,
}

/// A file with several names is not written in place: one of them may lie outside.
pub fn single(root: &Root, path: &Path, stat: &Stat) -> FsResult<()> {
    let file = FileType::from_raw_mode(stat.st_mode) != FileType::Directory;
    if file && stat.st_nlink > 1 {
        let reason = format!(
            "'{}' has {} hard links and is not written in place, since another may lie outside; replace it instead",
            path.display(),
            stat.st_nlink
        );
        return Err(root.refuse(ErrorCode::NotPermitted, reason));
    }
    Ok(())
}
