//! Native code of components between runs. What lies here is executed, so an entry counts only when this user alone
//! could have written it and its proof is right; anything else is treated as absent and rewritten.
//!
//! An entry is one file, `<SHA-256 of the component>-<engine's compatibility hash>.native`: the magic, the proof, the code.
//! The proof is a keyed BLAKE3 over the file's name and the keyed BLAKE3s of the code's segments, which are made side by
//! side. It is written under a temporary name and renamed. Links are not followed. Expiry is not done here.

#[cfg(target_os = "linux")]
mod dir;
#[cfg(not(target_os = "linux"))]
#[path = "cache/nowhere.rs"]
mod dir;

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::path::Path;

use wasmtime::Engine;

use crate::parallel::side_by_side;
pub(super) use dir::Sealed;
use dir::{Dir, read_at};

const MAGIC: &[u8; 8] = b"GARTHN2\n";
const PROOF: usize = blake3::OUT_LEN;
/// Bytes before the code.
const HEAD: usize = MAGIC.len() + PROOF;
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
        };
        Ok(Cache { dir, keys, engine: hasher.finish() })
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{:016x}.native", self.engine)
    }

    pub fn contains(&self, digest: &str) -> bool {
        let plain = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain && self.dir.has(&self.name(digest))
    }

    /// The native code, when there is an intact entry. It is hashed on the way into a file that nobody can change any more:
    /// the entry itself could be changed between the proof and the use.
    pub fn read(&self, digest: &str) -> Option<Sealed> {
        let name = self.name(digest);
        let (entry, size) = self.dir.file(&name)?;
        let length = size.checked_sub(HEAD as u64).filter(|_| size <= MAX_ENTRY)?;
        let mut head = [0; HEAD];
        read_at(&entry, &mut head, 0).ok()?;
        let proof: [u8; PROOF] = head.strip_prefix(MAGIC)?.try_into().ok()?;
        let copy = Sealed::sized(length).ok()?;
        let segments: Vec<Range<u64>> = segments(length).collect();
        let hashes = side_by_side(&segments, |segment| self.copied(&entry, &copy, segment.clone()));
        let hashes: Vec<blake3::Hash> = hashes.into_iter().collect::<Option<_>>()?;
        let copy = copy.sealed().ok()?;
        // Hashes are compared in constant time.
        (self.proof(&name, length, &hashes) == proof).then_some(copy)
    }

    /// Copies a segment of an entry's code, and gives the hash of what was written.
    fn copied(&self, entry: &File, copy: &Sealed, segment: Range<u64>) -> Option<blake3::Hash> {
        let mut hasher = blake3::Hasher::new_keyed(&self.keys.segment);
        let mut buffer = vec![0; PIECE];
        for at in segment.clone().step_by(PIECE) {
            let length = usize::try_from(segment.end - at).map_or(PIECE, |left| left.min(PIECE));
            let piece = &mut buffer[..length];
            read_at(entry, piece, HEAD as u64 + at).ok()?;
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
        self.dir.write(&name, &[MAGIC.as_slice(), proof.as_bytes(), code])
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
