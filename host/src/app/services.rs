//! Settings become services: the sandbox, the plugins, the program runner, the model connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};

use super::tiers;
use crate::agent;
use crate::audit;
use crate::check::Checks;
use crate::config::{Calls, Loaded, Paths, Profile, Profiles, Settings, settings};
use crate::model::{self, Endpoint, Family, ModelError, Sampling, Secret};
use crate::plugins::{Consents, Plugins, Setup};
use crate::policy::{self, Effect, Rule};
use crate::process::{self, Runner};
use crate::sandbox::{Programs, Protection, Sandbox};
use crate::secrets;

/// The sandbox with its native-code cache.
pub fn sandbox(paths: &Paths) -> Result<Sandbox> {
    let cache_dir = Some(paths.cache.join("native"));
    Sandbox::new(crate::sandbox::Settings { cache_dir, key_dir: paths.state.clone() })
        .context("the sandbox could not be started")
}

/// The secrets that the user has set.
pub fn secrets(paths: &Paths) -> secrets::Store {
    secrets::Store::open(paths.state.join("secrets.json"))
}

/// The same for a conversation: what tools return is looked through for the keys of the configured servers too.
pub fn secrets_in_use(paths: &Paths, settings: &Settings) -> secrets::Store {
    let store = secrets(paths);
    let further = settings.endpoints.iter().map(|endpoint| &endpoint.api_key_env);
    let tiers = [&settings.tiers.heavy, &settings.tiers.cloud].map(|tier| tier.as_ref().map(|tier| &tier.api_key_env));
    let variables = std::iter::once(&settings.model.api_key_env).chain(further).chain(tiers.into_iter().flatten());
    let variables = variables.flatten();
    let value = |name: &String| secrets::Value::new(std::env::var(name).ok()?.trim()).ok();
    store.also_redact(variables.filter_map(|name| Some((name.clone(), value(name)?))));
    store
}

/// The built-in plugins with what the user grants them in `workspace`.
pub fn plugins(sandbox: Sandbox, loaded: &Loaded, paths: &Paths, workspace: &Path) -> Result<Plugins> {
    let settings = &loaded.settings;
    let plugin = |name: &str| settings.plugins.get(name).cloned().unwrap_or_default();
    Plugins::load(Setup {
        sandbox,
        workspace: workspace.to_path_buf(),
        protection: protection(settings)?,
        limits: settings.limits.clone(),
        enabled: &|name| plugin(name).enabled,
        grant: &|name, tool| plugin(name).grant(tool),
        state: plugin_state(paths),
    })
}

/// What no tool writes, or reads, whatever is granted.
pub fn protection(settings: &Settings) -> Result<Arc<Protection>> {
    let files = &settings.files;
    let programs = if asks_elsewhere(settings) { Programs::Blind } else { Programs::See };
    let protection = Protection::new(&readonly(settings), &files.secrets);
    let protection = protection.and_then(|protection| protection.with_private(&files.private, programs));
    Ok(Arc::new(protection.map_err(|error| anyhow!("files.readonly, files.secrets or files.private: {error}"))?))
}

/// Where the plugins' `/state` folders are.
pub fn plugin_state(paths: &Paths) -> PathBuf {
    plugin_state_of(&paths.project_state())
}

/// The same for what is kept about any project. `plugins` beside it is from when names alone told plugins apart: whose that is
/// nobody wrote down, so no plugin gets it.
pub fn plugin_state_of(project: &Path) -> PathBuf {
    project.join("state")
}

/// What the user has said about plugins.
pub fn consents(paths: &Paths) -> Consents {
    consents_of(paths, &paths.project_state())
}

/// The same for what is kept about any project.
pub fn consents_of(paths: &Paths, project: &Path) -> Consents {
    Consents::open(project.join("plugins.json"), paths.state.join("plugins.json"))
}

/// What tools did.
pub fn audit(paths: &Paths) -> audit::Log {
    audit::Log::open(paths.state.join("audit"))
}

/// What went to models that are not local.
pub fn exposures(paths: &Paths) -> audit::Exposures {
    audit::Exposures::open(paths.state.join("exposure"))
}

/// Whether what is asked may go to another machine, as far as settings tell.
pub fn asks_elsewhere(settings: &Settings) -> bool {
    let elsewhere = |model: &settings::Model| {
        let url = model.url().unwrap_or_default();
        let endpoint = Endpoint::new(provider(model.provider), url, "");
        !Endpoint { local: model.local, allow_remote: model.allow_remote, ..endpoint }.is_local()
    };
    elsewhere(&settings.model) || tiers::configured(settings).iter().any(|(_, model)| elsewhere(model))
}

/// What neither tools nor programs write: the protected files, and the paths that a rule denies to everybody. Programs
/// are not asked about by path, so such a rule holds only where files are opened.
pub fn readonly(settings: &Settings) -> Vec<String> {
    let denied = |rule: &&Rule| rule.effect == Effect::Deny && rule.tool.is_none() && rule.plugin.is_none();
    let denied = settings.approval.rules.iter().filter(denied).filter_map(|rule| rule.path.clone());
    settings.files.all_readonly().into_iter().chain(denied).collect()
}

/// What programs see nothing of. Which files they open is not known, so private ones are kept from them while anything may go
/// elsewhere.
fn hidden_from_programs(settings: &Settings) -> Vec<String> {
    let private: &[String] = if asks_elsewhere(settings) { &settings.files.private } else { &[] };
    settings.files.secrets.iter().chain(private).cloned().collect()
}

