//! All layers in their order, and what follows from their combination: which settings of a project count, and what does not
//! fit together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{self, Written};
use super::gate::{self, Refusal};
use super::key::{self, Servers};
use super::layers::Merged;
use super::origin::{Layer, Origins};
use super::trust::{self, Trust};
use super::{ConfigError, Overrides, Paths, Place, Settings, overrides, remembered, tiers};

/// The embedded file; it is the lowest layer, and what a user may copy from.
pub const DEFAULT: &str = include_str!("default.toml");

/// The embedded table of checks, likewise.
pub const CHECKS: &str = include_str!("checks.toml");

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Which layer set what.
    pub origins: Origins,
    /// For the user, one line each: what was ignored, why, and what to do.
    pub notices: Vec<String>,
    /// Whether some of the notices end when the user trusts the project's file.
    pub needs_trust: bool,
    pub(super) merged: Merged,
}

/// Reads all layers: defaults ← user ← project ← environment ← flags.
///
/// Fails at the first file, variable or flag that cannot be understood, with its place. What a project's file may not set
/// is no error: it is ignored with a notice.
pub fn load(paths: &Paths, env: &BTreeMap<String, String>, flags: &Overrides) -> Result<Loaded, ConfigError> {
    let mut merged = defaults()?;
    for file in [paths.user_file(), remembered::file(paths)] {
        if let Some(content) = file::bytes(&file)? {
            let written = file::parse(&content, &file)?;
            written.into_iter().for_each(|written| merged.put(written, Layer::User));
        }
    }
    let user_servers = Servers::of(&merged);
    let (mut notices, mut needs_trust) = (Vec::new(), false);
    let file = paths.project_file();
    if let Some(content) = file::bytes(&file)? {
        let trust = trust::state(paths, &content);
        for written in file::parse(&content, &file)? {
            let refusal = gate::admit(&written, merged.0.get(&written.path)).err();
            match refusal {
                Some(Refusal::Untrusted(_)) if trust == Trust::Trusted => merged.put(written, Layer::Project),
                None => merged.put(written, Layer::Project),
                Some(refusal) => {
                    needs_trust |= matches!(refusal, Refusal::Untrusted(_));
                    notices.push(notice(&written, refusal, trust, paths));
                }
            }
        }
    }
    for written in overrides::from_environment(env)? {
        merged.put(written, Layer::Environment);
    }
    let environment_servers = Servers::of(&merged);
    for written in overrides::from_flags(flags)? {
        merged.put(written, Layer::Flag);
    }
    notices.extend(key::part(&mut merged, &user_servers, &environment_servers));
    let mut settings = complete(&merged)?;
    check_tiers(&merged, &settings)?;
    let home = env.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from).or_else(|| etcetera::home_dir().ok());
    let (process, commands) = (&mut settings.process, &mut settings.commands);
    let paths = process.readable.iter_mut().chain(&mut process.path);
    for path in paths.chain(&mut commands.directories).chain(&mut commands.plugins) {
        *path = below_home(path, home.as_deref())?;
    }
    Ok(Loaded { settings, origins: merged.origins(), notices, needs_trust, merged })
}

impl Default for Settings {
    /// The embedded file, which a test reads; it cannot fail at run time.
    #[allow(clippy::expect_used, reason = "the file is part of the binary")]
    fn default() -> Self {
        defaults().and_then(|merged| complete(&merged)).expect("default.toml is valid")
    }
}

fn defaults() -> Result<Merged, ConfigError> {
    let mut merged = Merged::default();
    for (name, text) in [("default.toml", DEFAULT), ("checks.toml", CHECKS)] {
        for mut written in file::parse_own(text, Path::new(name))? {
            written.place = Place::Default;
            merged.put(written, Layer::Default);
        }
    }
    Ok(merged)
}

fn complete(merged: &Merged) -> Result<Settings, ConfigError> {
    merged.settings().map_err(|error| ConfigError::Value {
        place: Place::Default,
        key: "settings".into(),
        problem: format!("these do not fit together: {}", error.message()),
    })
}

fn notice(written: &Written, refusal: Refusal, trust: Trust, paths: &Paths) -> String {
    let name = format!("{} = {}", written.path.join("."), super::render::shown(written.key.kind, &written.value));
    let place = &written.place;
    match refusal {
        Refusal::Never(reason) => {
            format!(
                "{place}: {name} is ignored: {reason}, never a project's; set it in {}",
                paths.user_file().display()
            )
        }
        Refusal::Untrusted(reason) => {
            let since = match trust {
                Trust::Changed => "the file has changed since you trusted it; read it, then run `garth trust` again",
                Trust::Trusted | Trust::Unknown => "read the file, then run `garth trust`",
            };
            format!("{place}: {name} is ignored until you trust this project's configuration: {reason}; {since}")
        }
    }
}

/// A tier that is the local model once more is a mistake.
fn check_tiers(merged: &Merged, settings: &Settings) -> Result<(), ConfigError> {
    for (name, tier) in [("heavy", &settings.tiers.heavy), ("cloud", &settings.tiers.cloud)] {
        let Some(tier) = tier else { continue };
        let model = tier.model(&settings.model);
        if model.name != settings.model.name || !tiers::same_server(&model, &settings.model) {
            continue;
        }
        let path = ["tiers", name];
        let written = merged.0.iter().filter(|(of, _)| of.starts_with(&path.map(String::from)));
        let place = written.filter_map(|(_, setting)| setting.origins.last()).map(|origin| origin.place.clone()).next();
        let problem = "this is the model of [model] once more; name another one, or give its server's url";
        let key = format!("tiers.{name}.name");
        return Err(ConfigError::Value { place: place.unwrap_or(Place::Default), key, problem: problem.into() });
    }
    Ok(())
}

fn below_home(path: &Path, home: Option<&Path>) -> Result<PathBuf, ConfigError> {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => Ok(home.to_path_buf()),
        (Ok(rest), Some(home)) => Ok(home.join(rest)),
        (Ok(_), None) => Err(ConfigError::Directories(format!(
            "'{}' is below the home directory, which is not known; set HOME, or write the path in full",
            path.display()
        ))),
        (Err(_), _) => Ok(path.to_path_buf()),
    }
}
