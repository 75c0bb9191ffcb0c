//! The limits of one call: data only. `sandbox` enforces them, `config` lets a user set them, a manifest may lower them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::{ByteSize, Span};

/// Limits of one call of one tool. Every one is enforced by the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// From the start of the call to its end. Waiting for the user's approval does not count.
    pub time: Span,
    /// How long the guest may compute.
    pub cpu: Span,
    /// Over all linear memories of the call together.
    pub memory: ByteSize,
    /// Over all tables together.
    pub table_elements: u64,
    /// Core instances of the component.
    pub instances: u32,
    /// The result: text, data and attachments together.
    pub output: ByteSize,
    pub log_lines: u32,
    /// One log line or progress message.
    pub message: ByteSize,
    pub progress_reports: u32,
    /// Calls of host functions of any kind.
    pub host_calls: u64,
    /// Written to files.
    pub written: ByteSize,
    /// Open at the same time.
    pub descriptors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            time: Span(Duration::from_secs(120)),
            cpu: Span(Duration::from_secs(30)),
            memory: ByteSize(256 << 20),
            table_elements: 100_000,
            instances: 64,
            output: ByteSize(4 << 20),
            log_lines: 1_000,
            message: ByteSize(4 << 10),
            progress_reports: 1_000,
            host_calls: 5_000_000,
            written: ByteSize(256 << 20),
            descriptors: 256,
        }
    }
}
