//! The tiers of models: the small one that does most of the work, and those that a task may go on with.

use serde::{Deserialize, Serialize};

use super::Usage;

/// From the nearest to the farthest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The one of `[model]`.
    #[default]
    Local,
    /// A larger one, of `[tiers.heavy]`.
    Heavy,
    /// One of `[tiers.cloud]`.
    Cloud,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Local, Tier::Heavy, Tier::Cloud];

    pub fn name(self) -> &'static str {
        match self {
            Tier::Local => "local",
            Tier::Heavy => "heavy",
            Tier::Cloud => "cloud",
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What one signal adds to the score of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoutePart {
    /// `files`, `tools`, `errors`, `task`, `conversation` or `command`.
    pub name: String,
    /// What was seen, in words.
    pub seen: String,
    /// The most that it adds.
    pub weight: f64,
    /// How much of that: 0 to 1; below 0 for a command that says it is simple.
    pub value: f64,
    /// Their product.
    pub adds: f64,
}

/// A tier that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierSummary {
    pub tier: Tier,
    pub provider: String,
    pub model: String,
    /// Why it is not used now, where that is so.
    pub closed: Option<String>,
}

/// What the requests of one tier took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub tier: Tier,
    pub requests: u64,
    /// Those of them that no server has counted: their tokens are in no sum.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted: u64,
    /// Sums; what no reply had stays `null`.
    pub usage: Usage,
    /// US dollars, where the tier has a price.
    pub cost: Option<f64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
