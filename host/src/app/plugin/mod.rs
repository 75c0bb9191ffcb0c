//! `garth plugin …`: each action is a file of its own here. Nothing of a plugin is run but by `call`, `test` and, for its
//! catalogue, by `build`, `pack` and `dev`.

mod accept;
mod add;
mod bring;
mod build;
mod call;
mod compile;
mod dev;
mod doctor;
mod grant;
mod granting;
mod inspect;
mod installed;
mod list;
mod lock_grants;
mod named;
mod new;
mod pack;
mod project;
mod push;
pub(super) mod question;
mod remove;
mod sources;
mod target;
mod templates;
mod test;
mod update;
mod verify;
mod versions;
mod why;

use anyhow::Result;

use super::Context;
use crate::cli::args::{self, PluginAction};
use crate::plugins;

/// The exit code.
pub async fn run(context: &Context, action: PluginAction) -> Result<u8> {
    match action {
        PluginAction::List => list::print(context),
        PluginAction::New { name, language, folder } => new::make(context, &name, language, folder.as_deref()),
        PluginAction::Build { folder } => build::run(context, folder.as_deref()).await,
        PluginAction::Pack { component, manifest, output } => {
            pack::run(context, &component, &manifest, output.as_deref()).await
        }
        PluginAction::Test { target, cases, update, filter } => {
            test::run(context, target.as_deref(), cases.as_deref(), update, filter.as_deref()).await
        }
        PluginAction::Inspect { plugin } => inspect::print(context, &plugin),
        PluginAction::Doctor { plugin } => doctor::print(context, &plugin),
        PluginAction::Call { plugin, tool, arguments, grant } => {
            call::run(context, &plugin, &tool, &arguments, &grant).await
        }
        PluginAction::Dev { folder } => dev::run(context, folder.as_deref()).await,
        PluginAction::Add { source, place, digest, key, yes } => {
            add::run(context, &source, place, digest.as_deref(), key.as_deref(), yes).await
        }
        PluginAction::Install { yes } => add::install(context, yes).await,
        PluginAction::Remove { name, place } => remove::run(context, &name, place),
        PluginAction::Update { name, place, yes } => update::run(context, name.as_deref(), place, yes).await,
        PluginAction::Verify => verify::run(context),
        PluginAction::Push { file, reference } => push::run(context, &file, &reference).await,
        PluginAction::Accept { name, place, yes } => accept::run(context, &name, place, yes).await,
        PluginAction::Grant { name, tool, grant, kept } => grant::give(context, &name, tool.as_deref(), &grant, kept),
        PluginAction::Revoke { name, tool, kept } => grant::revoke(context, &name, tool.as_deref(), kept),
        PluginAction::Grants { name } => grant::print(context, name.as_deref()),
        PluginAction::Why { tool, arguments } => why::print(context, tool.as_deref(), arguments.as_deref()),
    }
}

/// Where the arguments say that a plugin is, or a grant holds.
fn place(place: args::Place) -> plugins::Place {
    match place {
        args::Place::Project => plugins::Place::Project,
        args::Place::User => plugins::Place::User,
    }
}
