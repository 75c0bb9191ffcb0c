//! Native code of components between runs. What lies here is executed, so an entry counts only when this user alone
//! could have written it and its keyed digest is right; anything else is treated as absent and rewritten.
//!
//! An entry is one file, `<SHA-256 of the component>-<engine's compatibility hash>.native`: the magic, an HMAC-SHA256
//! over the file's name and the code, the code. It is written under a temporary name and renamed. Links are not
//! followed. Expiry is not done here.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wasmtime::Engine;

#[cfg(target_os = "linux")]
use private::Dir;

const MAGIC: &[u8; 8] = b"GARTHN1\n";
const MAC_LEN: usize = 32;
const KEY_FILE: &str = "cache.key";
const KEY_LEN: usize = 32;
/// No component compiles to more; a larger file is not read.
const MAX_ENTRY: u64 = 1 << 30;

pub(super) struct Cache {
    dir: Dir,
    key: [u8; KEY_LEN],
    engine: u64,
}

impl Cache {
    /// The error says why there can be no cache here.
    pub fn open(cache_dir: &Path, key_dir: &Path, engine: &Engine) -> Result<Cache, String> {
        let dir = Dir::open(cache_dir)?;
        let key = read_or_make_key(&Dir::open(key_dir)?)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Cache { dir, key, engine: hasher.finish() })
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}.native", self.engine)
    }

    pub fn contains(&self, digest: &str) -> bool {
        let plain = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain && self.dir.has(&self.name(digest))
    }

    /// The native code, when there is an intact entry.
    pub fn read(&self, digest: &str) -> Option<Vec<u8>> {
        let name = self.name(digest);
        let mut entry = self.dir.read(&name, MAX_ENTRY)?;
        let rest = entry.strip_prefix(MAGIC)?;
        let (mac, code) = rest.split_at_checked(MAC_LEN)?;
        self.mac(&name, code)?.verify_slice(mac).ok()?;
        entry.drain(..MAGIC.len() + MAC_LEN);
        Some(entry)
    }

    /// Failing to write costs the next start a compilation and nothing else.
    pub fn write(&self, digest: &str, code: &[u8]) -> Result<(), String> {
        let name = self.name(digest);
        let mac = self.mac(&name, code).ok_or("the cache's key is unusable")?.finalize().into_bytes();
        self.dir.write(&name, &[MAGIC.as_slice(), mac.as_slice(), code])
    }

    fn mac(&self, name: &str, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        Some(mac)
    }
}

/// A key that is damaged or was readable to others is replaced: entries made with it no longer count.
fn read_or_make_key(dir: &Dir) -> Result<[u8; KEY_LEN], String> {
    let stored = || dir.read(KEY_FILE, KEY_LEN as u64).and_then(|key| <[u8; KEY_LEN]>::try_from(key).ok());
    if let Some(key) = stored() {
        return Ok(key);
    }
    let mut key = [0; KEY_LEN];
    getrandom::fill(&mut key).map_err(|error| format!("no random key for the cache: {error}"))?;
    // Another process may make one at the same moment: the first on disk stays, and is the one.
    if dir.write_new(KEY_FILE, &[&key]).is_ok() {
        return Ok(key);
    }
    if let Some(key) = stored() {
        return Ok(key);
    }
    dir.write(KEY_FILE, &[&key])?;
    Ok(stored().unwrap_or(key))
}

/// A directory that belongs to this user alone, and plain files in it.
#[cfg(target_os = "linux")]
mod private {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, fchmod, fstat, openat, renameat_with, unlinkat};

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
        fn file(&self, name: &str) -> Option<(File, u64)> {
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
}

/// Elsewhere nothing here proves that a file is this user's alone, so there is no cache.
#[cfg(not(target_os = "linux"))]
struct Dir;

#[cfg(not(target_os = "linux"))]
impl Dir {
    fn open(_: &Path) -> Result<Dir, String> {
        Err("the native-code cache needs Linux; plugins are compiled at each start".to_owned())
    }
    fn has(&self, _: &str) -> bool {
        false
    }
    fn read(&self, _: &str, _: u64) -> Option<Vec<u8>> {
        None
    }
    fn write(&self, name: &str, _: &[&[u8]]) -> Result<(), String> {
        Err(format!("{name} could not be written: there is no cache on this system"))
    }
    fn write_new(&self, name: &str, parts: &[&[u8]]) -> Result<(), String> {
        self.write(name, parts)
    }
}
