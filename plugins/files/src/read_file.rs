//! `read_file`: numbered lines of a text file, up to a budget, from a file of any size.
//!
//! The file is streamed: lines before the range and after the budget are counted and not kept. Counting stops at
//! `COUNT_LIMIT` bytes, after which the result says that there is more without saying how much.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufRead, Read};

use garth_plugin::text::{clip_line, floor_boundary};
use garth_plugin::workspace::Path;
use garth_plugin::{Error, Output, Tool, failed, invalid};
use memchr::{memchr, memchr_iter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MAX_LINES: u64 = 400;
const MAX_BYTES: usize = 16 << 10;
/// What is shown of a line that is longer.
const MAX_LINE: usize = 4 << 10;
/// How far the file is read only to count its lines.
const COUNT_LIMIT: u64 = 64 << 20;
/// A NUL in so many bytes at the beginning makes a file binary.
const SNIFF: usize = 8 << 10;

pub struct ReadFile;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    pub path: String,
    pub start: Option<u64>,
    pub end: Option<u64>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Data {
    pub path: String,
    /// The first line shown, from 1; 0 when none is.
    pub start: u64,
    /// The last line shown.
    pub end: u64,
    /// Lines in the file; absent when it is too large to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Whether lines that were asked for are missing.
    pub truncated: bool,
}

impl Tool for ReadFile {
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = include_str!("read_file.md");
    type Args = Args;
    type Data = Data;

    fn call(args: Args) -> Result<Output<Data>, Error> {
        let path = Path::parse(&args.path)?;
        let start = args.start.unwrap_or(1).max(1);
        let end = args.end.unwrap_or(u64::MAX);
        if end < start {
            return Err(invalid(format!("end {end} is before start {start}")));
        }
        let mut reader = path.open()?;
        let fail = |error: std::io::Error| Error::file("read", path.name(), &error);
        let beginning = reader.fill_buf().map_err(fail)?;
        if let Some(kind) = unreadable(beginning) {
            return Err(failed(format!("{} is {kind}", path.name())));
        }
        let mark = beginning.starts_with(BYTE_ORDER_MARK);
        if mark {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        let mut page = Page { start, end, mark, text: String::with_capacity(MAX_BYTES), ..Page::default() };
        page.fill(&mut reader.take(COUNT_LIMIT)).map_err(fail)?;
        page.finish(path.name())
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is when it is not text.
fn unreadable(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16 text, which cannot be shown; convert it to UTF-8"),
        _ if memchr(0, &beginning[..beginning.len().min(SNIFF)]).is_some() => {
            Some("a binary file, which cannot be shown")
        }
        _ => None,
    }
}

/// The lines of one result.
#[derive(Default)]
struct Page {
    start: u64,
    end: u64,
    mark: bool,
    text: String,
    /// Lines met so far.
    met: u64,
    last_shown: u64,
    bytes: u64,
    budget_spent: bool,
    carriage_returns: u64,
    invalid: bool,
    ends_with_newline: bool,
}

impl Page {
    /// Reads to the end. A long line is gathered only up to what is shown of it.
    fn fill(&mut self, reader: &mut impl BufRead) -> std::io::Result<()> {
        // The part of a line that came with earlier pieces.
        let mut begun = Vec::new();
        let mut dropped = 0;
        loop {
            let piece = reader.fill_buf()?;
            let Some(last) = piece.last() else { break };
            let length = piece.len();
            self.bytes += length as u64;
            self.ends_with_newline = *last == b'\n';
            let mut rest = piece;
            while let Some(newline) = memchr(b'\n', rest) {
                if self.is_full() {
                    self.met += memchr_iter(b'\n', rest).count() as u64;
                    rest = &[];
                    begun.clear();
                    break;
                }
                let line = &rest[..newline];
                if begun.is_empty() && line.len() <= MAX_LINE {
                    self.take(line, dropped);
                } else {
                    dropped += gather(&mut begun, line);
                    self.take(&begun, dropped);
                    begun.clear();
                }
                dropped = 0;
                rest = &rest[newline + 1..];
            }
            dropped += gather(&mut begun, rest);
            reader.consume(length);
        }
        if self.bytes > 0 && !self.ends_with_newline {
            self.take(&begun, dropped);
        }
        Ok(())
    }

    /// Whether no further line is shown.
    fn is_full(&self) -> bool {
        self.budget_spent || self.met >= self.end
    }

    /// Counts a line, and shows it when it is one of those wanted. `dropped` bytes of it are not in `line`.
    fn take(&mut self, line: &[u8], dropped: usize) {
        let wanted = !self.is_full() && self.met + 1 >= self.start;
        self.met += 1;
        if !wanted {
            return;
        }
        let line = match line.strip_suffix(b"\r") {
            Some(line) if dropped == 0 => {
                self.carriage_returns += 1;
                line
            }
            _ => line,
        };
        // The quick way first: replacing looks at each byte by itself.
        let text = std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
        // A character that the cut goes through is not an invalid one.
        self.invalid |= dropped == 0 && matches!(text, Cow::Owned(_));
        let before = self.text.len();
        let _ = write!(self.text, "{}\t", self.met);
        if dropped > 0 {
            let cut = floor_boundary(&text, MAX_LINE);
            let gone = line.len() + dropped - cut.min(line.len());
            let _ = write!(self.text, "{}… [{gone} more bytes in this line; grep finds text in it]", &text[..cut]);
        } else if text.len() > MAX_LINE {
            self.text.push_str(&clip_line(&text, MAX_LINE));
        } else {
            self.text.push_str(&text);
        }
        self.text.push('\n');
        let lines = self.met - self.start;
        if lines >= MAX_LINES || (self.text.len() > MAX_BYTES && before > 0) {
            self.text.truncate(before);
            self.budget_spent = true;
            return;
        }
        self.last_shown = self.met;
    }

    fn finish(mut self, path: &str) -> Result<Output<Data>, Error> {
        let counted = self.bytes < COUNT_LIMIT - BYTE_ORDER_MARK.len() as u64;
        if self.bytes == 0 {
            return Ok(Output::new(
                format!("[{path} is empty]"),
                Data { path: path.to_owned(), lines: Some(0), ..Data::default() },
            ));
        }
        if self.last_shown == 0 {
            let lines = if counted { format!("{} lines", self.met) } else { format!("at least {} lines", self.met) };
            return Err(invalid(format!("{path} has {lines}; start {} is after its end", self.start)));
        }
        let total = if counted { self.met.to_string() } else { format!("more than {}", self.met) };
        let truncated = self.last_shown < self.end.min(self.met) || (!counted && self.end > self.last_shown);
        if truncated {
            self.text.push_str(&format!(
                "[lines {} to {} of {total}; to go on: start={}]",
                self.start,
                self.last_shown,
                self.last_shown + 1
            ));
        } else if self.start > 1 || self.last_shown < self.met {
            self.text.push_str(&format!("[lines {} to {} of {total}]", self.start, self.last_shown));
        }
        let shown = self.last_shown - self.start + 1;
        let notes = [
            (self.mark, "begins with a byte order mark"),
            (self.carriage_returns == shown, "lines end with CRLF"),
            (self.carriage_returns > 0 && self.carriage_returns < shown, "some lines end with CRLF, some with LF"),
            (self.invalid, "not all is UTF-8: such bytes are shown as \u{fffd}"),
            (self.last_shown == self.met && counted && !self.ends_with_newline, "no newline at the end of the file"),
        ];
        let notes: Vec<_> = notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| *note).collect();
        if !notes.is_empty() {
            let newline = if self.text.ends_with('\n') { "" } else { "\n" };
            self.text.push_str(&format!("{newline}[{}]", notes.join("; ")));
        }
        let data = Data {
            path: path.to_owned(),
            start: self.start,
            end: self.last_shown,
            lines: counted.then_some(self.met),
            truncated,
        };
        self.text.truncate(self.text.trim_end_matches('\n').len());
        Ok(Output::new(self.text, data))
    }
}

/// Adds a part of a line to what is kept of it, which is a little more than is shown, so that the cut finds the end of a
/// character. Returns how much is not kept.
fn gather(line: &mut Vec<u8>, part: &[u8]) -> usize {
    let kept = part.len().min((MAX_LINE + 4).saturating_sub(line.len()));
    line.extend_from_slice(&part[..kept]);
    part.len() - kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn read(content: &[u8], start: Option<u64>, end: Option<u64>) -> Result<Output<Data>, Error> {
        let _scratch = Scratch::new(&[("f", content)]);
        ReadFile::call(Args { path: "./f".into(), start, end })
    }

    fn check(content: &[u8], expected: &str) {
        assert_eq!(read(content, None, None).unwrap().text, expected);
    }

    #[test]
    fn lines_are_numbered_and_oddities_are_said() {
        check(b"a\n\tb\n\n", "1\ta\n2\t\tb\n3\t");
        check(b"a\nb", "1\ta\n2\tb\n[no newline at the end of the file]");
        check(b"a\r\nb\r\n", "1\ta\n2\tb\n[lines end with CRLF]");
        check(b"a\r\nb\n", "1\ta\n2\tb\n[some lines end with CRLF, some with LF]");
        check(b"\xef\xbb\xbfa\n", "1\ta\n[begins with a byte order mark]");
        check(b"a\xff\n", "1\ta\u{fffd}\n[not all is UTF-8: such bytes are shown as \u{fffd}]");
        check(b"", "[f is empty]");
        check(b"\n", "1\t");
    }

    #[test]
    fn a_range_is_inclusive_and_clamped() {
        let content = b"1\n2\n3\n4\n";
        assert_eq!(read(content, Some(2), Some(3)).unwrap().text, "2\t2\n3\t3\n[lines 2 to 3 of 4]");
        assert_eq!(read(content, Some(3), Some(99)).unwrap().text, "3\t3\n4\t4\n[lines 3 to 4 of 4]");
        assert_eq!(read(content, Some(0), Some(1)).unwrap().text, "1\t1\n[lines 1 to 1 of 4]");
        assert_eq!(read(content, Some(5), None).unwrap_err(), invalid("f has 4 lines; start 5 is after its end"));
        assert!(matches!(read(content, Some(3), Some(2)), Err(Error::Invalid(_))));
    }

    #[test]
    fn the_budget_ends_on_a_line_and_says_how_to_go_on() {
        let content: String = (1..=1000).map(|n| format!("line {n}\n")).collect();
        let output = read(content.as_bytes(), None, None).unwrap();
        assert!(output.text.ends_with("400\tline 400\n[lines 1 to 400 of 1000; to go on: start=401]"));
        let data = output.data.unwrap();
        assert_eq!((data.start, data.end, data.lines, data.truncated), (1, 400, Some(1000), true));

        let wide = format!("{}\n", "x".repeat(1000)).repeat(100);
        let output = read(wide.as_bytes(), Some(11), None).unwrap();
        assert!(output.text.len() < MAX_BYTES + 200);
        assert!(output.text.ends_with("[lines 11 to 26 of 100; to go on: start=27]"), "{}", output.text);
    }

    #[test]
    fn lines_are_whole_where_the_file_was_read_in_pieces() {
        let line = |n: usize| format!("{n:->98}\n");
        let content: String = (1..=2000).map(line).collect();
        for (start, end) in [(655, 670), (1311, 1330), (1990, 2000)] {
            let shown: String = (start..=end).map(|n| format!("{n}\t{}", line(n))).collect();
            let output = read(content.as_bytes(), Some(start as u64), Some(end as u64)).unwrap();
            assert_eq!(output.text, format!("{shown}[lines {start} to {end} of 2000]"));
        }
    }

    #[test]
    fn one_huge_line_is_shown_in_part() {
        let mut content = "ü".repeat(1 << 20).into_bytes();
        content.extend_from_slice(b"\nnext\n");
        let text = read(&content, None, None).unwrap().text;
        assert!(text.starts_with("1\tüü") && text.ends_with("\n2\tnext"), "{}", &text[text.len() - 100..]);
        assert!(text.contains(&format!("… [{} more bytes in this line", (2 << 20) - MAX_LINE)));
        assert!(!text.contains('\u{fffd}'));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for (content, said) in [(&b"\x7fELF\0\0"[..], "binary"), (b"\xff\xfea\0", "UTF-16")] {
            assert!(read(content, None, None).unwrap_err().detail().contains(said));
        }
        let scratch = Scratch::new(&[("d/f", "")]);
        let call = |path: &str| ReadFile::call(Args { path: path.into(), start: None, end: None }).unwrap_err();
        assert_eq!(call("d"), failed("d is a directory"));
        assert_eq!(call("none"), failed("none does not exist"));
        assert!(matches!(call("/etc/passwd"), Error::Invalid(_)));
        drop(scratch);
    }
}
