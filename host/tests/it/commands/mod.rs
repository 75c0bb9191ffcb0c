//! Commands and skills.

mod hostile;
mod listing;
mod reload;
mod roots;
mod usage;
pub mod world;
