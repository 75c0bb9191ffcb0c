//! `git_show`: a commit with its diff, or a file as it was.

use garth_plugin::text::head_and_tail;
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::{MAX_TEXT, dropped, git, revision};

pub struct GitShow;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    revision: String,
    path: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub content: String,
    /// Whether the text leaves out a part of it.
    pub truncated: bool,
}

impl Tool for GitShow {
    const NAME: &'static str = "git_show";
    const DESCRIPTION: &'static str = include_str!("show.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let revision = revision(&args.revision)?;
        let object = match args.path.as_deref().map(Path::parse).transpose()? {
            // `./`: below the workspace, which need not be the repository's root.
            Some(path) => format!("{revision}:./{}", if path.is_root() { "" } else { path.name() }),
            None => revision.to_owned(),
        };
        let words = ["show", "--no-color", "--no-ext-diff", "--no-textconv", "--stat", "--patch", &object, "--"];
        let outcome = git(&words)?;
        let mut text = head_and_tail(&outcome.stdout, MAX_TEXT);
        let truncated = text.len() < outcome.stdout.len() || outcome.stdout_dropped > 0;
        if truncated {
            text.push_str("\n[cut: ask for one path of it]");
        }
        Ok(Output::new(text + &dropped(&outcome), Data { content: outcome.stdout, truncated }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repository;

    #[test]
    fn commits_and_old_files_are_shown() {
        let scratch = repository();
        scratch.write("dir/b.txt", b"new\n");
        let show = |revision: &str, path: Option<&str>| {
            let args = Args { revision: revision.into(), path: path.map(Into::into) };
            GitShow::call(args).map_or_else(|error| error.to_string(), |output| output.text)
        };
        assert_eq!(show("HEAD", Some("dir/b.txt")), "two\n");
        assert!(show("HEAD", None).contains("First") && show("HEAD", None).contains("+two"));
        assert!(show("HEAD", Some("none")).contains("git show failed"));
        assert!(show("--output=x", None).contains("not a revision"));
    }
}
