//! `grep`: every file is read whole with as few host calls as it takes and searched in memory; the matcher sees lines
//! only where its literals occur.

use std::ops::ControlFlow;

use garth_plugin::folder::Folder;
use garth_plugin::walk::{Found, Kind, Walk};
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, failed, invalid};
use globset::{GlobBuilder, GlobMatcher};
use grep_matcher::LineTerminator;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hits::{Hits, Match};

const MAX_CONTEXT: usize = 20;
/// Of a larger file, only the beginning is searched, and the result says so.
pub const MAX_FILE: usize = 32 << 20;

pub struct Grep;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    pub pattern: String,
    pub path: Option<String>,
    pub glob: Option<String>,
    pub ignore_case: Option<bool>,
    pub context: Option<u32>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Data {
    pub matches: Vec<Match>,
    pub files_searched: usize,
    /// Whether there are more matches.
    pub truncated: bool,
}

impl Tool for Grep {
    const NAME: &'static str = "grep";
    const DESCRIPTION: &'static str = include_str!("grep.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let start = Path::parse_or_root(args.path.as_deref())?;
        let glob = args.glob.as_deref().map(compile_glob).transpose()?;
        let (matcher, note) = compile(&args.pattern, args.ignore_case.unwrap_or(false))?;
        let context = (args.context.unwrap_or(0) as usize).min(MAX_CONTEXT);
        let searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .line_terminator(LineTerminator::crlf())
            .before_context(context)
            .after_context(context)
            .build();
        let mut search = Search { matcher, searcher, hits: Hits::default(), searched: 0, unreadable: 0, notes: note };
        search.run(&start, glob.as_ref())?;
        Ok(search.finish(&args.pattern))
    }
}

/// The pattern as a regular expression; when it is none, as plain text, which the note says.
fn compile(pattern: &str, ignore_case: bool) -> Result<(RegexMatcher, Vec<String>), Error> {
    if pattern.is_empty() {
        return Err(invalid("pattern is empty"));
    }
    if pattern.contains('\n') {
        return Err(invalid("pattern spans lines; matches are within one line: search for one of its lines"));
    }
    let mut builder = RegexMatcherBuilder::new();
    // Lines are searched many at a time: `$` and `^` are those of each.
    builder.case_insensitive(ignore_case).multi_line(true).crlf(true);
    let error = match builder.build(pattern) {
        Ok(matcher) => return Ok((matcher, Vec::new())),
        Err(error) => error,
    };
    let plain = builder.fixed_strings(true).build(pattern);
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let note = format!("not a regular expression ({reason}); searched as plain text");
    plain.map(|matcher| (matcher, vec![note])).map_err(|error| invalid(format!("pattern: {error}")))
}

fn compile_glob(written: &str) -> Result<GlobMatcher, Error> {
    let pattern = written.trim().strip_prefix("./").unwrap_or(written.trim());
    let pattern = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
    Ok(glob.map_err(|error| invalid(format!("glob '{written}': {}", error.kind())))?.compile_matcher())
}

struct Search {
    matcher: RegexMatcher,
    searcher: Searcher,
    hits: Hits,
    searched: usize,
    unreadable: usize,
    notes: Vec<String>,
}

