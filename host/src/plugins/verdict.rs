//! Whether a plugin file may be used: the user has accepted exactly these bytes for this name at this place, and the lock
//! file beside it does not say otherwise. Everything else waits for the user's word, or is a problem with a way out. Which of
//! the usable ones are live beside each other is decided in `offers`.

use std::collections::{BTreeMap, BTreeSet};

use super::acceptance::unlike;
use super::offers::Options;
use super::roots::Spot;
use super::{ByTool, LOCK, Lock, Locked, Place, PluginFile};

/// What may become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Usable,
    /// For the user's word; why, for people.
    Waits(String),
    /// Why it cannot be used, and the way out.
    Wrong(String),
    /// The user's configuration turns it off.
    Off,
    /// Another file of this name comes first.
    Hidden,
}

impl Verdict {
    /// Why the file of this name is not used, for people; empty where it is.
    pub fn reason(&self, spot: Spot, name: &str) -> String {
        match self {
            Verdict::Usable => String::new(),
            Verdict::Waits(reason) | Verdict::Wrong(reason) => reason.clone(),
            Verdict::Off => format!("plugins.{name}.enabled is false in the configuration"),
            Verdict::Hidden if spot == Spot::Dev => "another plugin of this name comes first".into(),
            Verdict::Hidden => {
                "the project's plugin of this name, or the one that is being written, comes first".into()
            }
        }
    }
}

/// What files are judged by.
pub(super) struct Judge<'a> {
    options: &'a Options,
    /// Names of all built-in plugins.
    builtin: &'a BTreeSet<String>,
    locks: BTreeMap<Place, Result<Lock, String>>,
}

impl<'a> Judge<'a> {
    /// Reads the lock files as they are now.
    pub fn new(options: &'a Options, builtin: &'a BTreeSet<String>) -> Judge<'a> {
        let read = |place| Lock::read(&options.roots.lock(place)).map_err(|error| error.to_string());
        let locks = [Place::Project, Place::User].map(|place| (place, read(place))).into();
        Judge { options, builtin, locks }
    }

    pub fn verdict(&self, spot: Spot, file: &PluginFile) -> Verdict {
        let name = &file.sections.manifest.name;
        if let Err(reason) = self.named(name) {
            return Verdict::Wrong(reason);
        }
        if !(self.options.enabled)(name) {
            return Verdict::Off;
        }
        let Spot::Installed(place) = spot else {
            return match self.options.roots.is_written(name) {
                true => Verdict::Usable,
                false => Verdict::Wrong(left_over(name)),
            };
        };
        if let Err(reason) = self.as_locked(place, file) {
            return Verdict::Wrong(reason);
        }
        let waits = match self.options.consents.accepted(place, name) {
            Some(accepted) if accepted.is_for(file) => {
                return Verdict::Usable;
            }
            Some(accepted) if accepted.sha256 == file.digest() => "its manifest is not the one that you accepted",
            Some(_) => "it is not the version that you accepted",
            None => "you have not accepted it",
        };
        match self.acceptable(spot, file) {
            Ok(()) => Verdict::Waits(waits.into()),
            Err(reason) => Verdict::Wrong(reason),
        }
    }

    /// Whether the user's word for it would be taken, as far as that can be told without running it. `Err` says why not.
    pub fn acceptable(&self, spot: Spot, file: &PluginFile) -> Result<(), String> {
        let name = &file.sections.manifest.name;
        self.named(name)?;
        let Spot::Installed(place) = spot else { return Err(format!("'{name}' needs no word")) };
        let Some(locked) = self.as_locked(place, file)? else { return Ok(()) };
        if let Some(problem) = unlike(file, locked).into_iter().next() {
            return Err(problem);
        }
        match &locked.signed_by {
            Some(key) => (self.options.signed)(&self.options.roots.file(spot, name), &file.wasm, key),
            None => Ok(()),
        }
    }

    fn named(&self, name: &str) -> Result<(), String> {
        match self.builtin.contains(name) {
            true => Err(format!("'{name}' is the name of a built-in plugin; give this one another name")),
            false => Ok(()),
        }
    }

    /// What the lock says of it; `Err` where that is another content.
    fn as_locked(&self, place: Place, file: &PluginFile) -> Result<Option<&Locked>, String> {
        let name = &file.sections.manifest.name;
        match self.locked(place, name)? {
            Some(locked) if locked.sha256 != file.digest() => Err(format!(
                "it is not the version that garth.lock names ({} … there, {} … here): `garth plugin install` brings that one \
                 back, `garth plugin update {name}{}` a new one, `garth plugin add` records another",
                short(&locked.sha256),
                short(file.digest()),
                flag(place)
            )),
            Some(locked) if !locked.is_of(file) => Err("its manifest is not the one that garth.lock names: `garth plugin \
                                                        install` brings that one back, `garth plugin add` records another"
                .into()),
            locked => Ok(locked),
        }
    }

    /// Whether a version that was live may stay although the file that is there now may not be used.
    pub fn may_stay(&self, spot: Spot, name: &str) -> bool {
        let accepted = match spot {
            Spot::Dev => self.options.roots.is_written(name),
            Spot::Installed(place) => self.options.consents.accepted(place, name).is_some(),
        };
        accepted && (self.options.enabled)(name)
    }

    /// What the lock files name and is not there, and why one cannot be read where no file is there to say it of: a name and
    /// the reason.
    pub fn missing(&self, there: &[(Place, &str)]) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for (place, lock) in &self.locks {
            match lock {
                Ok(lock) => {
                    missing.extend(lock.plugins.keys().filter(|name| !there.contains(&(*place, name))).map(|name| {
                        let way_out = format!("`garth plugin install{}` brings it", flag(*place));
                        (name.clone(), format!("it names '{name}', whose file is not here; {way_out}"))
                    }))
                }
                Err(_) if there.iter().any(|(other, _)| other == place) => {}
                Err(reason) => missing.push((LOCK.to_string(), reason.clone())),
            }
        }
        missing
    }

    pub fn locked(&self, place: Place, name: &str) -> Result<Option<&Locked>, String> {
        match self.locks.get(&place) {
            Some(Ok(lock)) => Ok(lock.plugins.get(name)),
            Some(Err(reason)) => Err(reason.clone()),
            None => Ok(None),
        }
    }
}

/// What nobody writes any more.
fn left_over(name: &str) -> String {
    format!(
        "it is left over from a `garth plugin dev` that was killed; `garth plugin remove {name}` clears it, `garth plugin dev` \
         builds it again"
    )
}

/// What the manifest declares.
pub fn ceiling(file: &PluginFile) -> ByTool {
    let tools = file.sections.manifest.tools.iter();
    tools.map(|(name, tool)| (name.clone(), tool.capabilities.clone())).collect()
}

/// What a command line says to mean this place: nothing, or ` --user`.
pub fn flag(place: Place) -> &'static str {
    if place == Place::User { " --user" } else { "" }
}

/// The beginning of a digest, by which people tell one from another.
pub fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}
