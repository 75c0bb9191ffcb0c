//! The plugin that a name on the command line means: a built-in one, the one that `garth plugin dev` builds, the project's or
//! the user's. Its file is read as it is now, whether or not it may be used.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::app::Context;
use crate::app::plugins::{now, roots};
use crate::plugins::{self, ByTool, Holder, Place, PluginFile, Spot, Verdict, builtin};

/// A plugin, and where it is.
pub struct Named {
    pub file: PluginFile,
    /// `None`: it is built in.
    pub spot: Option<Spot>,
}

const ORDER: [Option<Spot>; 4] =
    [None, Some(Spot::Dev), Some(Spot::Installed(Place::Project)), Some(Spot::Installed(Place::User))];

/// Where a plugin of this name can be: those that count first come first, and last what nobody writes any more.
pub fn order(context: &Context, name: &str) -> [Option<Spot>; 4] {
    let mut order = ORDER;
    order.sort_by_key(|spot| is_left_over(context, *spot, name));
    order
}

/// Whether it is what a `garth plugin dev` would have left there that was killed.
fn is_left_over(context: &Context, spot: Option<Spot>, name: &str) -> bool {
    spot == Some(Spot::Dev) && !roots(context).is_written(name)
}

impl Named {
    pub fn name(&self) -> &str {
        &self.file.sections.manifest.name
    }

    /// Whom grants are for.
    pub fn holder(&self) -> Holder {
        holder(self.spot)
    }

    /// What its manifest declares, by tool.
    pub fn ceiling(&self) -> ByTool {
        plugins::ceiling(&self.file)
    }

    /// What a session makes of it now. A built-in one is usable or off.
    pub fn verdict(&self, context: &Context) -> Result<Verdict> {
        match self.spot {
            Some(spot) => Ok(now(context)?.verdict(spot, &self.file)),
            None if enabled(context, self.name()) => Ok(Verdict::Usable),
            None => Ok(Verdict::Off),
        }
    }

    /// What would make it usable, as an instruction.
    pub fn way_out(&self, verdict: &Verdict) -> Option<String> {
        let name = self.name();
        match (verdict, self.spot) {
            (Verdict::Waits(_), Some(Spot::Installed(place))) => {
                Some(format!("run `garth plugin accept {name}{}`", plugins::flag(place)))
            }
            (Verdict::Off, _) => Some(format!("set enabled = true in [plugins.{name}] of the configuration")),
            _ => None,
        }
    }
}

/// Whom grants to a plugin at this place are for.
pub fn holder(spot: Option<Spot>) -> Holder {
    spot.map_or(Holder::Builtin, Holder::from)
}

/// Whether the configuration leaves a plugin on.
pub fn enabled(context: &Context, name: &str) -> bool {
    context.loaded.settings.plugins.get(name).is_none_or(|plugin| plugin.enabled)
}

/// The plugin that has, or would have, this name.
pub fn find(context: &Context, name: &str) -> Result<Named> {
    for spot in order(context, name) {
        if let Some(named) = at(context, spot, name)? {
            return Ok(named);
        }
    }
    bail!("there is no plugin '{name}'; 'garth plugin list' names those that are there")
}

/// The plugin of this name at just this place.
pub fn at(context: &Context, spot: Option<Spot>, name: &str) -> Result<Option<Named>> {
    let Some(place) = spot else {
        let file = builtin::BUILTIN.iter().find(|file| file.name == name).map(builtin::read).transpose()?;
        return Ok(file.map(|file| Named { file, spot }));
    };
    if place == Spot::Installed(Place::Project) {
        context.check_workspace()?;
    }
    let roots = roots(context);
    match plugins::read_installed(&roots, place, name) {
        None => Ok(None),
        Some(Ok(file)) => Ok(Some(Named { file, spot })),
        Some(Err(reason)) => bail!("{}: {reason}", roots.shown(&roots.file(place, name))),
    }
}

/// All plugins that have a tool of this name, those that count first coming first. Files that cannot be read have none.
pub fn with_tool(context: &Context, tool: &str) -> Vec<Named> {
    let has = |named: &Named| named.file.sections.catalogue.iter().any(|entry| entry.name == tool);
    let mut all: Vec<Named> = Vec::new();
    let mut there: Vec<(Option<Spot>, String)> =
        ORDER.into_iter().flat_map(|spot| names(context, spot).into_iter().map(move |name| (spot, name))).collect();
    there.sort_by_key(|(spot, name)| is_left_over(context, *spot, name));
    for (spot, name) in there {
        let shadowed = all.iter().any(|named| named.name() == name);
        all.extend(at(context, spot, &name).ok().flatten().filter(|named| !shadowed && has(named)));
    }
    all
}

fn names(context: &Context, spot: Option<Spot>) -> BTreeSet<String> {
    match spot {
        None => builtin::BUILTIN.iter().map(|file| file.name.to_string()).collect(),
        Some(spot) => roots(context).names(spot).unwrap_or_default(),
    }
}
