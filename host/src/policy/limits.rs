//! The limits of one call: data only. `sandbox` enforces them, `config` lets a user set them, a manifest may lower them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::protocol::{ByteSize, Span};

/// Declares the limits once: as a whole with defaults, and as the part that a manifest lowers.
macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty = $default:expr,)*) => {
        /// Limits of one call of one tool. Every one is enforced by the host.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: $default,)* }
            }
        }

        /// Some of the limits, as a manifest's `[limits]` sets them; the same names and units as [`Limits`].
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct PartialLimits {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        impl Limits {
            /// The lesser of each: a manifest may lower a ceiling, never raise it.
            pub fn lowered_by(&self, other: &PartialLimits) -> Limits {
                Limits { $($name: other.$name.map_or(self.$name, |value| value.min(self.$name)),)* }
            }
        }
    };
}

limits! {
    /// From the start of the call to its end. Waiting for the user's approval does not count; a program that the call
    /// runs does, so this is a little more than `process.time`.
    time: Span = Span(Duration::from_secs(660)),
    /// How long the guest may compute.
    cpu: Span = Span(Duration::from_secs(30)),
    /// Over all linear memories of the call together.
    memory: ByteSize = ByteSize(256 << 20),
    /// Over all tables together.
    table_elements: u64 = 100_000,
    /// Core instances of the component.
    instances: u32 = 64,
    /// The result: text, data and attachments together.
    output: ByteSize = ByteSize(4 << 20),
    log_lines: u32 = 1_000,
    /// One log line or progress message.
    message: ByteSize = ByteSize(4 << 10),
    progress_reports: u32 = 1_000,
    /// Calls of host functions of any kind.
    host_calls: u64 = 5_000_000,
    /// Written to files.
    written: ByteSize = ByteSize(256 << 20),
    /// Open at the same time.
    descriptors: u32 = 256,
    /// Requests to servers, those that are refused included.
    http_requests: u32 = 100,
    /// Sent in all requests together, heads included.
    http_sent: ByteSize = ByteSize(16 << 20),
    /// Received in all answers together, heads included.
    http_received: ByteSize = ByteSize(64 << 20),
    /// How long to wait for a connection, for an answer while no byte comes or goes, and for the next piece of its body.
    /// The call goes on: the guest is told.
    http_time: Span = Span(Duration::from_secs(30)),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_lowers_and_never_raises() {
        let manifest: PartialLimits =
            serde_json::from_str(r#"{"memory": "64MiB", "time": "24h", "log_lines": 5}"#).unwrap();
        let user = Limits { memory: ByteSize(1 << 30), ..Limits::default() };
        let lowered = user.lowered_by(&manifest);
        assert_eq!((lowered.memory, lowered.log_lines), (ByteSize(64 << 20), 5));
        assert_eq!((lowered.time, lowered.cpu), (user.time, user.cpu));
        assert_eq!(user.lowered_by(&PartialLimits::default()), user);
        let wrong = serde_json::from_str::<PartialLimits>(r#"{"memry": 1}"#).unwrap_err().to_string();
        assert!(wrong.contains("memry"), "{wrong}");
    }
}
