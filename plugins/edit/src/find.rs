//! The matcher of `edit_file` and `apply_patch`: where lines that a model remembers stand in a file.
//!
//! 1. [`strict`]: the same lines; then without regard to white space at their ends; then to any white space.
//! 2. [`loose`]: with marks for lines that are left out, every other line must be there with its indent (all of them may be
//!    shifted alike); each mark reaches to the first place where what follows it stands, and not out of the block that it is
//!    in. Where the file has the mark itself, as the body of a Python stub, it stands for nothing else.
//! 3. [`loose`] without marks: lines that are much alike, empty ones not counted. Numbers must agree, and nothing else in
//!    the file may be nearly as much alike; otherwise all such places are returned, and the caller refuses.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use garth_plugin::elide;

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
    pub at: At,
    pub way: Way,
}

/// For each wanted line the file's lines, in order and without overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// One for each. A text may stand in a file as often as that has lines, so that this is no list.
    Lines(Range<usize>),
    /// One; many or none for a mark; none for an empty line that does not count.
    Each(Vec<Range<usize>>),
}

impl At {
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        match self {
            At::Lines(lines) => lines.clone().nth(index).map(|line| line..line + 1),
            At::Each(each) => each.get(index).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        (0..).map_while(|index| self.get(index))
    }
}

impl Place {
    pub fn start(&self) -> usize {
        match &self.at {
            At::Lines(lines) => lines.start,
            At::Each(each) => each.iter().find(|range| !range.is_empty()).map_or(0, |range| range.start),
        }
    }

    pub fn end(&self) -> usize {
        match &self.at {
            At::Lines(lines) => lines.end,
            At::Each(each) => each.last().map_or(0, |range| range.end),
        }
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

/// The search was given up: so many lines, or so many alike, would take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent;

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "[too large, or too much of it alike, to look for text that is not there exactly: copy it from the file]",
        )
    }
}

/// Whole lines, by the strictest comparison that finds any. At or after line `from`.
pub fn strict(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Vec<Place> {
    let places = |strictness| {
        let place = |start: usize| Place { at: At::Lines(start..start + wanted.len()), way: Way::Lines(strictness) };
        lines::find(file, wanted, from, strictness).into_iter().map(place).collect::<Vec<_>>()
    };
    lines::ALL.into_iter().map(places).find(|places| !places.is_empty()).unwrap_or_default()
}

/// Lines that are left out, or else alike. More than one place is for the caller to refuse.
pub fn loose(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Result<Vec<Place>, Spent> {
    match wanted.iter().any(|line| elide::is_mark(line)) {
        true => elided(file, wanted, from),
        false => similar(file, wanted, from),
    }
}

/// Steps that a search may still take.
struct Steps(Cell<usize>);

impl Steps {
    fn spend(&self, count: usize) -> Result<(), Spent> {
        self.0.set(self.0.get().checked_sub(count).ok_or(Spent)?);
        Ok(())
    }
}

/// A line of the file without white space at its end.
struct Row<'a> {
    text: &'a [u8],
    column: usize,
}

/// Wanted lines that are all marks, or none of them is. Without white space at their ends.
struct Segment<'a> {
    marks: bool,
    lines: Vec<&'a [u8]>,
}

/// A search for lines of which some are left out.
struct Elided<'a> {
    rows: Vec<Row<'a>>,
    segments: Vec<Segment<'a>>,
    steps: Steps,
}

