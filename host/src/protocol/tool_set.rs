//! How many tools a model is offered. Which they are is the loop's to say.

use serde::{Deserialize, Serialize};

/// Chosen when a context begins, and fixed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolSet {
    /// A few that do much in one call.
    Small,
    /// All that do one thing each.
    Full,
}

impl ToolSet {
    pub fn name(self) -> &'static str {
        match self {
            ToolSet::Small => "small",
            ToolSet::Full => "full",
        }
    }
}
