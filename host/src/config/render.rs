//! `garth config show`: every setting with its value and the layer that set it, a line each.

use toml::Value;

use super::Loaded;
use super::kind::Kind;
use crate::policy::Rule;

/// Lines `key = value  # layer (file:line)`, in the order of the default file. Keys are named by variables, never part
/// of a setting; of a URL the query, where some servers expect a key, is not shown.
pub fn render(loaded: &Loaded) -> String {
    let mut lines = Vec::new();
    for (path, setting) in loaded.merged.in_order() {
        let path = path.join(".");
        match (&setting.value, setting.key.kind) {
            (Value::Array(tables), Kind::Tables(_)) => {
                for (index, (table, origin)) in tables.iter().zip(&setting.origins).enumerate() {
                    lines.push(format!("{path}[{index}] = {}  # {origin}", shown(setting.key.kind, table)));
                }
            }
            (value, kind) => {
                let origins: Vec<String> = setting.origins.iter().map(ToString::to_string).collect();
                lines.push(format!("{path} = {}  # {}", shown(kind, value), origins.join(" + ")));
            }
        }
    }
    for empty in ["endpoints", "approval.rules"] {
        if loaded.merged.get(empty).is_none() {
            lines.push(format!("{empty} = []  # default"));
        }
    }
    lines.join("\n") + "\n"
}

/// A value as TOML, without what might be a secret.
pub(super) fn shown(kind: Kind, value: &Value) -> String {
    let mut value = value.clone();
    if let Ok(rule) = value.clone().try_into::<Rule>() {
        return rule.to_string();
    }
    match (kind, &mut value) {
        (Kind::UrlOr(_), Value::String(url)) => *url = without_query(url),
        (Kind::Tables(_), Value::Table(table)) => {
            if let Some(Value::String(url)) = table.get_mut("url") {
                *url = without_query(url);
            }
        }
        _ => {}
    }
    value.to_string()
}

fn without_query(url: &str) -> String {
    match url.split_once(['?', '#']) {
        Some((before, _)) => format!("{before}?…"),
        None => url.to_string(),
    }
}
