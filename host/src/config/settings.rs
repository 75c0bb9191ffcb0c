//! The settings as plain data, one struct a section; what they mean is in `default.toml`, whose values are the defaults.
//! Nothing here knows where a value came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use super::tiers::{Router, Tiers};
use crate::check;
use crate::policy::{Grant, Limits, Rule};
use crate::protocol::{ApprovalMode, ByteSize, Span, ToolSet};
use crate::router::Price;

/// All settings, merged. `Default` is what the embedded `default.toml` says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub model: Model,
    #[serde(default)]
    pub tiers: Tiers,
    pub router: Router,
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    pub agent: Agent,
    pub tools: Tools,
    pub approval: Approval,
    pub limits: Limits,
    pub process: Process,
    pub files: Files,
    #[serde(default)]
    pub plugins: BTreeMap<String, Plugin>,
    #[serde(default)]
    pub checks: BTreeMap<String, check::Definition>,
    pub commands: Commands,
    pub session: Session,
    pub ui: Ui,
}

/// The protocol of a model's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Ollama,
    OpenAi,
    Anthropic,
    Scripted,
}

/// `[model]`. `None` stands for `"auto"` or an empty string.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub provider: Provider,
    /// As written; [`Model::url`] fills in the provider's default.
    #[serde(rename = "url", deserialize_with = "auto")]
    pub configured_url: Option<String>,
    #[serde(deserialize_with = "auto")]
    pub name: Option<String>,
    #[serde(deserialize_with = "auto")]
    pub script: Option<PathBuf>,
    /// The name of an environment variable, never a key.
    #[serde(deserialize_with = "auto")]
    pub api_key_env: Option<String>,
    #[serde(deserialize_with = "auto")]
    pub num_ctx: Option<u32>,
    pub max_ctx: u32,
    #[serde(deserialize_with = "auto")]
    pub max_tokens: Option<u32>,
    #[serde(deserialize_with = "auto")]
    pub temperature: Option<f64>,
    #[serde(deserialize_with = "auto")]
    pub top_p: Option<f64>,
    #[serde(deserialize_with = "auto")]
    pub top_k: Option<u32>,
    #[serde(deserialize_with = "auto")]
    pub min_p: Option<f64>,
    #[serde(deserialize_with = "auto")]
    pub repeat_penalty: Option<f64>,
    #[serde(deserialize_with = "auto")]
    pub think: Option<bool>,
    #[serde(deserialize_with = "auto")]
    pub replay_reasoning: Option<bool>,
    /// A time, or `forever`; see [`Model::keep_alive_for_ollama`].
    #[serde(deserialize_with = "auto")]
    pub keep_alive: Option<String>,
    pub warm_up: bool,
    pub idle_timeout: Span,
    pub connect_timeout: Span,
    #[serde(deserialize_with = "auto")]
    pub local: Option<bool>,
    pub allow_remote: bool,
    #[serde(deserialize_with = "auto")]
    pub proxy: Option<String>,
    #[serde(deserialize_with = "auto")]
    pub price: Option<Price>,
}

impl Model {
    /// The server's base URL; for [`Provider::Scripted`] the script's path, `None` when it is not set.
    pub fn url(&self) -> Option<String> {
        match self.provider {
            Provider::Scripted => self.script.as_ref().map(|path| path.display().to_string()),
            provider => Some(self.configured_url.clone().unwrap_or_else(|| default_url(provider).into())),
        }
    }

    /// `keep_alive` as Ollama reads it: a duration, or `-1` for ever.
    pub fn keep_alive_for_ollama(&self) -> Option<String> {
        self.keep_alive.as_deref().map(|text| match text.parse::<Span>() {
            Ok(span) => span.to_string(),
            Err(_) => "-1".into(),
        })
    }
}

pub(super) fn default_url(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => "http://127.0.0.1:8080",
        Provider::Anthropic => "https://api.anthropic.com",
        Provider::Ollama | Provider::Scripted => "http://127.0.0.1:11434",
    }
}

/// One of `[[endpoints]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub name: String,
    pub provider: Provider,
    pub url: String,
    #[serde(default, deserialize_with = "auto")]
    pub api_key_env: Option<String>,
}

/// `[agent]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub max_steps: u32,
    pub loop_repeats: u32,
    pub compact_at: u32,
    pub summary: Summary,
    pub mend_after: u32,
    pub mend_steps: u32,
    pub mend_attempts: u32,
    pub read_repeats: u32,
    pub patch_repeats: u32,
    pub text_repeats: u32,
    pub parallel_reads: u32,
    pub text_calls: bool,
    pub repair_calls: bool,
    pub nudge: bool,
    /// Of a whole turn; `None`: no limit.
    #[serde(deserialize_with = "auto")]
    pub timeout: Option<Span>,
}

/// Who sums up what a compaction leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Summary {
    Rules,
    Model,
}

/// `[tools]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    #[serde(deserialize_with = "auto")]
    pub set: Option<ToolSet>,
}

/// `[approval]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub mode: ApprovalMode,
    /// Of all layers, each with its origin. The order means nothing.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// `[process]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub time: Span,
    pub output: ByteSize,
    pub memory: ByteSize,
    pub processes: u64,
    pub file_size: ByteSize,
    pub network: bool,
    pub allow_unsandboxed: bool,
    /// Absolute, `~` resolved.
    pub readable: Vec<PathBuf>,
    /// Absolute, `~` resolved.
    pub path: Vec<PathBuf>,
    pub env: Vec<String>,
}

/// `[files]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Added to [`READONLY`](crate::policy::READONLY); [`Files::all_readonly`] has both.
    pub readonly: Vec<String>,
    pub secrets: Vec<String>,
    pub private: Vec<String>,
}

impl Files {
    /// Patterns of everything that no tool may write; for [`glob_set`](crate::policy::glob_set).
    pub fn all_readonly(&self) -> Vec<String> {
        crate::policy::READONLY.iter().map(|pattern| pattern.to_string()).chain(self.readonly.iter().cloned()).collect()
    }
}

/// `[plugins.NAME]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plugin {
    pub enabled: bool,
    /// For the tools whose own grant does not say.
    pub secret_files: bool,
    pub tools: BTreeMap<String, Grant>,
}

impl Default for Plugin {
    fn default() -> Self {
        Plugin { enabled: true, secret_files: false, tools: BTreeMap::new() }
    }
}

impl Plugin {
    /// What the user grants to one tool of this plugin.
    pub fn grant(&self, tool: &str) -> Grant {
        let grant = self.tools.get(tool).cloned().unwrap_or_default();
        Grant { secret_files: Some(grant.secret_files.unwrap_or(self.secret_files)), ..grant }
    }
}

/// `[commands]`. The words of the lists were checked when they were read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    pub order: Vec<String>,
    pub families: Vec<String>,
    /// Absolute, `~` resolved.
    pub directories: Vec<PathBuf>,
    /// Absolute, `~` resolved.
    pub plugins: Vec<PathBuf>,
    pub watch: Watching,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watching {
    Auto,
    Poll,
}

/// `[session]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub keep: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    Auto,
    Always,
    Never,
}

/// `[ui]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ui {
    pub colour: Colour,
}

/// Reads `"auto"`, `"none"` and `""` as `None`, since TOML has no null.
pub(super) fn auto<'de, T: serde::de::DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    match value.as_str() {
        Some("auto" | "none" | "") => Ok(None),
        _ => T::deserialize(value).map(Some).map_err(de::Error::custom),
    }
}
