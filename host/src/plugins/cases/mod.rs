//! Test cases of a plugin: what its author writes in `tests/*.toml`, run in the real sandbox without a model. A case is a
//! scratch workspace and one or more calls with what they should answer; here it is read, run, compared and, on demand,
//! rewritten. How it is told on a screen is the front's business.
//!
//! What a call gets in a case is ceiling ∩ the case's grants. Nobody is asked: what a user would approve is approved, so
//! that a denial comes from the capabilities alone. Programs run in the operating system's sandbox, or are answered by the
//! case itself.

mod compare;
mod expect;
mod format;
mod host;
mod read;
mod run;
mod server;
mod update;
mod world;

pub use compare::Difference;
pub use expect::{Expect, Kind};
pub use format::{Case, Grants, Step};
pub use read::{File, read};
pub use run::{Bench, Report, StepReport};
pub use update::update;
