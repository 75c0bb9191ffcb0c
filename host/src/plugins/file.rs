//! One plugin file as it is read: its bytes, its digest, and what it says about itself, or what its types say of it when
//! it is a component with plain functions. Nothing is compiled or run, and nothing is believed beyond the bounds that
//! `pack` holds a plugin to.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::manifest::ManifestError;
use super::pack::{self, PackError, Sections};
use super::plain;
use crate::protocol::ByteSize;
use crate::sandbox::{Unreadable, Wasm};

/// A plugin that was read and not loaded.
#[derive(Clone, Debug)]
pub struct PluginFile {
    pub sections: Sections,
    /// The whole file.
    pub wasm: Wasm,
    /// The SHA-256 of the manifest beside it, where that one counts: for a component that carries none.
    pub manifest: Option<String>,
    pub origin: Origin,
}

/// Where a plugin comes from, which decides whose word it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of the binary: it has what it declares, unless the user's configuration narrows it.
    Builtin,
    /// A file, as people write its path: it has what the user grants.
    File { shown: String },
}

/// Bytes of a plugin file, wherever it is read: an interpreter with its library takes a fifth of it.
pub const MAX_FILE: u64 = 128 << 20;
/// Bytes of a manifest beside a component.
pub const MAX_MANIFEST: u64 = 256 << 10;

/// Why a file is no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("{}: {problem}", path.display())]
    Io { path: PathBuf, problem: String },
    /// A packed plugin, or one that should be.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The manifest beside it.
    #[error("the manifest beside it: {0}")]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A component that has nothing to call.
    #[error("{0}")]
    NoTools(String),
    /// A component of the contract without its sections: only itself could say what its tools are.
    #[error(
        "the component was built, and not packed as a plugin: `garth plugin pack FILE.wasm --manifest plugin.toml` does that"
    )]
    NotPacked,
}

impl PluginFile {
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        self.wasm.digest()
    }

    /// Reads a packed plugin, or a component with plain functions: that one may touch nothing.
    pub fn parse(wasm: impl Into<Bytes>, origin: Origin) -> Result<PluginFile, FileError> {
        PluginFile::read(wasm.into(), origin, None)
    }

    /// The same with the text of the manifest that lies beside it. A packed plugin has its own, which counts.
    pub fn parse_with(wasm: impl Into<Bytes>, origin: Origin, manifest: &str) -> Result<PluginFile, FileError> {
        PluginFile::read(wasm.into(), origin, Some(manifest))
    }

    /// Reads a file of the user's choice, and the manifest that may lie beside it as `NAME.toml`.
    pub fn open(path: &Path) -> Result<PluginFile, FileError> {
        let origin = Origin::File { shown: path.display().to_string() };
        let wasm = read_bounded(path, MAX_FILE)?.ok_or_else(|| wrong_file(path, "there is no such file"))?;
        match read_bounded(&path.with_extension("toml"), MAX_MANIFEST)? {
            None => PluginFile::parse(wasm, origin),
            Some(bytes) => {
                let text = String::from_utf8(bytes).map_err(|_| ManifestError("it is not UTF-8".to_owned()))?;
                PluginFile::parse_with(wasm, origin, &text)
            }
        }
    }

    fn read(wasm: Bytes, origin: Origin, manifest: Option<&str>) -> Result<PluginFile, FileError> {
        let (sections, manifest) = match pack::read_sections(&wasm) {
            // Without a manifest of its own; one with just half of the sections is broken.
            Err(PackError::NotPacked { section: pack::MANIFEST }) => {
                let sections = plain::sections(&wasm, &origin, manifest)?.ok_or(FileError::NotPacked)?;
                (sections, manifest.map(|text| digest(text.as_bytes())))
            }
            sections => (sections?, None),
        };
        Ok(PluginFile { sections, wasm: Wasm::new(wasm), manifest, origin })
    }
}

/// The whole file; `None` when there is none. Waits for nothing: only plain files are read.
fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |error: std::io::Error| wrong_file(path, error.to_string());
    let kind = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_file() {
        return Err(wrong_file(path, "it is not a plain file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
    match bytes.len() as u64 > limit {
        true => Err(wrong_file(path, format!("it is larger than {}", ByteSize(limit)))),
        false => Ok(Some(bytes)),
    }
}

fn wrong_file(path: &Path, problem: impl Into<String>) -> FileError {
    FileError::Io { path: path.to_owned(), problem: problem.into() }
}

/// SHA-256 in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
