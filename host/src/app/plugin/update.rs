//! `garth plugin update`: what the source of a plugin holds now, with the difference in what it asks for. The old version
//! stays until the user says yes.

use std::io::Write;

use anyhow::{Result, bail};
use serde_json::json;

use super::bring::{self, Arrival};
use super::installed::Installed;
use super::place;
use crate::app::Context;
use crate::cli::Exit;
use crate::cli::args::Place;
use crate::plugins::Locked;
use crate::registry::{Source, Wanted};
use crate::terminal::one_line;

pub async fn run(context: &Context, name: Option<&str>, of: Place, yes: bool) -> Result<u8> {
    let at = Installed::open(context, place(of))?;
    let lock = at.lock()?;
    if let Some(name) = name {
        let Some(locked) = lock.plugins.get(name) else {
            bail!(
                "{} does not name '{}', so nothing says where a newer version would be; `garth plugin add` does",
                at.shown(&at.lock_file()),
                one_line(name)
            );
        };
        return one(context, &at, name, locked, yes).await;
    }
    if lock.plugins.is_empty() {
        writeln!(std::io::stderr(), "There are no plugins to update {}.", at.whose())?;
    }
    bring::each(&lock.plugins, async |name, locked| one(context, &at, name, locked, yes).await).await
}

async fn one(context: &Context, at: &Installed<'_>, name: &str, locked: &Locked, yes: bool) -> Result<u8> {
    let source = match Source::parse(&locked.source)? {
        Source::Oci(artifact) => match artifact.newest() {
            Some(newest) => Source::Oci(newest),
            None => {
                return stays(
                    context,
                    at,
                    name,
                    locked,
                    "is named by its digest, for which there is never a newer version.",
                );
            }
        },
        Source::Url(url) if locked.signed_by.is_none() => {
            let say = "is from an address and not signed, so nothing vouches for a newer version";
            let add = format!("garth plugin add {} --sha256 DIGEST{}", one_line(&url), at.flag());
            return stays(context, at, name, locked, &format!("{say}; `{add}` brings one."));
        }
        source => source,
    };
    let settings = bring::settings(context, at.root);
    let wanted = Wanted { sha256: None, key: locked.signed_by.as_deref() };
    let fetched = bring::fetch(&source, wanted, &settings).await?;
    let (file, manifest) = bring::read(at, &fetched, &source, &settings)?;
    if file.sections.manifest.name != name {
        bail!("the plugin at {source} is called '{}' now; `garth plugin add` installs it", file.sections.manifest.name);
    }
    if locked.is_of(&file) {
        return stays(context, at, name, locked, &format!("{} is what its source has.", locked.version));
    }
    let signature = fetched.signature.filter(|_| locked.signed_by.is_some());
    let source = bring::as_locked(at, &fetched.source, &settings);
    let signed_by = locked.signed_by.clone();
    let arrival = Arrival { file, source, manifest, signature, signed_by, done: "Updated" };
    bring::bring(context, at, arrival, yes).await
}

/// Nothing is updated; why, as the end of a sentence that begins with the name.
fn stays(context: &Context, at: &Installed<'_>, name: &str, locked: &Locked, why: &str) -> Result<u8> {
    let json = json!({
        "name": name, "version": locked.version, "place": at.place.to_string(), "sha256": locked.sha256,
        "source": locked.source, "change": null, "reason": why,
    });
    context.answer(&json, &format!("{name} {why}"))?;
    Ok(Exit::Done.code())
}
