//! `garth debug`: looks at parts of Garth on their own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DebugAction {
    /// Scores the reader of calls written as text over a file of cases.
    Recover { cases: PathBuf, detail: Detail },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Counts,
    /// Each case that failed as well.
    Failures,
}

#[derive(Debug, Args)]
pub(super) struct DebugArgs {
    #[command(subcommand)]
    action: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Score the reader of tool calls written as text over a file of cases
    ///
    /// Each line of the file is a case: the pieces of a reply (chunks), the tools on offer (tools), and the calls that
    /// established parsers find in it (accept; agreed, where all find the same). A case passes when the calls are those
    /// that one of them finds, and when the reply gives the same however it is cut into pieces. The family that a case
    /// names is not given to the reader. Exits with 1 below the goal: 99 % where the parsers agree, 95 % of the rest.
    Recover(RecoverArgs),
}

#[derive(Debug, Args)]
struct RecoverArgs {
    /// The cases, one JSON object a line
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
    /// Show each case that failed
    #[arg(long, short)]
    verbose: bool,
}

impl DebugArgs {
    pub(super) fn into_action(self) -> DebugAction {
        let Sub::Recover(RecoverArgs { cases, verbose }) = self.action;
        DebugAction::Recover { cases, detail: if verbose { Detail::Failures } else { Detail::Counts } }
    }
}
