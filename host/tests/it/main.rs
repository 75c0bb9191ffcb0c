//! All integration tests of the host in one binary, a module per area.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop where it is")]

mod agent;
mod architecture;
mod builtin;
mod cli_args;
mod cli_events;
mod cli_headless;
mod cli_hostile;
mod config;
mod config_trust;
mod model;
mod model_faults;
mod policy;
mod process;
mod process_git;
mod process_limits;
mod recover;
mod repl;
mod sandbox;
mod server;
mod session;
