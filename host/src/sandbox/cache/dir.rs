//! A directory that belongs to this user alone, plain files in it with the stamps that tell whether they were written to,
//! and files in memory that nobody can change. What is in them is not known here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, FileType, MemfdFlags, Mode, OFlags, RenameFlags, SealFlags, Stat, fchmod, fcntl_add_seals, fstat, fstatfs,
    memfd_create, openat, renameat_with, unlinkat,
};

/// A file younger than this may yet be written to without a change of its stamp: the coarsest clock of `LOCAL` counts seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// Kinds of file systems (`statfs(2)`) whose kernel is the only writer and sets the time of change at every write: ext2 to
/// ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs. Others may have a server that knows better.
const LOCAL: [u64; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Which file this is, and the time of its last change in seconds and nanoseconds, which no program can set. A file that is
/// written to, replaced, copied or restored has another.
pub struct Stamp(pub [u64; 5]);

/// `stamp` is absent where it would prove nothing.
pub struct Entry {
    pub file: File,
    pub size: u64,
    pub stamp: Option<Stamp>,
}

pub struct Dir(OwnedFd);

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
    pub fn file(&self, name: &str) -> Option<Entry> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::empty()).ok()?;
        let stat = fstat(&file).ok()?;
        let private = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == rustix::process::geteuid().as_raw()
            && stat.st_mode & 0o077 == 0
            && stat.st_nlink == 1;
        let size = u64::try_from(stat.st_size).ok()?;
        private.then(|| Entry { stamp: stamp(&file, &stat), file: File::from(file), size })
    }

    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_some()
    }

    pub fn read(&self, name: &str, limit: u64) -> Option<Vec<u8>> {
        let Entry { file, size, .. } = self.file(name)?;
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

fn stamp(file: &OwnedFd, stat: &Stat) -> Option<Stamp> {
    let changed =
        UNIX_EPOCH + Duration::new(u64::try_from(stat.st_ctime).ok()?, u32::try_from(stat.st_ctime_nsec).ok()?);
    let settled = SystemTime::now().duration_since(changed).is_ok_and(|age| age >= SETTLED);
    let local = LOCAL.contains(&u64::try_from(fstatfs(file).ok()?.f_type).ok()?);
    let numbers = [stat.st_dev, stat.st_ino, stat.st_size as u64, stat.st_ctime as u64, stat.st_ctime_nsec];
    (settled && local).then_some(Stamp(numbers))
}

/// Good for as long as the file is open.
pub fn open_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
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
        open_path(&self.0)
    }
}
