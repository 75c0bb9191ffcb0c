//! Brings a plugin file to the place where it is used: what `add`, `install`, `update` and `accept` share. It asks, tries that
//! the file is what it says, and then writes in an order that leaves nothing trusted that was not, wherever it stops: the
//! file, the lock, and last the user's word for both.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::installed::{self, Found, Installed};
use super::question::{self, Asking, Before, describe_acceptance};
use super::target::built;
use super::versions::{self, Change};
use crate::app::{Context, plugins, services};
use crate::cli::Exit;
use crate::plugins::{Accepted, Locked, MAX_FILE, Origin, Place, PluginFile, pack};
use crate::registry::{self, Fetched, Source, Wanted};
use crate::terminal::{escape, escape_json, one_line};

/// What is to be brought.
pub struct Arrival {
    pub file: PluginFile,
    /// As the lock file will name it.
    pub source: String,
    /// The manifest beside it, for a component that carries none.
    pub manifest: Option<String>,
    pub signature: Option<String>,
    /// The key that has signed it, checked.
    pub signed_by: Option<String>,
    /// `Installed`, `Updated`.
    pub done: &'static str,
}

/// How things from elsewhere are got; relative paths begin at `folder`.
pub fn settings(context: &Context, folder: &Path) -> registry::Settings {
    let docker = std::env::var_os("DOCKER_CONFIG").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let docker = docker.or_else(|| Some(context.paths.home.as_ref()?.join(".docker")));
    let logins = docker.map(|dir| dir.join("config.json"));
    let limits = registry::Limits { bytes: MAX_FILE, ..registry::Limits::default() };
    registry::Settings { folder: folder.to_path_buf(), logins, limits }
}

/// Gets a file. A folder stands for the plugin that was built in it.
pub async fn fetch(source: &Source, wanted: Wanted<'_>, settings: &registry::Settings) -> Result<Fetched> {
    if let Source::File(path) = source {
        let folder = settings.folder.join(path);
        if folder.is_dir() {
            let built = Source::File(built(&folder)?);
            let fetched = registry::fetch(&built, wanted, settings).await?;
            return Ok(Fetched { source: source.clone(), ..fetched });
        }
    }
    Ok(registry::fetch(source, wanted, settings).await?)
}

/// Reads what came as a plugin, with the manifest beside it when it is a component that carries none: as it came, or as it lies
/// in the place where the component will be.
pub fn read(
    at: &Installed<'_>,
    fetched: &Fetched,
    source: &Source,
    settings: &registry::Settings,
) -> Result<(PluginFile, Option<String>)> {
    let (file, manifest) = read_here(fetched, source, settings)?;
    if manifest.is_some() || pack::read_sections(&file.wasm).is_ok() {
        return Ok((file, manifest));
    }
    match at.manifest(&file.sections.manifest.name)? {
        Some(text) => {
            let origin = file.origin.clone();
            let file = PluginFile::parse_with(file.wasm.bytes(), origin, &text).with_context(|| source.to_string())?;
            Ok((file, Some(text)))
        }
        None => Ok((file, None)),
    }
}

/// The same with nothing but what came.
pub fn read_here(
    fetched: &Fetched,
    source: &Source,
    settings: &registry::Settings,
) -> Result<(PluginFile, Option<String>)> {
    let what = || source.to_string();
    let (bytes, origin) = (fetched.bytes.clone(), Origin::File { shown: source.file_name() });
    let beside = match source {
        _ if pack::read_sections(&bytes).is_ok() => None,
        Source::File(path) => installed::text(&settings.folder.join(path).with_extension("toml"))?,
        Source::Url(_) | Source::Oci(_) => fetched.manifest.clone(),
    };
    let file = match &beside {
        Some(text) => PluginFile::parse_with(bytes, origin, text),
        None => PluginFile::parse(bytes, origin),
    };
    Ok((file.with_context(what)?, beside))
}

/// Why a component that is signed cannot come with a manifest beside it.
pub fn half_signed(name: &str) -> String {
    format!(
        "the signature is for the component alone, and nobody has signed the manifest beside it, which says what its tools may \
         touch; `garth plugin pack {name}.wasm --manifest {name}.toml` makes one file of both, to be signed by its author"
    )
}

