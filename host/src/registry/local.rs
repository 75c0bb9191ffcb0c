//! Files on this machine, with the signature beside them. Only regular files: a path may come from somebody's lock file.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Fetched, RegistryError, SIGNATURE, Settings, Source, resolved, signature};

pub(super) fn read(path: &Path, settings: &Settings) -> Result<Fetched, RegistryError> {
    let file = resolved(path, settings);
    let bytes = bounded(&file, settings.limits.bytes)?;
    Ok(Fetched { bytes, source: Source::File(path.to_path_buf()), signature: read_signature(&file)?, manifest: None })
}

/// The signature beside a file, if there is one.
pub fn read_signature(file: &Path) -> Result<Option<String>, RegistryError> {
    let beside = beside(file);
    if matches!(beside.metadata(), Err(error) if error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let bytes = bounded(&beside, signature::LONGEST)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(&beside, "this is not a signature by minisign"))?;
    Ok(Some(text))
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(".");
    name.push(SIGNATURE);
    name.into()
}

fn bounded(path: &Path, limit: u64) -> Result<Vec<u8>, RegistryError> {
    let io = |error: std::io::Error| wrong(path, &error.to_string());
    let metadata = path.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(wrong(path, "this is not a file"));
    }
    let too_large = || RegistryError::TooLarge { what: path.display().to_string(), limit };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(io)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn wrong(path: &Path, reason: &str) -> RegistryError {
    RegistryError::File { path: path.to_path_buf(), reason: reason.into() }
}
