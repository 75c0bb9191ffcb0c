//! Runs programs inside the operating system's sandbox: the only way to start one, for plugins and host alike.
//! It must not know tools, policy rules or approval: whoever calls has decided that the program may run.
//!
//! How a run goes: `runner` finds the program on the fixed path, composes a clean environment, and starts this very
//! binary again as the *helper* (`helper`), whose standard input is a socket. Over it goes a [`spec::Spec`]; back come
//! [`spec::Report`]s. The helper stays outside the sandbox as supervisor, builds the sandbox for its child, and kills
//! whatever is left when the program ends, or when the socket closes: a dropped future, a cancelled turn and a dead
//! parent are the same thing to it. A helper that cannot do what the tier promises runs nothing.

mod doctor;
mod environment;
mod error;
mod git;
mod git_secrets;
#[cfg(target_os = "linux")]
mod helper;
mod output;
mod prepare;
mod runner;
mod settings;
mod spec;
mod toolchains;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::Workspace;

pub use doctor::explain;
pub use error::RunError;
pub use runner::Runner;
pub use settings::{Protected, Settings};

/// The hidden subcommand that makes the garth binary the helper of this module.
pub const HELPER: &str = "__sandbox";

/// What `garth __sandbox` does: serves one run as told over its standard input, then exits. Never returns to `main`.
pub fn helper_main() -> ! {
    #[cfg(target_os = "linux")]
    helper::main();
    #[cfg(not(target_os = "linux"))]
    {
        eprintln!("garth {HELPER}: programs are run on Linux only");
        std::process::exit(125)
    }
}

/// A program to run. No shell reads any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// A bare name, found on the fixed search path.
    pub program: String,
    pub args: Vec<String>,
    /// Relative to the workspace; its root when `None`.
    pub directory: Option<String>,
    /// Added to the clean environment where the allow-list has the name.
    pub env: Vec<(String, String)>,
    pub stdin: Option<String>,
    /// May only shorten the configured limit.
    pub timeout: Option<Duration>,
}

/// Whether git, so called, may show more of what secret files hold, or have held, than its arguments can be limited to. Of another
/// program's output nothing is known here.
pub fn git_may_tell(argv: &[String]) -> bool {
    argv.split_first().is_some_and(|(program, args)| program == "git" && git_secrets::may_tell(args))
}

/// What the program may do with files and the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Absolute, canonical.
    pub workspace: PathBuf,
    /// What the tool that starts the program has.
    pub files: Workspace,
    /// Whether secrets-looking files stay readable.
    pub secrets: bool,
    /// Git's own tools: `.git`'s objects, refs and index may be written where `files` allows writing.
    pub git: bool,
    pub network: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// `None` when a signal or a limit ended it.
    pub exit_code: Option<i32>,
    /// Head and tail, with a line between them that counts what was dropped. Invalid UTF-8 is replaced.
    pub stdout: String,
    pub stderr: String,
    /// Bytes.
    pub stdout_dropped: u64,
    pub stderr_dropped: u64,
    pub timed_out: bool,
    pub duration: Duration,
    pub tier: Tier,
    /// What the reader should know besides: a limit that ended the run, a protected file that the program had created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How much of the operating system's sandbox was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Namespaces, Landlock and seccomp.
    Full,
    /// Landlock and seccomp without namespaces.
    Landlock,
    /// Nothing: only where the user allowed unsandboxed runs.
    None,
}

impl Tier {
    /// As configuration, results and `garth doctor` call it.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Full => "full",
            Tier::Landlock => "landlock",
            Tier::None => "none",
        }
    }
}
