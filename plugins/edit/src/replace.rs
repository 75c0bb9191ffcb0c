//! Replaces one text by another in a file: exactly if it is there exactly, else by lines, as `find` finds them.
//!
//! 1. The bytes as given; then with the file's own line endings.
//! 2. Whole lines, if need be without the numbers that were copied from `read_file`. What both texts have stays as it is
//!    in the file; new lines take on its indent.
//! 3. Otherwise the error shows what is nearest.
//!
//! More than one place is refused with the places' lines, unless all are meant.

use garth_plugin::{Error, elide, failed, invalid};
use memchr::memmem::Finder;

use crate::find::{self, Place, Way};
use crate::lines::{self, Line};
use crate::nearest;
use crate::numbers;
use crate::patch::{HunkLine, Mark};
use crate::weave::{self, Weave};

/// Which of several places are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    One,
    All,
}

/// The new content, and how the old text was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Replaced {
    pub content: Vec<u8>,
    pub count: usize,
    /// From 1: where the first replacement begins.
    pub line: usize,
    /// How the first was found; `None`: byte for byte.
    pub told: Option<String>,
}

pub fn replace(file: &[u8], old: &str, new: &str, places: Places, path: &str) -> Result<Replaced, Error> {
    if old.is_empty() {
        return Err(invalid("old_text is empty; to create a file or fill an empty one, use write_file"));
    }
    if old == new {
        return Err(invalid("old_text and new_text are the same"));
    }
    let split = lines::split(file);
    let ending = lines::main_ending(&split);
    let mut spellings = vec![(old.to_owned(), new.to_owned())];
    if ending == b"\r\n" {
        let windows = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
        spellings = vec![(old.to_owned(), windows(new)), (windows(old), windows(new))];
    }
    for (old, new) in &spellings {
        let found = occurrences(file, old.as_bytes(), places);
        if !found.is_empty() {
            let rows = rows(file, &found);
            refuse_several(&split, &rows, old.lines().count(), places, path)?;
            let content = splice(file, &found, old.len(), new.as_bytes());
            return Ok(Replaced { content, count: found.len(), line: rows[0] + 1, told: None });
        }
    }
    // Lines that begin with numbers in the file are no copy of what `read_file` shows.
    let written: Vec<&[u8]> = old.lines().map(str::as_bytes).collect();
    let unnumbered = if find::strict(&split, &written, 0).is_empty() { numbers::without(old, new)? } else { None };
    let (old, new) = unnumbered.unwrap_or_else(|| (old.to_owned(), new.to_owned()));
    by_lines(&split, &old, &new, places, path)
}

