//! Makes the built-in commands part of the binary: lists the Markdown files of the top-level `commands/` in
//! `commands.rs`, which `commands::builtin` includes. What a file is called and means is said there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Writes `pub static FILES: &[(&str, &str)]`: paths below `commands/`, with `/`, and what the files say.
pub fn build(root: &Path, out: &Path) -> Result<()> {
    let top = root.join("commands");
    println!("cargo::rerun-if-changed={}", top.display());
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = top.is_dir().then(|| top.clone()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut code = String::from("/// In the order of their paths.\npub static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let file = file.canonicalize().with_context(|| format!("finding {}", file.display()))?;
        let name = file.strip_prefix(top.canonicalize()?)?.to_string_lossy().replace('\\', "/");
        writeln!(code, "    ({name:?}, include_str!({file:?})),")?;
    }
    code.push_str("];\n");
    std::fs::write(out.join("commands.rs"), code).context("writing commands.rs")
}
