//! The plugin `shell`: runs programs in the workspace, through the host's operating-system sandbox.

mod create_and_run;
mod detect;
mod run;
mod run_tests;
mod summary;

pub use create_and_run::CreateAndRun;
pub use run::Run;
pub use run_tests::RunTests;

garth_plugin::export!(Run, RunTests, CreateAndRun);
