//! The names that files of the workspace are protected by, whatever is granted. Data and matching only: which names
//! these are comes from the configuration.

use globset::GlobSet;

use crate::policy::glob_set;

/// Globs, matched on the real path below the workspace and on each folder above it: what protects a folder protects
/// everything in it.
#[derive(Clone, Debug)]
pub struct Protection {
    /// Never writable.
    pub readonly: GlobSet,
    /// Unreadable and unchangeable unless the tool has the capability `secrets`. A new file may get such a name.
    pub secret: GlobSet,
}

impl Protection {
    /// Protects nothing.
    pub fn none() -> Protection {
        Protection { readonly: GlobSet::empty(), secret: GlobSet::empty() }
    }

    /// Builds both sets from patterns as a user writes them, see [`glob_set`].
    pub fn new(readonly: &[String], secret: &[String]) -> Result<Protection, String> {
        Ok(Protection { readonly: glob_set(readonly)?, secret: glob_set(secret)? })
    }
}
