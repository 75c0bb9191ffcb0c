//! The plugin `files`: reads files, lists folders, finds files by name. It never writes.

mod find_and_read;
mod glob;
mod list_dir;
mod read_file;

pub use find_and_read::FindAndRead;
pub use glob::Glob;
pub use list_dir::ListDir;
pub use read_file::ReadFile;

garth_plugin::export!(ReadFile, ListDir, Glob, FindAndRead);
