//! The commands and skills that are part of this binary: the files of the top-level `commands/`, where a folder `skills`
//! holds skills and the rest are commands. What lies beside a `SKILL.md` is not embedded.

use std::path::PathBuf;

use super::entry::{Origin, Place};
use super::memory;
use super::roots::Layout;

// Written by `build/commands.rs`.
include!(concat!(env!("OUT_DIR"), "/commands.rs"));

pub(super) fn files() -> Vec<(Place, Vec<u8>)> {
    let place = |(path, text): &(&str, &str)| {
        let mut place = memory::place(Layout::Commands, path, &Origin::Builtin)?;
        place.path = PathBuf::from("commands").join(path);
        place.shown = format!("commands/{path}");
        Some((place, text.as_bytes().to_vec()))
    };
    FILES.iter().filter_map(place).collect()
}
