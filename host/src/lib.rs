//! Garth, a local-first coding agent: the model runs on your machine, every tool runs as a sandboxed component.
//! The modules below are listed from the bottom layer to the top; `README.md` beside this crate explains them.

pub mod policy;
pub mod process;
pub mod protocol;