fn elided(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Result<Vec<Place>, Spent> {
    let steps = Steps(Cell::new(MAX_STEPS));
    steps.spend(file.len())?;
    let rows = file.iter().map(|line| Row { text: line.text.trim_ascii_end(), column: lines::column(line.text) });
    let segments = wanted.chunk_by(|a, b| elide::is_mark(a) == elide::is_mark(b)).map(|lines| Segment {
        marks: lines.first().is_some_and(|line| elide::is_mark(line)),
        lines: lines.iter().map(|line| line.trim_ascii_end()).collect(),
    });
    let search = Elided { rows: rows.collect(), segments: segments.collect(), steps };
    (from..file.len()).filter_map(|start| search.at(start).transpose()).collect()
}

impl Elided<'_> {
    fn at(&self, start: usize) -> Result<Option<Place>, Spent> {
        let first = self.segments.iter().find(|segment| !segment.marks).and_then(|segment| segment.lines.first());
        // What the file has before each line beyond what was written.
        let own = lines::indent(self.rows[start].text);
        let Some(shift) = first.and_then(|first| own.strip_suffix(lines::indent(first))) else { return Ok(None) };
        let mut at: Vec<Range<usize>> = Vec::new();
        let (mut next, mut before) = (start, 0);
        let mut marks: &[&[u8]] = &[];
        for segment in &self.segments {
            self.steps.spend(segment.lines.len())?;
            if segment.marks {
                at.extend(segment.lines.iter().map(|_| next..next));
                marks = &segment.lines;
                continue;
            }
            let found = match next == start {
                true => self.stands(segment, start, shift)?.then_some(start),
                false => self.reach(segment, next, shift, before, marks)?,
            };
            let Some(found) = found else { return Ok(None) };
            if let Some(gap) = at.last_mut().filter(|_| found > next) {
                gap.end = found;
            }
            at.extend((found..found + segment.lines.len()).map(|line| line..line + 1));
            next = found + segment.lines.len();
            let last = self.rows[found..next].iter().rfind(|row| !row.text.is_empty());
            before = last.map_or(before, |row| row.column);
        }
        Ok(Some(Place { at: At::Each(at), way: Way::Elided }))
    }

    fn stands(&self, segment: &Segment<'_>, at: usize, shift: &[u8]) -> Result<bool, Spent> {
        let Some(rows) = self.rows.get(at..at + segment.lines.len()) else { return Ok(false) };
        for (row, line) in rows.iter().zip(&segment.lines) {
            self.steps.spend(1 + (shift.len() + line.len()) / 16)?;
            let same = if line.is_empty() { row.text.is_empty() } else { row.text.strip_prefix(shift) == Some(*line) };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where the segment first stands behind a gap. `before` is the column of the line above it. A line in the gap that is
    /// less indented than both ends, or no deeper than the head of the block that the gap is in, ends the block. A gap that
    /// begins with its own mark has nothing but its marks.
    fn reach(
        &self,
        segment: &Segment<'_>,
        next: usize,
        shift: &[u8],
        before: usize,
        marks: &[&[u8]],
    ) -> Result<Option<usize>, Spent> {
        let text = segment.lines.iter().find(|line| !line.is_empty());
        let after = text.map_or(before, |line| lines::column(&[shift, *line].concat()));
        let first = self.rows[next..].iter().find(|row| !row.text.is_empty());
        let itself = first.is_some_and(|row| marks.iter().any(|mark| row.text.trim_ascii() == mark.trim_ascii()));
        let mut left = if itself { marks.len() } else { usize::MAX };
        for found in next..self.rows.len() {
            if self.stands(segment, found, shift)? {
                return Ok(Some(found));
            }
            let Row { text, column } = self.rows[found];
            if text.is_empty() {
                continue;
            }
            if left == 0 || column < before.min(after) || (after > before && column <= before) {
                return Ok(None);
            }
            left -= 1;
        }
        Ok(None)
    }
}

/// Less than this says too little to be found by likeness.
const LEAST_BYTES: usize = 20;
/// The place as a whole must be alike to this degree,
const ALIKE: f32 = 0.9;
/// each of its lines to this,
const LINE_ALIKE: f32 = 0.7;
/// and any other place be less alike by this.
const MARGIN: f32 = 0.1;
/// What adding up the lines may be off by.
const ROUNDING: f32 = 0.001;
/// Comparing roughly costs the product of both lengths; beyond so many steps nothing is looked for.
const MAX_STEPS: usize = 4_000_000;
/// The same for comparing byte by byte, which only lines come to that have much in common.
const MAX_BYTE_STEPS: usize = 64_000_000;

fn similar(file: &[Line<'_>], wanted: &[&[u8]], from: usize) -> Result<Vec<Place>, Spent> {
    let is_text = |line: &[u8]| !line.trim_ascii().is_empty();
    let rows: Vec<usize> = (from..file.len()).filter(|at| is_text(file[*at].text)).collect();
    let texts: Vec<&[u8]> = wanted.iter().copied().filter(|line| is_text(line)).collect();
    let bytes: usize = texts.iter().map(|line| line.trim_ascii().len()).sum();
    let all: usize = rows.iter().map(|at| file[*at].text.len()).sum();
    if bytes < LEAST_BYTES {
        return Ok(Vec::new());
    }
    if all.saturating_mul(texts.len()).max(bytes.saturating_mul(rows.len())) > MAX_STEPS {
        return Err(Spent);
    }
    let steps = Steps(Cell::new(MAX_BYTE_STEPS));
    let pairs: Vec<Vec<u16>> = texts.iter().map(|line| bigrams(line)).collect();
    let of_file: Vec<Vec<u16>> = rows.iter().map(|at| bigrams(file[*at].text)).collect();
    // How much each place is alike, and whether each of its lines is alike enough.
    let mut found: Vec<(f32, usize, bool)> = Vec::new();
    for start in 0..(rows.len() + 1).saturating_sub(texts.len()) {
        let pair = |index: usize| (texts[index].trim_ascii(), file[rows[start + index]].text.trim_ascii());
        let weight = |index: usize| pair(index).0.len() as f32 / bytes as f32;
        let most = |index: usize| {
            let (line, other) = pair(index);
            weight(index) * most(line.len() + other.len(), &pairs[index], &of_file[start + index])
        };
        // What the place comes to if the lines that are not compared yet are as much alike as they can be.
        let mut whole: f32 = (0..texts.len()).map(most).sum();
        let mut alike = true;
        for index in 0..texts.len() {
            if whole < ALIKE - MARGIN - ROUNDING {
                break;
            }
            let (line, other) = pair(index);
            steps.spend(line.len().saturating_mul(other.len()))?;
            let ratio = ratio(line, other);
            whole += weight(index) * ratio - most(index);
            alike &= ratio >= LINE_ALIKE;
        }
        if whole >= ALIKE - MARGIN - ROUNDING {
            found.push((whole, start, alike));
        }
    }
    let Some(best) = found.iter().map(|(score, ..)| *score).reduce(f32::max).filter(|best| *best >= ALIKE) else {
        return Ok(Vec::new());
    };
    found.retain(|(score, ..)| *score >= best - MARGIN - ROUNDING);
    // A place that a line or the numbers rule out is no answer, but it shows that the text is not as unique as it looks.
    let agree =
        |start: usize| texts.iter().zip(&rows[start..]).all(|(line, at)| numbers(line).eq(numbers(file[*at].text)));
    Ok(match found.as_slice() {
        [(_, only, alike)] if !alike || !agree(*only) => Vec::new(),
        places => places.iter().map(|(score, start, _)| place(file, wanted, &rows[*start..], *score)).collect(),
    })
}

/// The most that [`ratio`] can be for two lines with so many bytes together and these pairs of bytes: a byte more or less
/// makes a difference of three pairs at most.
fn most(bytes: usize, a: &[u16], b: &[u16]) -> f32 {
    let differing = (1.0 - similarity(a, b)) * (a.len() + b.len()) as f64;
    (1.0 - differing / (3 * bytes) as f64) as f32
}

/// An empty line stands where the file has one at that place.
fn place(file: &[Line<'_>], wanted: &[&[u8]], rows: &[usize], score: f32) -> Place {
    let mut rows = rows.iter();
    let mut next = rows.as_slice().first().copied().unwrap_or_default();
    let at = wanted.iter().map(|line| {
        let range = match line.trim_ascii().is_empty() {
            true if file.get(next).is_some_and(|line| line.text.trim_ascii().is_empty()) => next..next + 1,
            true => next..next,
            false => rows.next().map_or(next..next, |row| *row..*row + 1),
        };
        next = range.end;
        range
    });
    Place { at: At::Each(at.collect()), way: Way::Similar((score * 100.0) as u8) }
}

/// How much of both is common and in the same order, from 0 to 1.
pub fn ratio(a: &[u8], b: &[u8]) -> f32 {
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
            found = loose(&lines, &wanted, 0).unwrap();
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
        let stubs = "  def a():\n    ...\n\n  def b():\n    ...\n  def c():\n";
        check(stubs, "  def a():\n    ...\n  def c():", "");
        check(stubs, "  def a():\n    ...\n  def b():", "1-4 Elided");
        check(stubs, "  def b():\n    ...\n  def c():", "4-6 Lines(Exact)");
        check(stubs, "  def a():\n  # ...\n  def c():", "1-6 Elided");
        check("a\nb\nx", "x\ny\n...", "");
        check("", "...\nx", "");
    }

    #[test]
    fn a_gap_ends_with_its_block() {
        let functions = "def f(a):\n    y = a\n    return y\n\ndef g(x):\n    z = x\n    return x\n";
        check(functions, "def f(a):\n    ...\n    return x", "");
        check(functions, "def f(a):\n    ...\n    return y", "1-3 Elided");
        check(functions, "    y = a\n...\n    return x", "");
        check(functions, "def f(a):\n...\ndef g(x):", "1-5 Elided");
        check(functions, "    y = a\n...\ndef g(x):", "2-5 Elided");
        let methods = "class A:\n\tdef f(self):\n\t\tif x:\n\t\t\ta()\n\n\tdef g(self):\n\t\tb()\n";
        check(methods, "def f(self):\n...\n\tb()", "");
        check(methods, "\t\t\ta()\n...\n\t\tb()", "");
        check(methods, "class A:\n...\n\t\tb()", "1-7 Elided");
        check("{\n  a\n}\n{\n  b\n}\n", "{\n...\n  b\n}", "4-6 Elided");
        check("def f():\n  a\n\n  # ... b ...\n  c\n", "def f():\n...\n\n...\n  c", "1-5 Elided");
    }

    #[test]
    fn a_search_that_takes_too_long_is_given_up() {
        let check = |file: &str, wanted: &[&[u8]]| {
            let lines = lines::split(file.as_bytes());
            assert_eq!(loose(&lines, wanted, 0), Err(Spent));
        };
        check(&"}\n".repeat(20_000), &[b"}", b"...", b"z"]);
        check(&"x = call(alpha, beta)\n".repeat(200_000), &[b"x = call(alpha, gamma)"]);
        let long = "abcdefghij".repeat(2_000);
        check(&format!("{long}\n"), &[format!("{long}k").as_bytes()]);
    }

    #[test]
    fn empty_lines_are_matched_where_both_have_them() {
        let file = lines::split(b"total(alpha, beta)\n\nother(gamma, delta)\n\nend\n");
        let wanted: [&[u8]; 4] = [b"total(alphas, beta)", b"", b"", b"other(gamma, delta)"];
        let found = loose(&file, &wanted, 0).unwrap();
        assert_eq!(found[0].at, At::Each(vec![0..1, 1..2, 2..2, 2..3]));
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
        let function = |name: &str, done: &str, end: &str| {
            format!(
                "def {name}_server(config):\n    socket = open_socket(config.port)\n    log(\"server {done}\", socket)\n    {end}(socket)\n"
            )
        };
        let file = function("start", "started", "run") + "\n" + &function("stop", "stopped", "end");
        check(&file, &function("start", "started", "close"), "1-4 Similar(95), 6-9 Similar(91)");
        check(&function("start", "started", "run"), &function("start", "started", "finish_with"), "");
    }
}
