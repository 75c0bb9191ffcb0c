//! What is looked at after a file was written: which check fits which file, and what a check's messages say.
//! The table of checks is configuration, so that a project can add its linter and its tests. Pure: programs are run by
//! whoever asks, and the files' contents are handed in.

mod definition;
mod identity;
mod messages;
mod place;
mod report;
mod syntax;

pub use definition::{Check, Checks, Definition, How, Program, expression};
pub use identity::Failure;
pub use messages::Finding;
pub use place::{excerpt, surroundings};
pub use report::{MOST, excerpt_lines, report, tells_errors};
pub use syntax::{Syntax, check_syntax};
