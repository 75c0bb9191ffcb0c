//! Where plugin files may lie, and what lies there by name. It names folders and lists them; it opens no plugin.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Folders, LOCK, Place, manifest};

/// Plugins that one folder may hold; what comes after them in the order of names is not looked at.
const MOST: usize = 256;
/// Entries of one folder that are looked at for them.
const ENTRIES: usize = 4_096;

/// The folders, absolute. None needs to exist.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The project's root, canonical.
    project: PathBuf,
    /// The user's configuration.
    config: PathBuf,
    /// What is kept about the project in the user's state.
    state: PathBuf,
}

/// A folder of plugins, those of which the files count first coming first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// What `garth plugin dev` builds: only the user's own processes write there.
    Dev,
    Installed(Place),
}

impl Spot {
    pub const ALL: [Spot; 3] = [Spot::Dev, Spot::Installed(Place::Project), Spot::Installed(Place::User)];
}

/// A file that may be a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it has to call itself.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// The manifest beside it, for a component that carries none; it may not be there.
    pub manifest: PathBuf,
}

impl Roots {
    /// `state` is what the user's directories keep about this project.
    pub fn new(project: &Path, config: &Path, state: &Path) -> Roots {
        Roots { project: project.to_path_buf(), config: config.to_path_buf(), state: state.to_path_buf() }
    }

    pub fn folder(&self, spot: Spot) -> PathBuf {
        match spot {
            Spot::Dev => self.state.join("dev"),
            Spot::Installed(Place::Project) => self.project.join(".garth").join("plugins"),
            Spot::Installed(Place::User) => self.config.join("plugins"),
        }
    }

    /// Where the component of the plugin of this name is, or would be.
    pub fn file(&self, spot: Spot, name: &str) -> PathBuf {
        self.folder(spot).join(format!("{name}.wasm"))
    }

    /// What a `garth plugin dev` holds locked while it writes the plugin of this name.
    pub(super) fn written(&self, name: &str) -> PathBuf {
        self.folder(Spot::Dev).join(format!("{name}.lock"))
    }

    pub(super) fn candidate(&self, spot: Spot, name: &str) -> Candidate {
        let path = self.file(spot, name);
        Candidate { name: name.to_string(), manifest: path.with_extension("toml"), path }
    }

    /// What records the versions of the plugins that are installed there.
    pub fn lock(&self, place: Place) -> PathBuf {
        match place {
            Place::Project => self.project.join(LOCK),
            Place::User => self.config.join(LOCK),
        }
    }

    /// A path as people write it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.project).unwrap_or(path).to_string_lossy().replace('\\', "/")
    }

    /// The files that are named like plugins, by name. `Err`: why the folder is not used, for people.
    pub(super) fn list(&self, spot: Spot) -> Result<Vec<Candidate>, String> {
        Ok(self.names(spot)?.iter().map(|name| self.candidate(spot, name)).collect())
    }

    /// The names of those.
    pub fn names(&self, spot: Spot) -> Result<BTreeSet<String>, String> {
        let folder = self.folder(spot);
        let Ok(real) = folder.canonicalize() else { return Ok(BTreeSet::new()) };
        if spot == Spot::Installed(Place::Project) && !real.starts_with(&self.project) {
            return Err("leads out of the project; put the folder itself there".into());
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("cannot be read: {error}"))?;
        let names: BTreeSet<String> = entries
            .take(ENTRIES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|file| file.strip_suffix(".wasm").map(str::to_owned))
            .filter(|name| manifest::is_plugin_name(name))
            .collect();
        Ok(names.into_iter().take(MOST).collect())
    }

    /// Files there whose names no plugin has, as far as `counts` says that they are to be told; in the order of their names.
    pub(super) fn strays(&self, spot: Spot, counts: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        if self.names(spot).is_err() {
            return Vec::new();
        }
        let entries = std::fs::read_dir(self.folder(spot)).into_iter().flatten().take(ENTRIES).flatten();
        let is_stray = |file: &str| counts(file) && !file.strip_suffix(".wasm").is_some_and(manifest::is_plugin_name);
        let strays = entries.filter(|entry| is_stray(&entry.file_name().to_string_lossy())).map(|entry| entry.path());
        let mut strays: Vec<PathBuf> = strays.filter(|path| path.is_file()).collect();
        strays.sort();
        strays
    }

    /// Whether a link at this path may lead to `real`: a repository's may not lead out of it.
    pub(super) fn allows(&self, spot: Spot, real: &Path) -> bool {
        spot != Spot::Installed(Place::Project) || real.starts_with(&self.project)
    }

    /// What to watch to hear of every change, `files` (those of the user's consent) included. Of what does not exist, the
    /// nearest folder above that does.
    pub(super) fn folders(&self, files: &[&Path]) -> Folders {
        let mut folders = Folders::new();
        for spot in Spot::ALL {
            let folder = self.folder(spot);
            if let Ok(real) = folder.canonicalize() {
                folders.insert(real, BTreeSet::new());
            }
            above(&mut folders, &folder);
        }
        let locks = [self.lock(Place::Project), self.lock(Place::User)];
        locks.iter().map(PathBuf::as_path).chain(files.iter().copied()).for_each(|file| above(&mut folders, file));
        folders
    }
}

/// Adds the nearest folder above that exists, with the name in it that leads to `path`.
fn above(folders: &mut Folders, path: &Path) {
    let mut path = path;
    while let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        if let Ok(real) = parent.canonicalize() {
            // No names mean every name.
            let names = folders.entry(real).or_insert_with(|| [OsString::from(name)].into());
            if !names.is_empty() {
                names.insert(name.to_os_string());
            }
            return;
        }
        path = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_watched_for_from_above() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path().canonicalize().unwrap();
        let (project, config, state) = (top.join("p"), top.join("c"), top.join("s"));
        std::fs::create_dir_all(project.join(".garth/plugins")).unwrap();
        std::fs::create_dir(&config).unwrap();
        let roots = Roots::new(&project, &config, &state.join("projects/p"));
        let check = |folder: &str, names: &[&str]| {
            let folders = roots.folders(&[&state.join("plugins.json")]);
            let names: BTreeSet<OsString> = names.iter().map(OsString::from).collect();
            assert_eq!(folders.get(&top.join(folder)), Some(&names), "{folder}: {folders:?}");
        };
        check("p/.garth/plugins", &[]);
        check("p", &["garth.lock"]);
        check("c", &["garth.lock", "plugins"]);
        check("", &["s"]);
        std::fs::create_dir_all(state.join("projects/p")).unwrap();
        check("s", &["plugins.json"]);
        check("s/projects/p", &["dev"]);
    }

    #[test]
    fn only_what_is_named_like_a_plugin_is_one() {
        let scratch = tempfile::tempdir().unwrap();
        let project = scratch.path().canonicalize().unwrap();
        let roots = Roots::new(&project, &project.join("c"), &project.join("s"));
        let spot = Spot::Installed(Place::Project);
        assert_eq!(roots.list(spot), Ok(Vec::new()), "no folder, no plugins");
        let folder = roots.folder(spot);
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["b.wasm", "a.wasm", "a.toml", ".b.wasm", "b.wasm~", "B.wasm", "b.wasm.part", "x y.wasm", ".wasm"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let names: Vec<String> = roots.list(spot).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
