//! `git_log`: the commits that led here.

use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::{dropped, git, literal};

const DEFAULT: u32 = 20;
const MAX: u32 = 100;

pub struct GitLog;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    path: Option<String>,
    count: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    pub commits: Vec<Commit>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Commit {
    pub hash: String,
    pub author: String,
    /// RFC 3339.
    pub date: String,
    pub subject: String,
}

impl Tool for GitLog {
    const NAME: &'static str = "git_log";
    const DESCRIPTION: &'static str = include_str!("log.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let path = args.path.as_deref().map(Path::parse).transpose()?.as_ref().map(literal);
        let count = format!("--max-count={}", args.count.unwrap_or(DEFAULT).clamp(1, MAX));
        let mut words = vec!["log", "--no-color", "-z", "--format=%H%x1f%an%x1f%aI%x1f%s", &count];
        words.push("--");
        words.extend(path.as_deref());
        let outcome = git(&words)?;
        let commits: Vec<Commit> = outcome.stdout.split('\0').filter_map(commit).collect();
        let lines = commits.iter().map(|commit| {
            let (hash, date) = (commit.hash.get(..9), commit.date.get(..10));
            format!("{} {} {}: {}", hash.unwrap_or_default(), date.unwrap_or_default(), commit.author, commit.subject)
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        if commits.is_empty() {
            text.push_str("no commits");
        }
        Ok(Output::new(text + &dropped(&outcome), Data { commits }))
    }
}

fn commit(entry: &str) -> Option<Commit> {
    let mut fields = entry.trim_start_matches('\n').splitn(4, '\x1f').map(str::to_owned);
    Some(Commit { hash: fields.next()?, author: fields.next()?, date: fields.next()?, subject: fields.next()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repository;

    #[test]
    fn commits_are_listed_newest_first() {
        let scratch = repository();
        scratch.write("a.txt", b"x");
        git(&["commit", "--quiet", "--all", "--message", "Second: \u{fc}\n\nbody"]).unwrap();
        let log = |path: Option<&str>, count| {
            let args = Args { path: path.map(Into::into), count };
            let data = GitLog::call(args).unwrap().data.unwrap();
            data.commits.into_iter().map(|commit| commit.subject).collect::<Vec<_>>()
        };
        assert_eq!(log(None, None), ["Second: \u{fc}", "First"]);
        assert_eq!(log(None, Some(1)), ["Second: \u{fc}"]);
        assert_eq!(log(Some("dir"), None), ["First"]);
        assert!(log(Some("nothing"), None).is_empty());
        let text = GitLog::call(Args { path: None, count: None }).unwrap().text;
        assert!(text.ends_with(" Ann: First"), "{text}");
    }

    #[test]
    fn an_empty_repository_has_no_commits() {
        let _scratch = garth_plugin::testing::Scratch::new::<&str>(&[]);
        git(&["init", "--quiet"]).unwrap();
        let error = GitLog::call(Args { path: None, count: None }).unwrap_err();
        assert_eq!(error.detail(), "there are no commits yet");
    }
}
