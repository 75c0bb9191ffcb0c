//! Walks a folder of the workspace in the order of names, leaving out what git ignores.
//!
//! `.gitignore` and `.ignore` count at any depth, the deeper file and in one folder `.ignore` first, and `.git/info/exclude`
//! at the root; version control's own folders are never entered. Unlike git, a workspace needs not be a repository. An
//! ignore file is read only where the folder lists one: no name is probed for. Links are reported and not followed.

use std::io;
use std::ops::ControlFlow;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

pub use crate::folder::{Entry, Folder, Kind};
use crate::workspace::Path;
use crate::{Error, failed};

const OWN_FOLDERS: [&str; 4] = [".git", ".hg", ".jj", ".svn"];
/// An ignore file larger than this is not one.
const IGNORE_FILE_LIMIT: usize = 1 << 20;
const MAX_DEPTH: usize = 128;

/// What to walk.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Levels below the start; 1 lists the folder itself.
    pub depth: usize,
    /// Report what is ignored too, without entering it.
    pub show_ignored: bool,
}

impl Default for Walk {
    fn default() -> Self {
        Walk { depth: MAX_DEPTH, show_ignored: false }
    }
}

/// A file or folder that was met.
pub struct Found<'a> {
    /// Relative to the workspace.
    pub path: &'a str,
    pub name: &'a str,
    pub kind: Kind,
    pub ignored: bool,
    folder: &'a Folder,
}

impl Found<'_> {
    /// The content, at most `limit` bytes of it.
    pub fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        self.folder.read(self.name, limit)
    }
}

/// What a walk could not see. Whoever shows results says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Folders that could not be opened.
    pub folders: usize,
    /// Names that are not UTF-8.
    pub names: usize,
}

impl Walk {
    /// Calls `visit` for everything below `start`, until it breaks. Fails when `start` itself cannot be listed.
    pub fn visit(&self, start: &Path, mut visit: impl FnMut(Found<'_>) -> ControlFlow<()>) -> Result<Unseen, Error> {
        let mut walker = Walker { options: self, rules: Vec::new(), unseen: Unseen::default(), visit: &mut visit };
        let fail = |error: &io::Error| Error::file("list", start.name(), error);
        let folder = Folder::open(start).map_err(|error| fail(&error))?;
        walker.inherit(start);
        let path = if start.is_root() { String::new() } else { start.name().to_owned() };
        match walker.folder(&folder, &mut { path }, 1) {
            Ok(_) => Ok(walker.unseen),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                Err(failed(format!("{} is a file, not a directory", start.name())))
            }
            Err(error) => Err(fail(&error)),
        }
    }
}

struct Walker<'a> {
    options: &'a Walk,
    /// From the root to the folder at hand.
    rules: Vec<Gitignore>,
    unseen: Unseen,
    visit: &'a mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
}

