//! The command line: what the arguments mean ([`args`]), and `garth run` ([`headless`]).
//! It sees `protocol` and `terminal` only; `app` carries out what was parsed.

pub mod args;
pub mod headless;

mod exit;
mod task;

pub use exit::{Exit, Verdict};
pub use task::{TaskError, read_task};
