//! How often each skill was used on this machine, so that the prompt's list keeps the useful ones when it gets long. A file in
//! the user's state directory, for its owner only; losing it, or a count that two sessions write at once, costs nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::scan;

const VERSION: u32 = 1;
/// Skills that are remembered; those that were not used for longest go first.
const KEPT: usize = 1_000;
/// Bytes of a name that is remembered.
const LONGEST: usize = 200;

/// What was used how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    skills: BTreeMap<String, Used>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Used {
    pub count: u64,
    /// Seconds since 1970.
    pub last: u64,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(default)]
    skills: BTreeMap<String, Used>,
}

impl Usage {
    /// What the file says; nothing where there is none, or where it is damaged.
    pub fn load(file: &Path) -> Usage {
        let skills = read(file).filter(|written| written.version == VERSION).map(|written| written.skills);
        Usage { skills: skills.unwrap_or_default() }
    }

    /// Counts one use, in the file and in what is returned. A file of a newer version is left as it is.
    pub fn record(file: &Path, name: &str, now: SystemTime) -> io::Result<Usage> {
        if read(file).is_some_and(|written| written.version > VERSION) {
            return Ok(Usage::default());
        }
        let mut usage = Usage::load(file);
        usage.count(name, now);
        let written = Written { version: VERSION, skills: usage.skills.clone() };
        let dir = file.parent().unwrap_or(Path::new("."));
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)?;
        // A temporary file is for its owner only.
        let mut temporary = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&mut temporary, &written)?;
        temporary.flush()?;
        temporary.persist(file).map_err(|error| error.error)?;
        Ok(usage)
    }

    pub fn of(&self, name: &str) -> Used {
        self.skills.get(name).copied().unwrap_or_default()
    }

    fn count(&mut self, name: &str, now: SystemTime) {
        if name.len() > LONGEST {
            return;
        }
        let used = self.skills.entry(name.to_string()).or_default();
        used.count = used.count.saturating_add(1);
        used.last = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        while self.skills.len() > KEPT {
            let others = self.skills.iter().filter(|(other, _)| *other != name);
            let Some(oldest) = others.min_by_key(|(_, used)| used.last).map(|(name, _)| name.clone()) else { break };
            self.skills.remove(&oldest);
        }
    }
}

fn read(file: &Path) -> Option<Written> {
    let (bytes, _) = scan::read(file).ok()?;
    serde_json::from_slice(&bytes).ok()
}
