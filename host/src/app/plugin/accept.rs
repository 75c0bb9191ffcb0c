//! `garth plugin accept`: the user's word for a plugin file that lies in its place already, put there by git or by hand.
//! Exactly these bytes may be used from then on, and nothing of them is fetched or written.

use anyhow::{Result, anyhow, bail};
use serde_json::json;

use super::bring::try_out;
use super::installed::{Found, Installed};
use super::place;
use super::question::{self, Asking, Before, describe_acceptance};
use crate::app::{Context, plugins};
use crate::cli::Exit;
use crate::cli::args::Place;
use crate::plugins::Accepted;

/// The exit code.
pub async fn run(context: &Context, name: &str, at: Place, yes: bool) -> Result<u8> {
    let at = Installed::open(context, place(at))?;
    let file = match at.read(name) {
        Found::Plugin(file) => file,
        Found::Wrong(reason) => bail!("{}: {reason}", at.shown(&at.file(name))),
        Found::Nothing => bail!(
            "{}: there is no such file; 'garth plugin list' shows what is there, 'garth plugin add' brings a plugin",
            at.shown(&at.file(name))
        ),
    };
    let (live, lock) = (plugins::now(context)?, at.lock()?);
    live.acceptable(at.spot(), &file).map_err(|reason| anyhow!("'{name}' cannot be accepted: {reason}"))?;
    let locked = lock.plugins.get(name);
    let accepted = Accepted::of(&file, locked);
    let before = at.consents.accepted(at.place, name);
    let json = |already: bool| {
        json!({
            "name": name, "version": file.sections.manifest.version, "place": at.place.to_string(), "file": at.file(name),
            "sha256": file.digest(), "accepted": true, "already": already,
        })
    };
    if before.as_ref() == Some(&accepted) {
        context.answer(&json(true), &format!("'{name}' is accepted as it is already, {}.", at.whose()))?;
        return Ok(Exit::Done.code());
    }
    let compared = before.map(|before| Before::of(Some(before), locked)).unwrap_or_default();
    let asking = Asking {
        file: &file,
        shown: &at.shown(&at.file(name)),
        source: locked.map(|locked| locked.source.as_str()),
        signed_by: locked.and_then(|locked| locked.signed_by.as_deref()),
        before: compared.as_ref(),
        grants: &accepted.lock_grants,
        held: &question::held(&at.consents, at.place, &file),
    };
    if let Err(code) = question::settle(&describe_acceptance(&asking), at.whose(), yes)? {
        return Ok(code);
    }
    try_out(context, &file).await?;
    at.consents.accept(at.place, name, accepted)?;
    let run = "Conversations that run use it from the next turn on.";
    context.answer(&json(false), &format!("Accepted '{name}' exactly as it is, {}. {run}", at.whose()))?;
    Ok(Exit::Done.code())
}
