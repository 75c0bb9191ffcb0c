//! The plugin `git`: the state and the history of the workspace, and commits. Each tool may run the few command lines
//! that the manifest lists; what a model writes comes behind them, and never where git would read it as an option.

mod commit;
mod diff;
mod git;
mod log;
mod show;
mod status;

pub use commit::GitCommit;
pub use diff::GitDiff;
pub use log::GitLog;
pub use show::GitShow;
pub use status::GitStatus;

garth_plugin::export!(GitStatus, GitDiff, GitLog, GitShow, GitCommit);