impl Walker<'_> {
    /// Takes over the rules of the folders above the start.
    fn inherit(&mut self, start: &Path) {
        let mut above = Path::parse_or_root(None);
        let parts = if start.is_root() { Vec::new() } else { start.name().split('/').collect() };
        for part in parts {
            let Ok(path) = above else { return };
            if let Ok(folder) = Folder::open(&path) {
                let entries = folder.entries().map(|(entries, _)| entries).unwrap_or_default();
                self.read_rules(&folder, &entries, if path.is_root() { "" } else { path.name() });
            }
            above = Ok(path.join(part));
        }
    }

    fn folder(&mut self, folder: &Folder, path: &mut String, depth: usize) -> io::Result<ControlFlow<()>> {
        let (entries, unreadable) = folder.entries()?;
        self.unseen.names += unreadable;
        let rules_before = self.rules.len();
        self.read_rules(folder, &entries, path);
        let length = path.len();
        let mut flow = ControlFlow::Continue(());
        for Entry { name, kind } in &entries {
            let is_folder = *kind == Kind::Folder;
            if is_folder && OWN_FOLDERS.contains(&name.as_str()) {
                continue;
            }
            path.truncate(length);
            if length > 0 {
                path.push('/');
            }
            path.push_str(name);
            let ignored = self.is_ignored(path, is_folder);
            if ignored && !self.options.show_ignored {
                continue;
            }
            flow = (self.visit)(Found { path, name, kind: *kind, ignored, folder });
            if flow.is_continue() && is_folder && !ignored && depth < self.options.depth.min(MAX_DEPTH) {
                match folder.folder(name).and_then(|inner| self.folder(&inner, path, depth + 1)) {
                    Ok(inner) => flow = inner,
                    Err(_) => self.unseen.folders += 1,
                }
            }
            if flow.is_break() {
                break;
            }
        }
        path.truncate(length);
        self.rules.truncate(rules_before);
        Ok(flow)
    }

    /// Adds the rules of the ignore files that the folder lists; a line that makes no sense is passed over, as git does.
    fn read_rules(&mut self, folder: &Folder, entries: &[Entry], path: &str) {
        if path.is_empty() && entries.iter().any(|entry| entry.name == ".git" && entry.kind == Kind::Folder) {
            let exclude = folder.folder(".git").and_then(|git| git.folder("info"));
            if let Ok(bytes) = exclude.and_then(|info| info.read("exclude", IGNORE_FILE_LIMIT)) {
                self.add_rules(&bytes, path);
            }
        }
        for name in [".gitignore", ".ignore"] {
            let listed = entries.iter().any(|entry| entry.name == name && entry.kind == Kind::File);
            if let Some(Ok(bytes)) = listed.then(|| folder.read(name, IGNORE_FILE_LIMIT)) {
                self.add_rules(&bytes, path);
            }
        }
    }

    fn add_rules(&mut self, bytes: &[u8], path: &str) {
        let text = String::from_utf8_lossy(bytes);
        let mut builder = GitignoreBuilder::new(path);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let _ = builder.add_line(None, line);
        }
        if let Ok(rules) = builder.build()
            && !rules.is_empty()
        {
            self.rules.push(rules);
        }
    }

    fn is_ignored(&self, path: &str, is_folder: bool) -> bool {
        for rules in self.rules.iter().rev() {
            match rules.matched(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn walked(options: &Walk, start: &str) -> Vec<String> {
        let mut paths = Vec::new();
        let visit = |found: Found<'_>| {
            if found.kind != Kind::Folder {
                paths.push(format!("{}{}", found.path, if found.ignored { "!" } else { "" }));
            }
            ControlFlow::Continue(())
        };
        options.visit(&Path::parse(start).unwrap(), visit).unwrap();
        paths
    }

    #[test]
    fn ignore_files_count_at_every_depth() {
        let scratch = Scratch::new(&[
            (".gitignore", "*.log\n/build/\n"),
            (".git/config", "x"),
            (".git/info/exclude", "private.txt\n"),
            ("a.log", ""),
            ("build/out", ""),
            ("private.txt", ""),
            ("sub/.gitignore", "!keep.log\nlocal\n"),
            ("sub/.ignore", "!local\n"),
            ("sub/build/kept", ""),
            ("sub/drop.log", ""),
            ("sub/keep.log", ""),
            ("sub/local", ""),
        ]);
        let all = ["sub/.gitignore", "sub/.ignore", "sub/build/kept", "sub/keep.log", "sub/local"];
        assert_eq!(walked(&Walk::default(), ""), [&[".gitignore"][..], &all].concat());
        assert_eq!(walked(&Walk::default(), "sub"), all, "rules from above count when the walk starts below");
        let shown = walked(&Walk { depth: 1, show_ignored: true }, "");
        assert_eq!(shown, [".gitignore", "a.log!", "private.txt!"]);
        drop(scratch);
    }

    #[test]
    fn a_walk_that_cannot_start_says_why() {
        let _scratch = Scratch::new(&[("file", "")]);
        let start = |path: &str| Walk::default().visit(&Path::parse(path).unwrap(), |_| ControlFlow::Continue(()));
        assert_eq!(start("none").unwrap_err(), failed("none does not exist"));
        assert!(start("file").unwrap_err().detail().contains("is a"));
    }
}
