//! Gathers matches as text for the model and as data, and stops at the limits.

use garth_plugin::text::floor_boundary;
use grep_matcher::Matcher;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkMatch};
use schemars::JsonSchema;
use serde::Serialize;

const MAX_MATCHES: usize = 100;
const MAX_BYTES: usize = 16 << 10;
/// What is shown of a line that is longer.
const MAX_LINE: usize = 300;

/// A line that matches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Match {
    /// Relative to the workspace.
    pub path: String,
    /// From 1.
    pub line: u64,
    pub text: String,
}

#[derive(Default)]
pub struct Hits {
    text: String,
    matches: Vec<Match>,
    path: String,
    /// Whether the path at hand has its heading.
    headed: bool,
    full: bool,
}

impl Hits {
    pub fn begin(&mut self, path: &str) {
        self.path.clear();
        self.path.push_str(path);
        self.headed = false;
    }

    pub fn sink<'a>(&'a mut self, matcher: &'a RegexMatcher) -> impl Sink<Error = std::io::Error> + 'a {
        Gather { hits: self, matcher }
    }

    /// Whether the limits are reached.
    pub fn end_of_file(&self) -> bool {
        self.full
    }

    /// The text, the matches, and whether there were more.
    pub fn finish(self) -> (String, Vec<Match>, bool) {
        (self.text, self.matches, self.full)
    }

    fn push(&mut self, line: u64, mark: &str, text: &str) {
        if !self.headed {
            let gap = if self.text.is_empty() { "" } else { "\n" };
            self.text.push_str(&format!("{gap}{}\n", self.path));
            self.headed = true;
        }
        self.text.push_str(&format!("{line}{mark} {text}\n"));
    }
}

struct Gather<'a> {
    hits: &'a mut Hits,
    matcher: &'a RegexMatcher,
}

impl Sink for Gather<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        if self.hits.matches.len() == MAX_MATCHES || self.hits.text.len() > MAX_BYTES {
            self.hits.full = true;
            return Ok(false);
        }
        let number = found.line_number().unwrap_or_default();
        let bytes = without_ending(found.bytes());
        let at = match bytes.len() > MAX_LINE {
            true => self.matcher.find(bytes).ok().flatten().map_or(0, |found| found.start()),
            false => 0,
        };
        let text = around(bytes, at);
        self.hits.push(number, ":", &text);
        self.hits.matches.push(Match { path: self.hits.path.clone(), line: number, text });
        Ok(true)
    }

    fn context(&mut self, _: &Searcher, found: &SinkContext<'_>) -> Result<bool, Self::Error> {
        let number = found.line_number().unwrap_or_default();
        self.hits.push(number, "-", &around(without_ending(found.bytes()), 0));
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, Self::Error> {
        if self.hits.headed {
            self.hits.text.push_str("--\n");
        }
        Ok(true)
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The line, or what is around byte `at` of a line that is too long to be shown.
fn around(line: &[u8], at: usize) -> String {
    if line.len() <= MAX_LINE {
        return String::from_utf8_lossy(line).into_owned();
    }
    let start = at.saturating_sub(MAX_LINE / 3);
    let window = &line[start..line.len().min(start + 2 * MAX_LINE)];
    let text = String::from_utf8_lossy(window);
    // A cut through a character leaves halves of it, which are not the file's.
    let text = if start > 0 { text.trim_start_matches('\u{fffd}') } else { &text };
    let shown = &text[..floor_boundary(text, MAX_LINE)];
    let before = if start > 0 { "…" } else { "" };
    format!("{before}{shown}… [{} bytes in this line]", line.len())
}
