//! What differs between two snapshots of the catalogue, as far as somebody should be told: the same file read again is no
//! change, and a problem that was there before is not told again.

use std::collections::HashSet;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::entry::{Entry, Kind, Unusable};

/// Names without slash, sorted; an agent's as `name (agent)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// That were not there before.
    pub problems: Vec<Unusable>,
}

impl Changes {
    pub fn between(old: &Catalogue, new: &Catalogue) -> Changes {
        let mut changes = Changes::default();
        for entry in new.entries() {
            match same(old, entry) {
                None => changes.added.push(name(entry)),
                Some(before) if differ(before, entry) => changes.changed.push(name(entry)),
                Some(_) => {}
            }
        }
        let removed = old.entries().iter().filter(|entry| same(new, entry).is_none());
        changes.removed = removed.map(|entry| name(entry)).collect();
        let known: HashSet<(&str, u32, &str)> = old.problems().iter().map(identity).collect();
        let problems = new.problems().iter().filter(|problem| !known.contains(&identity(problem)));
        changes.problems = problems.cloned().collect();
        changes
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty() && self.problems.is_empty()
    }
}

fn identity(problem: &Unusable) -> (&str, u32, &str) {
    (&problem.shown, problem.line, &problem.reason)
}

fn same<'a>(catalogue: &'a Catalogue, entry: &Entry) -> Option<&'a Arc<Entry>> {
    match entry.place.kind {
        Kind::Agent => catalogue.agent(&entry.place.name),
        Kind::Command | Kind::Skill => catalogue.find(&entry.place.name),
    }
}

fn differ(one: &Arc<Entry>, other: &Arc<Entry>) -> bool {
    !Arc::ptr_eq(one, other) && (one.digest != other.digest || one.place != other.place)
}

fn name(entry: &Entry) -> String {
    match entry.place.kind {
        Kind::Agent => format!("{} (agent)", entry.place.name),
        Kind::Command | Kind::Skill => entry.place.name.clone(),
    }
}
