//! The intersection of capabilities and of grants: never wider than either side, in any of their parts.

use super::{Capabilities, Grant};

impl Capabilities {
    /// What both allow.
    pub fn intersect(&self, other: &Capabilities) -> Capabilities {
        Capabilities {
            workspace: self.workspace.intersect(&other.workspace),
            process: common_prefixes(&self.process, &other.process),
            state: self.state.zip(other.state).map(|(a, b)| a.min(b)),
            secrets: self.secrets && other.secrets,
        }
    }
}

impl Grant {
    /// The grant of a lower layer narrowed by one of a higher layer; what only one of them sets, holds.
    pub fn narrowed_by(&self, other: &Grant) -> Grant {
        Grant {
            workspace: both(&self.workspace, &other.workspace, |a, b| a.intersect(b)),
            process: both(&self.process, &other.process, |a, b| common_prefixes(a, b)),
            state: both(&self.state, &other.state, |a, b| *a.min(b)),
            secrets: both(&self.secrets, &other.secrets, |a, b| *a && *b),
        }
    }
}

fn both<T: Clone>(a: &Option<T>, b: &Option<T>, meet: impl Fn(&T, &T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(meet(a, b)),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

/// Of each pair where one vector begins with the other, the longer.
fn common_prefixes(a: &[Vec<String>], b: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut common: Vec<Vec<String>> = Vec::new();
    for left in a {
        for right in b {
            let longer = if left.len() >= right.len() { left } else { right };
            if longer.starts_with(left) && longer.starts_with(right) && !common.contains(longer) {
                common.push(longer.clone());
            }
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use crate::policy::{Access, Capabilities, Grant, PathGrant, Workspace};
    use crate::protocol::ByteSize;

    /// Every workspace that can be written over this small tree, and every path to look it up at.
    fn workspaces() -> Vec<Workspace> {
        let levels = [Access::None, Access::Read, Access::Write];
        let mut all: Vec<Workspace> = levels.map(Workspace::All).into();
        for a in levels {
            for ab in levels {
                for abc in levels {
                    for x in levels {
                        let entries = [("a", a), ("a/b", ab), ("a/b/c", abc), ("ab", x)];
                        let grants = entries.into_iter().filter(|(_, access)| *access > Access::None);
                        let list: Vec<_> =
                            grants.map(|(path, access)| PathGrant { path: path.into(), access }).collect();
                        let json = serde_json::to_string(&list).unwrap();
                        all.extend(serde_json::from_str::<Workspace>(&json)); // those that are valid
                    }
                }
            }
        }
        all
    }

    const PATHS: [&str; 9] = ["a", "a/b", "a/b/c", "a/b/c/d", "a/bc", "ab", "ab/c", "z", "a/z"];

    #[test]
    fn an_intersection_is_the_lesser_of_both_at_every_path() {
        let all = workspaces();
        assert!(all.len() > 20);
        for a in &all {
            for b in &all {
                let both = a.intersect(b);
                for path in PATHS {
                    assert_eq!(both.access(path), a.access(path).min(b.access(path)), "{a:?} {b:?} {path}");
                }
                let json = serde_json::to_string(&both).unwrap();
                assert_eq!(serde_json::from_str::<Workspace>(&json).unwrap(), both, "and can be written and read");
            }
        }
    }

    fn words(prefixes: &[&str]) -> Vec<Vec<String>> {
        prefixes.iter().map(|prefix| prefix.split(' ').map(String::from).collect()).collect()
    }

    #[test]
    fn programs_are_those_that_begin_with_a_prefix_of_each_side() {
        let sets =
            [&[][..], &["git"], &["git log"], &["git log", "cargo"], &["git lo"], &["cargo test", "git show", "git"]];
        let commands = words(&["git", "git log", "git log -3", "git show", "cargo", "cargo test x", "sh"]);
        let allows = |set: &[Vec<String>], command: &[String]| set.iter().any(|prefix| command.starts_with(prefix));
        for a in sets.map(words) {
            for b in sets.map(words) {
                let both = super::common_prefixes(&a, &b);
                for command in &commands {
                    assert_eq!(
                        allows(&both, command),
                        allows(&a, command) && allows(&b, command),
                        "{a:?} {b:?} {command:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_grant_narrows_and_only_it_opens_secrets() {
        let ceiling = Capabilities {
            workspace: Workspace::All(Access::Write),
            process: words(&["git"]),
            state: Some(ByteSize(100)),
            secrets: true, // a manifest's claim
        };
        assert!(!ceiling.granted(&Grant::default()).secrets);
        assert_eq!(ceiling.granted(&Grant::default()).workspace, ceiling.workspace);
        let grant = Grant {
            workspace: Some(Workspace::All(Access::Read)),
            process: Some(words(&["git log", "rm"])),
            state: Some(ByteSize(1000)),
            secrets: Some(true),
        };
        let granted = ceiling.granted(&grant);
        assert_eq!(
            granted.describe(),
            "reads the workspace, runs git log, keeps up to 100B of its own, reads files that look like secrets"
        );
        assert_eq!(Capabilities::default().granted(&grant).describe(), "reads files that look like secrets");
        let narrower = Grant { process: Some(vec![]), secrets: Some(false), ..Grant::default() };
        assert_eq!(ceiling.granted(&grant.narrowed_by(&narrower)).process, Vec::<Vec<String>>::new());
        assert!(!grant.narrowed_by(&narrower).secrets.unwrap());
    }
}
