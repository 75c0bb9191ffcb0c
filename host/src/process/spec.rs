//! What parent and helper say to each other. The parent writes the length of the spec (8 bytes, little endian) and the
//! spec as JSON; the helper answers with one report a line and closes. The parent closes first to have all killed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::settings::Protected;
use super::{Access, Tier};
use crate::policy::{Access as Level, Workspace};

/// One run, complete: the helper reads no configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub tier: Tier,
    /// `None`: try the sandbox out with the helper's own self-check.
    pub program: Option<Program>,
    pub workspace: PathBuf,
    pub grants: Vec<Grant>,
    pub secrets: bool,
    pub git: bool,
    pub network: bool,
    pub protection: Protected,
    /// Readable outside the workspace: system folders, toolchains, the user's own list. Symlinks are kept as such.
    pub readable: Vec<PathBuf>,
    /// Below `readable`, but not to be read.
    pub hidden: Vec<PathBuf>,
    pub limits: Limits,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Program {
    /// Absolute.
    pub path: PathBuf,
    pub args: Vec<String>,
    /// Relative to the workspace; empty is its root.
    pub directory: PathBuf,
    pub env: Vec<(String, String)>,
    pub stdin: Option<String>,
    /// What the private home's `.gitconfig` is to contain.
    pub gitconfig: String,
    /// Whether this is git, whose configured programs are to be switched off.
    pub is_git: bool,
}

/// Access to a path relative to the workspace (empty: all of it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub path: PathBuf,
    pub level: Level,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Limits {
    pub memory: u64,
    pub processes: u64,
    pub file_size: u64,
}

/// What the helper tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Report {
    /// The sandbox could not be set up; nothing was run.
    Failed(String),
    Note(String),
    /// How the program ended; `None`: by a signal or a limit.
    Exited(Option<i32>),
}

/// The grants of `access`, parents first.
pub(super) fn grants(access: &Access) -> Vec<Grant> {
    let mut grants = match &access.files {
        Workspace::All(level) => vec![Grant { path: PathBuf::new(), level: *level }],
        Workspace::Paths(paths) => {
            paths.iter().map(|p| Grant { path: PathBuf::from(&p.path), level: p.access }).collect()
        }
    };
    grants.sort_by(|a, b| a.path.cmp(&b.path));
    grants
}
