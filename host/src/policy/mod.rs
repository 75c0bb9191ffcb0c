//! Decides what may happen: (request, rules, mode) in; allow, ask or deny out, with the reason and the setting that
//! would change it. Pure: it knows neither files nor plugins nor front ends.

mod capability;
mod limits;

pub use capability::{Access, Capabilities, PathGrant, Workspace};
pub use limits::Limits;
