//! What can go wrong with the graph. That a name is not known is none of it: that is an answer.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The next [`refresh`](super::Graph::refresh) makes it anew.
    #[error("the code graph at {} is damaged ({reason}); it is made anew when the project is indexed again", .file.display())]
    Damaged { file: PathBuf, reason: String },
    #[error("the code graph at {} cannot be used: {reason}; free some space, or remove the file, and try again", .file.display())]
    Store { file: PathBuf, reason: String },
    #[error("the code graph at {} is just being written by another Garth in this project; try again in a moment", .file.display())]
    Busy { file: PathBuf },
    #[error("'{path}' is not indexed: {reason}")]
    NotIndexed { path: String, reason: &'static str },
    #[error("'{path}' is not in the code graph: it is not there, git ignores it, or it is not written in {languages}")]
    Unknown { path: String, languages: String },
    #[error("'{path}' has changed since it was indexed: ask again in a moment, or read the file")]
    Changed { path: String },
    #[error("indexing was cancelled")]
    Cancelled,
    #[error("nobody waits for the answer any more")]
    Stopped,
}
