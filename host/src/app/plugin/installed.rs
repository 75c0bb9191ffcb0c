//! Where plugins are installed: the folder, the lock file beside it and what the user has accepted there. Files are read with
//! a bound and written as a whole; a project's folder that leads elsewhere is refused.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::app::plugins::roots;
use crate::app::{Context, services};
use crate::plugins::{self, Consents, Lock, MAX_MANIFEST, Place, PluginFile, Roots, Spot};
use crate::registry::{self, SIGNATURE};
use crate::terminal::one_line;

/// One of the places.
pub struct Installed<'a> {
    pub place: Place,
    pub consents: Consents,
    /// Where the paths in the lock file begin, and where everything stays.
    pub root: &'a Path,
    roots: Roots,
}

/// What lies in the place of a plugin's file.
pub enum Found {
    Nothing,
    Plugin(Box<PluginFile>),
    /// Why it is none, for people.
    Wrong(String),
}

impl<'a> Installed<'a> {
    pub fn open(context: &'a Context, place: Place) -> Result<Installed<'a>> {
        let root = match place {
            Place::Project => {
                context.check_workspace()?;
                context.workspace.as_path()
            }
            Place::User => context.paths.config.as_path(),
        };
        Ok(Installed { place, consents: services::consents(&context.paths), root, roots: roots(context) })
    }

    /// Of both places, the project's first; of the user's alone where there is no project.
    pub fn all(context: &'a Context) -> Result<Vec<Installed<'a>>> {
        let project = context.check_workspace().is_ok().then_some(Place::Project);
        project.into_iter().chain([Place::User]).map(|place| Installed::open(context, place)).collect()
    }

    /// `for this project`.
    pub fn whose(&self) -> &'static str {
        match self.place {
            Place::Project => "for this project",
            Place::User => "for you, in all projects",
        }
    }

    /// What a command line says to mean this place: nothing, or ` --user`.
    pub fn flag(&self) -> &'static str {
        plugins::flag(self.place)
    }

    pub fn lock_file(&self) -> PathBuf {
        self.roots.lock(self.place)
    }

    pub fn lock(&self) -> Result<Lock> {
        Ok(Lock::read(&self.lock_file())?)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.roots.file(self.spot(), name)
    }

    pub fn spot(&self) -> Spot {
        Spot::Installed(self.place)
    }

    fn folder(&self) -> PathBuf {
        self.roots.folder(self.spot())
    }

    /// A path as people write it.
    pub fn shown(&self, path: &Path) -> String {
        one_line(&self.roots.shown(path)).into_owned()
    }

    /// The names of the files that are here.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let folder = self.folder();
        self.roots.names(self.spot()).map_err(|reason| anyhow!("{}: {reason}", self.shown(&folder)))
    }

    /// The plugin of this name, as it is now.
    pub fn read(&self, name: &str) -> Found {
        match plugins::read_installed(&self.roots, self.spot(), name) {
            None => Found::Nothing,
            Some(Err(reason)) => Found::Wrong(reason),
            Some(Ok(plugin)) => Found::Plugin(Box::new(plugin)),
        }
    }

    /// The manifest beside a component that carries none.
    pub fn manifest(&self, name: &str) -> Result<Option<String>> {
        text(&self.file(name).with_extension("toml"))
    }

    /// The signature that was installed with it.
    pub fn signature(&self, name: &str) -> Result<Option<String>> {
        Ok(registry::read_signature(&self.file(name))?)
    }

    /// Puts a file in place, each as a whole; what belongs to it first.
    pub fn write(&self, name: &str, bytes: &[u8], manifest: Option<&str>, signature: Option<&str>) -> Result<PathBuf> {
        self.make_folder()?;
        if let Some(text) = manifest {
            self.put(&self.file(name).with_extension("toml"), text.as_bytes())?;
        }
        let file = self.file(name);
        let beside = self.signature_file(name);
        match signature {
            Some(text) => self.put(&beside, text.as_bytes())?,
            None => remove(&beside)?,
        }
        self.put(&file, bytes)?;
        Ok(file)
    }

    /// Takes the file away, with what lies beside it. Whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool> {
        let there = self.file(name).symlink_metadata().is_ok();
        remove(&self.file(name))?;
        remove(&self.file(name).with_extension("toml"))?;
        remove(&self.signature_file(name))?;
        Ok(there)
    }

    fn signature_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.wasm.{SIGNATURE}"))
    }

    /// A project could have put a link there that leads elsewhere.
    fn make_folder(&self) -> Result<()> {
        let failed = || format!("{} could not be made", self.folder().display());
        let folder = self.folder();
        let there = folder.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(self.root);
        let real = there.canonicalize().with_context(failed)?;
        if !real.starts_with(self.root.canonicalize().with_context(failed)?) {
            bail!("{} leads out of {}; nothing was written", there.display(), self.root.display());
        }
        std::fs::create_dir_all(self.folder()).with_context(failed)
    }

    fn put(&self, file: &Path, content: &[u8]) -> Result<()> {
        let mut builder = tempfile::Builder::new();
        // A team shares the folder; without this the file would be its writer's alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let written = builder.prefix(".garth-").tempfile_in(self.folder()).and_then(|mut temporary| {
            temporary.write_all(content)?;
            temporary.as_file().sync_all()?;
            temporary.persist(file).map(drop).map_err(|error| error.error)
        });
        written.with_context(|| format!("{} could not be written", file.display()))
    }
}

/// A short text file, if there is one.
pub fn text(file: &Path) -> Result<Option<String>> {
    use std::io::Read;
    let metadata = match file.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata.with_context(|| file.display().to_string())?,
    };
    if !metadata.is_file() || metadata.len() > MAX_MANIFEST {
        bail!("{}: it is not a file of at most {} KiB", file.display(), MAX_MANIFEST >> 10);
    }
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|opened| opened.take(MAX_MANIFEST).read_to_string(&mut text));
    read.map(|_| Some(text)).with_context(|| file.display().to_string())
}

fn remove(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", file.display()))
        }
        _ => Ok(()),
    }
}
