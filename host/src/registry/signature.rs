//! Signatures by minisign: a file's `.minisig`, checked offline with the author's public key. A plugin file carries its
//! manifest and its catalogue, so that they are signed with it.

use minisign_verify::{Error, PublicKey, Signature};

use super::RegistryError;

/// What a signature's file is called, after the name of what it signs.
pub const SIGNATURE: &str = "minisig";
/// Bytes of a signature's text; they take some 300.
pub(super) const LONGEST: u64 = 8 << 10;

/// Whether this is a public key at all.
pub fn check_key(key: &str) -> Result<(), RegistryError> {
    read_key(key).map(drop)
}

/// Whether the key's owner has signed exactly these bytes.
pub fn verify(bytes: &[u8], signature: &str, key: &str) -> Result<(), RegistryError> {
    let key = read_key(key)?;
    let wrong = |reason: &str| RegistryError::Signature(reason.into());
    if signature.len() as u64 > LONGEST {
        return Err(wrong("is too long to be one"));
    }
    let signature = Signature::decode(signature).map_err(|_| wrong("cannot be read; is it a .minisig?"))?;
    // Those that minisign made before it hashed files first are as good.
    key.verify(bytes, &signature, true).map_err(|error| match error {
        Error::UnexpectedKeyId => wrong("was made with another key"),
        _ => wrong("does not fit the file: one of them was changed"),
    })
}

fn read_key(key: &str) -> Result<PublicKey, RegistryError> {
    PublicKey::from_base64(key).map_err(|_| RegistryError::Key("cannot be read".into()))
}
