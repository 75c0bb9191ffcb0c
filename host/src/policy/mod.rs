//! Decides what may happen: (request, rules, mode) in; allow, ask or deny out, with the reason and the setting that
//! would change it. Pure: it knows neither files nor plugins nor front ends.

mod capability;
mod decide;
mod glob;
mod limits;
mod narrow;
mod prefix;
mod protect;
mod rule;
mod shell;
mod suggest;
mod workspace;

pub use capability::{Capabilities, Grant};
pub use decide::{Action, Decision, Request, decide};
pub use glob::{check_glob, glob_set, normalise};
pub use limits::{Limits, PartialLimits};
pub use prefix::process_allowed;
pub use protect::{READONLY, instructions, is_instruction};
pub use rule::{Effect, Rule};
pub use suggest::suggest_rule;
pub use workspace::{Access, PathGrant, Workspace};
