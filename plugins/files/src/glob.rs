//! `glob`: files by the shape of their path.

use std::ops::ControlFlow;

use garth_plugin::walk::{Found, Kind, Unseen, Walk};
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, invalid};
use globset::GlobBuilder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_PATHS: usize = 200;

pub struct Glob;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    pattern: String,
    path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    /// Relative to the workspace.
    pub paths: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
}

impl Tool for Glob {
    const NAME: &'static str = "glob";
    const DESCRIPTION: &'static str = include_str!("glob.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let Paths { paths, truncated, missed } = find(&args.pattern, args.path.as_deref())?;
        let mut text = paths.join("\n");
        if paths.is_empty() {
            text = format!("[no file matches {}; ignored files are not searched]", args.pattern.trim());
        }
        if truncated {
            text.push_str(&format!("\n[the first {MAX_PATHS}; there are more: narrow the pattern or give a path]"));
        }
        text.push_str(&unseen(missed));
        Ok(Output::new(text, Data { paths, truncated }))
    }
}

/// What a pattern names.
#[derive(Default)]
pub struct Paths {
    /// In the order of their names, at most `MAX_PATHS`.
    pub paths: Vec<String>,
    pub truncated: bool,
    pub missed: Unseen,
}

/// Files below `path` that match.
pub fn find(pattern: &str, path: Option<&str>) -> Result<Paths, Error> {
    let start = Path::parse_or_root(path)?;
    let written = pattern.trim();
    let pattern = written.strip_prefix("/workspace/").unwrap_or(written);
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    // A bare name is looked for at any depth, as in an ignore file.
    let pattern = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| invalid(format!("pattern '{written}': {}", error.kind())))?.compile_matcher();
    let above = if start.is_root() { 0 } else { start.name().len() + 1 };
    let (mut paths, mut truncated) = (Vec::new(), false);
    let visit = |found: Found<'_>| {
        if found.kind == Kind::Folder || !(glob.is_match(&found.path[above..]) || glob.is_match(found.path)) {
            return ControlFlow::Continue(());
        }
        truncated = paths.len() == MAX_PATHS;
        if truncated {
            return ControlFlow::Break(());
        }
        paths.push(found.path.to_owned());
        ControlFlow::Continue(())
    };
    let missed = Walk::default().visit(&start, visit)?;
    Ok(Paths { paths, truncated, missed })
}

/// A line about what a walk could not see; empty when it saw everything.
pub fn unseen(unseen: Unseen) -> String {
    let folders = (unseen.folders > 0).then(|| format!("{} directories could not be read", unseen.folders));
    let names = (unseen.names > 0).then(|| format!("{} names are not UTF-8", unseen.names));
    let notes: Vec<_> = folders.into_iter().chain(names).collect();
    if notes.is_empty() { String::new() } else { format!("\n[not shown: {}]", notes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    #[test]
    fn patterns_match_from_the_start_or_anywhere() {
        let _scratch = Scratch::new(&[
            ("a.rs", ""),
            ("src/b.rs", ""),
            ("src/deep/c.rs", ""),
            ("src/deep/c.md", ""),
            ("out/d.rs", ""),
            (".gitignore", "/out\n"),
        ]);
        let check = |pattern: &str, path: Option<&str>, expected: &[&str]| {
            let output = Glob::call(Args { pattern: pattern.into(), path: path.map(str::to_owned) }).unwrap();
            assert_eq!(output.data.unwrap().paths, expected, "{pattern}");
        };
        check("*.rs", None, &["a.rs", "src/b.rs", "src/deep/c.rs"]);
        check("**/*.rs", None, &["a.rs", "src/b.rs", "src/deep/c.rs"]);
        check("src/*.rs", None, &["src/b.rs"]);
        check("./src/**", None, &["src/b.rs", "src/deep/c.md", "src/deep/c.rs"]);
        check("deep/*.{rs,md}", Some("src"), &["src/deep/c.md", "src/deep/c.rs"]);
        check("src/*.rs", Some("src"), &["src/b.rs"]);
        check("out/*", None, &[]);
    }

    #[test]
    fn a_pattern_that_makes_no_sense_is_invalid() {
        let _scratch = Scratch::new::<&str>(&[]);
        let error = Glob::call(Args { pattern: "a[".into(), path: None }).unwrap_err();
        assert!(matches!(error, Error::Invalid(text) if text.contains("a[")));
    }
}
