//! The matcher of `edit_file` and `apply_patch`: where lines that a model remembers stand in a file.
//!
//! 1. [`strict`]: the same lines; then without regard to white space at their ends; then to any white space.
//! 2. [`loose`]: with marks for lines that are left out, every other line must be there with its indent (all of them may be
//!    shifted alike); each mark reaches to the first place where what follows it stands.
//! 3. [`loose`] without marks: lines that are much alike, empty ones not counted. Numbers must agree, and nothing else in
//!    the file may be nearly as much alike; otherwise all such places are returned, and the caller refuses.

use std::ops::Range;

use crate::elide;
use crate::lines::{self, Line, Strictness};
use crate::nearest::{bigrams, similarity};

/// How a place was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Lines(Strictness),
    /// With lines left out.
    Elided,
    /// Alike to so many percent.
    Similar(u8),
}

/// Where lines stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// For each wanted line the file's lines, in order and without overlap: one; many or none for a mark; none for an
    /// empty line that does not count.
    pub at: Vec<Range<usize>>,
    pub way: Way,
}

impl Place {
    pub fn start(&self) -> usize {
        self.at.iter().find(|range| !range.is_empty()).map_or(0, |range| range.start)
    }

    pub fn end(&self) -> usize {
        self.at.last().map_or(0, |range| range.end)
    }

    /// What to tell the model beside the success; `None` when all was as it said.
    pub fn told(&self) -> Option<String> {
        let lines = format!("lines {} to {}", self.start() + 1, self.end());
        match self.way {
            Way::Lines(Strictness::Exact) => None,
            Way::Lines(_) => Some(format!("{lines} differed in white space")),
            Way::Elided => Some(format!("the lines left out were found in {lines}")),
            Way::Similar(percent) => Some(format!("{lines} were {percent} % like what you wrote")),
        }
    }
}