impl Search {
    fn run(&mut self, start: &Path, glob: Option<&GlobMatcher>) -> Result<(), Error> {
        let above = if start.is_root() { 0 } else { start.name().len() + 1 };
        let visit = |found: Found<'_>| {
            let wanted = glob.is_none_or(|glob| glob.is_match(found.path) || glob.is_match(&found.path[above..]));
            if found.kind != Kind::File || !wanted {
                return ControlFlow::Continue(());
            }
            match found.read(MAX_FILE) {
                Ok(bytes) => self.file(found.path, &bytes),
                Err(_) => {
                    self.unreadable += 1;
                    ControlFlow::Continue(())
                }
            }
        };
        match Folder::open(start) {
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => self.one_file(start),
            _ => {
                let unseen = Walk::default().visit(start, visit)?;
                self.unreadable += unseen.folders + unseen.names;
                Ok(())
            }
        }
    }

    /// A path that names a file is searched whatever ignore files say.
    fn one_file(&mut self, path: &Path) -> Result<(), Error> {
        let (parent, name) = path.name().rsplit_once('/').unwrap_or(("", path.name()));
        let fail = |error: std::io::Error| Error::file("read", path.name(), &error);
        let bytes = Folder::open(&Path::parse(parent)?).and_then(|folder| folder.read(name, MAX_FILE)).map_err(fail)?;
        if bytes.contains(&0) && !bytes.starts_with(b"\xff\xfe") && !bytes.starts_with(b"\xfe\xff") {
            return Err(failed(format!("{} is a binary file, which is not searched", path.name())));
        }
        let _ = self.file(path.name(), &bytes);
        Ok(())
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> ControlFlow<()> {
        self.searched += 1;
        if bytes.len() == MAX_FILE {
            self.notes.push(format!("only the first {} MiB of {path} were searched", MAX_FILE >> 20));
        }
        self.hits.begin(path);
        let result = self.searcher.search_slice(&self.matcher, bytes, self.hits.sink(&self.matcher));
        if result.is_err() {
            self.unreadable += 1;
        }
        if self.hits.end_of_file() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn finish(mut self, pattern: &str) -> Output<Data> {
        if self.unreadable > 0 {
            self.notes.push(format!("{} files or directories could not be read", self.unreadable));
        }
        let (mut text, matches, truncated) = self.hits.finish();
        if matches.is_empty() {
            let plural = if self.searched == 1 { "file" } else { "files" };
            text.push_str(&format!("[no match for {pattern} in {} {plural}]\n", self.searched));
        }
        if truncated {
            let shown = matches.len();
            text.push_str(&format!("[the first {shown} matches; there are more: narrow the pattern, path or glob]\n"));
        }
        for note in &self.notes {
            text.push_str(&format!("[{note}]\n"));
        }
        Output::new(text.trim_end(), Data { matches, files_searched: self.searched, truncated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn args(pattern: &str) -> Args {
        Args { pattern: pattern.into(), path: None, glob: None, ignore_case: None, context: None }
    }

    fn check(args: Args, expected: &str) {
        let text = Grep::call(args).map_or_else(|error| error.to_string(), |output| output.text);
        assert_eq!(text, expected);
    }

    fn tree() -> Scratch {
        Scratch::new(&[
            (".gitignore", &b"ignored\n"[..]),
            ("a.rs", b"fn one() {}\nfn two() {\r\n    one()\n}\n"),
            ("ignored/a.rs", b"one"),
            ("lib/b.py", b"def One():\n\tpass"),
            ("bin", b"one\0one"),
            ("empty", b""),
        ])
    }

    #[test]
    fn matches_are_grouped_by_file() {
        let _tree = tree();
        check(args(r"\bone\("), "a.rs\n1: fn one() {}\n3:     one()");
        check(args("two"), "a.rs\n2: fn two() {");
        check(
            Args { ignore_case: Some(true), ..args("ONE") },
            "a.rs\n1: fn one() {}\n3:     one()\n\nlib/b.py\n1: def One():",
        );
        check(Args { glob: Some("*.py".into()), ..args("pass|one") }, "lib/b.py\n2: \tpass");
        check(Args { path: Some("ignored/a.rs".into()), ..args("one") }, "ignored/a.rs\n1: one");
        check(args("nothing"), "[no match for nothing in 5 files]");
        let plain = "a.rs\n2: fn two() {\n[not a regular expression (repetition quantifier expects a valid decimal); \
                     searched as plain text]";
        check(args("two() {"), plain);
    }

    #[test]
    fn context_is_marked_and_gaps_are_shown() {
        let _scratch = Scratch::new(&[("f", "1\n2 x\n3\n4\n5\n6\n7 x\n8\n")]);
        let expected = "f\n1- 1\n2: 2 x\n3- 3\n--\n6- 6\n7: 7 x\n8- 8";
        check(Args { context: Some(1), ..args("x") }, expected);
    }

    #[test]
    fn what_cannot_be_searched_is_said() {
        let _tree = tree();
        check(Args { path: Some("bin".into()), ..args("one") }, "bin is a binary file, which is not searched");
        check(Args { path: Some("none".into()), ..args("one") }, "none does not exist");
        check(args(""), "pattern is empty");
        assert!(Grep::call(Args { glob: Some("a[".into()), ..args("x") }).is_err());
    }

    #[test]
    fn many_matches_are_cut_and_long_lines_are_clipped() {
        let _scratch = Scratch::new(&[
            ("f", "match\n".repeat(500)),
            ("g", format!("{}needle{}", "x".repeat(5000), "y".repeat(5000))),
        ]);
        let output = Grep::call(args("match")).unwrap();
        assert!(
            output
                .text
                .ends_with("100: match\n[the first 100 matches; there are more: narrow the pattern, path or glob]")
        );
        assert_eq!(output.data.unwrap().matches.len(), 100);
        let text = Grep::call(args("needle")).unwrap().text;
        assert!(text.contains("needle") && text.len() < 600, "{text}");
    }
}
