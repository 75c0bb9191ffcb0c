//! Capabilities: what one tool may touch. A plugin's manifest declares a ceiling, the user grants, a command narrows;
//! a call gets the intersection. Deny by omission: the default is nothing.

use serde::{Deserialize, Serialize};

use crate::protocol::ByteSize;

/// How far files may be reached; ordered, `None` the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    None,
    Read,
    Write,
}

/// Access to the workspace: the same everywhere, or to these sub-paths only.
/// In TOML `workspace = "read"` or `workspace = [{ path = "docs", access = "write" }]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Workspace {
    All(Access),
    Paths(Vec<PathGrant>),
}

/// Access to one folder or file of the workspace and everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathGrant {
    /// Relative to the workspace, with `/`, without `.` and `..`.
    pub path: String,
    pub access: Access,
}

/// What a tool declares, what a user grants, or what a call has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    pub workspace: Workspace,
    /// Argument prefixes of programs that may be started: `[["git", "log"]]` allows `git log -3`, compared word by
    /// word on the exact vector. No entry, no programs.
    pub process: Vec<Vec<String>>,
    /// Size limit in bytes of the private directory `/state`; `None`: there is none. In TOML `state = "16MiB"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ByteSize>,
    /// Whether secrets-looking files (the user's `secrets` patterns) may be read. Only a user's grant sets it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
}

impl Default for Workspace {
    fn default() -> Self {
        Workspace::All(Access::None)
    }
}
