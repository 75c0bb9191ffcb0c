//! The names that files of the workspace are protected by, whatever is granted. Data and matching only: which names
//! these are comes from the configuration.

use std::path::Path;

use globset::GlobSet;

use crate::policy::{glob_set, is_history};

/// Globs, matched on the real path below the workspace and on each folder above it: what protects a folder protects
/// everything in it.
#[derive(Clone, Debug)]
pub struct Protection {
    /// Never writable.
    pub readonly: GlobSet,
    /// Unreadable and unchangeable unless the tool has the capability `secrets`. A new file may get such a name.
    pub secret: GlobSet,
    pub private: Private,
}

/// Files that are used here and told to nobody elsewhere: which of them a call has opened is noted.
#[derive(Clone, Debug, Default)]
pub struct Private {
    pub files: GlobSet,
    /// As the user wrote them.
    pub patterns: Vec<String>,
    /// Whether programs see them, whose reading cannot be noted.
    pub programs: Programs,
}

/// What programs see of private files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Programs {
    /// Nothing, unless their tool may read secrets.
    #[default]
    Blind,
    See,
}

impl Protection {
    /// Protects nothing.
    pub fn none() -> Protection {
        Protection { readonly: GlobSet::empty(), secret: GlobSet::empty(), private: Private::default() }
    }

    /// Builds both sets from patterns as a user writes them, see [`glob_set`].
    pub fn new(readonly: &[String], secret: &[String]) -> Result<Protection, String> {
        Ok(Protection { readonly: glob_set(readonly)?, secret: glob_set(secret)?, private: Private::default() })
    }

    /// With private files.
    pub fn with_private(self, patterns: &[String], programs: Programs) -> Result<Protection, String> {
        Ok(Protection {
            private: Private { files: glob_set(patterns)?, patterns: patterns.to_vec(), programs },
            ..self
        })
    }

    /// Whether the path, relative to the workspace, or a folder above it is private, or it may hold what such files held once.
    pub fn is_private(&self, path: &Path) -> bool {
        let set = &self.private.files;
        let parts = path.ancestors().filter(|part| !part.as_os_str().is_empty());
        !set.is_empty() && (parts.into_iter().any(|part| set.is_match(part)) || is_history(path))
    }
}
