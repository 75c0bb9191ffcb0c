//! Which project configuration the user trusts: exactly one content for each project path, by SHA-256, kept in the user's
//! state directory. A changed byte, another clone or a moved directory is not trusted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ConfigError, Paths, file, private};

/// What the user said about a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Trusted,
    /// Another content of this project was trusted.
    Changed,
    Unknown,
}

/// `trust.json`: versioned by its field names, which do not change their meaning.
#[derive(Serialize, Deserialize)]
struct Record {
    /// For people who look into the file.
    project: String,
    /// SHA-256 of `.garth/config.toml`, lower-case hexadecimal.
    config: String,
}

/// The project's configuration as it is now, to be shown and then given to [`trust`]; `None` when it has none.
pub fn project_content(paths: &Paths) -> Result<Option<Vec<u8>>, ConfigError> {
    file::bytes(&paths.project_file())
}

/// Trusts this content of the project's configuration: the bytes that the user saw, not what the file holds by now.
pub fn trust(paths: &Paths, content: &[u8]) -> Result<(), ConfigError> {
    let record = Record { project: paths.project.display().to_string(), config: digest(content) };
    let json = serde_json::to_vec_pretty(&record)
        .map_err(|error| ConfigError::Io { path: record_file(paths), reason: error.to_string() })?;
    private::write(&record_file(paths), &json)
}

/// Takes the trust back; no error when there is none.
pub fn distrust(paths: &Paths) -> Result<(), ConfigError> {
    match std::fs::remove_file(record_file(paths)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ConfigError::io(&record_file(paths), &error)),
        _ => Ok(()),
    }
}

/// Whether the user trusts exactly this content.
pub fn is_trusted(paths: &Paths, content: &[u8]) -> bool {
    state(paths, content) == Trust::Trusted
}

/// As [`is_trusted`], with the difference between changed and never trusted. A record that cannot be read is none.
pub fn state(paths: &Paths, content: &[u8]) -> Trust {
    let record = std::fs::read(record_file(paths)).ok().and_then(|json| serde_json::from_slice::<Record>(&json).ok());
    match record {
        Some(record) if record.config == digest(content) && record.project == paths.project.display().to_string() => {
            Trust::Trusted
        }
        Some(_) => Trust::Changed,
        None => Trust::Unknown,
    }
}

fn record_file(paths: &Paths) -> PathBuf {
    paths.project_state().join("trust.json")
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
