//! What goes into a call and what comes out of it. Plain data, and the trait through which a running call reaches its
//! surroundings; nothing here knows wasmtime.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Protection;
use crate::policy::{Capabilities, Limits};
use crate::process;
use crate::protocol::Level;

/// The optional imports that the manifest declares for at least one tool. A component that imports more is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imports {
    /// `garth:plugin/process`.
    pub process: bool,
}

/// One call of one tool.
#[derive(Clone, Debug)]
pub struct Call {
    pub tool: String,
    /// A JSON object.
    pub arguments: String,
    pub grants: Grants,
    pub limits: Limits,
}

/// What a call sees of the machine.
#[derive(Clone, Debug)]
pub struct Grants {
    pub capabilities: Capabilities,
    /// Absolute. Not looked at when `capabilities` grants none of it.
    pub workspace: PathBuf,
    /// The plugin's private directory for this project. It exists, and is pre-opened as `/state` when
    /// `capabilities.state` is set as well. Calls that share one must take turns; the caller sees to that.
    pub state: Option<PathBuf>,
    pub protection: Arc<Protection>,
}

/// How a call ended and what it cost.
#[derive(Debug)]
pub struct Finished<T> {
    pub result: Result<T, CallError>,
    pub used: Used,
}

/// What a call used.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// From the start of the instance to the result, waiting for approval included.
    pub wall: Duration,
    /// Processor time of the guest and of the host functions that it called.
    pub cpu: Duration,
    /// Bytes, over all linear memories together. They never shrink, so this is the peak.
    pub memory_peak: u64,
    pub host_calls: u64,
    /// Bytes written to files; every created, renamed or removed entry counts as 4 KiB.
    pub written_bytes: u64,
    /// Paths below the workspace that were written, created, renamed (both names) or deleted; sorted, with `/`.
    pub written: Vec<String>,
    /// What the host refused and why, in the order of the first time, at most 20. Worth showing when the call failed.
    pub denials: Vec<String>,
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// For the model.
    pub text: String,
    /// The same as JSON, not checked.
    pub data: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// A file that belongs to a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// One file that a call would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As the guest gave it; not checked.
    pub path: String,
    /// SHA-256 in lower-case hexadecimal of the file that the change was computed from.
    pub base: Option<String>,
    /// The whole new content; `None` deletes.
    pub content: Option<Vec<u8>>,
}

/// One tool as its plugin describes it. Both schemas are JSON, not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolDescription {
    pub name: String,
    pub description: String,
    pub input_schema: String,
    pub output_schema: Option<String>,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest's own answer: the arguments make no sense.
    #[error("{0}")]
    InvalidInput(String),
    /// The guest's own answer: the host refused something that the call needs.
    #[error("{0}")]
    Denied(String),
    /// The guest's own answer: the work failed.
    #[error("{0}")]
    Failed(String),
    /// A limit ended the call.
    #[error("the call was stopped at its limit `{limit}` of {value}; `limits.{limit}` in the configuration changes it")]
    Limit {
        /// The key in `[limits]`.
        limit: &'static str,
        /// The limit, as it is written in configuration.
        value: String,
    },
    /// The guest broke: an out-of-bounds access, a panic, an endless recursion, an exit.
    #[error("the plugin crashed: {0}")]
    Trapped(String),
    /// The host could not run the call.
    #[error("the host could not run the plugin: {0}")]
    Host(String),
}

/// What a running call needs from its surroundings.
#[async_trait]
pub trait Host: Send + Sync {
    /// The guest wants to run a program. The vector is within the granted prefixes (the sandbox has checked), its
    /// timeout within what the call has left. The implementation asks policy and user, then runs it. The error is for
    /// the guest.
    async fn run_program(&self, command: process::Command) -> Result<process::Outcome, String>;
    fn progress(&self, message: String, fraction: Option<f32>);
    fn log(&self, level: Level, message: String);
}

/// The surroundings of a call that is asked without any.
pub(super) struct Nobody;

#[async_trait]
impl Host for Nobody {
    async fn run_program(&self, _: process::Command) -> Result<process::Outcome, String> {
        Err("no programs are run here".to_owned())
    }
    fn progress(&self, _: String, _: Option<f32>) {}
    fn log(&self, _: Level, _: String) {}
}
