//! A plugin's folder as its author keeps it: the manifest, the language, and where the built plugin goes. Which programs
//! compile it is `compile.rs`'s business.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;

use crate::agent;
use crate::app::Context;
use crate::plugins::OwnNames;
use crate::plugins::manifest::Manifest;

/// Bytes of a manifest, a `package.json` or a file of commands.
const MAX_TEXT: u64 = 1 << 20;

/// A plugin to be built.
#[derive(Debug)]
pub struct Project {
    /// Absolute.
    pub root: PathBuf,
    pub manifest: Manifest,
    pub kind: Kind,
}

/// What it is written in, told by its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Cargo.toml`.
    Rust,
    /// `plugin.py`.
    Python,
    /// `package.json`: the module that it names as `main`, and whether it has a script `build` that makes it.
    Js { main: String, bundled: bool },
}

/// A folder that is not in a language which is built here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnknownLanguage(String);

impl Project {
    /// Reads the folder; the current one without it.
    pub fn open(context: &Context, folder: Option<&Path>) -> Result<Project> {
        let root = folder.map_or_else(|| context.cwd.clone(), |folder| context.cwd.join(folder));
        let root = root.canonicalize().with_context(|| format!("there is no folder {}", root.display()))?;
        let manifest = manifest(&root.join("plugin.toml"))?;
        let kind = kind(&root)?;
        Ok(Project { root, manifest, kind })
    }

    /// The plugin file that `build` makes.
    pub fn output(&self) -> PathBuf {
        self.root.join(format!("{}.wasm", self.manifest.name))
    }

    /// The commands and skills that the plugin carries: text by path, as they are packed.
    pub fn carried(&self) -> Result<BTreeMap<String, String>> {
        carried(&self.root)
    }
}

/// Refuses names that Garth has itself: nobody could install such a plugin.
pub fn check_names(manifest: &Manifest) -> Result<()> {
    own_names()?
        .allow(manifest)
        .map_err(|reason| anyhow!("nobody could install the plugin '{}': {reason}", manifest.name))
}

/// The names of Garth's own plugins and tools.
pub fn own_names() -> Result<OwnNames> {
    OwnNames::read(agent::host_tools().into_iter().map(|tool| tool.name))
}

/// Reads and checks a manifest.
pub fn manifest(file: &Path) -> Result<Manifest> {
    if !file.exists() {
        bail!(
            "there is no manifest {}; make a plugin with `garth plugin new NAME`, or name the folder (to `pack`, the \
             manifest) of one",
            file.display()
        );
    }
    let text = read(file)?;
    Manifest::from_toml(&text).with_context(|| format!("{} cannot be used", file.display()))
}

/// What stands in `commands/` and `skills/` of a folder. Links are not followed.
pub fn carried(root: &Path) -> Result<BTreeMap<String, String>> {
    let (mut files, mut open) = (BTreeMap::new(), vec![PathBuf::from("commands"), PathBuf::from("skills")]);
    while let Some(below) = open.pop() {
        let path = root.join(&below);
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() {
            let entries = std::fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
            for entry in entries {
                let name = entry?.file_name();
                let hidden = name.to_string_lossy().starts_with('.');
                open.extend((!hidden).then(|| below.join(name)));
            }
        } else if meta.is_file() {
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            files.insert(parts.join("/"), read(&path)?);
        }
    }
    Ok(files)
}

fn kind(root: &Path) -> Result<Kind> {
    #[derive(Deserialize)]
    struct Package {
        #[serde(default = "main")]
        main: String,
        #[serde(default)]
        scripts: BTreeMap<String, String>,
    }
    fn main() -> String {
        "plugin.js".into()
    }
    let has = |name: &str| root.join(name).is_file();
    match (has("Cargo.toml"), has("plugin.py"), has("package.json")) {
        (true, ..) => Ok(Kind::Rust),
        (_, true, _) => Ok(Kind::Python),
        (.., true) => {
            let file = root.join("package.json");
            let package: Package =
                serde_json::from_str(&read(&file)?).with_context(|| format!("reading {}", file.display()))?;
            Ok(Kind::Js { main: package.main, bundled: package.scripts.contains_key("build") })
        }
        _ => Err(UnknownLanguage(format!(
            "{} has neither Cargo.toml (Rust) nor plugin.py (Python) nor package.json (JavaScript); in another language, \
             build the component with its own tools, then: garth plugin pack FILE.wasm --manifest {}",
            root.display(),
            root.join("plugin.toml").display()
        ))
        .into()),
    }
}

fn read(file: &Path) -> Result<String> {
    let failed = || format!("{} could not be read", file.display());
    let size = std::fs::metadata(file).with_context(failed)?.len();
    if size > MAX_TEXT {
        bail!("{} has {size} bytes, more than {MAX_TEXT}", file.display());
    }
    std::fs::read_to_string(file).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_told_by_the_files() {
        let check = |files: &[(&str, &str)], expected: Result<Kind, &str>| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
            match (kind(folder.path()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{files:?}"),
                (Err(error), Err(said)) => assert!(format!("{error:#}").contains(said), "{error:#}"),
                (found, expected) => panic!("{files:?}: {found:?} instead of {expected:?}"),
            }
        };
        let js = |main: &str, bundled| Ok(Kind::Js { main: main.into(), bundled });
        check(&[("Cargo.toml", "")], Ok(Kind::Rust));
        check(&[("plugin.py", "")], Ok(Kind::Python));
        check(&[("plugin.py", ""), ("package.json", "x")], Ok(Kind::Python));
        check(&[("package.json", "{}")], js("plugin.js", false));
        let bundled = r#"{"main": "dist/all.js", "scripts": {"build": "rollup -c"}}"#;
        check(&[("package.json", bundled)], js("dist/all.js", true));
        check(&[("package.json", "[")], Err("package.json"));
        check(&[("plugin.c", "")], Err("garth plugin pack FILE.wasm"));
    }

    #[test]
    fn commands_and_skills_are_found_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
        };
        ["commands/a.md", "skills/s/SKILL.md", "skills/s/.hidden", "secret.md", "src/x.md"].into_iter().for_each(write);
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret.md"), folder.path().join("commands/b.md")).unwrap();
        let found = carried(folder.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["commands/a.md", "skills/s/SKILL.md"]);
        assert_eq!(found["commands/a.md"], "commands/a.md");
    }
}
