//! `git_diff`: what is not committed yet, or what differs from a revision.

use garth_plugin::text::head_and_tail;
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::{MAX_TEXT, dropped, git, literal, revision};

pub struct GitDiff;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    path: Option<String>,
    base: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub diff: String,
    /// Whether the text leaves out a part of it.
    pub truncated: bool,
}

impl Tool for GitDiff {
    const NAME: &'static str = "git_diff";
    const DESCRIPTION: &'static str = include_str!("diff.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let path = args.path.as_deref().map(Path::parse).transpose()?.as_ref().map(literal);
        let mut words = vec!["diff", "--no-color", "--no-ext-diff", "--no-textconv"];
        match &args.base {
            Some(base) => words.push(revision(base)?),
            // Staged or not, against the last commit: what `git_commit` would take.
            None if has_commits() => words.push("HEAD"),
            None => {}
        }
        words.push("--");
        words.extend(path.as_deref());
        let outcome = git(&words)?;
        let mut text = head_and_tail(&outcome.stdout, MAX_TEXT);
        let truncated = text.len() < outcome.stdout.len() || outcome.stdout_dropped > 0;
        if outcome.stdout.is_empty() {
            text = "no difference; new files that git does not track yet are not in a diff".to_owned();
        } else if truncated {
            text.push_str("\n[the diff is long: ask for one path]");
        }
        Ok(Output::new(text + &dropped(&outcome), Data { diff: outcome.stdout, truncated }))
    }
}

/// Asked through a command line that the tool may run anyway.
fn has_commits() -> bool {
    git(&["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--quiet", "HEAD", "HEAD", "--"]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repository;

    #[test]
    fn staged_and_unstaged_changes_are_shown() {
        let scratch = repository();
        let diff = |path: Option<&str>, base: Option<&str>| {
            let args = Args { path: path.map(Into::into), base: base.map(Into::into) };
            GitDiff::call(args).map_or_else(|error| error.to_string(), |output| output.text)
        };
        assert!(diff(None, None).starts_with("no difference"));
        scratch.write("a.txt", b"ONE\n");
        git(&["add", "--", "a.txt"]).unwrap();
        scratch.write("dir/b.txt", b"TWO\n");
        assert!(diff(None, None).contains("+ONE") && diff(None, None).contains("+TWO"));
        assert!(!diff(Some("./dir"), None).contains("+ONE"));
        assert!(diff(None, Some("--output=x")).contains("not a revision"));
        assert!(diff(None, Some("nowhere")).contains("git diff failed"));
        assert!(!scratch.exists("x"));
    }
}
