//! Which layer set what, for `garth config show` and for messages.

use std::collections::BTreeMap;
use std::fmt;

use super::Place;

/// Where a setting can come from; the later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Default,
    User,
    Project,
    Environment,
    Flag,
}

/// The layer and the place within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub layer: Layer,
    pub place: Place,
}

/// Dotted path of a setting → where its value comes from. A list that layers add to has several origins, the lowest
/// layer first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub(super) BTreeMap<String, Vec<Origin>>);

impl Origins {
    /// The highest layer that set this path (`model.name`); `None` for a path that nobody set, not even the defaults.
    pub fn get(&self, path: &str) -> Option<&Origin> {
        self.0.get(path).and_then(|origins| origins.last())
    }

    /// The layer of [`Origins::get`], the defaults where nobody set the path.
    pub fn layer(&self, path: &str) -> Layer {
        self.get(path).map_or(Layer::Default, |origin| origin.layer)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Default => "default",
            Layer::User => "user",
            Layer::Project => "project",
            Layer::Environment => "environment",
            Layer::Flag => "flag",
        })
    }
}

/// `user (/home/me/.config/garth/config.toml:3)`, `environment (GARTH_MODEL__NAME)`, `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Default => write!(f, "{}", self.layer),
            place => write!(f, "{} ({place})", self.layer),
        }
    }
}
