//! Which folders outside the workspace programs need: the system's and the toolchains'. The list is data, in
//! `toolchains.toml`; this finds what of it exists on this machine.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    toolchain: Vec<Toolchain>,
    system: System,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toolchain {
    path: String,
    variable: String,
    read: Vec<String>,
    #[serde(default)]
    bin: Vec<String>,
    #[serde(default)]
    offline: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    read: Vec<PathBuf>,
    guarded: Vec<PathBuf>,
    bin: Vec<PathBuf>,
}

/// What exists here.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Readable, with the system's folders.
    pub readable: Vec<PathBuf>,
    /// Below `readable`, not to be read.
    pub hidden: Vec<PathBuf>,
    /// Folders of programs: the toolchains', then the system's, which as usual come last.
    pub bin: Vec<PathBuf>,
    /// Variables that tell the tools where they live, since the home that they see is another.
    pub env: Vec<(String, String)>,
    /// Variables that spare the tools their attempts to reach the network.
    pub offline: Vec<(String, String)>,
}

/// Looks for everything in the list. `variable` reads Garth's own environment.
pub(super) fn find(home: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Found, String> {
    let table: Table =
        toml::from_str(include_str!("toolchains.toml")).map_err(|e| format!("the embedded list of toolchains: {e}"))?;
    let mut found = Found::default();
    for toolchain in &table.toolchain {
        let set = Some(&toolchain.variable).filter(|v| !v.is_empty()).and_then(|v| variable(v));
        let root = match (set, home) {
            (Some(set), _) => PathBuf::from(set),
            (None, Some(home)) => home.join(&toolchain.path),
            (None, None) => continue,
        };
        // The canonical path is what the sandbox contains; a link on the way there would lead nowhere.
        let Ok(root) = root.canonicalize() else { continue };
        let existing = |parts: &[String]| parts.iter().filter_map(|p| inside(&root, p)).collect::<Vec<_>>();
        found.readable.extend(existing(&toolchain.read));
        found.bin.extend(existing(&toolchain.bin));
        found.offline.extend(toolchain.offline.clone());
        if let (false, Some(path)) = (toolchain.variable.is_empty(), root.to_str()) {
            found.env.push((toolchain.variable.clone(), path.to_string()));
        }
    }
    found.readable.extend(table.system.read.into_iter().filter(|p| p.symlink_metadata().is_ok()));
    found.bin.extend(table.system.bin.into_iter().filter(|p| p.is_dir()));
    table.system.guarded.iter().for_each(|dir| guarded(dir, &mut found.hidden));
    Ok(found)
}

fn inside(root: &Path, part: &str) -> Option<PathBuf> {
    let path = if part == "." { root.to_path_buf() } else { root.join(part) };
    path.canonicalize().ok()
}

/// What below `dir` not everybody may read. Who runs Garth may (root, or by a group), and so would its programs.
fn guarded(dir: &Path, hidden: &mut Vec<PathBuf>) {
    let Ok(entries) = dir.read_dir() else { return };
    for entry in entries.flatten() {
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
        let needed = if meta.is_dir() { 0o005 } else { 0o004 };
        match meta.permissions().mode() & needed {
            _ if meta.is_symlink() => {}
            bits if bits != needed => hidden.push(path),
            _ if meta.is_dir() => guarded(&path, hidden),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_exists_and_hides_credentials() {
        let home = tempfile::tempdir().unwrap();
        let cargo = home.path().join(".cargo");
        std::fs::create_dir_all(cargo.join("bin")).unwrap();
        std::fs::write(cargo.join("credentials.toml"), "token").unwrap();
        let found = find(Some(home.path()), |_| None).unwrap();
        let cargo = cargo.canonicalize().unwrap();
        assert!(found.readable.contains(&cargo.join("bin")));
        assert!(found.bin.contains(&cargo.join("bin")));
        assert!(found.env.contains(&("CARGO_HOME".into(), cargo.to_str().unwrap().into())));
        assert!(!found.readable.iter().any(|p| cargo.join("credentials.toml").starts_with(p)));
        assert!(!found.env.iter().any(|(name, _)| name == "RUSTUP_HOME"), "there is none");
    }

    #[test]
    fn guards_what_not_everybody_may_read() {
        let dir = tempfile::tempdir().unwrap();
        for (name, mode) in [("open", 0o644), ("shadow", 0o640)] {
            std::fs::write(dir.path().join(name), "x").unwrap();
            std::fs::set_permissions(dir.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
        }
        let mut hidden = Vec::new();
        guarded(dir.path(), &mut hidden);
        assert_eq!(hidden, [dir.path().join("shadow")]);
    }
}
