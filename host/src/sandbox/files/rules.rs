//! Which path below a root may be used for what. Pure: real paths in, yes or a reason out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use globset::GlobSet;

use crate::policy::{Access, Workspace, is_history};
use crate::sandbox::Protection;

/// What is about to happen to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Learn its metadata or the names in it.
    Look,
    /// Read its content.
    Read,
    /// Make it where nothing was.
    Create,
    /// Write in place, replace, rename away, remove.
    Change,
}

pub struct Rules {
    /// Most specific first. The empty path is the root.
    grants: Vec<(PathBuf, Access)>,
    protection: Arc<Protection>,
    secrets: bool,
    /// What is known of folders, so that a file costs one match.
    folders: Mutex<[HashMap<PathBuf, bool>; 3]>,
}

impl Rules {
    /// The error names the grant that cannot be understood.
    pub fn new(workspace: &Workspace, protection: Arc<Protection>, secrets: bool) -> Result<Rules, String> {
        let mut grants = match workspace {
            Workspace::All(access) => vec![(PathBuf::new(), *access)],
            Workspace::Paths(paths) => {
                let clean =
                    |path: &str| !path.split('/').any(|part| matches!(part, "." | "..")) && !path.contains('\0');
                let mut grants = Vec::with_capacity(paths.len());
                for grant in paths {
                    if grant.path.starts_with('/') || !clean(&grant.path) {
                        return Err(format!(
                            "the grant for '{}' cannot be used: write a path below the workspace, without '.' and '..'",
                            grant.path
                        ));
                    }
                    grants.push((Path::new(&grant.path).components().collect(), grant.access));
                }
                grants
            }
        };
        grants.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
        Ok(Rules { grants, protection, secrets, folders: Mutex::default() })
    }

    /// Everything is allowed.
    pub fn open() -> Rules {
        Rules {
            grants: vec![(PathBuf::new(), Access::Write)],
            protection: Arc::new(Protection::none()),
            secrets: true,
            folders: Mutex::default(),
        }
    }

    pub fn grants(&self) -> &[(PathBuf, Access)] {
        &self.grants
    }

    /// The same access everywhere, so that looking needs no check.
    pub fn uniform(&self) -> Option<Access> {
        match self.grants.as_slice() {
            [(path, access)] if path.as_os_str().is_empty() => Some(*access),
            _ => None,
        }
    }

    fn access(&self, path: &Path) -> Access {
        self.grants.iter().find(|(granted, _)| path.starts_with(granted)).map_or(Access::None, |(_, access)| *access)
    }

    /// Whether something below the path is granted, so that the guest has to get past it.
    fn leads_to_grant(&self, path: &Path) -> bool {
        self.grants.iter().any(|(granted, access)| *access > Access::None && granted.starts_with(path))
    }

    /// The reason is for the model and the user: what, why not, what would allow it.
    pub fn check(&self, path: &Path, need: Need) -> Result<(), String> {
        let shown = || if path.as_os_str().is_empty() { "the workspace".into() } else { path.to_string_lossy() };
        let needed = if matches!(need, Need::Look | Need::Read) { Access::Read } else { Access::Write };
        let access = self.access(path);
        if access < needed && !(need == Need::Look && self.leads_to_grant(path)) {
            return Err(match access {
                Access::None => format!("'{}' is not granted to this tool (capability `workspace`)", shown()),
                _ => format!("'{}' is granted to this tool for reading only (capability `workspace`)", shown()),
            });
        }
        if matches!(need, Need::Create | Need::Change) && self.is_readonly(path) {
            return Err(format!("'{}' is protected: no tool may write there, and no setting allows it", shown()));
        }
        if matches!(need, Need::Read | Need::Change) && !self.secrets && self.is_secret(path) {
            let what = if need == Need::Read { "read" } else { "changed" };
            return Err(format!(
                "'{}' looks like a secret and may not be {what} by this tool; the user can grant it `secret_files = true`",
                shown()
            ));
        }
        Ok(())
    }

    pub fn is_readonly(&self, path: &Path) -> bool {
        self.covered(&self.protection.readonly, 0, path)
    }

    /// Whether its name makes it a secret that this tool may not read.
    pub fn is_hidden(&self, path: &Path) -> bool {
        !self.secrets && self.is_secret(path)
    }

    fn is_secret(&self, path: &Path) -> bool {
        self.covered(&self.protection.secret, 1, path)
    }

    /// Whether its content stays on this machine.
    pub fn is_private(&self, path: &Path) -> bool {
        let private = &self.protection.private.files;
        self.covered(private, 2, path) || !private.is_empty() && is_history(path)
    }

    /// Whether the path or a folder above it matches.
    fn covered(&self, set: &GlobSet, index: usize, path: &Path) -> bool {
        if set.is_empty() || path.as_os_str().is_empty() {
            return false;
        }
        if set.is_match(path) {
            return true;
        }
        let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return false };
        let known = |folders: &[HashMap<PathBuf, bool>; 3]| folders[index].get(parent).copied();
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(covered) = known(&folders) {
            return covered;
        }
        drop(folders);
        let covered = self.covered(set, index, parent);
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)[index].insert(parent.to_owned(), covered);
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PathGrant;

    #[test]
    fn the_most_specific_grant_and_the_strictest_rule_win() {
        let protection =
            Protection::new(&[".git".to_owned(), "garth.lock".to_owned()], &[".env*".to_owned(), "keys/**".to_owned()]);
        let grant = |path: &str, access| PathGrant { path: path.to_owned(), access };
        let paths = [
            grant("docs", Access::Write),
            grant("docs/old", Access::Read),
            grant("docs/old/private", Access::None),
            grant("Cargo.toml", Access::Read),
        ];
        let rules = Rules::new(&Workspace::Paths(paths.to_vec()), Arc::new(protection.unwrap()), false).unwrap();
        use Need::{Change, Create, Look, Read};
        let cases = [
            ("docs/a.md", Change, true),
            ("docs", Look, true),
            ("docs/old/a.md", Read, true),
            ("docs/old/a.md", Change, false),
            ("docs/old/private/a", Read, false),
            ("docs/old/private/a", Look, false),
            ("Cargo.toml", Read, true),
            ("Cargo.toml", Change, false),
            ("Cargo.lock", Read, false),
            ("", Look, true),
            ("", Read, false),
            ("docsy/a", Read, false),
            ("docs/.git", Create, false),
            ("docs/sub/.git/hooks/pre-commit", Create, false),
            ("docs/.GIT/config", Change, false),
            ("docs/.git/config", Read, true),
            ("docs/garth.lock", Change, false),
            ("docs/.gitignore", Change, true),
            ("docs/.env.local", Read, false),
            ("docs/.env.local", Look, true),
            ("docs/.env.local", Change, false),
            ("docs/.env.local", Create, true),
        ];
        for (path, need, allowed) in cases {
            assert_eq!(rules.check(Path::new(path), need).is_ok(), allowed, "{need:?} {path}");
        }
        for wrong in ["/etc", "../x", "a/../b", "."] {
            let workspace = Workspace::Paths(vec![grant(wrong, Access::Read)]);
            assert!(Rules::new(&workspace, Arc::new(Protection::none()), false).is_err(), "{wrong}");
        }
    }
}
