//! `list_dir`: the names in a folder, with those of its subfolders when asked.

use std::ops::ControlFlow;

use garth_plugin::walk::{Found, Kind, Walk};
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::glob::unseen;

const MAX_ENTRIES: usize = 500;
const MAX_BYTES: usize = 12 << 10;

pub struct ListDir;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    path: Option<String>,
    depth: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub path: String,
    /// Relative to the workspace; directories end in `/`.
    pub entries: Vec<String>,
    pub truncated: bool,
}

impl Tool for ListDir {
    const NAME: &'static str = "list_dir";
    const DESCRIPTION: &'static str = include_str!("list_dir.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let start = Path::parse_or_root(args.path.as_deref())?;
        let depth = args.depth.unwrap_or(1).max(1) as usize;
        let above = if start.is_root() { 0 } else { start.name().len() + 1 };
        let (mut text, mut entries, mut truncated) = (String::new(), Vec::new(), false);
        let visit = |found: Found<'_>| {
            let level = found.path[above..].matches('/').count();
            let mark = match found.kind {
                Kind::Folder => "/",
                Kind::Link => "@",
                Kind::File | Kind::Other => "",
            };
            let hidden = if found.ignored { "  (ignored)" } else { "" };
            let line = format!("{}{}{mark}{hidden}\n", "  ".repeat(level), found.name);
            if entries.len() == MAX_ENTRIES || text.len() + line.len() > MAX_BYTES {
                truncated = true;
                return ControlFlow::Break(());
            }
            text.push_str(&line);
            entries.push(format!("{}{}", found.path, if found.kind == Kind::Folder { "/" } else { "" }));
            ControlFlow::Continue(())
        };
        let missed = Walk { depth, show_ignored: true }.visit(&start, visit)?;
        if entries.is_empty() {
            text.push_str(&format!("[{} is empty]", start.name()));
        }
        if truncated {
            text.push_str(&format!(
                "[the first {} entries; list a subdirectory, use a smaller depth, or glob]",
                entries.len()
            ));
        }
        text.push_str(&unseen(missed));
        Ok(Output::new(text.trim_end(), Data { path: start.name().to_owned(), entries, truncated }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn list(path: Option<&str>, depth: Option<u32>) -> Result<Output<Data>, Error> {
        ListDir::call(Args { path: path.map(str::to_owned), depth })
    }

    #[test]
    fn names_are_sorted_and_folders_marked() {
        let _scratch = Scratch::new(&[
            ("src/a/b.rs", ""),
            ("Cargo.toml", ""),
            ("target/x", ""),
            (".gitignore", "target\n"),
            (".git/config", ""),
        ]);
        assert_eq!(list(None, None).unwrap().text, ".gitignore\nCargo.toml\nsrc/\ntarget/  (ignored)");
        let deep = list(Some("src"), Some(9)).unwrap();
        assert_eq!(deep.text, "a/\n  b.rs");
        assert_eq!(deep.data.unwrap().entries, ["src/a/", "src/a/b.rs"]);
    }

    #[test]
    fn a_large_folder_is_cut_with_a_hint() {
        let scratch = Scratch::new::<&str>(&[]);
        assert_eq!(list(None, None).unwrap().text, "[. is empty]");
        (0..600).for_each(|n| scratch.write(&format!("{n:03}"), b""));
        let output = list(None, None).unwrap();
        assert!(output.text.contains("499\n[the first 500 entries"), "{}", output.text);
        assert!(output.data.unwrap().truncated);
    }
}
