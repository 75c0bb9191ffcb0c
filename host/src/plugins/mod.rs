//! The tools: finds plugins, keeps their catalogue, validates arguments and runs calls with exactly what was granted.
//! It must not know the model, the conversation or approval: it says what a call may touch and runs it.

mod acceptance;
pub mod builtin;
mod call;
pub mod cases;
mod changes;
mod clash;
mod consent;
mod effort;
mod file;
mod installed;
mod live;
mod load;
mod lock;
pub mod manifest;
mod misnamed;
mod names;
mod offers;
pub mod pack;
mod plain;
mod roots;
mod summary;
mod validate;
mod verdict;
mod writing;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::OnceCell;

use crate::policy::{Capabilities, Grant, Limits};
use crate::protocol::ToolSpec;
use crate::sandbox::{Component, Imports, Protection, Sandbox};

pub use acceptance::{try_out, unlike};
pub use changes::Changes;
pub use clash::OwnNames;
pub use consent::{
    Accepted, ByTool, ConsentError, Consents, Granted, GrantedBy, Holder, Place, capability_flags, grant_command,
};
pub use file::{FileError, MAX_FILE, MAX_MANIFEST, Origin, PluginFile, digest};
pub use installed::read as read_installed;
pub use live::{Live, Subscription};
pub use load::{imports, state_folder};
pub use lock::{LOCK, Lock, LockError, Locked, is_sha256};
pub use misnamed::{Misnamed, Stray};
pub use names::Names;
pub use offers::{Options, Question, READABLE};
pub use roots::{Roots, Spot};
pub use validate::check_arguments;
pub use verdict::{Verdict, ceiling, flag};
pub use writing::Writing;

use load::Offer;

/// Folders to be watched, each by itself: canonical path → the names in it that matter; no names: all do.
pub type Folders = BTreeMap<PathBuf, BTreeSet<OsString>>;

/// All plugins of a session and what their calls see. A snapshot: it does not change while a turn runs.
pub struct Plugins {
    sandbox: Sandbox,
    workspace: PathBuf,
    protection: Arc<Protection>,
    plugins: Vec<Arc<Plugin>>,
    tools: Vec<Tool>,
    /// Tools that were there earlier in the session, with what became of them.
    gone: BTreeMap<String, String>,
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
    /// Where the plugins' `/state` folders are, one below for each plugin of each holder.
    pub state: PathBuf,
}

/// One plugin: a component with its manifest and catalogue. It is compiled when it is first called.
pub struct Plugin {
    pub name: String,
    pub version: String,
    /// Where it is, by which what was granted to it is told from what others of its name have.
    pub holder: Holder,
    pub origin: Origin,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub digest: String,
    file: Arc<PluginFile>,
    imports: Imports,
    limits: Limits,
    state: PathBuf,
    component: OnceCell<Component>,
    /// Calls that use `/state` take turns, those of another version of the plugin too.
    turns: load::Turns,
}

/// One tool on offer.
#[derive(Clone)]
pub struct Tool {
    pub spec: ToolSpec,
    pub plugin: Arc<Plugin>,
    /// What the component calls it.
    function: String,
    /// Ceiling ∩ grant.
    pub capabilities: Capabilities,
    validator: Arc<validate::Lazy>,
}

impl Plugins {
    /// Reads the built-in plugins' catalogues; nothing is compiled or run.
    pub fn load(setup: Setup<'_>) -> anyhow::Result<Plugins> {
        let enabled = builtin::BUILTIN.iter().filter(|file| (setup.enabled)(file.name));
        let read = |file| builtin::read(file).with_context(|| format!("built-in plugin '{}'", file.name));
        Plugins::of(enabled.map(read).collect::<anyhow::Result<_>>()?, setup)
    }

