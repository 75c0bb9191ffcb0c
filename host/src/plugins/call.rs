//! Runs one call of one tool, or its preview, in the sandbox.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::{Origin, Plugin, Plugins, Tool};
use crate::policy::Capabilities;
use crate::sandbox::{Call, CallError, Change, Component, Finished, Grants, Host, Output, Sandbox, Used};

impl Plugins {
    /// Runs the tool with `capabilities`, which the caller may have narrowed further.
    pub async fn call(
        &self,
        tool: &Tool,
        arguments: &Value,
        capabilities: Capabilities,
        host: Arc<dyn Host>,
    ) -> Finished<Output> {
        match self.ready(tool, arguments, capabilities, host.long_results()).await {
            Ok((component, call)) => {
                let _turn = match call.grants.state {
                    Some(_) => Some(tool.plugin.turns.lock().await),
                    None => None,
                };
                self.sandbox.call(&component, call, host).await
            }
            Err(error) => failed(error),
        }
    }

    /// What the call would write; `None` when the tool cannot tell. `capabilities` as in [`Plugins::call`].
    pub async fn preview(
        &self,
        tool: &Tool,
        arguments: &Value,
        capabilities: Capabilities,
        host: Arc<dyn Host>,
    ) -> Finished<Option<Vec<Change>>> {
        match self.ready(tool, arguments, capabilities, None).await {
            Ok((component, call)) => self.sandbox.preview(&component, call, host).await,
            Err(error) => failed(error),
        }
    }

    async fn ready(
        &self,
        tool: &Tool,
        arguments: &Value,
        capabilities: Capabilities,
        output: Option<PathBuf>,
    ) -> Result<(Component, Call), String> {
        let component = tool.plugin.component(&self.sandbox).await?;
        let state = capabilities.state.map(|_| tool.plugin.state.clone());
        if let Some(folder) = &state {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let grants = Grants {
            capabilities,
            workspace: self.workspace.clone(),
            state,
            // A stranger's tool has no business with what others gave.
            output: output.filter(|_| tool.plugin.origin == Origin::Builtin && tool.capabilities.reads_only()),
            protection: self.protection.clone(),
        };
        let (name, limits) = (tool.function.clone(), tool.plugin.limits.clone());
        Ok((component, Call { tool: name, arguments: arguments.to_string(), grants, limits }))
    }
}

impl Plugin {
    /// The component, compiled or taken from the native-code cache on first use.
    pub(super) async fn component(self: &Arc<Self>, sandbox: &Sandbox) -> Result<Component, String> {
        let load = || async {
            let (plugin, sandbox) = (self.clone(), sandbox.clone());
            let loaded =
                tokio::task::spawn_blocking(move || sandbox.load_hashed(&plugin.file.wasm, &plugin.imports)).await;
            let loaded = loaded.map_err(|error| format!("plugin '{}': {error}", self.name))?;
            loaded.map_err(|error| format!("plugin '{}': {error}", self.name))
        };
        self.component.get_or_try_init(load).await.cloned()
    }
}

fn failed<T>(error: String) -> Finished<T> {
    Finished { result: Err(CallError::Host(error)), used: Used::default() }
}