/// Runs programs in the operating system's sandbox.
pub fn runner(settings: &Settings) -> Result<Runner> {
    let process = &settings.process;
    Ok(Runner::new(process::Settings {
        time: process.time.0,
        output: process.output.0,
        memory: process.memory.0,
        processes: process.processes,
        file_size: process.file_size.0,
        allow_unsandboxed: process.allow_unsandboxed,
        readable: process.readable.clone(),
        path: process.path.clone(),
        env: process.env.clone(),
        protection: process::Protected {
            readonly: readonly(settings).into_iter().chain(policy::instructions().map(String::from)).collect(),
            secret: hidden_from_programs(settings),
            hide_history: asks_elsewhere(settings) && !settings.files.private.is_empty(),
        },
        helper: helper()?,
        ..process::Settings::default()
    }))
}

/// What runs after a file was written.
pub fn checks(settings: &Settings) -> Result<agent::Checker> {
    Ok(agent::Checker::new(Checks::new(&settings.checks).map_err(anyhow::Error::msg)?))
}

/// This program, which is also the helper that confines others.
fn helper() -> Result<PathBuf> {
    std::env::current_exe().context("the path of the running garth binary cannot be told, and programs need it")
}

/// The configured endpoint for the model `name`, with what its profile says; empty where the server's own choice will be
/// taken.
pub fn endpoint(model: &settings::Model, profiles: &Profiles, name: &str) -> Result<Endpoint, ModelError> {
    let url = model.url().or_else(|| model.configured_url.clone()).ok_or_else(|| ModelError::Settings {
        reason: "the provider 'scripted' plays a file; name it with model.script or --url".into(),
    })?;
    let mut endpoint = Endpoint::new(provider(model.provider), url, name);
    endpoint.api_key = api_key(model.api_key_env.as_deref())?;
    endpoint.num_ctx = model.num_ctx;
    let profile = profiles.of(name).profile;
    let guessed = profile.file.is_none();
    endpoint.max_num_ctx = profile.window.map_or(model.max_ctx, |window| window.min(model.max_ctx));
    endpoint.family = family(profile);
    // A hosted server knows its models, and some refuse what they would not choose themselves.
    let hosted = match endpoint.provider {
        model::Provider::OpenAi => !endpoint.is_loopback(),
        provider => provider == model::Provider::Anthropic,
    };
    if guessed && hosted {
        endpoint.family = Family { sampling: Sampling::default(), think: None, ..endpoint.family };
    }
    endpoint.price = model.price;
    endpoint.keep_alive = model.keep_alive_for_ollama();
    endpoint.think = model.think;
    endpoint.family.opened &= model.think.or(endpoint.family.think) != Some(false);
    endpoint.replay_reasoning = model.replay_reasoning;
    endpoint.local = model.local;
    endpoint.allow_remote = model.allow_remote;
    endpoint.idle_timeout = model.idle_timeout.0;
    endpoint.connect_timeout = model.connect_timeout.0;
    endpoint.proxy = model.proxy.clone();
    Ok(endpoint)
}

fn family(profile: Profile) -> Family {
    let Profile { calls, tools, weak, map, temperature, top_p, top_k, min_p, repeat_penalty, thinking, .. } = profile;
    Family {
        sampling: Sampling { temperature, top_p, top_k, min_p, repeat_penalty, max_tokens: None },
        tools_as_text: calls == Calls::Text,
        think: thinking.default,
        opened: thinking.opened,
        switch: thinking.switch,
        effort: thinking.effort,
        tools,
        weak,
        map: map as usize,
    }
}

/// One of `[[endpoints]]`, for probing.
pub fn further_endpoint(settings: &settings::Endpoint) -> Result<Endpoint, ModelError> {
    let mut endpoint = Endpoint::new(provider(settings.provider), settings.url.clone(), "");
    endpoint.api_key = api_key(settings.api_key_env.as_deref())?;
    Ok(endpoint)
}

fn provider(provider: settings::Provider) -> model::Provider {
    match provider {
        settings::Provider::Ollama => model::Provider::Ollama,
        settings::Provider::OpenAi => model::Provider::OpenAi,
        settings::Provider::Anthropic => model::Provider::Anthropic,
        settings::Provider::Scripted => model::Provider::Scripted,
    }
}

fn api_key(variable: Option<&str>) -> Result<Option<Secret>, ModelError> {
    let Some(name) = variable else { return Ok(None) };
    let key = std::env::var(name).ok().filter(|key| !key.trim().is_empty()).ok_or_else(|| ModelError::Settings {
        reason: format!("model.api_key_env names the environment variable {name}, which is not set"),
    })?;
    Ok(Some(Secret::new(key)))
}

/// What the loop obeys.
pub fn agent_settings(settings: &Settings) -> agent::Settings {
    agent::Settings {
        max_steps: settings.agent.max_steps,
        loop_repeats: settings.agent.loop_repeats,
        parallel: settings.agent.parallel_reads as usize,
        timeout: settings.agent.timeout.map(|span| span.0),
        result_limit: RESULT_LIMIT,
        window: settings.model.num_ctx.unwrap_or(settings.model.max_ctx) as usize,
        compact_at: settings.agent.compact_at as usize,
        summary: settings.agent.summary == settings::Summary::Model,
        lenience: agent::Lenience {
            text_calls: settings.agent.text_calls,
            repair_calls: settings.agent.repair_calls,
            nudge: settings.agent.nudge,
        },
        network: settings.process.network,
        tools: settings.tools.set,
        recovery: agent::Recovery {
            mend_after: settings.agent.mend_after,
            mend_steps: settings.agent.mend_steps,
            mend_attempts: settings.agent.mend_attempts,
            read_repeats: settings.agent.read_repeats,
            patch_repeats: settings.agent.patch_repeats,
            text_repeats: settings.agent.text_repeats,
        },
        sampling: tiers::sampling(&settings.model),
    }
}

/// Characters of one tool result that reach the model; the built-in tools stay below it by themselves.
const RESULT_LIMIT: usize = 24_000;
