//! Sessions on disk: an append-only journal of events in JSON lines, the contents that calls replaced, and the way back
//! to a conversation. It must not know the loop, and it never grants anything: an approval in a journal is history.
//!
//! A session is a directory `<sessions of the project>/<id>/` with `journal.jsonl` and `blobs/<sha256>`, readable by its
//! owner only. A line of the journal is an [`Event`](crate::protocol::Event) with `at`, milliseconds since 1970. Readers
//! skip lines and event types that they do not know.

mod blob;
mod changes;
mod id;
mod journal;
mod read;
mod resume;
mod store;

pub use changes::{Changed, Since, changes, note_restored, since};
pub use journal::Journal;
pub use read::{Entry, Log, load};
pub use resume::{FORK_INTERRUPTED, INTERRUPTED, MEND_INTERRUPTED, Transcript, resume};
pub use store::{FindError, Store, Summary};
