//! The tools: finds plugins, keeps their catalogue, validates arguments and runs calls with exactly what was granted.
//! It must not know the model, the conversation or approval: it says what a call may touch and runs it.

pub mod builtin;
mod call;
pub mod manifest;
pub mod pack;
mod validate;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jsonschema::Validator;
use tokio::sync::OnceCell;

use crate::policy::{Capabilities, Grant, Limits};
use crate::protocol::ToolSpec;
use crate::sandbox::{Component, Imports, Protection, Sandbox};

/// How many names an unknown tool is answered with.
const NEAREST: usize = 3;

/// All plugins of a session and what their calls see. A snapshot: it does not change while a turn runs.
pub struct Plugins {
    sandbox: Sandbox,
    workspace: PathBuf,
    protection: Arc<Protection>,
    plugins: Vec<Arc<Plugin>>,
    tools: Vec<Tool>,
}

/// What [`Plugins::load`] needs to know.
pub struct Setup<'a> {
    pub sandbox: Sandbox,
    /// Absolute, canonical.
    pub workspace: PathBuf,
    pub protection: Arc<Protection>,
    pub limits: Limits,
    /// Whether the user wants this plugin's tools.
    pub enabled: &'a dyn Fn(&str) -> bool,
    /// What the user grants to a tool, by plugin and tool.
    pub grant: &'a dyn Fn(&str, &str) -> Grant,
    /// Where the plugins' `/state` folders are, one below for each plugin.
    pub state: PathBuf,
}

/// One plugin: a component with its manifest and catalogue. It is compiled when it is first called.
pub struct Plugin {
    pub name: String,
    pub version: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub digest: String,
    wasm: Cow<'static, [u8]>,
    imports: Imports,
    limits: Limits,
    state: PathBuf,
    component: OnceCell<Component>,
    /// Calls that use `/state` take turns.
    turns: tokio::sync::Mutex<()>,
}

/// One tool on offer.
pub struct Tool {
    pub spec: ToolSpec,
    pub plugin: Arc<Plugin>,
    /// Ceiling ∩ grant.
    pub capabilities: Capabilities,
    validator: Validator,
}

impl Plugins {
    /// Reads the built-in plugins' catalogues; nothing is compiled or run.
    pub fn load(setup: Setup<'_>) -> anyhow::Result<Plugins> {
        let (mut plugins, mut tools) = (Vec::new(), Vec::new());
        for file in builtin::BUILTIN.iter().filter(|file| (setup.enabled)(file.name)) {
            let (plugin, offered) =
                builtin::read(file, &setup).with_context(|| format!("built-in plugin '{}'", file.name))?;
            plugins.push(plugin);
            tools.extend(offered);
        }
        let Setup { sandbox, workspace, protection, .. } = setup;
        Ok(Plugins { sandbox, workspace, protection, plugins, tools })
    }

    /// The tools in the order in which they are offered; the same for the whole session.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// What is protected whatever is granted.
    pub fn protection(&self) -> &Arc<Protection> {
        &self.protection
    }

    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.spec.name == name)
    }

    /// Names of tools that look like `name`, the likeliest first.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let mut names: Vec<(f64, &str)> = self
            .tools
            .iter()
            .map(|tool| (strsim::jaro_winkler(&name.to_lowercase(), &tool.spec.name), tool.spec.name.as_str()))
            .filter(|(likeness, _)| *likeness > 0.6)
            .collect();
        names.sort_by(|a, b| b.0.total_cmp(&a.0));
        names.into_iter().take(NEAREST).map(|(_, name)| name).collect()
    }

    /// How many plugins have no native code in the cache yet.
    pub fn uncompiled(&self) -> usize {
        self.plugins.iter().filter(|plugin| !self.sandbox.is_cached(&plugin.digest)).count()
    }

    /// Compiles those in parallel, so that no call has to wait for it.
    pub async fn compile(&self) -> anyhow::Result<()> {
        let missing = self.plugins.iter().filter(|plugin| !self.sandbox.is_cached(&plugin.digest));
        let all = futures_util::future::join_all(missing.map(|plugin| plugin.component(&self.sandbox))).await;
        all.into_iter().collect::<Result<Vec<_>, _>>().map(drop).map_err(anyhow::Error::msg)
    }
}

impl Tool {
    /// Whether calls of it may run beside others and need no approval: it can neither write nor start programs that do.
    pub fn reads_only(&self) -> bool {
        self.capabilities.reads_only()
    }

    /// `Err` is one line for the model.
    pub fn check(&self, arguments: &serde_json::Value) -> Result<(), String> {
        validate::check(&self.validator, &self.spec.input_schema, arguments)
    }
}