    /// Just these plugins, whose names and whose tools' names differ. Files are as the user's own.
    pub fn of(files: Vec<PluginFile>, setup: Setup<'_>) -> anyhow::Result<Plugins> {
        let holder = |file: &PluginFile| match file.origin {
            Origin::Builtin => Holder::Builtin,
            Origin::File { .. } => Holder::Installed(Place::User),
        };
        Plugins::held(files.into_iter().map(|file| (holder(&file), file)), setup)
    }

    /// The same, with which plugin of its name each is.
    pub fn held(files: impl IntoIterator<Item = (Holder, PluginFile)>, setup: Setup<'_>) -> anyhow::Result<Plugins> {
        let offer = |(holder, file): (Holder, PluginFile)| {
            let name = file.sections.manifest.name.clone();
            load::offer(Arc::new(file), holder, load::Turns::default(), &setup)
                .with_context(|| format!("plugin '{name}'"))
        };
        let offers: Vec<Offer> = files.into_iter().map(offer).collect::<anyhow::Result<_>>()?;
        Ok(Plugins::assemble(&setup, &offers, BTreeMap::new()))
    }

    fn assemble(setup: &Setup<'_>, offers: &[Offer], gone: BTreeMap<String, String>) -> Plugins {
        Plugins {
            sandbox: setup.sandbox.clone(),
            workspace: setup.workspace.clone(),
            protection: setup.protection.clone(),
            plugins: offers.iter().map(|offer| offer.plugin.clone()).collect(),
            tools: offers.iter().flat_map(|offer| offer.tools.iter().cloned()).collect(),
            gone,
        }
    }

    /// The tools in the order in which they are offered.
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

    /// What became of a tool that was there earlier in the session.
    pub fn gone(&self, name: &str) -> Option<&str> {
        self.gone.get(name).map(String::as_str)
    }

    /// The plugins, in the order in which their tools are offered.
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// How many plugins have no native code in the cache yet.
    pub fn uncompiled(&self) -> usize {
        self.plugins.iter().filter(|plugin| !self.sandbox.is_cached(&plugin.digest)).count()
    }

    /// Compiles those in parallel, so that no call has to wait for it.
    pub async fn compile(&self) -> anyhow::Result<()> {
        match self.compile_missing().await.into_iter().next() {
            None => Ok(()),
            Some((_, reason)) => Err(anyhow::Error::msg(reason)),
        }
    }

    /// The same; those that cannot be compiled, with the reason.
    async fn compile_missing(&self) -> Vec<(Arc<Plugin>, String)> {
        let missing = self.plugins.iter().filter(|plugin| !self.sandbox.is_cached(&plugin.digest));
        let compile = async |plugin: &Arc<Plugin>| Some((plugin.clone(), plugin.component(&self.sandbox).await.err()?));
        futures_util::future::join_all(missing.map(compile)).await.into_iter().flatten().collect()
    }

    /// Whether both offer the same plugins, and say the same of tools that are gone.
    fn is_same(&self, other: &Plugins) -> bool {
        let same = |(one, other): (&Arc<Plugin>, &Arc<Plugin>)| Arc::ptr_eq(one, other);
        self.plugins.len() == other.plugins.len()
            && self.plugins.iter().zip(&other.plugins).all(same)
            && self.gone == other.gone
    }
}

impl Plugin {
    /// The commands and skills that it carries: text by path, `commands/NAME.md` or `skills/NAME/…`.
    pub fn commands(&self) -> &BTreeMap<String, String> {
        &self.file.sections.commands
    }

    /// What its manifest declares for each tool.
    pub fn ceiling(&self) -> ByTool {
        ceiling(&self.file)
    }
}

impl Tool {
    /// Whether calls of it may run beside others and need no approval: it can neither write nor start programs that do.
    pub fn reads_only(&self) -> bool {
        self.capabilities.reads_only()
    }

    /// `Err` is one line for the model.
    pub fn check(&self, arguments: &serde_json::Value) -> Result<(), String> {
        self.validator.check(&self.spec.input_schema, arguments)
    }
}
