//! Why a file was not fetched or sent: the place, what is wrong there, and the way out. Texts of servers may be in them, cut
//! short; whoever shows one escapes it.

use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("'{text}' is no source of a plugin: {reason}")]
    Source { text: String, reason: String },
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error(
        "{url}: nothing says what this file should be; name the SHA-256 that its author publishes with --sha256, or the \
         key that signed it with --key"
    )]
    Unpinned { url: String },
    #[error("{url} cannot be reached: {reason}")]
    Unreachable { url: String, reason: String },
    /// The server's answer.
    #[error("{url} answered {status}{reason}")]
    Refused { url: String, status: u16, reason: String },
    #[error("{url} redirects to {target}, {reason}")]
    Redirect { url: String, target: String, reason: &'static str },
    #[error("{url} asks for a login{hint}")]
    Login { url: String, hint: String },
    #[error("{what} is larger than {limit} bytes")]
    TooLarge { what: String, limit: u64 },
    #[error("it took longer than {seconds} s")]
    Slow { seconds: u64 },
    #[error("{what} is not what was asked for: its SHA-256 is {found}, not {expected}")]
    Digest { what: String, expected: String, found: String },
    #[error("{reference} is no plugin: {reason}")]
    Artifact { reference: String, reason: String },
    #[error("{what} is not signed, and has to be: its author puts FILE.minisig beside it, or in the artifact")]
    Unsigned { what: String },
    #[error("the signature {0}")]
    Signature(String),
    #[error("the key {0}; it is the line of 56 characters that begins with RW in minisign.pub")]
    Key(String),
}
