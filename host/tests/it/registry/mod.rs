//! Plugins of others: installing, updating, removing and checking them as a process, and what servers may try meanwhile.

mod answers;
mod consent;
mod holders;
mod https;
mod install;
mod oci;
pub mod plugin;
#[cfg(feature = "external-tools")]
mod real;
mod renamed;
mod signed;
mod web;
mod world;
