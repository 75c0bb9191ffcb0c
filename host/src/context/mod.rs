//! What the model reads: the stable system prompt, the bounded tool results, and how many tokens they take.
//! Pure: the caller brings the workspace's facts and gets text. Nothing volatile may enter the system prompt, because a
//! local server keeps its prompt cache only while the beginning of each request stays the same, byte for byte.

mod bound;
mod budget;
mod compact;
mod prompt;
mod tokens;

pub use bound::bounded;
pub use budget::Gauge;
pub use compact::{EARLIER, Pinned, compact};
pub use prompt::{SKILLS_TITLE, Snapshot, system_prompt};
pub use tokens::{estimate, tools_as_json};
