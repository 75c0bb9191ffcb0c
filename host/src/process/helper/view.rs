//! What a program may do where in the workspace: the grants, lowered by what the look around found. The same for both
//! tiers; the full one turns it into mounts, the other into Landlock rules.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::scan::Scan;
use crate::policy::Access as Level;
use crate::process::spec::Spec;

/// A level for a path relative to the workspace and for everything below it, unless a longer path says otherwise.
#[derive(Debug, Default)]
pub struct View {
    levels: BTreeMap<PathBuf, Level>,
}

/// What git itself writes at the top of `.git`. Not its configuration, hooks, `info`, `modules`, `worktrees`, nor
/// `commondir`, which would redirect all of them: gitrepository-layout(5).
const GIT_WRITES: &[&str] = &[
    "objects",
    "refs",
    "logs",
    "index",
    "HEAD",
    "ORIG_HEAD",
    "FETCH_HEAD",
    "MERGE_HEAD",
    "MERGE_MODE",
    "MERGE_MSG",
    "MERGE_RR",
    "MERGE_AUTOSTASH",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "COMMIT_EDITMSG",
    "TAG_EDITMSG",
    "packed-refs",
    "sequencer",
    "rebase-merge",
    "rebase-apply",
    "gc.log",
    "gc.pid",
];

pub fn git_may_write(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let base = name.strip_suffix(".lock").unwrap_or(&name);
    GIT_WRITES.contains(&base) || base.starts_with("BISECT_") || base.starts_with("sharedindex.") && !name.contains('/')
}

pub fn view(spec: &Spec, scan: &Scan) -> View {
    let mut view = View { levels: BTreeMap::from([(PathBuf::new(), Level::None)]) };
    for grant in &spec.grants {
        view.levels.insert(grant.path.clone(), grant.level);
    }
    for path in &scan.protected {
        let full = spec.workspace.join(path);
        let git = spec.git && path.file_name() == Some(OsStr::new(".git")) && full.is_dir();
        if git && view.level(path) == Level::Write {
            // Named even though nothing changes: a mount point cannot be renamed away.
            view.levels.insert(path.clone(), Level::Write);
            let children = full.read_dir().into_iter().flatten().flatten();
            for child in children.filter(|c| !git_may_write(&c.file_name())) {
                view.lower(&path.join(child.file_name()), Level::Read);
            }
            if full.join("objects/info").is_dir() {
                view.lower(&path.join("objects/info"), Level::Read);
            }
        } else {
            view.lower(path, Level::Read);
        }
    }
    for path in scan.secret.iter().chain(&scan.sockets) {
        view.lower(path, Level::None);
    }
    view
}

impl View {
    /// Of a given list of readable and hidden absolute paths.
    pub fn of(readable: &[PathBuf], hidden: &[PathBuf]) -> View {
        let relative = |p: &PathBuf| p.strip_prefix("/").unwrap_or(p).to_path_buf();
        let mut view = View { levels: BTreeMap::from([(PathBuf::new(), Level::None)]) };
        view.levels.extend(readable.iter().map(|p| (relative(p), Level::Read)));
        hidden.iter().for_each(|p| view.lower(&relative(p), Level::None));
        view
    }

    pub fn level(&self, path: &Path) -> Level {
        path.ancestors().find_map(|p| self.levels.get(p)).copied().unwrap_or(Level::None)
    }

    /// At most `most` here and below.
    fn lower(&mut self, path: &Path, most: Level) {
        let level = self.level(path).min(most);
        self.levels.insert(path.to_path_buf(), level);
        let below: Vec<PathBuf> = self.below(path).map(|(p, _)| p.clone()).collect();
        for path in below {
            self.levels.entry(path).and_modify(|l| *l = (*l).min(most));
        }
    }

    /// What differs strictly below `path`.
    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Level)> {
        let after = (Bound::Excluded(path.to_path_buf()), Bound::Unbounded);
        self.levels.range(after).take_while(move |(p, _)| p.starts_with(path))
    }

    pub fn is_split(&self, path: &Path) -> bool {
        self.below(path).next().is_some()
    }

    /// All, parents first.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, Level)> {
        self.levels.iter().map(|(path, level)| (path.as_path(), *level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_entry_counts_and_lowering_reaches_below() {
        let mut view = View { levels: BTreeMap::from([(PathBuf::new(), Level::Write)]) };
        view.levels.insert("a/b/c".into(), Level::Write);
        view.lower(Path::new("a/b"), Level::Read);
        view.lower(Path::new("a-b"), Level::None);
        for (path, level) in [
            ("", Level::Write),
            ("a", Level::Write),
            ("a/b", Level::Read),
            ("a/b/c/d", Level::Read),
            ("a-b/x", Level::None),
        ] {
            assert_eq!(view.level(Path::new(path)), level, "{path}");
        }
        assert!(view.is_split(Path::new("a")) && view.is_split(Path::new("a/b")) && !view.is_split(Path::new("a-b")));
    }

    #[test]
    fn git_writes_its_data_but_not_its_configuration() {
        for name in ["index.lock", "HEAD", "objects", "BISECT_LOG", "packed-refs.lock"] {
            assert!(git_may_write(OsStr::new(name)), "{name}");
        }
        for name in ["config", "config.lock", "hooks", "info", "modules", "commondir", "config.worktree", "worktrees"] {
            assert!(!git_may_write(OsStr::new(name)), "{name}");
        }
    }
}
