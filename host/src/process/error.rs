//! Why a program did not run. A program that ran and failed is no error: see [`super::Outcome`].

use std::path::PathBuf;

/// Nothing was run, or (`Cancelled`) what ran was killed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("no program {program:?} on the search path ({}); install it, or add its folder to `process.path` in your \
             own configuration", list(.searched))]
    NotFound { program: String, searched: Vec<PathBuf> },
    /// A path instead of a name, a NUL, an option of git that would run or write something.
    #[error("{0}")]
    BadCommand(String),
    #[error("{0}")]
    BadDirectory(String),
    /// There is no sandbox on this system.
    #[error(
        "refused: this system offers no sandbox for programs ({reason}); `garth doctor` says what to do. To run \
             programs without one, set `process.allow_unsandboxed = true` in your own configuration"
    )]
    Refused { reason: String },
    #[error("cancelled; the program and everything it had started were killed")]
    Cancelled,
    /// The helper could not set up what its tier promises, so it ran nothing.
    #[error("the sandbox could not be set up, so nothing was run: {0}")]
    Helper(String),
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(", ")
}
