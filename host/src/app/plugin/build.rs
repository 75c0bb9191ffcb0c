//! `garth plugin build`: compiles a plugin's folder and packs it to `NAME.wasm` there. Which programs that takes is in
//! `compile.rs`, how a plugin file comes to be in `pack.rs`.

use std::path::Path;

use anyhow::Result;

use super::compile::{self, Missing};
use super::project::{self, Project, UnknownLanguage};
use super::{pack, sources};
use crate::app::Context;
use crate::plugins::builtin;
use crate::terminal::one_line;

pub async fn run(context: &Context, folder: Option<&Path>) -> Result<u8> {
    let project = Project::open(context, folder)?;
    let packed = packed(context, &project).await?;
    pack::write(&project.output(), &packed)?;
    pack::say(context, "Built", &project.output(), &packed)
}

/// Builds a folder whose sources have changed since it was built, or that was never built. Where that cannot be done here,
/// it is said, and the old build stays. The plugins of the binary are built with it.
pub async fn refresh(context: &Context, folder: &Path) -> Result<()> {
    let manifest = project::manifest(&folder.join("plugin.toml"))?;
    let name = &manifest.name;
    let output = folder.join(format!("{name}.wasm"));
    if builtin::BUILTIN.iter().any(|file| file.name == name) || !sources::newer_than(folder, &output) {
        return Ok(());
    }
    let old = output.is_file();
    let built = async {
        let project = Project::open(context, Some(folder))?;
        let state = if old { "has changed since it was built" } else { "is not built yet" };
        eprintln!("garth: '{name}' {state}; building it");
        pack::write(&project.output(), &packed(context, &project).await?)
    };
    match built.await {
        Err(error) if old && (error.is::<Missing>() || error.is::<UnknownLanguage>()) => {
            let shown = pack::shown(context, &output).display().to_string();
            eprintln!("garth: {} is older than its sources, and is tested as it is: {error}", one_line(&shown));
            Ok(())
        }
        built => built,
    }
}

/// The plugin file. Nothing is written but what the compilers write.
pub async fn packed(context: &Context, project: &Project) -> Result<Vec<u8>> {
    project::check_names(&project.manifest)?;
    let component = compile::component(project).await?;
    let before = pack::catalogue_before(&project.output());
    pack::packed(context, &component, project.manifest.clone(), project.carried()?, before).await
}
