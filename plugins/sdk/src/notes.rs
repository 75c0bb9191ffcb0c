//! What a running tool tells the user: how far it has come, and notes. Never seen by the model; natively they go nowhere.

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a note for the user and the journal.
#[cfg_attr(not(target_arch = "wasm32"), allow(unused_variables, reason = "nobody listens natively"))]
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::garth::plugin::log as host;
        let level = match level {
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        host::write(level, message);
    }
}

/// Tells how far the call has come; `fraction` is between 0 and 1.
#[cfg_attr(not(target_arch = "wasm32"), allow(unused_variables, reason = "nobody listens natively"))]
pub fn progress(message: &str, fraction: Option<f32>) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::garth::plugin::progress::report(message, fraction);
}
