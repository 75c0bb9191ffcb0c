//! The plugin `search`: finds text in files, on the crates that ripgrep is made of. It never writes.

mod block;
mod grep;
mod hits;
mod search_and_read;

pub use grep::Grep;
pub use search_and_read::SearchAndRead;

garth_plugin::export!(Grep, SearchAndRead);