/// Asks, tries, writes. The exit code; everything is said.
pub async fn bring(context: &Context, at: &Installed<'_>, arrival: Arrival, yes: bool) -> Result<u8> {
    let Arrival { file, source, manifest, signature, signed_by, done } = arrival;
    let name = file.sections.manifest.name.clone();
    check_names(context, at, &file)?;
    if signed_by.is_some() && file.manifest.is_some() {
        bail!(half_signed(&name));
    }
    let lock = at.lock()?;
    let before = lock.plugins.get(&name);
    let change = before.map_or(Change::Unknown, |before| versions::change(before, &file));
    let version = &file.sections.manifest.version;
    if let Some(warning) = before.and_then(|before| change.warning(&name, &before.version, version)) {
        writeln!(std::io::stderr(), "garth: {}", one_line(&warning))?;
    }
    let mut entry = Locked::of(&file, source, signed_by);
    entry.grants = before.map(|before| before.grants_within(&entry.ceiling)).unwrap_or_default();
    let word = Accepted::of(&file, Some(&entry));
    let accepted = at.consents.accepted(at.place, &name);
    let known = accepted.as_ref().is_some_and(|accepted| accepted.covers(&word));
    let here = matches!(at.read(&name), Found::Plugin(here) if word.is_for(&here));
    let path = at.file(&name);
    let same = accepted.as_ref() == Some(&word) && here && before == Some(&entry);
    if !same && !known {
        let compared = Before::of(accepted, before);
        let asking = Asking {
            file: &file,
            shown: &at.shown(&path),
            source: Some(&entry.source),
            signed_by: entry.signed_by.as_deref(),
            before: compared.as_ref(),
            grants: &word.lock_grants,
            held: &question::held(&at.consents, at.place, &file),
        };
        if let Err(code) = question::settle(&describe_acceptance(&asking), at.whose(), yes)? {
            return Ok(code);
        }
    }
    if !same {
        try_out(context, &file).await?;
        at.write(&name, &file.wasm, manifest.as_deref(), signature.as_deref())?;
        // The question may have taken a while, in which others write.
        let mut lock = at.lock()?;
        lock.plugins.insert(name.clone(), entry.clone());
        lock.write(&at.lock_file())?;
        if at.place == Place::Project && Path::new(&entry.source).is_absolute() {
            let said = "is outside the project: others who have its garth.lock will not have this path";
            writeln!(std::io::stderr(), "garth: {} {said}", one_line(&entry.source))?;
        }
        at.consents.accept(at.place, &name, word)?;
    }
    let before = before.filter(|_| change != Change::Nothing).map(|before| (before, change));
    say(context, at, &file, &entry, before, if same { "Is here already:" } else { done })
}

fn say(
    context: &Context,
    at: &Installed<'_>,
    file: &PluginFile,
    entry: &Locked,
    before: Option<(&Locked, Change)>,
    done: &str,
) -> Result<u8> {
    let manifest = &file.sections.manifest;
    let (name, version, path) = (&manifest.name, &manifest.version, at.file(&manifest.name));
    let mut out = std::io::stdout();
    if context.flags.json {
        let json = serde_json::json!({
            "name": name, "version": version, "place": at.place.to_string(), "file": path, "sha256": file.digest(),
            "source": entry.source, "signed_by": entry.signed_by,
            "before": before.map(|(before, _)| serde_json::json!({"version": before.version, "sha256": before.sha256})),
            "change": before.and_then(|(_, change)| change.word()),
        });
        writeln!(out, "{}", escape_json(&json.to_string()))?;
        return Ok(Exit::Done.code());
    }
    writeln!(out, "{done} {name} {version}, {}: {}", at.whose(), at.shown(&path))?;
    let asks = manifest.tools.values().any(|tool| !tool.capabilities.is_nothing());
    if asks {
        writeln!(
            out,
            "What its tools need is asked for when they are first used; `garth plugin grant {name} --all{}` grants it now.",
            at.flag()
        )?;
    }
    Ok(Exit::Done.code())
}

/// No plugin takes the name or a tool of another one.
fn check_names(context: &Context, at: &Installed<'_>, file: &PluginFile) -> Result<()> {
    plugins::now(context)?.fits(file).map_err(|reason| anyhow!("it cannot be used: {reason}"))?;
    let name = &file.sections.manifest.name;
    if at.place == Place::User && at.consents.accepted(Place::Project, name).is_some() {
        writeln!(std::io::stderr(), "garth: in this project its own '{name}' comes first")?;
    }
    Ok(())
}

/// Compiles it, and compares what it says of its tools with the catalogue that was shown.
pub async fn try_out(context: &Context, file: &PluginFile) -> Result<()> {
    let sandbox = services::sandbox(&context.paths)?;
    let tried = crate::plugins::try_out(&sandbox, &context.loaded.settings.limits, file).await;
    tried.map_err(|reason| anyhow!("{reason}; all is as it was"))
}

/// A source as the lock file of a place names it: what is inside, relative.
pub fn as_locked(at: &Installed<'_>, source: &Source, settings: &registry::Settings) -> String {
    let Source::File(path) = source else { return source.to_string() };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let file = real(&settings.folder.join(path));
    match file.strip_prefix(real(at.root)) {
        Ok(inside) if inside.as_os_str().is_empty() => ".".into(),
        Ok(inside) => inside.display().to_string(),
        Err(_) => file.display().to_string(),
    }
}

/// An error of one of several plugins, on a line of its own.
fn complain(name: &str, error: &anyhow::Error) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "garth: {}: {}", one_line(name), escape(&format!("{error:#}")))?)
}

/// The exit code of several: a failure is said on a line of its own and holds up no other.
pub async fn each<'a>(
    plugins: impl IntoIterator<Item = (&'a String, &'a Locked)>,
    one: impl AsyncFn(&'a str, &'a Locked) -> Result<u8>,
) -> Result<u8> {
    let mut code = Exit::Done.code();
    for (name, locked) in plugins {
        match one(name, locked).await {
            Ok(0) => {}
            Ok(other) => code = other,
            Err(error) => {
                complain(name, &error)?;
                code = Exit::Failed.code();
            }
        }
    }
    Ok(code)
}
