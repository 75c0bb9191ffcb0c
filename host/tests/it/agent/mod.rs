//! The whole program, end to end: `garth run --json` as a process, a model served over real HTTP, real tools in the real
//! sandbox. What was sent is asserted, not only what came out.

mod approval;
mod budget;
mod checks;
mod circles;
mod code;
mod commands;
mod consent;
mod conversation;
mod ending;
mod leaving;
mod lenience;
mod mend;
mod plugins;
mod profiles;
mod project;
mod restore;
mod restriction;
mod secrets;
mod services;
mod session;
mod skills;
mod steps;
mod tier_asked;
mod tiers;

pub use commands::last_user;
pub use project::{Project, home};
