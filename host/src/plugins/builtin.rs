//! The plugins that are part of the binary; `build.rs` has compiled and packed them.

use anyhow::Result;

use super::{Origin, PluginFile, pack};
use crate::sandbox::Wasm;

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
    let wasm = Wasm::of_binary(file.wasm, file.sha256);
    Ok(PluginFile { sections, wasm, manifest: None, origin: Origin::Builtin })
}