fn by_lines(file: &[Line<'_>], old: &str, new: &str, places: Places, path: &str) -> Result<Replaced, Error> {
    let wanted = trimmed_lines(old);
    let not_found = |wanted: &[&[u8]]| {
        let shown = nearest::place(file, wanted);
        failed(match shown {
            Some(shown) => format!("old_text is not in {path}. The nearest text there is:\n{shown}"),
            None => format!("old_text is not in {path}, nor anything like it; read the file first"),
        })
    };
    if wanted.iter().all(|line| elide::is_mark(line)) {
        return Err(not_found(&wanted));
    }
    let all: Vec<&[u8]> = old.lines().map(str::as_bytes).collect();
    let (mut wanted, mut new_lines) = (wanted, trimmed_lines(new));
    let mut allowed = places;
    let mut found = find::strict(file, &all, 0);
    if !found.is_empty() {
        (wanted, new_lines) = (all, new.lines().map(str::as_bytes).collect());
    } else {
        found = find::strict(file, &wanted, 0);
    }
    if found.is_empty() {
        allowed = Places::One;
        found = find::loose(file, &wanted, 0).map_err(|spent| failed(format!("{}\n{spent}", not_found(&wanted))))?;
    }
    if found.iter().any(|place| place.way == Way::Elided) {
        refuse_open_ends(&wanted, &new_lines)?;
    }
    found.dedup_by(|next, kept| allowed == Places::All && next.start() < kept.end());
    let Some(first) = found.first() else { return Err(not_found(&wanted)) };
    let starts: Vec<usize> = found.iter().map(Place::start).collect();
    refuse_several(file, &starts, wanted.len(), allowed, path)?;
    let mut hunk = changes(&wanted, &new_lines, first.way)?;
    let told = first.told().map(|told| told + &weave::differing(file, &hunk, first));
    let line = first.start() + 1;
    let mut output = Weave::new(file);
    let mut next = 0;
    for place in &found {
        output.keep(&file[next..place.start()]);
        next = place.end();
        // The place may be the end of a file without a final newline, which then stays without.
        let open = file[..next].last().is_some_and(|line| line.ending.is_empty());
        if let Some(last) = hunk.iter_mut().rfind(|line| line.mark != Mark::Remove) {
            last.unfinished = open;
        }
        output.hunk(file, &hunk, place);
    }
    output.keep(&file[next..]);
    Ok(Replaced { content: output.finish(), count: found.len(), line, told })
}

/// Refuses a mark at an end of `old` that `new` does not have there too: it does not say how far what it stands for goes,
/// and so nothing would be replaced for it.
fn refuse_open_ends(old: &[&[u8]], new: &[&[u8]]) -> Result<(), Error> {
    let is_mark = |line: Option<&&[u8]>| line.is_some_and(|line| elide::is_mark(line));
    let ends = [("begins", old.first(), new.first()), ("ends", old.last(), new.last())];
    let Some((end, Some(mark), _)) = ends.into_iter().find(|(_, old, new)| is_mark(*old) && !is_mark(*new)) else {
        return Ok(());
    };
    let mark = garth_plugin::text::clip_line(&String::from_utf8_lossy(mark.trim_ascii()), 100);
    Err(invalid(format!(
        "old_text {end} with '{mark}', which does not say where the part {end} that is to be replaced: write that line"
    )))
}

/// What to do with each line of `old` so that it becomes `new`. Where marks stand for lines, both have the same ones, or
/// `new` has none and what they stand for goes: if it is empty, or if they say in words that they stand for something. A
/// bare `...` may also be meant as code.
fn changes(old: &[&[u8]], new: &[&[u8]], way: Way) -> Result<Vec<HunkLine>, Error> {
    let marks = |lines: &[&[u8]]| lines.iter().filter(|line| elide::is_mark(line)).count();
    let (of_old, of_new) = (marks(old), marks(new));
    if way != Way::Elided {
        return Ok(difference(old, new));
    }
    if of_new == 0 {
        return match old.iter().find(|line| elide::is_bare(line)).filter(|_| !new.is_empty()) {
            None => Ok(difference(old, new)),
            Some(mark) => Err(invalid(format!(
                "'{0}' in old_text stands for lines of the file that new_text does not have: write '{0}' there too if they \
                 stay, or write the lines in old_text if they go",
                String::from_utf8_lossy(mark.trim_ascii())
            ))),
        };
    }
    if of_old != of_new {
        return Err(invalid(format!(
            "old_text leaves lines out in {of_old} places and new_text in {of_new}: use the same marks in both, or none in \
             new_text"
        )));
    }
    let mut hunk = Vec::new();
    let mut new = new.split(|line| elide::is_mark(line));
    let mut old = old;
    loop {
        let mark = old.iter().position(|line| elide::is_mark(line));
        let (part, rest) = old.split_at(mark.unwrap_or(old.len()));
        hunk.extend(difference(part, new.next().unwrap_or_default()));
        let Some((mark, rest)) = rest.split_first() else { return Ok(hunk) };
        hunk.push(line(Mark::Keep, mark));
        old = rest;
    }
}

fn difference(old: &[&[u8]], new: &[&[u8]]) -> Vec<HunkLine> {
    let mut hunk = Vec::with_capacity(old.len() + new.len());
    for step in similar::capture_diff_slices(similar::Algorithm::Myers, old, new) {
        let (tag, of_old, of_new) = step.as_tag_tuple();
        if tag == similar::DiffTag::Equal {
            hunk.extend(old[of_old].iter().map(|text| line(Mark::Keep, text)));
            continue;
        }
        // One for one, so that empty lines that stay between the old ones stand between the new ones.
        let (old, new) = (&old[of_old], &new[of_new]);
        for at in 0..old.len().max(new.len()) {
            hunk.extend(old.get(at).map(|text| line(Mark::Remove, text)));
            hunk.extend(new.get(at).map(|text| line(Mark::Add, text)));
        }
    }
    hunk
}

fn line(mark: Mark, text: &[u8]) -> HunkLine {
    HunkLine { mark, text: String::from_utf8_lossy(text).into_owned(), unfinished: false }
}

/// The lines of a text without its empty ones at both ends.
fn trimmed_lines(text: &str) -> Vec<&[u8]> {
    let lines: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let is_text = |line: &&[u8]| !line.trim_ascii().is_empty();
    let first = lines.iter().position(is_text).unwrap_or(lines.len());
    let last = lines.iter().rposition(is_text).map_or(first, |last| last + 1);
    lines[first..last].to_vec()
}

/// Where the bytes stand. Where one place is meant, another one that overlaps it counts too.
fn occurrences(file: &[u8], wanted: &[u8], places: Places) -> Vec<usize> {
    let finder = Finder::new(wanted);
    let mut found: Vec<usize> = finder.find_iter(file).collect();
    if let (Places::One, [only]) = (places, found.as_slice()) {
        let behind = only + 1;
        found.extend(finder.find(&file[behind..]).map(|at| behind + at));
    }
    found
}

/// The lines, from 0, of offsets in ascending order.
fn rows(file: &[u8], offsets: &[usize]) -> Vec<usize> {
    let (mut row, mut from) = (0, 0);
    let row_of = |offset: &usize| {
        row += file[from..*offset].iter().filter(|byte| **byte == b'\n').count();
        from = *offset;
        row
    };
    offsets.iter().map(row_of).collect()
}

fn splice(file: &[u8], found: &[usize], length: usize, new: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(file.len() + found.len() * new.len());
    let mut next = 0;
    for start in found {
        content.extend_from_slice(&file[next..*start]);
        content.extend_from_slice(new);
        next = start + length;
    }
    content.extend_from_slice(&file[next..]);
    content
}

/// `found` are the first lines of the places, from 0.
fn refuse_several(file: &[Line<'_>], found: &[usize], height: usize, places: Places, path: &str) -> Result<(), Error> {
    const SHOWN: usize = 4;
    if places == Places::All || found.len() == 1 {
        return Ok(());
    }
    let mut text = format!(
        "old_text is {} times in {path}; add lines around it until it is unique, or set replace_all. It is here:",
        found.len()
    );
    for start in found.iter().take(SHOWN) {
        let to = (start + height.clamp(1, 3) + 1).min(file.len());
        text.push_str(&format!("\n{}", nearest::numbered(file, start.saturating_sub(1), to)));
        text.push_str("\n…");
    }
    if found.len() > SHOWN {
        let rest: Vec<_> = found[SHOWN..].iter().take(20).map(|line| (line + 1).to_string()).collect();
        text.push_str(&format!("\nand at lines {}", rest.join(", ")));
    }
    Err(failed(text.trim_end_matches("\n…")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, old: &str, new: &str, expected: &str) {
        let text = match replace(file.as_bytes(), old, new, Places::One, "f") {
            Ok(replaced) => String::from_utf8(replaced.content).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn exact_text_is_replaced_as_it_is() {
        check("a b c", "b", "x\ny", "a x\ny c");
        check("a\nb\nc", "b\nc", "d", "a\nd");
        check("a\n\tb\n", "\tb\n", "", "a\n");
        let all = replace(b"a b a", "a", "aa", Places::All, "f").unwrap();
        assert_eq!((all.content, all.count), (b"aa b aa".to_vec(), 2));
        let bytes = replace(b"\xff a \xfe", "a", "b", Places::One, "f").unwrap();
        assert_eq!(bytes.content, b"\xff b \xfe", "bytes that are not UTF-8 stay as they are");
    }

    #[test]
    fn a_file_keeps_its_line_endings() {
        check("a\r\nb\r\nc\r\n", "a\nb", "x\ny", "x\r\ny\r\nc\r\n");
        check("a\r\n  b \r\nc\r\n", "a\n b", "x\ny", "x\r\ny\r\nc\r\n");
        check("a\n b", "a\nb ", "x\ny", "x\n y");
        check("a\r\nb\r\n", "b", "x\ny", "a\r\nx\r\ny\r\n");
        check("a\r\nb\r\n", "b", "x\r\ny", "a\r\nx\r\ny\r\n");
        check("a\r\nb\nc\r\n", "a\r\nb\nc", "x\ny", "x\r\ny\r\n");
    }

    #[test]
    fn white_space_is_forgiven_and_the_indent_follows() {
        check("if x {  \n    y();\n}\n", "if x {\n    y();\n}", "if z {\n    y();\n}", "if z {\n    y();\n}\n");
        check(
            "fn f() {\n\tif x {\n\t\ty();\n\t}\n}\n",
            "if x {\n    y();\n}",
            "if x {\n    y();\n    z();\n}",
            "fn f() {\n\tif x {\n\t\ty();\n\t\tz();\n\t}\n}\n",
        );
        check("a = 1\nb = 2\n", "1\ta = 1\n2\tb = 2", "1\ta = 3\n2\tb = 2", "a = 3\nb = 2\n");
        check("a = 1\nb = 2\n", "1\ta = 1\n2\tb = 2", "1\ta = 1\nc = 5\n2\tb = 3", "a = 1\nc = 5\nb = 3\n");
        check("200:  OK\n", "200: OK", "200: Fine\n404: Missing", "200: Fine\n404: Missing\n");
        check("ok:  OK\n", "ok: OK", "200: OK\n404: Missing", "200: OK\n404: Missing\n");
        check("a\n\nb\n", "\n\na \n\nb\n\n", "c", "c\n");
    }

    #[test]
    fn lines_that_are_left_out_have_an_end() {
        let file = "def f(a):\n    y = a\n    return y\n\ndef g(x):\n    z = x\n    return x\n";
        let refused = |end: &str, mark: &str| {
            format!(
                "old_text {end} with '{mark}', which does not say where the part {end} that is to be replaced: write that line"
            )
        };
        check(
            file,
            "def g(x):\n    # ... rest of the body ...",
            "def g(x): pass",
            &refused("ends", "# ... rest of the body ..."),
        );
        check(file, "...\n    z = x", "    z = 1", &refused("begins", "..."));
        check(
            file,
            "def g(x):\n    ...\n    return x",
            "",
            &file[..file.len() - "def g(x):\n    z = x\n    return x\n".len()],
        );
        check(file, "def g(x):\n    ...", "def g(x, y):\n    ...", &file.replace("g(x)", "g(x, y)"));
        let (old, new) = ("def f(a):\n    # ...\n    return y", "def f(a):\n    return 1");
        let written = "'# ...' in old_text stands for lines of the file that new_text does not have: write '# ...' there \
                       too if they stay, or write the lines in old_text if they go";
        check(file, old, new, written);
        check(
            file,
            &old.replace("...", "... rest of it"),
            new,
            &file.replace("    y = a\n    return y", "    return 1"),
        );
        let error =
            replace(file.as_bytes(), "def f(a):\n    ...\n    return x", "", Places::One, "f").unwrap_err().to_string();
        assert!(error.starts_with("old_text is not in f. The nearest text there is:\n"), "{error}");
    }

    #[test]
    fn a_search_that_is_given_up_says_so() {
        let error =
            replace("}\n".repeat(20_000).as_bytes(), "}\n...\nz", "x", Places::One, "f").unwrap_err().to_string();
        assert!(error.starts_with("old_text is not in f") && error.ends_with(&find::Spent.to_string()), "{error}");
    }

    #[test]
    fn empty_lines_that_were_not_meant_stay() {
        let file = "first(alpha, beta)\n\nsecond(gamma, delta)\n\n\nend\n";
        let old = "first(alphas, beta)\nsecond(gamma, delta)";
        check(file, old, "one\ntwo\nthree", "one\n\ntwo\nthree\n\n\nend\n");
        check(file, old, "first(alphas, beta)", "first(alpha, beta)\n\n\n\nend\n");
        check(file, "first(alphas, beta)\n\nsecond(gamma, delta)", "one\ntwo", "one\ntwo\n\n\nend\n");
    }

    #[test]
    fn lines_that_were_only_like_it_are_named() {
        let check = |file: &str, old: &str, new: &str, expected: &str| {
            assert_eq!(replace(file.as_bytes(), old, new, Places::One, "f").unwrap().told.as_deref(), Some(expected));
        };
        let file = "first(alpha, beta)\n    second(gamma, delta)\nthird(epsilon)\n";
        let old = "first(alphas, beta)\nsecond(gamma, delta)\nthird(epsilons)";
        let alike = "lines 1 to 3 were 98 % like what you wrote";
        check(
            file,
            old,
            "x\nsecond(gamma, delta)\ny",
            &format!("{alike} (line 1 was: first(alpha, beta); line 3 was: third(epsilon))"),
        );
        check(file, old, "first(alphas, beta)\nx\nthird(epsilons)", alike);
        let long = |end: &str| (0..8).map(|n| format!("name_{n} = call(alpha, beta{end})\n")).collect::<String>();
        let told = replace(long("").as_bytes(), &long("s"), "x\n", Places::One, "f").unwrap().told.unwrap();
        assert!(told.ends_with("; line 5 was: name_4 = call(alpha, beta); and 3 more)"), "{told}");
    }

    #[test]
    fn several_places_are_refused_with_their_lines() {
        check(
            "x = 1\ny\nx = 1\n",
            "x = 1",
            "z",
            "old_text is 2 times in f; add lines around it until it is unique, or set replace_all. It is here:\n\
             1\tx = 1\n2\ty\n…\n2\ty\n3\tx = 1",
        );
        check(
            "[0, 0, 0]\n",
            "0, 0",
            "1",
            "old_text is 2 times in f; add lines around it until it is unique, or set replace_all. It is here:\n\
             1\t[0, 0, 0]\n…\n1\t[0, 0, 0]",
        );
        let all = replace(b"[0, 0, 0, 0]", "0, 0", "1", Places::All, "f").unwrap();
        assert_eq!((all.content, all.count), (b"[1, 1]".to_vec(), 2));
        let many = "x\n".repeat(9);
        let error = replace(many.as_bytes(), "x", "y", Places::One, "f").unwrap_err().to_string();
        assert!(error.ends_with("and at lines 5, 6, 7, 8, 9"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_shown_as_it_is() {
        check(
            "let total = 1;\n",
            "let totals = 2;",
            "x",
            "old_text is not in f. The nearest text there is:\n1\tlet total = 1;",
        );
        check("a\n", "qqqq", "x", "old_text is not in f, nor anything like it; read the file first");
        check("a\n", "", "x", "old_text is empty; to create a file or fill an empty one, use write_file");
        check("a\n", "a", "a", "old_text and new_text are the same");
        check("a\n", " \n ", "x", "old_text is not in f, nor anything like it; read the file first");
    }
}
