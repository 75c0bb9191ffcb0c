//! Claude plugins: folders with `.claude-plugin/plugin.json` (or `plugin.json`), which names the plugin and may name further
//! folders beside `commands/`, `skills/` and `agents/`. Only names are taken from it; nothing in it is run or granted.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::roots::{Layout, USUAL};
use super::scan;

/// A plugin's folder, and the folders in it that hold something.
pub(super) struct Bundle {
    pub name: String,
    pub folder: PathBuf,
    /// Canonical.
    pub real: PathBuf,
    pub folders: Vec<(PathBuf, Layout)>,
}

/// The file, the line, and what is wrong.
pub(super) type Wrong = (PathBuf, u32, String);

/// Claude Code's own list of what is installed, in its folder of plugins.
pub(super) const INSTALLED: &str = "installed_plugins.json";

/// Folders that one search looks into.
const FOLDERS: usize = 500;

/// The plugins at `folder` and at most `depth` folders below it, none inside another. `hints` gets what is worth watching:
/// a folder and a name in it, or no name for any.
pub(super) fn find(
    folder: &Path,
    depth: usize,
    within: Option<&Path>,
    hints: &mut Vec<(PathBuf, OsString)>,
) -> Vec<Result<Bundle, Wrong>> {
    let (mut found, mut left) = (Vec::new(), vec![(folder.to_path_buf(), depth)]);
    for _ in 0..FOLDERS {
        let Some((folder, depth)) = left.pop() else { break };
        let Ok(real) = folder.canonicalize() else { continue };
        if within.is_some_and(|within| !real.starts_with(within)) || !real.is_dir() {
            continue;
        }
        hints.push((folder.clone(), ".claude-plugin".into()));
        hints.push((folder.clone(), "plugin.json".into()));
        hints.push((folder.join(".claude-plugin"), "plugin.json".into()));
        match bundle(&folder, &real) {
            Some((bundle, wrong)) => {
                found.push(Ok(bundle));
                found.extend(wrong.map(Err));
            }
            None if depth > 0 => {
                hints.push((folder.clone(), OsString::new()));
                let mut below: Vec<PathBuf> = std::fs::read_dir(&folder)
                    .into_iter()
                    .flatten()
                    .take(FOLDERS)
                    .filter_map(|entry| Some(entry.ok()?.path()))
                    .filter(|path| path.is_dir())
                    .collect();
                below.sort();
                left.extend(below.into_iter().rev().map(|path| (path, depth - 1)));
            }
            None => {}
        }
    }
    found
}

/// The folders of the plugins that Claude Code says are installed; `None` without its list.
pub(super) fn installed(folder: &Path) -> Option<Vec<PathBuf>> {
    fn collect(value: &Value, paths: &mut Vec<PathBuf>) {
        match value {
            Value::Object(map) => {
                let path = map.get("installPath").and_then(Value::as_str).map(PathBuf::from);
                paths.extend(path.filter(|path| path.is_absolute() && paths.len() < FOLDERS && !paths.contains(path)));
                map.values().for_each(|value| collect(value, paths));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, paths)),
            _ => {}
        }
    }
    let (bytes, _) = scan::read(&folder.join(INSTALLED).canonicalize().ok()?).ok()?;
    let list: Value = serde_json::from_slice(&bytes).ok()?;
    let mut paths = Vec::new();
    collect(list.get("plugins")?, &mut paths);
    Some(paths)
}

/// The plugin in this folder, and what is wrong with its manifest; a plugin is called like its folder where that does not
/// say. A bare `plugin.json` means many things elsewhere: it counts only beside one of the usual folders.
fn bundle(folder: &Path, real: &Path) -> Option<(Bundle, Option<Wrong>)> {
    let usual = USUAL.iter().map(|(name, layout)| (folder.join(name), *layout)).collect::<Vec<_>>();
    let (hidden, bare) = (folder.join(".claude-plugin/plugin.json"), folder.join("plugin.json"));
    let (file, sure) = match hidden.exists() {
        true => (hidden, true),
        false if bare.exists() && usual.iter().any(|(path, _)| path.is_dir()) => (bare, false),
        false => return None,
    };
    let manifest = file.canonicalize().map_err(|error| (0, error.to_string())).and_then(|path| {
        if !path.starts_with(real) {
            return Err((0, "leads out of the plugin's folder; put the file itself there".into()));
        }
        let (bytes, _) = scan::read(&path).map_err(|reason| (0, reason))?;
        serde_json::from_slice::<Value>(&bytes)
            .map_err(|error| (u32::try_from(error.line()).unwrap_or(0), error.to_string()))
    });
    let (manifest, wrong) = match manifest {
        Ok(manifest) => (manifest, None),
        Err(_) if !sure => return None,
        Err((line, reason)) => (Value::Null, Some((file, line, reason))),
    };
    let written = manifest.get("name").and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
    let own = real.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = written.map(str::to_string).filter(|_| sure || written.is_some()).or(own)?;
    let mut folders = usual;
    for (field, layout) in USUAL {
        let paths = match manifest.get(*field) {
            Some(Value::String(path)) => vec![path.as_str()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).take(FOLDERS).collect(),
            _ => Vec::new(),
        };
        let inside = |path: &&str| {
            Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        let paths = paths.into_iter().filter(inside).map(|path| folder.join(path).components().collect::<PathBuf>());
        for path in paths.filter(|path| path.is_dir()) {
            if !folders.iter().any(|(known, _)| *known == path) {
                folders.push((path, *layout));
            }
        }
    }
    Some((Bundle { name, folder: folder.to_path_buf(), real: real.to_path_buf(), folders }, wrong))
}
