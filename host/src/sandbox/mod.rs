//! Runs one call of one plugin: compiles the component once, links what is granted, instantiates it fresh, applies the
//! limits. It must not know tools' names, approval, models or sessions: `plugins` decides what is granted, and whoever
//! runs the call answers for programs through [`Host`].
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use async_trait::async_trait;
use crate::policy::{Access, Capabilities};
use crate::process;

/// The limits of one call. Every one is enforced by the host; a user may lower or raise each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time from the start of the call to its end. Waiting for the user's approval does not count.
    pub time: Duration,
    /// Time the guest may compute.
    pub cpu: Duration,
    /// Bytes, over all linear memories of the call together.
    pub memory: u64,
    /// Elements, over all tables together.
    pub table_elements: u64,
    /// Core instances, memories and tables of one component instance.
    pub instances: u32,
    /// Bytes of the result: text, data and attachments together.
    pub output: u64,
    pub log_lines: u32,
    /// Bytes of one log line or progress message; longer ones are cut.
    pub message: u32,
    pub progress_reports: u32,
    /// Calls of host functions of any kind.
    pub host_calls: u64,
    /// Bytes written to files.
    pub written: u64,
    /// Open descriptors at the same time.
    pub descriptors: u32,
}

/// What a call sees of the machine.
#[derive(Clone, Debug)]
pub struct Grants {
    pub capabilities: Capabilities,
    /// Absolute, canonical.
    pub workspace: PathBuf,
    /// The plugin's private directory for this project, when `capabilities.state` is set. It exists.
    pub state: Option<PathBuf>,
    pub protection: Arc<Protection>,
}

/// Names that files of the workspace are protected by, whatever is granted.
#[derive(Clone, Debug)]
pub struct Protection {
    /// Globs of paths that are never writable (`.git`, `.garth`, `garth.lock`, at any depth), matched on the real path below the workspace.
    pub readonly: globset::GlobSet,
    /// Globs of paths that are unreadable unless `capabilities.secrets`.
    pub secret: globset::GlobSet,
}

/// What a running call needs from its surroundings.
#[async_trait]
pub trait Host: Send + Sync {
    /// The guest wants to run a program. The vector is within the granted prefixes (the sandbox has checked); the
    /// implementation asks policy and user, then runs it. The error is for the guest.
    async fn run_program(&self, command: process::Command, access: process::Files) -> Result<process::Outcome, String>;
    fn progress(&self, message: String, fraction: Option<f32>);
    fn log(&self, level: crate::protocol::Level, message: String);
}
/// A call's end, with what it used.
