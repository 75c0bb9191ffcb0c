//! The plugin `search`: finds text in files, on the crates that ripgrep is made of. It never writes.

mod grep;
mod hits;

pub use grep::Grep;

garth_plugin::export!(Grep);
