//! The plugins that are part of the binary; `build.rs` has compiled and packed them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use super::{Plugin, Setup, Tool, pack, validate};
use crate::protocol::ToolSpec;
use crate::sandbox::Imports;

/// A packed plugin of the binary.
#[derive(Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub wasm: &'static [u8],
    /// SHA-256 of `wasm` in lower-case hexadecimal.
    pub sha256: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The commands and skills that a plugin carries: text by path, `commands/NAME.md` or `skills/NAME/…`.
pub struct Carried {
    pub plugin: String,
    pub files: BTreeMap<String, String>,
}

/// What the plugins that `enabled` accepts carry.
pub fn carried(enabled: impl Fn(&str) -> bool) -> Result<Vec<Carried>> {
    let read = |file: &Builtin| -> Result<Carried> {
        let sections = pack::read_sections(file.wasm).with_context(|| format!("built-in plugin '{}'", file.name))?;
        Ok(Carried { plugin: sections.manifest.name, files: sections.commands })
    };
    BUILTIN.iter().filter(|file| enabled(file.name)).map(read).collect()
}

/// The plugin and its tools, from what is packed beside its code.
pub(super) fn read(file: &'static Builtin, setup: &Setup<'_>) -> Result<(Arc<Plugin>, Vec<Tool>)> {
    let sections = pack::read_sections(file.wasm)?;
    let manifest = sections.manifest;
    let plugin = Arc::new(Plugin {
        imports: Imports { process: manifest.uses_programs() },
        limits: setup.limits.lowered_by(&manifest.limits),
        state: setup.state.join(&manifest.name),
        name: manifest.name,
        version: manifest.version,
        digest: file.sha256.to_string(),
        wasm: Cow::Borrowed(file.wasm),
        component: Default::default(),
        turns: Default::default(),
    });
    let tool = |entry: pack::CatalogueTool| -> Result<Tool> {
        let declared = manifest.tools.get(&entry.name).context("it is not in the manifest")?;
        let validator = validate::compile(&entry.input_schema).map_err(|error| anyhow!(error))?;
        Ok(Tool {
            capabilities: declared.capabilities.granted(&(setup.grant)(&plugin.name, &entry.name)),
            spec: ToolSpec { name: entry.name, description: entry.description, input_schema: entry.input_schema },
            plugin: plugin.clone(),
            validator,
        })
    };
    let tools = sections.catalogue.into_iter().map(|entry| {
        let name = entry.name.clone();
        tool(entry).with_context(|| format!("tool '{name}'"))
    });
    let tools = tools.collect::<Result<Vec<Tool>>>()?;
    Ok((plugin, tools))
}
