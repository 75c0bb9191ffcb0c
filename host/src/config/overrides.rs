//! Settings from the environment and from flags, checked like those of a file.
//!
//! A setting `section.key` is the variable `GARTH_SECTION__KEY`: two underscores stand for the dot. An empty variable
//! counts as not set. `NO_COLOR` (see no-color.org) is `ui.colour = "never"`.

use std::collections::BTreeMap;

use toml::Value;

use super::file::Written;
use super::keys::{self, Found, KEYS};
use super::{ConfigError, Place};

/// Variables that begin like settings and are none.
const OTHERS: &[&str] = &[super::paths::HOME_VARIABLE];

/// What the command line sets; `None` leaves it to the lower layers. Values are checked by [`load`](super::load), so
/// that a wrong one is the same kind of error wherever it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--model`
    pub model: Option<String>,
    /// `--provider`
    pub provider: Option<String>,
    /// `--url`
    pub url: Option<String>,
    /// `--approval`
    pub approval: Option<String>,
    /// `--max-steps`
    pub max_steps: Option<u32>,
    /// `--num-ctx`
    pub num_ctx: Option<u32>,
    /// `--max-tokens`
    pub max_tokens: Option<u32>,
    /// `--temperature`
    pub temperature: Option<f64>,
    /// `--top-p`
    pub top_p: Option<f64>,
    /// `--timeout`: of the whole turn, as `agent.timeout`.
    pub timeout: Option<String>,
}

pub(super) fn from_flags(flags: &Overrides) -> Result<Vec<Written>, ConfigError> {
    let text = |value: &Option<String>| value.clone().map(Value::from);
    let whole = |value: Option<u32>| value.map(|number| Value::from(i64::from(number)));
    let set = [
        ("--model", "model.name", text(&flags.model)),
        ("--provider", "model.provider", text(&flags.provider)),
        ("--url", "model.url", text(&flags.url)),
        ("--approval", "approval.mode", text(&flags.approval)),
        ("--max-steps", "agent.max_steps", whole(flags.max_steps)),
        ("--num-ctx", "model.num_ctx", whole(flags.num_ctx)),
        ("--max-tokens", "model.max_tokens", whole(flags.max_tokens)),
        ("--temperature", "model.temperature", flags.temperature.map(Value::from)),
        ("--top-p", "model.top_p", flags.top_p.map(Value::from)),
        ("--timeout", "agent.timeout", text(&flags.timeout)),
    ];
    set.into_iter()
        .filter_map(|(flag, path, value)| value.map(|value| (flag, path, value)))
        .map(|(flag, path, value)| {
            let place = Place::Flag(flag);
            let path: Vec<String> = path.split('.').map(String::from).collect();
            let Found::Setting(key) = keys::find(&path) else {
                return Err(ConfigError::UnknownKey { place, key: path.join("."), help: String::new() });
            };
            match key.kind.check(&value) {
                Ok(()) => Ok(Written { key, path, value, place }),
                Err(problem) => Err(ConfigError::Value { place, key: key.path.into(), problem }),
            }
        })
        .collect()
}

pub(super) fn from_environment(env: &BTreeMap<String, String>) -> Result<Vec<Written>, ConfigError> {
    let mut written = Vec::new();
    let colour = ["ui", "colour"].map(String::from);
    if let (Found::Setting(key), Some(_)) = (keys::find(&colour), env.get("NO_COLOR").filter(|value| !value.is_empty()))
    {
        let place = Place::Environment("NO_COLOR".into());
        written.push(Written { key, path: colour.into(), value: "never".into(), place });
    }
    for (name, text) in env {
        let Some(rest) = name.strip_prefix("GARTH_") else { continue };
        if OTHERS.contains(&name.as_str()) || text.is_empty() {
            continue;
        }
        let place = Place::Environment(name.clone());
        let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
        let Found::Setting(key) = keys::find(&path) else {
            return Err(ConfigError::UnknownKey { place, key: path.join("."), help: help(name) });
        };
        match key.kind.parse(text) {
            Ok(value) => written.push(Written { key, path, value, place }),
            Err(problem) => return Err(ConfigError::Value { place, key: path.join("."), problem }),
        }
    }
    Ok(written)
}

fn help(wrong: &str) -> String {
    let names: Vec<String> = KEYS
        .iter()
        .filter(|key| !key.path.contains('*'))
        .map(|key| variable(key.path))
        .chain(OTHERS.iter().map(|name| name.to_string()))
        .collect();
    match keys::nearest(wrong, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "a setting section.key is called GARTH_SECTION__KEY; `garth config show` lists all".into(),
    }
}

fn variable(path: &str) -> String {
    format!("GARTH_{}", path.replace('.', "__").to_uppercase())
}
