//! `git_status`: the branch, how it stands to its upstream, and the files that differ.
//! The format is git's porcelain v2 with NUL between entries, so any name is read right.

use garth_plugin::{Error, Output, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::git::{dropped, git};

const MAX_FILES: usize = 100;

pub struct GitStatus;

#[derive(Deserialize, JsonSchema)]
pub struct Args {}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Data {
    /// Absent when the head is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Absent before the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    pub ahead: u32,
    pub behind: u32,
    pub files: Vec<File>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct File {
    pub path: String,
    /// Two letters: the index, then the working tree, `.` for unchanged; `??` for untracked, `UU` and its like for
    /// conflicts.
    pub status: String,
    /// Where a renamed file was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl Tool for GitStatus {
    const NAME: &'static str = "git_status";
    const DESCRIPTION: &'static str = include_str!("status.md");
    type Args = Args;
    type Data = Data;

    fn call(_: Args) -> Result<Output<Data>, Error> {
        let outcome = git(&["status", "--porcelain=v2", "--branch", "-z"])?;
        let data = parse(&outcome.stdout);
        Ok(Output::new(render(&data) + &dropped(&outcome), data))
    }
}

fn parse(stdout: &str) -> Data {
    let mut data = Data::default();
    let mut entries = stdout.split('\0');
    while let Some(entry) = entries.next() {
        let (kind, rest) = entry.split_once(' ').unwrap_or((entry, ""));
        // The path is the last field, and may hold spaces itself.
        let path = |fields: usize| rest.splitn(fields, ' ').last().unwrap_or_default().to_owned();
        let status = rest.split(' ').next().unwrap_or_default().to_owned();
        match kind {
            "#" => header(&mut data, rest),
            "1" => data.files.push(File { path: path(8), status, from: None }),
            "2" => data.files.push(File { path: path(9), status, from: entries.next().map(str::to_owned) }),
            "u" => data.files.push(File { path: path(10), status, from: None }),
            "?" => data.files.push(File { path: rest.to_owned(), status: "??".to_owned(), from: None }),
            _ => {}
        }
    }
    data
}

fn header(data: &mut Data, header: &str) {
    let (name, value) = header.split_once(' ').unwrap_or((header, ""));
    let present = |absent: &str| (value != absent).then(|| value.to_owned());
    match name {
        "branch.oid" => data.head = present("(initial)"),
        "branch.head" => data.branch = present("(detached)"),
        "branch.upstream" => data.upstream = Some(value.to_owned()),
        "branch.ab" => {
            let mut counts =
                value.split(' ').map(|count| count.trim_start_matches(['+', '-']).parse().unwrap_or_default());
            (data.ahead, data.behind) = (counts.next().unwrap_or_default(), counts.next().unwrap_or_default());
        }
        _ => {}
    }
}

fn render(data: &Data) -> String {
    let mut text = match (&data.branch, &data.head) {
        (Some(branch), Some(_)) => format!("on {branch}"),
        (Some(branch), None) => format!("on {branch}, no commits yet"),
        (None, head) => format!("detached at {}", head.as_deref().unwrap_or("nothing")),
    };
    if let Some(upstream) = &data.upstream {
        text.push_str(&format!(", {} ahead and {} behind {upstream}", data.ahead, data.behind));
    }
    if data.files.is_empty() {
        text.push_str("\nnothing has changed");
    }
    for file in data.files.iter().take(MAX_FILES) {
        text.push_str(&format!("\n{} {}", file.status, file.path));
        if let Some(from) = &file.from {
            text.push_str(&format!(" (was {from})"));
        }
    }
    if data.files.len() > MAX_FILES {
        text.push_str(&format!("\n[and {} more files]", data.files.len() - MAX_FILES));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repository;

    #[test]
    fn every_kind_of_change_is_listed() {
        let scratch = repository();
        let text = || GitStatus::call(Args {}).unwrap().text;
        assert_eq!(text(), "on main\nnothing has changed");
        scratch.write("a.txt", b"changed\n");
        scratch.write("new file.txt", b"");
        git(&["mv", "dir/b.txt", "dir/c d.txt"]).unwrap();
        assert_eq!(text(), "on main\n.M a.txt\nR. dir/c d.txt (was dir/b.txt)\n?? new file.txt");
    }

    #[test]
    fn upstream_and_conflicts_are_read() {
        let data = parse(
            "# branch.oid abc\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +2 -1\0\
             u UU N... 1 2 3 4 a b c my file\0",
        );
        assert_eq!(render(&data), "on main, 2 ahead and 1 behind origin/main\nUU my file");
        assert_eq!(
            render(&parse("# branch.oid (initial)\0# branch.head main\0")),
            "on main, no commits yet\nnothing has changed"
        );
        parse("# branch.ab \0# \0\0 \x002\x001 x");
    }
}
