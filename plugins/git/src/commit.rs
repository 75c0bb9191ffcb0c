//! `git_commit`: stages and commits. Hooks do not run: they would be programs that nobody asked for.

use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::{git, literal};

pub struct GitCommit;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    message: String,
    paths: Option<Vec<String>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    /// Abbreviated; empty when git did not say it.
    pub hash: String,
    pub subject: String,
}

impl Tool for GitCommit {
    const NAME: &'static str = "git_commit";
    const DESCRIPTION: &'static str = include_str!("commit.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let message = args.message.trim();
        if message.is_empty() {
            return Err(invalid("message is empty"));
        }
        let named = args.paths.unwrap_or_default();
        let paths = named.iter().map(|path| Path::parse(path).map(|path| literal(&path)));
        let paths = paths.collect::<Result<Vec<String>, Error>>()?;
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        match paths.is_empty() {
            true => git(&["add", "--all"])?,
            false => git(&[&["add", "--"], paths.as_slice()].concat())?,
        };
        let commit = ["commit", "--no-verify", "--message", message, "--"];
        let outcome = git(&[&commit, paths.as_slice()].concat()).map_err(still_staged)?;
        // Git's own summary: asking for the commit would be one more program to approve, after the fact.
        let (hash, subject) = summary(&outcome.stdout).unwrap_or_default();
        let subject = if subject.is_empty() { message.lines().next().unwrap_or_default() } else { subject };
        let text =
            if hash.is_empty() { format!("committed: {subject}") } else { format!("committed {hash}: {subject}") };
        Ok(Output::new(text, Data { hash: hash.to_owned(), subject: subject.to_owned() }))
    }
}

/// The abbreviated hash and the subject of `[main 1a2b3c4] subject`, `[main (root-commit) 1a2b3c4] subject` or
/// `[detached HEAD 1a2b3c4] subject`. The name of a branch holds no space, but it may hold a `]`.
fn summary(stdout: &str) -> Option<(&str, &str)> {
    let line = stdout.lines().find(|line| line.starts_with('['))?;
    line.match_indices("] ").find_map(|(at, _)| {
        let hash = line[..at].rsplit(' ').next()?;
        let is_hash = hash.len() >= 4 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| (hash, &line[at + 2..]))
    })
}

/// A commit that was refused or failed leaves what `git add` did.
fn still_staged(error: Error) -> Error {
    let more = |detail: String| format!("{detail}; nothing was committed, and the files remain staged");
    match error {
        Error::Invalid(detail) => Error::Invalid(more(detail)),
        Error::Denied(detail) => Error::Denied(more(detail)),
        Error::Failed(detail) if detail.contains("nothing to commit") => Error::Failed(detail),
        Error::Failed(detail) => Error::Failed(more(detail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repository;

    #[test]
    fn only_what_is_named_is_committed() {
        let scratch = repository();
        scratch.write("a.txt", b"1");
        scratch.write("dir/new*.txt", b"2");
        let commit = |message: &str, paths: Option<&[&str]>| {
            let paths = paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
            GitCommit::call(Args { message: message.into(), paths }).map_err(|error| error.to_string())
        };
        assert_eq!(commit("New\n\nBody", Some(&["dir/new*.txt"])).unwrap().data.unwrap().subject, "New");
        let left = git(&["status", "--porcelain=v2", "--branch", "-z"]).unwrap().stdout;
        assert!(left.contains("a.txt") && !left.contains("new*"));
        assert!(commit("--amend", None).unwrap().text.ends_with(": --amend"));
        assert_eq!(commit("x", None).unwrap_err(), "nothing has changed, so there is nothing to commit");
        assert_eq!(commit(" ", None).unwrap_err(), "message is empty");
        assert!(commit("x", Some(&["none"])).unwrap_err().contains("git add failed"));
        assert!(commit("x", Some(&["../x"])).unwrap_err().contains("outside"));
    }

    #[test]
    fn what_git_says_is_read() {
        for (said, expected) in [
            ("[main 1a2b3c4] A [b] c\n 1 file changed\n", Some(("1a2b3c4", "A [b] c"))),
            ("[main (root-commit) 1a2b3c4] x\n", Some(("1a2b3c4", "x"))),
            ("[detached HEAD 1a2b3c4] \u{e9} ] y\n", Some(("1a2b3c4", "\u{e9} ] y"))),
            ("[odd] 1a2b3c4] x\n", Some(("1a2b3c4", "x"))),
            ("", None),
            ("[main] x\n", None),
        ] {
            assert_eq!(summary(said), expected, "{said}");
        }
    }

    #[test]
    fn a_refused_commit_says_what_is_staged() {
        for error in [Error::Denied("no".into()), Error::Failed("git commit failed: x".into())] {
            assert!(still_staged(error).detail().ends_with("the files remain staged"));
        }
    }
}
