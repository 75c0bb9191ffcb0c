//! The merge: one value for each setting, and where it came from. Higher layers replace; lists of tables grow; what a
//! project's file adds or narrows is combined with what stands below it.

use std::collections::BTreeMap;

use serde::de::Error as _;
use toml::{Table, Value};

use super::file::Written;
use super::keys::{KEYS, Key, Project};
use super::kind::{Kind, grant_field};
use super::origin::{Layer, Origin, Origins};
use super::{Place, Settings};

/// One setting of the merged whole.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub key: &'static Key,
    pub value: Value,
    /// The layers that contribute, the lowest first; for lists of tables one for each table.
    pub origins: Vec<Origin>,
}

/// All settings so far, by path.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged(pub BTreeMap<Vec<String>, Setting>);

impl Merged {
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.0.get(&path.split('.').map(String::from).collect::<Vec<_>>())
    }

    pub fn text(&self, path: &str) -> &str {
        self.get(path).and_then(|setting| setting.value.as_str()).unwrap_or_default()
    }

    /// Adds what a layer writes; whether it may is decided before.
    pub fn put(&mut self, written: Written, layer: Layer) {
        let Written { key, path, value, place } = written;
        let origin = Origin { layer, place };
        let before = self.0.get_mut(&path);
        if matches!(key.kind, Kind::Tables(_)) {
            match before {
                Some(Setting { value: Value::Array(tables), origins, .. }) => {
                    tables.push(value);
                    origins.push(origin);
                }
                _ => drop(self.0.insert(path, Setting { key, value: vec![value].into(), origins: vec![origin] })),
            }
            return;
        }
        let combined = before.filter(|_| layer == Layer::Project).and_then(|setting| {
            let value = match (key.project, key.kind, &setting.value) {
                (Project::Add, _, Value::Array(old)) => union(old, &value),
                (Project::Narrow, Kind::GrantField(field), old) => narrowed(field, old, &value)?,
                _ => return None,
            };
            Some((value, [setting.origins.as_slice(), std::slice::from_ref(&origin)].concat()))
        });
        let (value, origins) = combined.unwrap_or((value, vec![origin]));
        self.0.insert(path, Setting { key, value, origins });
    }

    /// Empties a text because of what another layer says.
    pub fn clear(&mut self, path: &str, because: Origin) {
        if let Some(setting) = self.0.get_mut(&path.split('.').map(String::from).collect::<Vec<_>>()) {
            setting.value = "".into();
            setting.origins = vec![because];
        }
    }

    /// In the order of `default.toml`.
    pub fn in_order(&self) -> Vec<(&Vec<String>, &Setting)> {
        let mut settings: Vec<_> = self.0.iter().collect();
        settings.sort_by_key(|(path, setting)| {
            let position = KEYS.iter().position(|key| std::ptr::eq(key, setting.key));
            let section = KEYS.iter().position(|key| key.path.split('.').next() == path.first().map(String::as_str));
            (section, setting.key.path.contains('*').then_some((*path).clone()), position)
        });
        settings
    }

    pub fn origins(&self) -> Origins {
        let mut origins = BTreeMap::new();
        for (path, setting) in &self.0 {
            let path = path.join(".");
            if matches!(setting.key.kind, Kind::Tables(_)) {
                for (index, origin) in setting.origins.iter().enumerate() {
                    origins.insert(format!("{path}[{index}]"), vec![origin.clone()]);
                }
            }
            origins.insert(path, setting.origins.clone());
        }
        Origins(origins)
    }

    /// As plain data. Every value has been checked; an error here is a mistake in the table of keys.
    pub fn settings(&self) -> Result<Settings, toml::de::Error> {
        let mut root = Table::new();
        for (path, setting) in &self.0 {
            let Some((name, sections)) = path.split_last() else { continue };
            let mut table = &mut root;
            for section in sections {
                let inner = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
                table =
                    inner.as_table_mut().ok_or_else(|| toml::de::Error::custom(format!("{section} is no table")))?;
            }
            table.insert(name.clone(), setting.value.clone());
        }
        let mut settings: Settings = root.try_into()?;
        if let Some(rules) = self.get("approval.rules") {
            for (rule, origin) in settings.approval.rules.iter_mut().zip(&rules.origins) {
                rule.origin = origin.to_string();
            }
        }
        Ok(settings)
    }
}

impl Default for Origin {
    fn default() -> Self {
        Origin { layer: Layer::Default, place: Place::Default }
    }
}

fn union(old: &[Value], new: &Value) -> Value {
    let mut all = old.to_vec();
    for value in new.as_array().into_iter().flatten() {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    Value::Array(all)
}

fn narrowed(field: &str, old: &Value, new: &Value) -> Option<Value> {
    let grant = |value: &Value| grant_field(field, value.clone()).ok();
    let both = grant(old)?.narrowed_by(&grant(new)?);
    Table::try_from(both).ok()?.remove(field)
}
