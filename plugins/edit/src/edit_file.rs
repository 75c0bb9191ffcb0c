//! `edit_file`: one text in a file replaced by another.

use garth_plugin::change::{self, Edit, MAX_FILE};
use garth_plugin::workspace::Path;
use garth_plugin::{Change, Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lines;
use crate::nearest::numbered;
use crate::replace::{Places, Replaced, replace};

pub struct EditFile;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    path: String,
    old_text: String,
    new_text: String,
    replace_all: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub path: String,
    /// How many places were replaced.
    pub replacements: usize,
    /// Where the first begins, from 1.
    pub line: usize,
    /// Whether the text was there byte for byte.
    pub exact: bool,
}

impl Tool for EditFile {
    const NAME: &'static str = "edit_file";
    const DESCRIPTION: &'static str = include_str!("edit_file.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let height = args.new_text.lines().count().max(1);
        let (edit, replaced) = plan(args)?;
        let written = change::apply(std::slice::from_ref(&edit))?.remove(0);
        let data = Data {
            path: written.path.clone(),
            replacements: replaced.count,
            line: replaced.line,
            exact: replaced.told.is_none(),
        };
        let mut text = written.line();
        if replaced.count > 1 {
            text.push_str(&format!(", {} places", replaced.count));
        }
        if let Some(told) = &replaced.told {
            text.push_str(&format!("; {told}. It reads now:\n"));
            let lines = lines::split(&replaced.content);
            let from = (replaced.line - 1).min(lines.len());
            text.push_str(&numbered(&lines, from, (from + height).min(lines.len())));
        }
        Ok(Output::new(text.trim_end(), data))
    }

    fn preview(args: Args) -> Result<Option<Vec<Change>>, Error> {
        Ok(Some(change::preview(&[plan(args)?.0])))
    }
}

fn plan(args: Args) -> Result<(Edit, Replaced), Error> {
    let path = Path::parse(&args.path)?;
    let before = path.read(MAX_FILE)?;
    let places = if args.replace_all == Some(true) { Places::All } else { Places::One };
    let replaced = replace(&before, &args.old_text, &args.new_text, places, path.name())?;
    change::refuse_marks(&before, &replaced.content, path.name())?;
    Ok((Edit { path, before: Some(before), after: Some(replaced.content.clone()) }, replaced))
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn args(old: &str, new: &str) -> Args {
        Args { path: "f".into(), old_text: old.into(), new_text: new.into(), replace_all: None }
    }

    #[test]
    fn an_edit_is_written_and_reported() {
        let scratch = Scratch::new(&[("f", "fn a() {\n\tb\n}\n")]);
        assert_eq!(EditFile::call(args("b", "c")).unwrap().text, "changed f (+1 -1 lines)");
        let tolerant = EditFile::call(args("fn a() {\n    c", "fn a() {\n    d\n    e")).unwrap().text;
        assert_eq!(
            tolerant,
            "changed f (+2 -1 lines); lines 1 to 2 differed in white space. It reads now:\n1\tfn a() {\n2\t\td\n3\t\te"
        );
        assert_eq!(scratch.read("f"), b"fn a() {\n\td\n\te\n}\n");
    }

    #[test]
    fn a_mark_that_the_file_lacks_is_not_written() {
        let scratch = Scratch::new(&[("f", "a = 1\nb = 2\n# rest of it...\n")]);
        for new in ["a = 2\n# ... rest unchanged ...", "a = 2\n# existing code..."] {
            let error = EditFile::call(args("a = 1\nb = 2", new)).unwrap_err();
            assert!(error.detail().starts_with("the new text leaves lines of f out (# "), "{error}");
        }
        EditFile::call(args("b = 2\n# rest of it...", "# rest of it...\n# Wait before retrying...")).unwrap();
        assert_eq!(scratch.read("f"), b"a = 1\n# rest of it...\n# Wait before retrying...\n");
        let error = EditFile::call(args("# rest of it...", "# rest of all...")).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }

    #[test]
    fn what_was_only_like_it_is_named() {
        let scratch = Scratch::new(&[("f", "fn total(items: &[u32]) -> u32 {\n\titems.iter().sum()\n}\n")]);
        let old = "fn total(item: &[u32]) -> u32 {\n    items.iter().sum()\n}";
        let new = "fn total(item: &[u64]) -> u64 {\n    items.iter().sum()\n}";
        let text = EditFile::call(args(old, new)).unwrap().text;
        assert!(
            text.starts_with(
                "changed f (+1 -1 lines); lines 1 to 3 were 99 % like what you wrote (line 1 was: fn total(items: &[u32]) \
                 -> u32 {). It reads now:\n1\tfn total(item: &[u64])"
            ),
            "{text}"
        );
        assert_eq!(scratch.read("f"), b"fn total(item: &[u64]) -> u64 {\n\titems.iter().sum()\n}\n");
    }

    #[test]
    fn preview_and_call_agree_and_a_refusal_writes_nothing() {
        let scratch = Scratch::new(&[("f", "x\nx\n")]);
        assert!(EditFile::call(args("x", "y")).is_err());
        assert_eq!(scratch.read("f"), b"x\nx\n");
        let all = || Args { replace_all: Some(true), ..args("x", "y") };
        let preview = EditFile::preview(all()).unwrap().unwrap();
        assert_eq!(scratch.read("f"), b"x\nx\n");
        EditFile::call(all()).unwrap();
        assert_eq!(Some(scratch.read("f")), preview[0].content);
        let missing = EditFile::call(Args { path: "none".into(), ..args("a", "b") }).unwrap_err();
        assert_eq!(missing.detail(), "none does not exist");
    }
}
