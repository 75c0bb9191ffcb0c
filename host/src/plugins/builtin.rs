//! The plugins that are part of the binary; `build.rs` has compiled and packed them.

use std::borrow::Cow;

use anyhow::Result;

use super::{Origin, PluginFile, pack};

/// A packed plugin of the binary.
#[derive(Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub wasm: &'static [u8],
    /// SHA-256 of `wasm` in lower-case hexadecimal.
    pub sha256: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The file as it is read like any other.
pub fn read(file: &'static Builtin) -> Result<PluginFile> {
    let sections = pack::read_sections(file.wasm)?;
    let (wasm, digest) = (Cow::Borrowed(file.wasm), file.sha256.to_string());
    Ok(PluginFile { sections, wasm, digest, manifest: None, origin: Origin::Builtin })
}
