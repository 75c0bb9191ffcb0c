//! One call as it is kept. Versioned by its field names, which do not change their meaning; fields may be added.

use serde::{Deserialize, Serialize};

use crate::policy::Capabilities;
use crate::protocol::ToolStatus;

/// One call, as it ended. One that can change something has a line when it begins as well, with what is known by then: when
/// that line is alone, the call did not end, or has not yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it ended or began, in milliseconds since 1970.
    pub at: u64,
    /// What ties both lines of a call; `None` where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub session: String,
    /// The workspace, absolute.
    pub project: String,
    /// The call's id within the session.
    pub call: String,
    /// As it was asked for; there may be no such tool.
    pub tool: String,
    /// `None` for the host's own tools and for those that do not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// SHA-256 of the arguments as JSON, in lower-case hexadecimal.
    pub arguments: String,
    /// What the call could touch: declared, granted, and left by whatever narrows it. Nothing for a call that did not run.
    #[serde(default)]
    pub capabilities: Capabilities,
    pub outcome: Outcome,
    /// Why it did not run, or was refused in the end; for a call that ran well or failed by itself there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was refused while it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<String>,
    /// `None` for a call that did not run, or was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Started,
    #[serde(untagged)]
    Ended(ToolStatus),
}

impl PartialEq<ToolStatus> for Outcome {
    fn eq(&self, status: &ToolStatus) -> bool {
        *self == Outcome::Ended(*status)
    }
}

/// Whose code ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    pub name: String,
    pub version: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// What it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Milliseconds; questions count.
    pub wall_ms: u64,
    /// Milliseconds.
    pub cpu_ms: u64,
    /// Bytes at the peak.
    pub memory: u64,
    pub host_calls: u64,
    /// Bytes written to files.
    pub written_bytes: u64,
    /// Files of the workspace that were written, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<String>,
    /// Programs that were started.
    #[serde(default)]
    pub programs: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<Contact>,
}

/// One request to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub method: String,
    pub host: String,
    pub port: u16,
    /// `None`: no answer came.
    pub status: Option<u16>,
    /// Bytes.
    pub sent: u64,
    pub received: u64,
}
