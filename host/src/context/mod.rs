//! What the model reads: the stable system prompt, the bounded tool results, and how many tokens they take.
//! Pure: the caller brings the workspace's facts and gets text. Nothing volatile may enter the system prompt, because a
//! local server keeps its prompt cache only while the beginning of each request stays the same, byte for byte.

mod bound;
mod budget;
mod compact;
mod held;
mod note;
mod prompt;
mod tokens;
mod told;

pub use bound::{Matters, beginning, bounded, fits};
pub use budget::{Gauge, Learned};
pub use compact::{Pinned, Room, compact};
pub use note::{EARLIER, INDENT, NOT_YET, NOTHING_SAID, REPEATS, sum_up};
pub use prompt::{SKILLS_TITLE, Snapshot, files_in_prompt, system_prompt};
pub use tokens::{estimate, tools_as_json, width};
