//! Puts a file together from what it had and what a hunk adds: lines that are kept come out as the file has them, lines
//! that are new take on the indent of the place.

use garth_plugin::elide;
use garth_plugin::text::clip_line;

use crate::find::{Place, Way};
use crate::lines::{self, Line, Strictness};
use crate::patch::{HunkLine, Mark};

/// How many lines are named that were not as written, and how much of each.
const NAMED: usize = 5;
const MAX_NAMED: usize = 120;

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

    /// The lines of a hunk at its place. Empty lines between two of them that do not count stay.
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
            let end = range.end.max(next);
            let kept = if line.mark == Mark::Keep { end } else { range.start.clamp(next, end) };
            self.keep(&file[next..kept]);
            next = end;
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

/// What the file had where only something like it was taken away: ` (line 3 was: …)`; empty where there is no such line.
pub fn differing(file: &[Line<'_>], hunk: &[HunkLine], place: &Place) -> String {
    if !matches!(place.way, Way::Similar(_)) {
        return String::new();
    }
    let wanted = hunk.iter().filter(|line| line.mark != Mark::Add).zip(place.at.iter());
    let removed = wanted.filter(|(line, range)| line.mark == Mark::Remove && range.len() == 1);
    let pairs = removed.map(|(line, range)| (range.start, line.text.as_bytes(), file[range.start].text.trim_ascii()));
    let differing: Vec<(usize, &[u8])> =
        pairs.filter(|(_, wanted, found)| wanted.trim_ascii() != *found).map(|(at, _, found)| (at, found)).collect();
    if differing.is_empty() {
        return String::new();
    }
    let named = differing
        .iter()
        .take(NAMED)
        .map(|(at, found)| format!("line {} was: {}", at + 1, clip_line(&String::from_utf8_lossy(found), MAX_NAMED)));
    let more = differing.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!(" ({}{more})", named.collect::<Vec<_>>().join("; "))
}

/// The wanted lines beside what the file has for each; empty where that is not one line.
fn pairs<'a>(file: &[Line<'a>], hunk: &'a [HunkLine], place: &Place) -> (Vec<&'a [u8]>, Vec<Line<'a>>) {
    let wanted = hunk.iter().filter(|line| line.mark != Mark::Add);
    let pair = |(line, range): (&'a HunkLine, std::ops::Range<usize>)| match range.len() {
        1 if !elide::is_mark(line.text.as_bytes()) => (line.text.as_bytes(), file[range.start]),
        _ => (&b""[..], Line { text: b"", ending: b"" }),
    };
    wanted.zip(place.at.iter()).map(pair).unzip()
}
