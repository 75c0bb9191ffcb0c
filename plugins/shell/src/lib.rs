//! The plugin `shell`: runs programs in the workspace, through the host's operating-system sandbox.

mod detect;
mod run;
mod run_tests;
mod summary;

pub use run::Run;
pub use run_tests::RunTests;

garth_plugin::export!(Run, RunTests);
