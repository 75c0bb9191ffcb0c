//! What differs between two snapshots of the plugins, as far as somebody should be told: what waited or was broken before is
//! not told again.

use std::collections::BTreeMap;

use super::summary::{self, BROKEN, LIVE, WAITING};
use crate::protocol::PluginSummary;

/// Names of plugins, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// Files that wait for the user's word and did not before, a line each.
    pub waiting: Vec<String>,
    /// Files that cannot be used and were not told before, a line each.
    pub problems: Vec<String>,
}

impl Changes {
    /// `old` and `new` as [`Live::list`](super::Live::list) gives them.
    pub fn between(old: &[PluginSummary], new: &[PluginSummary]) -> Changes {
        let (before, now) = (live(old), live(new));
        let is_new = |one: &&PluginSummary| !old.contains(*one);
        let of = |state: &str| new.iter().filter(move |one| one.state == state).filter(is_new).collect::<Vec<_>>();
        let names = |names: Vec<&&str>| names.into_iter().map(|name| name.to_string()).collect();
        Changes {
            added: names(now.keys().filter(|name| !before.contains_key(*name)).collect()),
            changed: names(now.keys().filter(|name| before.get(*name).is_some_and(|was| *was != now[*name])).collect()),
            removed: names(before.keys().filter(|name| !now.contains_key(*name)).collect()),
            waiting: of(WAITING).into_iter().map(summary::waiting).collect(),
            problems: of(BROKEN).into_iter().map(summary::problem).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }
}

fn live(list: &[PluginSummary]) -> BTreeMap<&str, &PluginSummary> {
    list.iter().filter(|one| one.state == LIVE).map(|one| (one.name.as_str(), one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, state: &str, digest: &str) -> PluginSummary {
        let (name, state, digest) = (name.to_string(), state.to_string(), digest.to_string());
        PluginSummary {
            file: format!("{name}.wasm"),
            detail: "so it is".into(),
            name,
            state,
            digest,
            ..Default::default()
        }
    }

    #[test]
    fn only_what_is_new_is_told() {
        let check = |old: &[(&str, &str, &str)], new: &[(&str, &str, &str)], expected: [&[&str]; 5]| {
            let list = |list: &[(&str, &str, &str)]| list.iter().map(|(n, s, d)| one(n, s, d)).collect::<Vec<_>>();
            let changes = Changes::between(&list(old), &list(new));
            let Changes { added, changed, removed, waiting, problems } = &changes;
            for (lines, names) in [added, changed, removed, waiting, problems].into_iter().zip(expected) {
                let first: Vec<&str> = lines.iter().filter_map(|line| line.split([' ', ':']).next()).collect();
                assert_eq!(first, names);
            }
        };
        check(&[], &[], [&[], &[], &[], &[], &[]]);
        check(&[("a", LIVE, "1")], &[("a", LIVE, "1")], [&[], &[], &[], &[], &[]]);
        check(&[("a", LIVE, "1")], &[("a", LIVE, "2"), ("b", LIVE, "1")], [&["b"], &["a"], &[], &[], &[]]);
        check(&[("a", LIVE, "1")], &[("a", WAITING, "2")], [&[], &[], &["a"], &["a"], &[]]);
        check(&[("a", WAITING, "2")], &[("a", WAITING, "2"), ("b", BROKEN, "")], [&[], &[], &[], &[], &["b.wasm"]]);
        check(&[("a", WAITING, "2")], &[("a", WAITING, "3")], [&[], &[], &[], &["a"], &[]]);
        check(&[("a", LIVE, "1")], &[("a", LIVE, "1"), ("a", BROKEN, "2")], [&[], &[], &[], &[], &["a.wasm"]]);
    }
}
