//! Which plugin of a name somebody means: plugins in different places are different plugins, and share no grants.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Place;
use crate::plugins::Spot;

/// What a plugin is known by beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Holder {
    /// Part of the binary.
    Builtin,
    /// What `garth plugin dev` builds; it needs no acceptance.
    Dev,
    Installed(Place),
}

impl Holder {
    /// Of one name, those that count first coming first.
    pub const ALL: [Holder; 4] =
        [Holder::Builtin, Holder::Dev, Holder::Installed(Place::Project), Holder::Installed(Place::User)];

    /// Where grants to it can be kept: what holds in all projects is never for one project's plugin.
    pub fn places(self) -> &'static [Place] {
        match self {
            Holder::Installed(Place::Project) => &[Place::Project],
            _ => &[Place::Project, Place::User],
        }
    }

    /// After the plugin's name, for people.
    pub fn whose(self) -> &'static str {
        match self {
            Holder::Builtin => "built in",
            Holder::Dev => "built by `garth plugin dev`",
            Holder::Installed(Place::Project) => "this project's",
            Holder::Installed(Place::User) => "yours, in all projects",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Builtin => f.write_str("builtin"),
            Holder::Dev => f.write_str("dev"),
            Holder::Installed(place) => place.fmt(f),
        }
    }
}

impl From<Spot> for Holder {
    fn from(spot: Spot) -> Holder {
        match spot {
            Spot::Dev => Holder::Dev,
            Spot::Installed(place) => Holder::Installed(place),
        }
    }
}

impl From<Holder> for String {
    fn from(holder: Holder) -> String {
        holder.to_string()
    }
}

impl TryFrom<String> for Holder {
    type Error = String;

    fn try_from(text: String) -> Result<Holder, String> {
        let found = Holder::ALL.into_iter().find(|holder| holder.to_string() == text);
        found.ok_or_else(|| format!("'{}' is none of builtin, dev, project, user", text.escape_debug()))
    }
}
