//! One version of a plugin in the place of another: whether it is newer. What stands in a manifest is its author's word, so it
//! decides nothing here; the user is told.

use std::cmp::Ordering;

use semver::Version;

use crate::plugins::{Locked, PluginFile};

/// What a file is to the one that the lock file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Newer,
    Older,
    /// Another content under the same version.
    SameVersion,
    /// The same content.
    Nothing,
    /// The versions cannot be compared.
    Unknown,
}

pub fn change(before: &Locked, file: &PluginFile) -> Change {
    match before.is_of(file) {
        true => Change::Nothing,
        false => between(&before.version, &file.sections.manifest.version),
    }
}

fn between(before: &str, now: &str) -> Change {
    let (Ok(before), Ok(now)) = (Version::parse(before), Version::parse(now)) else { return Change::Unknown };
    match now.cmp(&before) {
        Ordering::Greater => Change::Newer,
        Ordering::Less => Change::Older,
        Ordering::Equal => Change::SameVersion,
    }
}

impl Change {
    /// For programs.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Change::Newer => Some("newer"),
            Change::Older => Some("older"),
            Change::SameVersion => Some("same version"),
            Change::Nothing | Change::Unknown => None,
        }
    }

    /// What a user should think about before saying yes.
    pub fn warning(self, name: &str, before: &str, now: &str) -> Option<String> {
        match self {
            Change::Older => Some(format!(
                "this is a downgrade: {name} {now} is older than {before}, which it takes the place of; what was mended since \
                 is broken again"
            )),
            Change::SameVersion => Some(format!(
                "{name} says that it is {now}, as the one before it, and has other bytes: what differs, its version does not \
                 tell"
            )),
            Change::Newer | Change::Nothing | Change::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_semantic_versioning_says() {
        for (before, now, expected) in [
            ("0.1.0", "0.2.0", Change::Newer),
            ("0.9.0", "0.10.0", Change::Newer),
            ("1.0.0-rc.1", "1.0.0", Change::Newer),
            ("1.0.0", "1.0.0-rc.1", Change::Older),
            ("2.0.0", "1.9.9", Change::Older),
            ("1.0.0", "1.0.0", Change::SameVersion),
            ("1.0.0", "01.0.0", Change::Unknown),
        ] {
            assert_eq!(between(before, now), expected, "{before} {now}");
        }
    }
}
