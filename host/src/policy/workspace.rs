//! How much of the workspace a tool sees: nothing, all of it, or some sub-paths, to read or to write.
//! The shape of `workspace = …` in manifests and grants, checked when it is read. What was opened is checked elsewhere.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::glob::normalise;

/// How far files may be reached; ordered, `None` the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    #[default]
    None,
    Read,
    Write,
}

/// Access to the workspace: the same everywhere, or to these sub-paths only.
/// In TOML `workspace = "read"` or `workspace = [{ path = "docs", access = "write" }]`.
///
/// Entries may nest when the inner one grants more; so 'the deepest entry decides' and 'the most generous entry
/// decides' mean the same, and whoever enforces them may do either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Workspace {
    All(Access),
    Paths(Vec<PathGrant>),
}

/// Access to one folder or file of the workspace and everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathGrant {
    /// Relative to the workspace, with `/`, without `.` and `..`; empty (written `.`) for all of it, beside which other
    /// entries add more.
    #[serde(serialize_with = "dotted")]
    pub path: String,
    pub access: Access,
}

impl PathGrant {
    /// As people read it.
    pub fn shown(&self) -> &str {
        if self.path.is_empty() { "the workspace" } else { &self.path }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Workspace::All(Access::None)
    }
}

impl Workspace {
    /// The access to one path, relative to the workspace and normalised.
    pub fn access(&self, path: &str) -> Access {
        match self {
            Workspace::All(access) => *access,
            Workspace::Paths(grants) => {
                let covering = grants.iter().filter(|grant| covers(&grant.path, path));
                covering.map(|grant| grant.access).max().unwrap_or(Access::None)
            }
        }
    }

    /// The widest access anywhere in the workspace.
    pub fn widest(&self) -> Access {
        match self {
            Workspace::All(access) => *access,
            Workspace::Paths(grants) => grants.iter().map(|grant| grant.access).max().unwrap_or(Access::None),
        }
    }

    /// What both allow; at every path exactly the lesser of the two.
    pub fn intersect(&self, other: &Workspace) -> Workspace {
        self.joined(other, |a, b| a.min(b))
    }

    /// What either allows; at every path exactly the greater of the two.
    pub fn union(&self, other: &Workspace) -> Workspace {
        self.joined(other, |a, b| a.max(b))
    }

    /// The entries of this that the other does not cover; none exactly when it is at least as wide everywhere.
    pub fn beyond(&self, other: &Workspace) -> Workspace {
        Workspace::tidy(self.entries().filter(|grant| grant.access > other.access(&grant.path)).collect())
    }

    /// Both change only at the paths of their entries, so it is enough to look there.
    fn joined(&self, other: &Workspace, join: impl Fn(Access, Access) -> Access) -> Workspace {
        let all = self.entries().chain(other.entries()).map(|PathGrant { path, .. }| {
            let access = join(self.access(&path), other.access(&path));
            PathGrant { path, access }
        });
        Workspace::tidy(all.collect())
    }

    fn entries(&self) -> impl Iterator<Item = PathGrant> {
        let (whole, parts) = match self {
            Workspace::All(access) => (Some(PathGrant { path: String::new(), access: *access }), Vec::new()),
            Workspace::Paths(grants) => (None, grants.clone()),
        };
        whole.into_iter().chain(parts)
    }

    /// Only the entries that add something, from the outer to the inner.
    fn tidy(mut all: Vec<PathGrant>) -> Workspace {
        all.sort_by(|a, b| a.path.cmp(&b.path).then(b.access.cmp(&a.access)));
        let mut kept = Workspace::Paths(Vec::new());
        for grant in all {
            if let (true, Workspace::Paths(kept)) = (grant.access > kept.access(&grant.path), &mut kept) {
                kept.push(grant);
            }
        }
        match kept {
            Workspace::Paths(paths) if paths.is_empty() => Workspace::default(),
            Workspace::Paths(paths) if paths.len() == 1 && paths[0].path.is_empty() => Workspace::All(paths[0].access),
            kept => kept,
        }
    }

    fn checked(mut grants: Vec<PathGrant>) -> Result<Workspace, String> {
        for grant in &mut grants {
            let path = &grant.path;
            let clean = match path.as_str() {
                "." => String::new(),
                path => normalise(path).map_err(|reason| format!("the workspace path '{path}' {reason}"))?,
            };
            if grant.access == Access::None {
                return Err(format!(
                    "'{path}' is listed with access = \"none\"; leave it out, what is not listed is not granted"
                ));
            }
            grant.path = clean;
        }
        for (index, a) in grants.iter().enumerate() {
            for (other, b) in grants.iter().enumerate() {
                if index < other && a.path == b.path {
                    return Err(format!("the workspace path '{}' is listed twice", a.path));
                }
                if index != other && covers(&a.path, &b.path) && b.access < a.access {
                    return Err(format!(
                        "'{}' is inside '{}', which already grants more; an inner path may only add",
                        b.path, a.path
                    ));
                }
            }
        }
        Ok(Workspace::Paths(grants))
    }
}

fn dotted<S: serde::Serializer>(path: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if path.is_empty() { "." } else { path })
}

/// Whether `path` is `grant` or below it.
fn covers(grant: &str, path: &str) -> bool {
    grant.is_empty() || path.strip_prefix(grant).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::None => "none",
            Access::Read => "read",
            Access::Write => "write",
        })
    }
}

impl<'de> Deserialize<'de> for Workspace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Workspace;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"none\", \"read\", \"write\" or a list such as [{ path = \"docs\", access = \"write\" }]")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Workspace, E> {
        match text {
            "none" => Ok(Workspace::All(Access::None)),
            "read" => Ok(Workspace::All(Access::Read)),
            "write" => Ok(Workspace::All(Access::Write)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Workspace, A::Error> {
        let grants = Vec::<PathGrant>::deserialize(SeqAccessDeserializer::new(seq))?;
        Workspace::checked(grants).map_err(de::Error::custom)
    }
}
