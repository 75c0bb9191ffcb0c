//! Decides what may happen: (request, rules, mode) in; allow, ask or deny out, with the reason and the setting that
//! would change it. Pure: it knows neither files nor plugins nor front ends.

mod approve;
mod capability;
mod compound;
mod decide;
mod form;
mod glob;
mod http;
mod limits;
mod line;
mod narrow;
mod pattern;
mod prefix;
mod protect;
mod restriction;
mod rule;
mod shell;
mod suggest;
mod workspace;

pub use approve::Preapproval;
pub use capability::{Capabilities, Grant};
pub use compound::is_compound;
pub use decide::{Action, Decision, Request, decide, decide_with};
pub use glob::{check_glob, glob_set, named_path, named_paths, normalise};
pub use http::{HttpAccess, SecretUse, http_allowed, http_host};
pub use limits::{Limits, PartialLimits};
pub use pattern::{Pattern, Source};
pub use prefix::process_allowed;
pub use protect::{READONLY, instructions, is_history, is_instruction};
pub use restriction::Restriction;
pub use rule::{Effect, Rule};
pub use suggest::suggest_rule;
pub use workspace::{Access, PathGrant, Workspace};
