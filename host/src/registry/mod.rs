//! Gets plugin files from where they are published, and sends them there: files, https addresses, OCI registries. Every
//! answer is bounded in bytes and time, and checked against a digest or a signature. It must not know what a plugin is, nor
//! what becomes of one.

mod client;
mod error;
mod local;
mod oci;
mod signature;
mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use error::RegistryError;
pub use local::read_signature;
pub use oci::{Artifact, push};
pub use signature::{SIGNATURE, check_key, verify};
pub use source::Source;

/// Bytes of one file, for who names no other limit.
const LARGEST: u64 = 64 << 20;

/// How much one download may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: u64,
    /// Until the server sends the next byte.
    pub idle: Duration,
    /// For all of it.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: LARGEST, idle: Duration::from_secs(30), whole: Duration::from_secs(600) }
    }
}

/// What a file has to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// In lower-case hexadecimal.
    pub sha256: Option<&'a str>,
    /// A minisign public key that must have signed it.
    pub key: Option<&'a str>,
}

/// The user's surroundings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where relative paths begin.
    pub folder: PathBuf,
    /// Docker's `config.json`, with the user's logins; it need not be there.
    pub logins: Option<PathBuf>,
    pub limits: Limits,
}

/// A file that is what was wanted.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// With the digest that a tag stood for.
    pub source: Source,
    /// The minisign signature that came with it, checked when a key was wanted.
    pub signature: Option<String>,
    /// The text that a registry keeps beside it, for a file that says too little of itself.
    pub manifest: Option<String>,
}

/// A file on its way to a registry.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub bytes: Vec<u8>,
    pub signature: Option<String>,
    pub manifest: Option<String>,
    /// What it needs and offers, by name, for registries that show it.
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// Gets a file.
pub async fn fetch(source: &Source, wanted: Wanted<'_>, settings: &Settings) -> Result<Fetched, RegistryError> {
    wanted.key.map(check_key).transpose()?;
    let fetched = match source {
        Source::File(path) => local::read(path, settings)?,
        Source::Url(url) => {
            if wanted.sha256.is_none() && wanted.key.is_none() {
                return Err(RegistryError::Unpinned { url: url.clone() });
            }
            within(settings, client::download(url, wanted, settings)).await?
        }
        Source::Oci(artifact) => within(settings, oci::pull(artifact, settings)).await?,
    };
    if let Some(expected) = wanted.sha256 {
        same(&source.to_string(), expected, &sha256(&fetched.bytes))?;
    }
    if let Some(key) = wanted.key {
        let signature = fetched.signature.as_deref();
        let signature = signature.ok_or_else(|| RegistryError::Unsigned { what: source.to_string() })?;
        verify(&fetched.bytes, signature, key)?;
    }
    Ok(fetched)
}

async fn within<T>(
    settings: &Settings,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    let whole = settings.limits.whole;
    tokio::time::timeout(whole, work).await.unwrap_or(Err(RegistryError::Slow { seconds: whole.as_secs() }))
}

/// In lower-case hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), RegistryError> {
    match expected == found {
        true => Ok(()),
        false => Err(RegistryError::Digest { what: what.into(), expected: expected.into(), found: found.into() }),
    }
}

/// A path as the user or a lock file writes it.
fn resolved(path: &Path, settings: &Settings) -> PathBuf {
    settings.folder.join(path)
}

#[cfg(test)]
mod tests;
