//! Tells that paths have changed, soon and not too often: watches single folders, gathers what comes in bursts, and looks
//! once a second where the system cannot tell. It does not know what the files are; whoever is told decides.

mod debounce;
mod drive;
mod fallback;

pub use drive::{Answer, Mode, Report, Watch, start};

/// Folders to be watched, each by itself: canonical path → the names in it that matter; no names: all do.
pub type Folders = std::collections::BTreeMap<std::path::PathBuf, std::collections::BTreeSet<std::ffi::OsString>>;
