//! What a person means by a plugin on the command line: a file, the folder that it is made in, or the name of a built-in
//! or installed one. The file is read here and nothing of it is run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::named::{self, Named};
use super::pack;
use crate::app::Context;
use crate::app::plugins::roots;
use crate::plugins::manifest::{Manifest, is_plugin_name};
use crate::plugins::{PluginFile, builtin};
use crate::terminal::one_line;

/// A plugin that was named, and the folder that it was named by.
pub struct Target {
    pub file: PluginFile,
    pub folder: Option<PathBuf>,
}

/// What a word on the command line stands for.
pub enum Meant {
    Target(Target),
    /// It was named by its name: then what the user has said about the plugin of that name is about this one.
    Name(Named),
}

/// Paths are relative to where the user is.
pub fn find(context: &Context, named: &str) -> Result<Target> {
    Ok(match meant(context, named)? {
        Meant::Target(target) => target,
        Meant::Name(Named { file, .. }) => Target { file, folder: None },
    })
}

/// The same, telling a path from a name.
pub fn meant(context: &Context, named: &str) -> Result<Meant> {
    let path = context.cwd.join(named);
    if path.is_dir() {
        return Ok(Meant::Target(Target { file: of_folder(&path)?, folder: Some(path) }));
    }
    if path.is_file() || named.contains('/') || named.ends_with(".wasm") {
        return Ok(Meant::Target(Target { file: PluginFile::open(&path)?, folder: None }));
    }
    Ok(Meant::Name(named::find(context, named)?))
}

/// What is to be looked at as it is: it need not be a plugin that can be used.
pub enum Seen {
    File {
        path: PathBuf,
        /// As people write it.
        shown: String,
    },
    /// Part of the binary.
    Builtin(Box<PluginFile>),
}

/// A file, what was built in a folder, or the plugin of this name, of which those that count first come first.
pub fn see(context: &Context, named: &str) -> Result<Seen> {
    let path = context.cwd.join(named);
    let builtin = |name: &str| builtin::BUILTIN.iter().find(|file| file.name == name);
    if path.join("plugin.toml").is_file() {
        let (name, file) = would_be(&path)?;
        return match (file.is_file(), builtin(&name)) {
            (true, _) => Ok(Seen::File { shown: pack::shown(context, &file).display().to_string(), path: file }),
            (false, Some(file)) => Ok(Seen::Builtin(Box::new(builtin::read(file)?))),
            (false, None) => Err(not_built(&path, &file)),
        };
    }
    if path.is_file() || named.contains('/') || named.ends_with(".wasm") {
        return Ok(Seen::File { path, shown: named.to_owned() });
    }
    if let Some(file) = builtin(named) {
        return Ok(Seen::Builtin(Box::new(builtin::read(file)?)));
    }
    let roots = roots(context);
    let places = if is_plugin_name(named) { named::order(context, named).to_vec() } else { Vec::new() };
    let mut files = places.into_iter().flatten().map(|spot| roots.file(spot, named));
    match files.find(|file| file.symlink_metadata().is_ok()) {
        Some(path) => Ok(Seen::File { shown: roots.shown(&path), path }),
        None => bail!(
            "there is no plugin '{}', and no such file; 'garth plugin list' names the plugins that are there",
            one_line(named)
        ),
    }
}

/// The plugin that was built in its folder; that of a built-in one is built with Garth itself.
fn of_folder(folder: &Path) -> Result<PluginFile> {
    let (name, file) = would_be(folder)?;
    if file.is_file() {
        return Ok(PluginFile::open(&file)?);
    }
    match builtin::BUILTIN.iter().find(|file| file.name == name) {
        Some(file) => builtin::read(file),
        None => Err(not_built(folder, &file)),
    }
}

/// The plugin file that `garth plugin build` leaves in a plugin's folder.
pub fn built(folder: &Path) -> Result<PathBuf> {
    let (_, file) = would_be(folder)?;
    if !file.is_file() {
        bail!(not_built(folder, &file));
    }
    Ok(file)
}

/// The name of the plugin that is made in a folder, and its file, which may not be there yet.
fn would_be(folder: &Path) -> Result<(String, PathBuf)> {
    let manifest = folder.join("plugin.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("{}: a plugin's folder has one; name that folder, or a file", manifest.display()))?;
    let name = Manifest::from_toml(&text).with_context(|| manifest.display().to_string())?.name;
    let file = folder.join(format!("{name}.wasm"));
    Ok((name, file))
}

fn not_built(folder: &Path, file: &Path) -> anyhow::Error {
    anyhow::anyhow!("{}: it is not built yet; `garth plugin build {}` does that", file.display(), folder.display())
}
