//! What the user trusts of a project: one content of its configuration, and of each command file that asks for approvals
//! beforehand, by SHA-256, kept in the user's state directory for each project path. A changed byte, another clone or a moved
//! directory is not trusted. What a file asks for is not known here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ConfigError, Paths, file};
use crate::private;

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
    /// SHA-256 of `.garth/config.toml`, lower-case hexadecimal. Absent where only commands are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    commands: Vec<TrustedCommand>,
}

#[derive(Serialize, Deserialize)]
struct TrustedCommand {
    /// As it was shown, for people and to be replaced.
    file: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    sha256: String,
}

/// The project's configuration as it is now, to be shown and then given to [`trust`]; `None` when it has none.
pub fn project_content(paths: &Paths) -> Result<Option<Vec<u8>>, ConfigError> {
    file::bytes(&paths.project_file())
}

/// Trusts this content of the project's configuration: the bytes that the user saw, not what the file holds by now.
pub fn trust(paths: &Paths, content: &[u8]) -> Result<(), ConfigError> {
    write(paths, Record { config: Some(digest(content)), ..own_record(paths) })
}

/// Trusts these command files as the user saw them: `(shown path, SHA-256 of its bytes in lower-case hexadecimal)`. One
/// content for each path: another one that was trusted there before is not any more.
pub fn trust_commands(paths: &Paths, seen: &[(String, String)]) -> Result<(), ConfigError> {
    let mut record = own_record(paths);
    record.commands.retain(|known| !seen.iter().any(|(file, _)| *file == known.file));
    let added = seen.iter().map(|(file, sha256)| TrustedCommand { file: file.clone(), sha256: sha256.clone() });
    record.commands.extend(added);
    write(paths, record)
}

/// Whether the user trusts this command file with exactly these bytes in this project. Elsewhere the same bytes may be called
/// otherwise, or by the model.
pub fn trusts_command(paths: &Paths, file: &str, sha256: &str) -> bool {
    command_trust(paths, file, sha256) == Trust::Trusted
}

/// As [`trusts_command`], with the difference between changed and never trusted.
pub fn command_trust(paths: &Paths, file: &str, sha256: &str) -> Trust {
    let known = own_record(paths).commands;
    match known.iter().find(|known| known.file == file && known.sha256 == sha256) {
        Some(_) => Trust::Trusted,
        None if known.iter().any(|known| known.file == file) => Trust::Changed,
        None => Trust::Unknown,
    }
}

/// Takes the trust in configuration and commands back; no error when there is none.
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
    match read(paths) {
        Some(record) if record.project == name(paths) && record.config == Some(digest(content)) => Trust::Trusted,
        Some(Record { config: Some(_), .. }) => Trust::Changed,
        _ => Trust::Unknown,
    }
}

fn name(paths: &Paths) -> String {
    paths.project.display().to_string()
}

fn read(paths: &Paths) -> Option<Record> {
    std::fs::read(record_file(paths)).ok().and_then(|json| serde_json::from_slice(&json).ok())
}

/// The record of just this project, or an empty one.
fn own_record(paths: &Paths) -> Record {
    let empty = || Record { project: name(paths), config: None, commands: Vec::new() };
    read(paths).filter(|record| record.project == name(paths)).unwrap_or_else(empty)
}

fn write(paths: &Paths, record: Record) -> Result<(), ConfigError> {
    let json = serde_json::to_vec_pretty(&record)
        .map_err(|error| ConfigError::Io { path: record_file(paths), reason: error.to_string() })?;
    private::write(&record_file(paths), &json).map_err(|error| ConfigError::io(&record_file(paths), &error))
}

fn record_file(paths: &Paths) -> PathBuf {
    paths.project_state().join("trust.json")
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
