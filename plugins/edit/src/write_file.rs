//! `write_file`: a whole file, new or replaced.

use garth_plugin::change::{self, Edit, MAX_FILE, Written};
use garth_plugin::workspace::Path;
use garth_plugin::{Change, Error, Output, Tool, invalid};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct WriteFile;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    path: String,
    content: String,
}

impl Tool for WriteFile {
    const NAME: &'static str = "write_file";
    const DESCRIPTION: &'static str = include_str!("write_file.md");
    type Args = Args;
    type Data = Written;

    fn call(args: Args) -> Result<Output<Written>, Error> {
        let written = change::apply(&[plan(args)?])?.remove(0);
        Ok(Output::new(written.line(), written))
    }

    fn preview(args: Args) -> Result<Option<Vec<Change>>, Error> {
        Ok(Some(change::preview(&[plan(args)?])))
    }
}

fn plan(args: Args) -> Result<Edit, Error> {
    let path = Path::parse(&args.path)?;
    if path.is_root() || args.path.ends_with('/') {
        return Err(invalid(format!("{} names a directory; give the path of a file", args.path)));
    }
    let before = path.read_if_exists(MAX_FILE)?;
    if let Some(before) = &before {
        change::refuse_marks(before, args.content.as_bytes(), path.name())?;
    }
    let edit = Edit { path, before, after: Some(args.content.into_bytes()) };
    edit.refuse_rewrite()?;
    Ok(edit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn args(path: &str, content: &str) -> Args {
        Args { path: path.into(), content: content.into() }
    }

    #[test]
    fn files_are_created_and_replaced() {
        let scratch = Scratch::new(&[("old", "1\n2\n")]);
        let call = |path: &str, content: &str| WriteFile::call(args(path, content)).map(|output| output.text);
        assert_eq!(call("a/b/new", "x").unwrap(), "created a/b/new (+1 -0 lines)");
        assert_eq!(call("/workspace/old", "1\n3\n4\n").unwrap(), "changed old (+2 -1 lines)");
        assert_eq!(call("old", "1\n3\n4\n").unwrap(), "unchanged old: it has this content already");
        assert_eq!(scratch.read("old"), b"1\n3\n4\n");
        assert_eq!(call("a/b", "x").unwrap_err().detail(), "a/b is a directory");
        assert_eq!(call("old/x", "x").unwrap_err().detail(), "a part of old/x is a file, not a directory");
        assert!(matches!(call("new/", "x"), Err(Error::Invalid(_))));
        assert!(matches!(call("../x", "x"), Err(Error::Invalid(_))));
    }

    #[test]
    fn a_long_file_is_edited_and_not_written_anew() {
        let long: String = (0..300).map(|n| format!("line {n}\n")).collect();
        let scratch = Scratch::new(&[("long", long.as_str()), ("short", "a\nb\n")]);
        let call = |path: &str, content: &str| WriteFile::call(args(path, content)).map_err(|error| error.to_string());
        let error = call("long", &long.replace("line 7\n", "line seven\n")).unwrap_err();
        assert!(
            error.starts_with("long has 300 lines, and 299 of the 300 that you wrote are there already"),
            "{error}"
        );
        assert!(call("long", "line 1\nline 2\n").is_err(), "most of the file would be lost");
        let error = call("short", "a\n// ... existing code ...\n").unwrap_err();
        assert!(error.starts_with("the new text leaves lines of short out (// ... existing code ...)"), "{error}");
        assert_eq!((scratch.read("long"), scratch.read("short")), (long.clone().into_bytes(), b"a\nb\n".to_vec()));
        call("long", &long).unwrap();
        call("long", &(0..300).map(|n| format!("other {n}\n")).collect::<String>()).unwrap();
        call("long", "").unwrap();
    }

    #[test]
    fn a_preview_writes_nothing() {
        let scratch = Scratch::new(&[("old", "")]);
        let preview = |path: &str| WriteFile::preview(args(path, "x")).unwrap().unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            preview("./old"),
            [Change { path: "old".into(), base: Some(empty.into()), content: Some(b"x".to_vec()) }]
        );
        assert_eq!(preview("d/new")[0].base, None);
        assert!(!scratch.exists("d") && scratch.read("old").is_empty());
    }
}
