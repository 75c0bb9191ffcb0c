//! The bytes of a component with their SHA-256, by which the native-code cache knows them. They are kept together, and made
//! by hashing alone, so that who loads a component need not hash it again. What the bytes are is not looked at here.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Wasm {
    bytes: Bytes,
    digest: Arc<str>,
}

impl Wasm {
    pub fn new(bytes: impl Into<Bytes>) -> Wasm {
        let bytes = bytes.into();
        let digest = sha256(&bytes).into();
        Wasm { bytes, digest }
    }

    /// A part of this binary, which its build has hashed.
    pub(crate) fn of_binary(bytes: &'static [u8], sha256: &'static str) -> Wasm {
        Wasm { bytes: Bytes::from_static(bytes), digest: sha256.into() }
    }

    /// A handle to the bytes; nothing is copied.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// SHA-256 of the bytes, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// In lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Deref for Wasm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasm").field("digest", &self.digest).field("bytes", &self.bytes.len()).finish()
    }
}
