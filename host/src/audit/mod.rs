//! What tools did: one line for each call, the refused ones too, and one when a call begins that can change something, in files of the user's own that are only added to. Whoever
//! runs the calls says what to keep. A line holds digests instead of arguments and results, so the audit tells who did what
//! and not what was in it. It cannot prove anything to others: the user could change the files.

mod entry;
mod log;

pub use entry::{Contact, Entry, Outcome, Plugin, Used};
pub use log::{Log, Reading};