/// Whole lines, by the strictest comparison that finds any. At or after line `from`.
pub fn strict(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Vec<Place> {
    let places = |strictness| {
        let place = |start: usize| Place {
            at: (start..start + wanted.len()).map(|at| at..at + 1).collect(),
            way: Way::Lines(strictness),
        };
        lines::find(file, wanted, from, strictness).into_iter().map(place).collect::<Vec<_>>()
    };
    lines::ALL.into_iter().map(places).find(|places| !places.is_empty()).unwrap_or_default()
}

/// Lines that are left out, or else alike. More than one place is for the caller to refuse.
pub fn loose(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Vec<Place> {
    if wanted.iter().any(|line| elide::is_mark(line)) {
        return (from..file.len()).filter_map(|start| elided(file, wanted, start)).collect();
    }
    similar(file, wanted, from)
}

fn elided(file: &[Line<'_>], wanted: &[&[u8]], start: usize) -> Option<Place> {
    let first = wanted.iter().find(|line| !elide::is_mark(line))?;
    // What the file has before each line beyond what was written.
    let own = lines::indent(file[start].text);
    let shift = own.strip_suffix(lines::indent(first))?;
    let same = |at: usize, wanted: &[u8]| {
        let line = file[at].text.trim_ascii_end();
        let wanted = wanted.trim_ascii_end();
        line == wanted && wanted.is_empty() || line.strip_prefix(shift).is_some_and(|line| line == wanted)
    };
    let mut at: Vec<Range<usize>> = Vec::with_capacity(wanted.len());
    let mut next = start;
    for segment in wanted.chunk_by(|a, b| elide::is_mark(a) == elide::is_mark(b)) {
        if elide::is_mark(segment[0]) {
            at.extend(segment.iter().map(|_| next..next));
            continue;
        }
        let last = file.len().checked_sub(segment.len())?;
        let fits = |from: &usize| segment.iter().enumerate().all(|(index, line)| same(from + index, line));
        let found = if next == start { (fits(&start)).then_some(start)? } else { (next..=last).find(fits)? };
        if let Some(gap) = at.last_mut().filter(|_| found > start) {
            gap.end = found;
        }
        at.extend((found..found + segment.len()).map(|line| line..line + 1));
        next = found + segment.len();
    }
    Some(Place { at, way: Way::Elided })
}

/// Less than this says too little to be found by likeness.
const LEAST_BYTES: usize = 20;
/// The place as a whole must be alike to this degree,
const ALIKE: f32 = 0.9;
/// each of its lines to this,
const LINE_ALIKE: f32 = 0.7;
/// and any other place be less alike by this.
const MARGIN: f32 = 0.1;
/// Comparing costs the product of both lengths; beyond so many steps nothing is looked for.
const MAX_STEPS: usize = 4_000_000;

fn similar(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Vec<Place> {
    let is_text = |line: &[u8]| !line.trim_ascii().is_empty();
    let rows: Vec<usize> = (from..file.len()).filter(|at| is_text(file[*at].text)).collect();
    let texts: Vec<&[u8]> = wanted.iter().copied().filter(|line| is_text(line)).collect();
    let bytes: usize = texts.iter().map(|line| line.trim_ascii().len()).sum();
    let all: usize = rows.iter().map(|at| file[*at].text.len()).sum();
    if bytes < LEAST_BYTES || all.saturating_mul(texts.len()) > MAX_STEPS {
        return Vec::new();
    }
    let pairs: Vec<Vec<u16>> = texts.iter().map(|line| bigrams(line)).collect();
    let of_file: Vec<Vec<u16>> = rows.iter().map(|at| bigrams(file[*at].text)).collect();
    let mut found: Vec<(f32, usize)> = Vec::new();
    for start in 0..(rows.len() + 1).saturating_sub(texts.len()) {
        let near = |index: usize| similarity(&pairs[index], &of_file[start + index]) >= f64::from(LINE_ALIKE) - 0.2;
        if !(0..texts.len()).all(near) {
            continue;
        }
        let mut whole = 0.0;
        let alike = texts.iter().enumerate().all(|(index, line)| {
            let ratio = ratio(line, file[rows[start + index]].text);
            whole += ratio * line.trim_ascii().len() as f32 / bytes as f32;
            ratio >= LINE_ALIKE
        });
        if alike {
            found.push((whole, start));
        }
    }
    let Some(best) = found.iter().map(|(score, _)| *score).reduce(f32::max).filter(|best| *best >= ALIKE) else {
        return Vec::new();
    };
    let close = found.iter().filter(|(score, _)| *score > best - MARGIN);
    let places: Vec<(f32, usize)> = close.copied().collect();
    // A place that the numbers rule out is no answer, but it shows that the text is not as unique as it looks.
    let agree =
        |start: usize| texts.iter().zip(&rows[start..]).all(|(line, at)| numbers(line).eq(numbers(file[*at].text)));
    match places.as_slice() {
        [(_, only)] if !agree(*only) => Vec::new(),
        places => places.iter().map(|(score, start)| place(wanted, &rows[*start..], *score)).collect(),
    }
}

fn place(wanted: &[&[u8]], rows: &[usize], score: f32) -> Place {
    let mut rows = rows.iter();
    let mut next = rows.as_slice().first().copied().unwrap_or_default();
    let at = wanted.iter().map(|line| {
        let row = if line.trim_ascii().is_empty() { None } else { rows.next() };
        let range = row.map_or(next..next, |row| *row..*row + 1);
        next = range.end;
        range
    });
    Place { at: at.collect(), way: Way::Similar((score * 100.0) as u8) }
}

/// How much of both is common and in the same order, from 0 to 1; white space at their ends does not count.
fn ratio(a: &[u8], b: &[u8]) -> f32 {
    let (a, b) = (a.trim_ascii(), b.trim_ascii());
    let steps = similar::capture_diff_slices(similar::Algorithm::Myers, a, b);
    similar::diff_ratio(&steps, a.len(), b.len())
}

fn numbers(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places as `first-last`, from 1, and the way.
    #[track_caller]
    fn check(file: &str, wanted: &str, expected: &str) {
        let lines = lines::split(file.as_bytes());
        let wanted: Vec<&[u8]> = wanted.lines().map(str::as_bytes).collect();
        let mut found = strict(&lines, &wanted, 0);
        if found.is_empty() {
            found = loose(&lines, &wanted, 0);
        }
        let shown = found.iter().map(|place| format!("{}-{} {:?}", place.start() + 1, place.end(), place.way));
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected);
    }

    #[test]
    fn lines_that_are_left_out_are_found() {
        let file = "fn a() {\n    x();\n    if y {\n    }\n}\n\nfn b() {\n    z();\n}\n";
        check(file, "fn a() {\n    ...\n}", "1-5 Elided");
        check(file, "fn b() {\n// ... existing code ...\n}", "7-9 Elided");
        check(file, "...\nfn b() {\n    z();\n...", "7-8 Elided");
        check(file, "fn a() {\n  ...\nnone", "");
        check("a:\n  b\n  c\n  d\na:\n  e\n  d\n", "a:\n...\n  d", "1-4 Elided, 5-7 Elided");
        check("\tif a:\n\t\tb\n\t\tc\n\tend\n", "if a:\n...\nend", "1-4 Elided");
        check("def f():\n    ...\n", "def f():\n    ...", "1-2 Lines(Exact)");
    }

    #[test]
    fn only_one_place_that_is_much_alike_is_an_answer() {
        let file = "fn total(items: &[u32]) -> u32 {\n\n    items.iter().sum()\n}\n\nfn other() {}\n";
        check(file, "fn total(item: &[u32]) -> u32 {\n    items.iter().sum()\n}", "1-4 Similar(99)");
        check(file, "fn totals(item: &[u64]) -> u64 {\n    items.iter().sum()\n}", "");
        check("let total = 1;\n", "let totals = 1;", "");
        let twice = "assert_eq!(first(alpha), 1);\nassert_eq!(first(alphb), 1);\n";
        check(twice, "assert_eq!(first(alphc), 1);", "1-1 Similar(96), 2-2 Similar(96)");
        check("assert_eq!(first(alpha), 2);\n", "assert_eq!(first(alpha), 1);", "");
        check("call(alpha_beta, gamma_delta);\n", "call(gamma_delta, alpha_beta);", "");
    }
}
