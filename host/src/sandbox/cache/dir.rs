//! A directory that belongs to this user alone, plain files in it, and files in memory that nobody can change. What is in
//! them is not known here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, FileType, MemfdFlags, Mode, OFlags, RenameFlags, SealFlags, fchmod, fcntl_add_seals, fstat, memfd_create,
    openat, renameat_with, unlinkat,
};

static COUNTER: AtomicU64 = AtomicU64::new(0);

pub struct Dir(rustix::fd::OwnedFd);

impl Dir {
    pub fn open(path: &Path) -> Result<Dir, String> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |error: &dyn std::fmt::Display| format!("{} cannot be used: {error}", path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(&error)),
            _ => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(&error))?;
        let stat = fstat(&dir).map_err(|error| failed(&error))?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(failed(&"it belongs to another user"));
        }
        if stat.st_mode & 0o077 != 0 {
            fchmod(&dir, Mode::from_raw_mode(0o700)).map_err(|error| failed(&error))?;
        }
        Ok(Dir(dir))
    }

    /// A regular file of this user's that nobody else can read or write, with one name.
    pub fn file(&self, name: &str) -> Option<(File, u64)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::empty()).ok()?;
        let stat = fstat(&file).ok()?;
        let private = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_mode & 0o077 == 0
            && stat.st_nlink == 1;
        private.then(|| (File::from(file), u64::try_from(stat.st_size).unwrap_or(u64::MAX)))
    }

    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_some()
    }

    pub fn read(&self, name: &str, limit: u64) -> Option<Vec<u8>> {
        let (file, size) = self.file(name)?;
        if size > limit {
            return None;
        }
        let mut content = Vec::with_capacity(usize::try_from(size).ok()?);
        file.take(limit).read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Replaces what is there.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> Result<(), String> {
        self.put(name, parts, RenameFlags::empty())
    }

    /// Fails when something is there.
    pub fn write_new(&self, name: &str, parts: &[&[u8]]) -> Result<(), String> {
        self.put(name, parts, RenameFlags::NOREPLACE)
    }

    fn put(&self, name: &str, parts: &[&[u8]], how: RenameFlags) -> Result<(), String> {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".{}-{count}.tmp", std::process::id());
        let _ = unlinkat(&self.0, &temporary, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let written = openat(&self.0, &temporary, flags, Mode::from_raw_mode(0o600))
            .map_err(std::io::Error::from)
            .and_then(|file| {
                let mut file = File::from(file);
                parts.iter().try_for_each(|part| file.write_all(part))
            })
            .and_then(|()| Ok(renameat_with(&self.0, &temporary, &self.0, name, how)?));
        written.map_err(|error| {
            let _ = unlinkat(&self.0, &temporary, AtFlags::empty());
            format!("{name} could not be written: {error}")
        })
    }
}

/// Fills the buffer from this place on.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    file.read_exact_at(buffer, at)
}

/// A file in memory. It has no name; who is to read it opens its path.
pub struct Sealed(File);

impl Sealed {
    /// Not sealed yet.
    pub fn sized(length: u64) -> io::Result<Sealed> {
        let file = File::from(memfd_create("garth-native", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        file.set_len(length)?;
        Ok(Sealed(file))
    }

    pub fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    /// From now on nobody can change it, this process included.
    pub fn sealed(self) -> io::Result<Sealed> {
        fcntl_add_seals(&self.0, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(self)
    }

    /// Good for as long as this is.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}
