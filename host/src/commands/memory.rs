//! Commands and skills that are no files on this disk: what a plugin carries. The names are made as for a folder that holds
//! `commands/`, `skills/` and `agents/`.

use std::path::{Path, PathBuf};

use super::entry::{Origin, Place};
use super::roots::{self, Layout};

/// What one of Garth's plugins carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The plugin's name; it stands before the names of its commands, with a `:`.
    pub plugin: String,
    /// Paths with `/`, such as `commands/x.md` and `skills/x/SKILL.md`, and what the files say.
    pub files: Vec<(String, Vec<u8>)>,
}

pub(super) fn carried(carried: &Carried) -> Vec<(Place, Vec<u8>)> {
    let origin = Origin::Plugin(carried.plugin.clone());
    let place = |(path, bytes): &(String, Vec<u8>)| {
        let (folder, below) = path.split_once('/')?;
        let (_, layout) = roots::USUAL.iter().find(|(name, _)| *name == folder)?;
        let mut place = place(*layout, below, &origin)?;
        place.name = format!("{}:{}", carried.plugin, place.name);
        place.path = PathBuf::from(path);
        place.shown = format!("{path} in the plugin {}", carried.plugin);
        Some((place, bytes.clone()))
    };
    carried.files.iter().filter_map(place).collect()
}

/// What a path below a folder of this layout is called; `path` and `shown` are that path.
pub(super) fn place(layout: Layout, below: &str, origin: &Origin) -> Option<Place> {
    let (folders, file) = below.rsplit_once('/').map_or((None, below), |(folders, file)| (Some(folders), file));
    let folder = folders.map(|folders| folders.rsplit('/').next().unwrap_or(folders));
    let (kind, own, syntax) = roots::classify(layout, file, folder)?;
    let name = match (kind, folders) {
        (super::Kind::Skill, _) | (_, None) => own,
        (_, Some(folders)) => format!("{}:{own}", folders.replace('/', ":")),
    };
    Some(Place {
        kind,
        name,
        path: Path::new(below).to_path_buf(),
        shown: below.to_string(),
        origin: origin.clone(),
        syntax,
    })
}
