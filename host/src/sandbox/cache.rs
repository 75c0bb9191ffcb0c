//! Native code of components between runs. What lies here is executed, so an entry counts only when this user alone
//! could have written it and its proof is right; anything else is treated as absent and rewritten.
//!
//! An entry is two files, `<SHA-256 of the component>-<engine's compatibility hash>` with `.native`, the code, and `.proof`:
//! the magic, the proof and perhaps a mark. The proof is a keyed BLAKE3 over the entry's name and the keyed BLAKE3s of the
//! code's segments, which are made side by side. The mark is a keyed BLAKE3 over the proof and the `Stamp` of the file that
//! was proved: while that file has this stamp it is mapped as it lies, since nobody has written to it. Files are written
//! under a temporary name and renamed. Links are not followed. Expiry is not done here.

#[cfg(target_os = "linux")]
mod dir;
#[cfg(not(target_os = "linux"))]
#[path = "cache/nowhere.rs"]
mod dir;

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use wasmtime::Engine;

use crate::parallel::side_by_side;
use dir::{Dir, Entry, Sealed, Stamp, open_path, read_at};

const MAGIC: &[u8; 8] = b"GARTHP1\n";
const PROOF: usize = blake3::OUT_LEN;
const MARK: usize = blake3::OUT_LEN;
const KEY_FILE: &str = "cache.key";
const KEY_LEN: usize = 32;
/// No component compiles to more; a larger file is not read.
const MAX_ENTRY: u64 = 1 << 30;
/// Bytes that are proved by themselves.
const SEGMENT: u64 = 1 << 20;
/// Bytes that are copied at once: they should still be in the processor's cache when they are hashed and written.
const PIECE: usize = 256 << 10;

pub(super) struct Cache {
    dir: Dir,
    keys: Keys,
    engine: u64,
}

/// For one purpose each.
struct Keys {
    segment: [u8; KEY_LEN],
    entry: [u8; KEY_LEN],
    mark: [u8; KEY_LEN],
}

/// Code to be mapped. Its path is good for as long as this is.
pub(super) enum Native {
    /// The entry itself, which has not been written to since it was proved.
    Entry(File),
    Copy(Sealed),
}

impl Native {
    pub fn path(&self) -> PathBuf {
        match self {
            Native::Entry(file) => open_path(file),
            Native::Copy(copy) => copy.path(),
        }
    }
}

/// What is in an entry's `.proof`.
struct Proof {
    proof: [u8; PROOF],
    mark: Option<[u8; MARK]>,
}

impl Cache {
    /// The error says why there can be no cache here.
    pub fn open(cache_dir: &Path, key_dir: &Path, engine: &Engine) -> Result<Cache, String> {
        let dir = Dir::open(cache_dir)?;
        let key = read_or_make_key(&Dir::open(key_dir)?)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let keys = Keys {
            segment: blake3::derive_key("garth 2026 native code: one segment", &key),
            entry: blake3::derive_key("garth 2026 native code: one entry", &key),
            mark: blake3::derive_key("garth 2026 native code: one file that was proved", &key),
        };
        Ok(Cache { dir, keys, engine: hasher.finish() })
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}", self.engine)
    }

    pub fn contains(&self, digest: &str) -> bool {
        let plain = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = self.name(digest);
        plain && self.dir.has(&code_file(&name)) && self.dir.has(&proof_file(&name))
    }

    /// The native code, when there is an intact entry. Without a mark that fits it is hashed on the way into a file that
    /// nobody can change any more: the entry itself could be changed between the proof and the use.
    pub fn read(&self, digest: &str) -> Option<Native> {
        let name = self.name(digest);
        let Entry { file, size, stamp } = self.dir.file(&code_file(&name))?;
        if size > MAX_ENTRY {
            return None;
        }
        let Proof { proof, mark } = self.stored_proof(&name)?;
        let fits = |stamp: &Stamp| mark.is_some_and(|mark| self.mark(&proof, stamp) == mark);
        if stamp.as_ref().is_some_and(fits) {
            return Some(Native::Entry(file));
        }
        let copy = Sealed::sized(size).ok()?;
        let segments: Vec<Range<u64>> = segments(size).collect();
        let hashes = side_by_side(&segments, |segment| self.copied(&file, &copy, segment.clone()));
        let hashes: Vec<blake3::Hash> = hashes.into_iter().collect::<Option<_>>()?;
        let copy = copy.sealed().ok()?;
        // Hashes are compared in constant time.
        if self.proof(&name, size, &hashes) != proof {
            return None;
        }
        if let Some(stamp) = stamp {
            // Without the mark the next start proves it again.
            let mark = self.mark(&proof, &stamp);
            let _ = self.dir.write(&proof_file(&name), &[MAGIC, &proof, mark.as_bytes()]);
        }
        Some(Native::Copy(copy))
    }

    fn stored_proof(&self, name: &str) -> Option<Proof> {
        let stored = self.dir.read(&proof_file(name), (MAGIC.len() + PROOF + MARK) as u64)?;
        let (proof, mark) = stored.strip_prefix(MAGIC)?.split_first_chunk()?;
        Some(Proof { proof: *proof, mark: mark.try_into().ok() })
    }

    fn mark(&self, proof: &[u8; PROOF], stamp: &Stamp) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.keys.mark);
        hasher.update(proof);
        for number in stamp.0 {
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize()
    }

    /// Copies a segment of an entry's code, and gives the hash of what was written.
    fn copied(&self, entry: &File, copy: &Sealed, segment: Range<u64>) -> Option<blake3::Hash> {
        let mut hasher = blake3::Hasher::new_keyed(&self.keys.segment);
        let mut buffer = vec![0; PIECE];
        for at in segment.clone().step_by(PIECE) {
            let length = usize::try_from(segment.end - at).map_or(PIECE, |left| left.min(PIECE));
            let piece = &mut buffer[..length];
            read_at(entry, piece, at).ok()?;
            hasher.update(piece);
            copy.write_at(piece, at).ok()?;
        }
        Some(hasher.finalize())
    }

    /// Failing to write costs the next start a compilation and nothing else.
    pub fn write(&self, digest: &str, code: &[u8]) -> Result<(), String> {
        let name = self.name(digest);
        let segments: Vec<&[u8]> = code.chunks(SEGMENT as usize).collect();
        let hashes = side_by_side(&segments, |segment| blake3::keyed_hash(&self.keys.segment, segment));
        let proof = self.proof(&name, code.len() as u64, &hashes);
        self.dir.write(&code_file(&name), &[code])?;
        self.dir.write(&proof_file(&name), &[MAGIC, proof.as_bytes()])
    }

    fn proof(&self, name: &str, length: u64, segments: &[blake3::Hash]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.keys.entry);
        hasher.update(name.as_bytes()).update(&[0]).update(&length.to_le_bytes());
        for segment in segments {
            hasher.update(segment.as_bytes());
        }
        hasher.finalize()
    }
}

fn code_file(name: &str) -> String {
    format!("{name}.native")
}

fn proof_file(name: &str) -> String {
    format!("{name}.proof")
}

fn segments(length: u64) -> impl Iterator<Item = Range<u64>> {
    (0..length).step_by(SEGMENT as usize).map(move |start| start..length.min(start + SEGMENT))
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
