//! What the loop obeys: numbers, and what is switched on. Plain data, filled from the configuration by the root; what each means
//! to a user is in `config/default.toml`.

use std::time::Duration;

use crate::model::Sampling;
use crate::protocol::ToolSet;

/// The numbers that the loop obeys.
#[derive(Clone, Debug)]
pub struct Settings {
    pub max_steps: u32,
    /// The same call with the same result this often in a row ends the turn.
    pub loop_repeats: u32,
    /// How many reading calls run at the same time.
    pub parallel: usize,
    /// Of a whole turn.
    pub timeout: Option<Duration>,
    /// Characters of one tool result that reach the model.
    pub result_limit: usize,
    /// Tokens that the model reads at once, as far as settings tell.
    pub window: usize,
    /// Percent of the window at which the conversation is compacted.
    pub compact_at: usize,
    /// Whether the model sums up what a compaction leaves out.
    pub summary: bool,
    pub sampling: Sampling,
    /// The tools that a context begins with; `None`: by the model.
    pub tools: Option<ToolSet>,
    pub recovery: Recovery,
    pub lenience: Lenience,
    /// Whether programs reach the network.
    pub network: bool,
}

/// What is done, and when, about a model that gets stuck. 0 switches a limit off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    /// Writes after which an error that stays gets a conversation of its own.
    pub mend_after: u32,
    /// Requests to the model in one of those.
    pub mend_steps: u32,
    /// Of those in one turn.
    pub mend_attempts: u32,
    /// Readings of the same lines of a file.
    pub read_repeats: u32,
    /// Changes to a file that lead nowhere.
    pub patch_repeats: u32,
    /// The same part of a reply, one after the other.
    pub text_repeats: u32,
}

/// What is made of replies that a model did not quite get right.
#[derive(Clone, Copy, Debug)]
pub struct Lenience {
    /// Calls that stand in the text count.
    pub text_calls: bool,
    /// Broken JSON and careless types are mended.
    pub repair_calls: bool,
    /// A reply with which nothing can be done is answered once.
    pub nudge: bool,
}

impl Default for Lenience {
    fn default() -> Lenience {
        Lenience { text_calls: true, repair_calls: true, nudge: true }
    }
}
