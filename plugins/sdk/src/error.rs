//! Why a call failed. The set is the contract's and closed; the detail is text that the model can act on, so it says
//! what was asked, what is wrong with it, and what to do instead.

use std::fmt;
use std::io;

/// A tool's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The arguments make no sense. The call had no effect.
    Invalid(String),
    /// The host refused something that the call needs.
    Denied(String),
    /// The work was tried and failed.
    Failed(String),
}

pub fn invalid(detail: impl Into<String>) -> Error {
    Error::Invalid(detail.into())
}

pub fn denied(detail: impl Into<String>) -> Error {
    Error::Denied(detail.into())
}

pub fn failed(detail: impl Into<String>) -> Error {
    Error::Failed(detail.into())
}

impl Error {
    /// A file operation that failed. `doing` is what was tried: `read`, `write`, `list`; `path` is as the model knows it.
    pub fn file(doing: &str, path: &str, error: &io::Error) -> Error {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound => failed(format!("{path} does not exist")),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => denied(format!(
                "may not {doing} {path}: this tool has no access to it, or the file is protected \
                 (.git, .garth, secrets); ask the user if it is needed"
            )),
            Kind::IsADirectory => failed(format!("{path} is a directory")),
            Kind::NotADirectory => failed(format!("a part of {path} is a file, not a directory")),
            _ => failed(format!("could not {doing} {path}: {error}")),
        }
    }

    pub fn detail(&self) -> &str {
        match self {
            Error::Invalid(text) | Error::Denied(text) | Error::Failed(text) => text,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for Error {}
