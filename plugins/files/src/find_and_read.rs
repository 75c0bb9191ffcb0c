//! `find_and_read`: the file that is meant by a name, read at once. For models that lose the thread between finding and
//! reading: the rest of the matches is named, so that a wrong guess costs one call more.

use std::cmp::Reverse;

use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, failed, invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::glob::{self, Paths, unseen};
use crate::read_file::{self, ReadFile};

/// How many other matches are named.
const OTHERS: usize = 10;

pub struct FindAndRead;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    name: String,
    start: Option<u64>,
    end: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Data {
    #[serde(flatten)]
    pub read: read_file::Data,
    /// What matched as well, the best first.
    pub others: Vec<String>,
}

impl Tool for FindAndRead {
    const NAME: &'static str = "find_and_read";
    const DESCRIPTION: &'static str = include_str!("find_and_read.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let name = args.name.trim();
        let name = name.strip_prefix("/workspace/").or_else(|| name.strip_prefix("./")).unwrap_or(name);
        if name.is_empty() {
            return Err(invalid("name is empty"));
        }
        let exact = Path::parse(name).ok().filter(|path| path.on_disk().is_file());
        let exact = exact.map(|path| path.name().to_owned());
        let found = match &exact {
            // A path says which file; another may have the same name.
            Some(_) if name.contains('/') => Paths::default(),
            Some(_) => glob::find(&globset::escape(name), None)?,
            None => search(name)?,
        };
        let mut paths = found.paths;
        paths.retain(|path| exact.as_ref() != Some(path));
        paths.sort_by_key(|path| (Reverse(rank(path, name)), path.matches('/').count(), path.len()));
        if let Some(exact) = exact {
            paths.insert(0, exact);
        }
        let Some(best) = paths.first().cloned() else {
            return Err(failed(format!(
                "no file's name has '{name}' in it; ignored files are not searched{}",
                unseen(found.missed)
            )));
        };
        let read = ReadFile::call(read_file::Args { path: best.clone(), start: args.start, end: args.end })?;
        let others: Vec<String> = paths.drain(1..).collect();
        let mut text = format!("{best}\n{}", read.text);
        if !others.is_empty() {
            let shown = others.iter().take(OTHERS).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if others.len() > OTHERS || found.truncated { " and more" } else { "" };
            text.push_str(&format!("\n[also: {shown}{more}]"));
        }
        let data = read.data.map(|read| Data { read, others });
        Ok(Output { text, data, attachments: read.attachments })
    }
}

/// What the name as a pattern names; else what has it in its path as it is, for `[id].tsx` is a name too; else what has
/// its last part in the name.
fn search(name: &str) -> Result<Paths, Error> {
    let asked = glob::find(name, None);
    if asked.as_ref().is_ok_and(|found| !found.paths.is_empty()) {
        return asked;
    }
    let literal = globset::escape(name);
    let file = name.rsplit('/').next().unwrap_or(name);
    let part = (!name.contains(['*', '?'])).then(|| format!("**/*{}*", globset::escape(file)));
    for pattern in (literal != name).then_some(literal).into_iter().chain(part) {
        let found = glob::find(&pattern, None)?;
        if !found.paths.is_empty() {
            return Ok(found);
        }
    }
    asked
}

/// How well a path fits what was asked for: the whole path, its end, the file's name, its stem, else a part.
fn rank(path: &str, name: &str) -> u8 {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    match () {
        () if path == name => 4,
        () if path.strip_suffix(name).is_some_and(|rest| rest.ends_with('/')) => 3,
        () if stem == name => 2,
        () if file.contains(name) => 1,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        let args = Args { name: name.into(), start: None, end: None };
        let text = FindAndRead::call(args).map_or_else(|error| error.to_string(), |output| output.text);
        assert_eq!(text, expected);
    }

    #[test]
    fn the_best_match_is_read_and_the_others_are_named() {
        let _scratch = Scratch::new(&[
            ("src/user.rs", "1\n"),
            ("src/deep/user.rs", "2\n"),
            ("src/user_test.rs", "3\n"),
            ("lib/b.py", "4\n"),
            ("out/user.rs", "5\n"),
            (".gitignore", "/out\n"),
        ]);
        check("src/user.rs", "src/user.rs\n1\t1");
        check("./src/user.rs", "src/user.rs\n1\t1");
        check("user.rs", "src/user.rs\n1\t1\n[also: src/deep/user.rs]");
        check("deep/user.rs", "src/deep/user.rs\n1\t2\n[also: src/user.rs]");
        check("user", "src/user.rs\n1\t1\n[also: src/deep/user.rs, src/user_test.rs]");
        check("*.py", "lib/b.py\n1\t4");
        check("out/user.rs", "out/user.rs\n1\t5");
        check("/workspace/src//../out/user.rs", "out/user.rs\n1\t5");
        check("nothing", "no file's name has 'nothing' in it; ignored files are not searched");
        check(" ", "name is empty");
    }

    #[test]
    fn a_name_with_pattern_characters_is_a_name_first() {
        let _scratch = Scratch::new(&[
            ("app/[id]/page.tsx", "1\n"),
            ("app/i/page.tsx", "2\n"),
            ("app/{slug}.tsx", "3\n"),
            ("[x", "4\n"),
            ("deep/[x", "5\n"),
        ]);
        check("app/[id]/page.tsx", "app/[id]/page.tsx\n1\t1");
        check("app/[ij]/page.tsx", "app/i/page.tsx\n1\t2");
        check("{slug}.tsx", "app/{slug}.tsx\n1\t3");
        check("[id]/page.tsx", "app/[id]/page.tsx\n1\t1\n[also: app/i/page.tsx]");
        check("[x", "[x\n1\t4\n[also: deep/[x]");
        check("src/*/page.tsx", "no file's name has 'src/*/page.tsx' in it; ignored files are not searched");
        check("[none", "pattern '[none': unclosed character class; missing ']'");
    }
}
