//! `garth plugin add` and `install`: a plugin from elsewhere, or those that a lock file names.

use std::io::Write;

use anyhow::{Context as _, Result, bail};

use super::bring::{self, Arrival};
use super::installed::{Found, Installed};
use super::place;
use crate::app::Context;
use crate::cli::Exit;
use crate::cli::args::Place;
use crate::plugins::{Locked, is_sha256};
use crate::registry::{self, Source, Wanted};
use crate::terminal::one_line;

pub async fn run(
    context: &Context,
    source: &str,
    to: Place,
    digest: Option<&str>,
    key: Option<&str>,
    yes: bool,
) -> Result<u8> {
    let at = Installed::open(context, place(to))?;
    let settings = bring::settings(context, &context.cwd);
    let source = Source::parse(source)?;
    let digest = digest.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest).to_ascii_lowercase());
    if digest.as_deref().is_some_and(|digest| !is_sha256(digest)) {
        bail!("--sha256: write 64 digits and letters a to f");
    }
    let fetched = bring::fetch(&source, Wanted { sha256: digest.as_deref(), key }, &settings).await?;
    let (file, manifest) = bring::read(&at, &fetched, &source, &settings)?;
    let name = &file.sections.manifest.name;
    let lock = at.lock()?;
    let known = lock.plugins.get(name).and_then(|locked| locked.signed_by.as_deref());
    if let Some(known) = known {
        if key.is_some_and(|key| key != known) {
            bail!(
                "garth.lock names another key for '{name}' ({known}); `garth plugin remove {name}{}` first, if its author \
                 really has a new one",
                at.flag()
            );
        }
        let signature = fetched.signature.as_deref();
        let signature =
            signature.with_context(|| format!("garth.lock says that '{name}' is signed, and this is not"))?;
        registry::verify(&file.wasm, signature, known).with_context(|| name.clone())?;
    }
    let signed_by = key.or(known).map(String::from);
    let signature = fetched.signature.filter(|_| signed_by.is_some());
    let source = bring::as_locked(&at, &fetched.source, &settings);
    bring::bring(context, &at, Arrival { file, source, manifest, signature, signed_by, done: "Installed" }, yes).await
}

/// Everything that the lock files name, as exactly as they name it.
pub async fn install(context: &Context, yes: bool) -> Result<u8> {
    let (mut code, mut named) = (Exit::Done.code(), 0);
    for at in Installed::all(context)? {
        let lock = at.lock()?;
        named += lock.plugins.len();
        match bring::each(&lock.plugins, async |name, locked| one(context, &at, name, locked, yes).await).await? {
            0 => {}
            other => code = other,
        }
    }
    if named == 0 {
        writeln!(std::io::stderr(), "There is no garth.lock that names a plugin; `garth plugin add` writes one.")?;
    }
    Ok(code)
}

async fn one(context: &Context, at: &Installed<'_>, name: &str, locked: &Locked, yes: bool) -> Result<u8> {
    let ((file, manifest), signature) = match at.read(name) {
        Found::Plugin(file) if locked.is_of(&file) => ((*file, at.manifest(name)?), at.signature(name)?),
        _ => {
            writeln!(std::io::stderr(), "Fetching {name} from {}", one_line(&locked.source))?;
            let settings = bring::settings(context, at.root);
            let wanted = Wanted { sha256: Some(&locked.sha256), key: locked.signed_by.as_deref() };
            let source = Source::parse(&locked.source)?;
            let fetched = bring::fetch(&source, wanted, &settings).await?;
            (bring::read(at, &fetched, &source, &settings)?, fetched.signature)
        }
    };
    if file.sections.manifest.name != name {
        bail!("the plugin there is called '{}'", file.sections.manifest.name);
    }
    if !locked.is_of(&file) {
        bail!(
            "the manifest beside it is missing, or not the one that garth.lock names; bring that one to {}, or record another by \
             `garth plugin add`",
            at.shown(&at.file(name).with_extension("toml"))
        );
    }
    if let Some(key) = &locked.signed_by {
        let signature = signature.as_deref().context("its signature is missing; `garth plugin add` it again")?;
        registry::verify(&file.wasm, signature, key)?;
    }
    let signature = signature.filter(|_| locked.signed_by.is_some());
    let (source, signed_by) = (locked.source.clone(), locked.signed_by.clone());
    bring::bring(context, at, Arrival { file, source, manifest, signature, signed_by, done: "Installed" }, yes).await
}
