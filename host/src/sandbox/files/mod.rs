//! The file system that a guest sees: its own implementation of `wasi:filesystem`, since the policy has to look at what
//! was really opened and not at how a path is spelled.
//!
//! The algorithm. Every path is resolved by the kernel beneath the directory that the guest holds (`openat2` with
//! `RESOLVE_BENEATH`, no magic links), so no spelling and no link leaves it. What was opened is asked for its real path
//! (`/proc/self/fd/N`), and that path is held against the grants and the protected names ([`rules`]). A change opens the
//! parent first, checks the parent's real path with the entry's name, then acts on that very parent by the plain name.
//! A file is opened without truncation and without blocking, checked (kind, links, path), and only then truncated.
//!
//! It stops at the process boundary: what programs may do with files is up to `process`.

#[cfg(target_os = "linux")]
mod change;
#[cfg(target_os = "linux")]
mod file;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod look;
#[cfg(target_os = "linux")]
mod open;
#[cfg(target_os = "linux")]
mod preopen;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
mod tree;

#[cfg(target_os = "linux")]
pub(super) use {host::add_to_linker, preopen::Files};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{Files, add_to_linker};
