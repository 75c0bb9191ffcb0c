//! Why settings cannot be used: the place, what is wrong there, and the way out. Values are not repeated where they
//! could be a secret.

use std::fmt;
use std::path::{Path, PathBuf};

/// A setting that cannot be used. Displayed on one line, with the place first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file or directory could not be read or made.
    #[error("{}: {reason}", path.display())]
    Io { path: PathBuf, reason: String },
    /// Not TOML. Lines and columns count from 1, columns in characters.
    #[error("{}:{line}:{column}: this is not TOML: {reason}", file.display())]
    Syntax { file: PathBuf, line: usize, column: usize, reason: String },
    /// There is no such setting.
    #[error("{place}: there is no setting '{key}'; {help}")]
    UnknownKey { place: Place, key: String, help: String },
    /// The setting exists, the value does not fit.
    #[error("{place}: {key}: {problem}")]
    Value { place: Place, key: String, problem: String },
    /// The folder is no project.
    #[error(
        "'{}' is not a project: with it as the workspace, your own files or Garth's would be open to the tools. Go to a \
         project's folder, or name one with --cwd",
        .0.display()
    )]
    Workspace(PathBuf),
    /// The environment does not say where the user's directories are.
    #[error("{0}")]
    Directories(String),
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line counts from 1.
    File { file: PathBuf, line: usize },
    /// The variable's name.
    Environment(String),
    /// With its dashes.
    Flag(&'static str),
    /// The embedded defaults.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, line } => write!(f, "{}:{line}", file.display()),
            Place::Environment(name) => f.write_str(name),
            Place::Flag(name) => f.write_str(name),
            Place::Default => f.write_str("default"),
        }
    }
}

impl ConfigError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> ConfigError {
        ConfigError::Io { path: path.to_path_buf(), reason: error.to_string() }
    }
}
