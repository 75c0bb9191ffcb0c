//! The user's word for a plugin file: for exactly these bytes, with exactly this manifest, and for what the lock file asked to
//! be granted at that time. One way to make it and to compare it, for all who ask.

use serde::{Deserialize, Serialize};

use super::ByTool;
use crate::plugins::{Locked, PluginFile, ceiling};

/// The user's word for one content of a plugin file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// The same of the manifest beside it, which counts for a component that carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// What its manifest declared: an update is shown as the difference to it.
    #[serde(default)]
    pub ceiling: ByTool,
    /// The key that the lock file named for it: an update by another, or by nobody, is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// What `garth.lock` asked to be granted when the user said yes to it, less what the user has taken back.
    #[serde(default)]
    pub lock_grants: ByTool,
}

impl Accepted {
    /// What the user says yes to: the file, and what the lock file asks for it within what the file itself declares.
    pub fn of(file: &PluginFile, locked: Option<&Locked>) -> Accepted {
        let ceiling = ceiling(file);
        let lock_grants = locked.map(|locked| locked.grants_within(&ceiling)).unwrap_or_default();
        let signed_by = locked.and_then(|locked| locked.signed_by.clone());
        let sha256 = file.digest().to_string();
        Accepted { sha256, manifest: file.manifest.clone(), ceiling, signed_by, lock_grants }
    }

    /// Whether it is the word for just this file.
    pub fn is_for(&self, file: &PluginFile) -> bool {
        self.sha256 == file.digest() && self.manifest == file.manifest && self.ceiling == ceiling(file)
    }

    /// Whether nothing has to be asked to say this as well: it is the same file, and no more is granted by it.
    pub fn covers(&self, other: &Accepted) -> bool {
        let has = |tool: &String| self.lock_grants.get(tool).cloned().unwrap_or_default();
        (&self.sha256, &self.manifest, &self.ceiling) == (&other.sha256, &other.manifest, &other.ceiling)
            && (self.signed_by.is_none() || self.signed_by == other.signed_by)
            && other.lock_grants.iter().all(|(tool, asked)| asked.beyond(&has(tool)).is_nothing())
    }
}
