//! `garth plugin grant … --lock` and `revoke … --lock`: what the project's `garth.lock` asks to be granted to a plugin. It is
//! for people to review in git, and grants nothing here: each user is asked, with the file, and says yes to both.

use anyhow::{Result, bail};
use serde_json::json;

use super::grant::{by_tool, given, whose};
use super::installed::Installed;
use super::named;
use crate::app::Context;
use crate::cli::args::Granting;
use crate::plugins::{Place, Spot};
use crate::terminal::one_line;

/// Asks for more. The exit code.
pub fn ask(context: &Context, name: &str, tool: Option<&str>, granting: &Granting) -> Result<u8> {
    let at = Installed::open(context, Place::Project)?;
    let Some(named) = named::at(context, Some(Spot::Installed(Place::Project)), name)? else {
        bail!("there is no plugin '{}' of this project, and garth.lock asks for no others", one_line(name));
    };
    let mut lock = at.lock()?;
    let locked = lock.plugins.get_mut(name).filter(|locked| locked.is_of(&named.file));
    let Some(locked) = locked else {
        bail!("garth.lock does not name '{name}' as it is; `garth plugin add {}` records it", at.shown(&at.file(name)));
    };
    let asked = given(&named, tool, granting)?;
    for (tool, more) in &asked {
        let before = locked.grants.entry(tool.clone()).or_default();
        *before = before.union(more);
    }
    lock.write(&at.lock_file())?;
    let mut text = format!("garth.lock asks to grant to '{name}':\n");
    for (tool, more) in &asked {
        text.push_str(&format!("  {tool}  {}\n", one_line(&more.describe())));
    }
    text.push_str(
        "It counts for each user, you too, once they have accepted it: `garth plugin install` shows it and asks.",
    );
    context.answer(&json!({"plugin": name, "place": "lock", "granted": by_tool(&asked)}), &text)?;
    Ok(0)
}

/// Asks for nothing of one tool, or of all. The exit code.
pub fn ask_no_more(context: &Context, name: &str, tool: Option<&str>) -> Result<u8> {
    let at = Installed::open(context, Place::Project)?;
    let mut lock = at.lock()?;
    let had = lock.plugins.get_mut(name).is_some_and(|locked| match tool {
        Some(tool) => locked.grants.remove(tool).is_some(),
        None => !std::mem::take(&mut locked.grants).is_empty(),
    });
    let whose = whose(name, tool);
    if !had {
        bail!("garth.lock asks for nothing to be granted to {whose}");
    }
    lock.write(&at.lock_file())?;
    let text = format!(
        "garth.lock no longer asks for anything to be granted to {whose}. Who has accepted it has it until the next \
         `garth plugin install`, or `garth plugin revoke`."
    );
    context.answer(&json!({"plugin": name, "tool": tool, "place": "lock", "revoked": true}), &text)?;
    Ok(0)
}
