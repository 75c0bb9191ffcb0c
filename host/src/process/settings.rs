//! What the user configures about programs. Plain data: `config` fills it in, `runner` obeys it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Tier;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Wall clock of one run.
    pub time: Duration,
    /// Bytes kept of each output stream.
    pub output: u64,
    /// Bytes, over all processes of a run where the system can count them together, else for each one.
    pub memory: u64,
    /// Processes and threads of a run.
    pub processes: u64,
    /// Bytes of one written file.
    pub file_size: u64,
    /// Runs without any sandbox where the system has none.
    pub allow_unsandboxed: bool,
    /// Absolute paths outside the workspace that programs may read, besides the system's and the toolchains'.
    pub readable: Vec<PathBuf>,
    /// Absolute folders searched first for programs; the system's and the toolchains' follow.
    pub path: Vec<PathBuf>,
    /// Names of variables that pass from Garth's environment and from a command; a final `*` stands for any ending.
    pub env: Vec<String>,
    pub protection: Protected,
    /// The garth binary; its hidden subcommand [`super::HELPER`] is run.
    pub helper: PathBuf,
    /// The user's home, where toolchains are looked for; never visible as a whole.
    pub home: Option<PathBuf>,
    /// The strongest tier to use: `Full`, except in tests and to work around a broken kernel.
    pub max_tier: Tier,
}

/// Globs on paths relative to the workspace, `/` between folders; one without `/` counts at any depth. A folder that
/// matches counts with everything in it. `.git`, `.garth` and `garth.lock` are always read-only, at any depth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protected {
    pub readonly: Vec<String>,
    pub secret: Vec<String>,
    /// Whether programs other than git see nothing of what version control keeps of files: secrets and private files stand there
    /// too, where no pattern reaches.
    pub hide_history: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            time: Duration::from_secs(120),
            output: 64 << 10,
            memory: 4 << 30,
            processes: 512,
            file_size: 1 << 30,
            allow_unsandboxed: false,
            readable: Vec::new(),
            path: Vec::new(),
            env: Vec::new(),
            protection: Protected::default(),
            helper: PathBuf::new(),
            home: std::env::home_dir(),
            max_tier: Tier::Full,
        }
    }
}
