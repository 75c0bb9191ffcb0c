//! Puts a file together from what it had and what a hunk adds: lines that are kept come out as the file has them, lines
//! that are new take on the indent of the place.

use crate::find::{Place, Way};
use crate::lines::{self, Line, Strictness};
use crate::patch::{HunkLine, Mark};

/// The file so far. A line that had no ending gets one when another follows.
pub struct Weave {
    content: Vec<u8>,
    ending: &'static [u8],
    open: bool,
}

impl Weave {
    pub fn new(file: &[Line<'_>]) -> Weave {
        Weave { content: Vec::new(), ending: lines::main_ending(file), open: false }
    }

    pub fn keep(&mut self, lines: &[Line<'_>]) {
        for line in lines {
            self.close();
            self.content.extend_from_slice(line.text);
            self.content.extend_from_slice(line.ending);
            self.open = line.ending.is_empty();
        }
    }

    /// The lines of a hunk at its place. What lies between two of them and does not count stays where the next is kept.
    pub fn hunk(&mut self, file: &[Line<'_>], hunk: &[HunkLine], place: &Place) {
        let follows = !matches!(place.way, Way::Lines(Strictness::Exact | Strictness::End));
        let (wanted, found) = if follows { pairs(file, hunk, place) } else { Default::default() };
        let mut next = place.start();
        let mut used = 0;
        // Which wanted line a new one stands beside.
        let mut beside = 0;
        for line in hunk {
            if line.mark == Mark::Add {
                let text = match follows {
                    true => lines::reindent(line.text.as_bytes(), beside, &wanted, &found),
                    false => line.text.as_bytes().to_vec(),
                };
                self.add(&text, line.unfinished);
                beside += 1;
                continue;
            }
            let Some(range) = place.at.get(used) else { break };
            if line.mark == Mark::Keep {
                self.keep(&file[next..range.end.max(next)]);
            }
            next = range.end.max(next);
            used += 1;
            if line.mark == Mark::Keep {
                beside = used;
            }
        }
    }

    fn add(&mut self, text: &[u8], unfinished: bool) {
        self.close();
        self.content.extend_from_slice(text);
        self.open = unfinished;
        if !unfinished {
            self.content.extend_from_slice(self.ending);
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.content.extend_from_slice(self.ending);
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.content
    }
}

/// The wanted lines beside what the file has for each; empty where that is not one line.
fn pairs<'a>(file: &[Line<'a>], hunk: &'a [HunkLine], place: &Place) -> (Vec<&'a [u8]>, Vec<Line<'a>>) {
    let wanted = hunk.iter().filter(|line| line.mark != Mark::Add);
    let pair = |(line, range): (&'a HunkLine, &std::ops::Range<usize>)| match range.len() {
        1 if !crate::elide::is_mark(line.text.as_bytes()) => (line.text.as_bytes(), file[range.start]),
        _ => (&b""[..], Line { text: b"", ending: b"" }),
    };
    wanted.zip(&place.at).map(pair).unzip()
}
