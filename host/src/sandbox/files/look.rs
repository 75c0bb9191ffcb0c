//! Looks without opening: metadata, links, names in a directory.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, OFlags, RawDir, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
};

use super::open::Dir;
use super::root::code;
use super::rules::Need;

impl Dir {
    /// `follow`: whether a link at the end is followed.
    pub fn stat_at(&self, path: &str, follow: bool) -> FsResult<Stat> {
        let plain = !path.contains(['/', '\0']) && !matches!(path, "" | "." | "..");
        // Access is the same everywhere below: the kernel's answer for a name in a directory that is held needs no check.
        if plain && self.root.rules.uniform().is_some() {
            let stat = statat(&*self.fd, path, AtFlags::SYMLINK_NOFOLLOW).map_err(code)?;
            if !follow || FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                return Ok(stat);
            }
        }
        if path.is_empty() {
            return Err(ErrorCode::NoEntry.into());
        }
        let mut flags = OFlags::PATH;
        flags.set(OFlags::NOFOLLOW, !follow);
        let fd = self.root.beneath(&*self.fd, path, flags)?;
        if self.root.rules.uniform().is_none() {
            self.root.check(&self.root.locate(&fd)?, Need::Look)?;
        }
        fstat(&fd).map_err(code)
    }

    pub fn readlink_at(&self, path: &str) -> FsResult<String> {
        let entry = self.entry(path)?;
        self.root.check(&entry.path, Need::Look)?;
        let target = readlinkat(&*entry.parent, entry.name, Vec::new()).map_err(code)?;
        let target = target.into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
        match target.starts_with('/') {
            true => Err(self.root.explain(path, Errno::XDEV)),
            false => Ok(target),
        }
    }

    pub fn list(&self) -> FsResult<Listing> {
        let folder = self.root.locate(&*self.fd)?;
        self.root.check(&folder, Need::Look)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&*self.fd, ".", flags, rustix::fs::Mode::empty()).map_err(code)?;
        Ok(Listing { dir: self.clone(), fd, folder, ready: VecDeque::new(), done: false })
    }
}

/// Names in a directory, read from the kernel a buffer at a time.
pub struct Listing {
    dir: Dir,
    fd: rustix::fd::OwnedFd,
    folder: PathBuf,
    ready: VecDeque<(Vec<u8>, FileType)>,
    done: bool,
}

impl Listing {
    pub fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        loop {
            let Some((name, kind)) = self.ready.pop_front() else {
                if self.done {
                    return Ok(None);
                }
                self.fill()?;
                continue;
            };
            let name = String::from_utf8(name).map_err(|_| ErrorCode::IllegalByteSequence)?;
            let rules = &self.dir.root.rules;
            // Where only some entries are granted, the others are none of the guest's business.
            if rules.uniform().is_none() && rules.check(&self.folder.join(&name), Need::Look).is_err() {
                continue;
            }
            let kind = match kind {
                FileType::Unknown => statat(&self.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                kind => kind,
            };
            return Ok(Some(DirectoryEntry { type_: described(kind), name }));
        }
    }

    fn fill(&mut self) -> FsResult<()> {
        let mut buffer = Vec::with_capacity(16 << 10);
        let mut entries = RawDir::new(&self.fd, buffer.spare_capacity_mut());
        loop {
            match entries.next() {
                None => {
                    self.done = true;
                    return Ok(());
                }
                Some(entry) => {
                    let entry = entry.map_err(code)?;
                    let name = entry.file_name().to_bytes();
                    if name != b"." && name != b".." {
                        self.ready.push_back((name.to_vec(), entry.file_type()));
                    }
                }
            }
            if entries.is_buffer_empty() && !self.ready.is_empty() {
                return Ok(());
            }
        }
    }
}

pub fn described(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

pub fn given(stat: &Stat) -> DescriptorStat {
    let time = |seconds: i64, nanoseconds: u64| {
        Some(Datetime { seconds: u64::try_from(seconds).ok()?, nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) })
    };
    DescriptorStat {
        type_: described(FileType::from_raw_mode(stat.st_mode)),
        link_count: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: time(stat.st_atime, stat.st_atime_nsec),
        data_modification_timestamp: time(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}

/// Tells files apart, without telling the guest the numbers of the host.
pub fn hash(stat: &Stat) -> MetadataHashValue {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, stat.st_dev, stat.st_ino).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue { lower: half(0), upper: half(1) }
}
