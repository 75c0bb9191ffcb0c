//! `garth plugin build`: compiles a plugin's folder and packs it to `NAME.wasm` there. Which programs that takes is in
//! `compile.rs`, how a plugin file comes to be in `pack.rs`.

use std::path::Path;

use anyhow::Result;

use super::project::Project;
use super::{compile, pack};
use crate::app::Context;

pub async fn run(context: &Context, folder: Option<&Path>) -> Result<u8> {
    let project = Project::open(context, folder)?;
    let packed = packed(context, &project).await?;
    pack::write(&project.output(), &packed)?;
    pack::say(context, "Built", &project.output(), &packed)
}

/// The plugin file. Nothing is written but what the compilers write.
pub async fn packed(context: &Context, project: &Project) -> Result<Vec<u8>> {
    let component = compile::component(project).await?;
    let before = pack::catalogue_before(&project.output());
    pack::packed(context, &component, project.manifest.clone(), project.carried()?, before).await
}
