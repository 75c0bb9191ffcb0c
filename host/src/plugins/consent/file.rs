//! One file of consents: read strictly, written as a whole, shared with other processes of the same user. What cannot be read
//! counts as nothing and is never written over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Accepted, ByTool, ConsentError, Holder};
use crate::private;

/// What a file holds: versioned by its field names, which do not change their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Kept {
    /// By plugin.
    pub accepted: BTreeMap<String, Accepted>,
    /// By where the plugin is, and its name.
    pub grants: BTreeMap<Holder, BTreeMap<String, ByTool>>,
    /// How often something was taken back, by the plugin's name and the tool's; [`ALL`] for all of its tools. What was granted
    /// for a session ends when it changes, in whatever process that runs.
    pub revoked: BTreeMap<String, BTreeMap<String, u64>>,
}

/// No tool has this name.
const ALL: &str = "";

/// A file with what it held when it was last looked at.
pub(super) struct Stored {
    pub path: PathBuf,
    seen: Mutex<Option<(Stamp, Held)>>,
}

/// What a file held, or why it cannot be read.
type Held = Result<Arc<Kept>, ConsentError>;

/// Changes whenever the file is replaced; `None` where there is none.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Kept {
    /// Takes back what was granted to one tool or to all, of every plugin of this name, also what the lock file asked for and
    /// what sessions have. Whether anything was kept.
    pub fn revoke(&mut self, name: &str, tool: Option<&str>) -> bool {
        let holders: Vec<Holder> = self.grants.keys().copied().collect();
        let mut had = false;
        holders.into_iter().for_each(|holder| had |= self.take(holder, name, tool));
        had |= self.accepted.get_mut(name).is_some_and(|accepted| take(&mut accepted.lock_grants, tool));
        self.end_sessions(name, tool);
        had
    }

    /// Takes back what sessions were granted for themselves.
    pub fn end_sessions(&mut self, name: &str, tool: Option<&str>) {
        let of_plugin = self.revoked.entry(name.to_string()).or_default();
        let times = of_plugin.entry(tool.unwrap_or(ALL).to_string()).or_default();
        *times = times.saturating_add(1);
    }

    /// The same of the user's grants to one plugin alone.
    pub fn take(&mut self, holder: Holder, name: &str, tool: Option<&str>) -> bool {
        let Some(by_plugin) = self.grants.get_mut(&holder) else { return false };
        let had = by_plugin.get_mut(name).is_some_and(|granted| take(granted, tool));
        by_plugin.retain(|_, granted| !granted.is_empty());
        self.grants.retain(|_, by_plugin| !by_plugin.is_empty());
        had
    }

    pub fn revocations(&self, name: &str, tool: &str) -> u64 {
        let Some(of_plugin) = self.revoked.get(name) else { return 0 };
        [ALL, tool].iter().filter_map(|tool| of_plugin.get(*tool)).fold(0, |sum, times| sum.saturating_add(*times))
    }
}

/// Removes the grants to one tool, or to all.
fn take(granted: &mut ByTool, tool: Option<&str>) -> bool {
    match tool {
        Some(tool) => granted.remove(tool).is_some(),
        None => !std::mem::take(granted).is_empty(),
    }
}

impl Stored {
    pub fn new(path: PathBuf) -> Stored {
        Stored { path, seen: Mutex::default() }
    }

    pub fn read(&self) -> Held {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp();
        match &*seen {
            Some((known, kept)) if *known == stamp => kept.clone(),
            _ => {
                let kept = self.parse().map(Arc::new);
                *seen = Some((stamp, kept.clone()));
                kept
            }
        }
    }

    /// Reads, changes and writes while no other process does. Nothing is written when the file cannot be read.
    pub fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), ConsentError> {
        let wrong = |error: std::io::Error| self.wrong(format!("cannot be written: {error}"));
        let beside = self.path.with_extension("json.lock");
        private::append(&beside, b"").map_err(wrong)?;
        let lock = File::open(&beside).map_err(wrong)?;
        lock.lock().map_err(wrong)?;
        let mut kept = self.parse()?;
        let before = kept.clone();
        change(&mut kept);
        if kept == before {
            return Ok(());
        }
        let json = serde_json::to_vec_pretty(&kept).map_err(|error| self.wrong(error.to_string()))?;
        private::write(&self.path, &json).map_err(wrong)?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    fn parse(&self) -> Result<Kept, ConsentError> {
        match std::fs::read(&self.path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|error| {
                self.wrong(format!("nothing in it counts ({error}); mend the file, or remove it and grant anew"))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(self.wrong(format!("cannot be read, so nothing in it counts: {error}"))),
        }
    }

    fn stamp(&self) -> Stamp {
        let metadata = std::fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some((metadata.modified().ok()?, metadata.len(), inode))
    }

    fn wrong(&self, reason: String) -> ConsentError {
        ConsentError { path: self.path.clone(), reason }
    }
}
