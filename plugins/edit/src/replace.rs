//! Replaces one text by another in a file: exactly if it is there exactly, else by lines without regard to white space.
//!
//! 1. The bytes as given; then with the file's own line endings.
//! 2. Whole lines, white space at their ends ignored; then all white space, the new text taking on the file's indent.
//!    Numbers that were copied from `read_file` are taken off first when every line has one.
//! 3. Otherwise the error shows what is nearest.
//!
//! More than one place is refused with the places' lines, unless all are meant.

use garth_plugin::{Error, failed, invalid};

use crate::lines::{self, Line, Strictness};
use crate::nearest;

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
    pub exact: bool,
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
        spellings.push((windows(old), windows(new)));
    }
    for (old, new) in &spellings {
        let found = occurrences(file, old.as_bytes());
        if !found.is_empty() {
            let at = |offset: &usize| file[..*offset].iter().filter(|byte| **byte == b'\n').count();
            refuse_several(&split, &found.iter().map(at).collect::<Vec<_>>(), old.lines().count(), places, path)?;
            let line = at(&found[0]) + 1;
            let content = splice(file, &found, old.len(), new.as_bytes());
            return Ok(Replaced { content, count: found.len(), line, exact: true });
        }
    }
    let (old, new) = (without_numbers(old), without_numbers(new));
    by_lines(&split, &old, &new, ending, places, path)
}

fn by_lines(
    file: &[Line<'_>],
    old: &str,
    new: &str,
    ending: &[u8],
    places: Places,
    path: &str,
) -> Result<Replaced, Error> {
    let wanted = trimmed_lines(old);
    let not_found = || {
        let shown = nearest::place(file, &wanted);
        failed(match shown {
            Some(shown) => format!("old_text is not in {path}. The nearest text there is:\n{shown}"),
            None => format!("old_text is not in {path}, nor anything like it; read the file first"),
        })
    };
    if wanted.is_empty() {
        return Err(not_found());
    }
    let new_lines = trimmed_lines(new);
    for strictness in lines::ALL {
        let mut found = lines::find(file, &wanted, 0, strictness);
        found.dedup_by(|next, kept| *next < *kept + wanted.len());
        if found.is_empty() {
            continue;
        }
        refuse_several(file, &found, wanted.len(), places, path)?;
        let mut content = Vec::new();
        let mut next = 0;
        for start in &found {
            file[next..*start].iter().for_each(|line| put(&mut content, line.text, line.ending));
            next = start + wanted.len();
            let place = &file[*start..next];
            // The place may be the end of a file without a final newline, which then stays without.
            let last = place.last().map_or(ending, |line| line.ending);
            for (index, line) in new_lines.iter().enumerate() {
                let line = match strictness {
                    Strictness::Everywhere => lines::reindent(line, index, &wanted, place),
                    _ => line.to_vec(),
                };
                put(&mut content, &line, if index + 1 == new_lines.len() { last } else { ending });
            }
        }
        file[next..].iter().for_each(|line| put(&mut content, line.text, line.ending));
        return Ok(Replaced { content, count: found.len(), line: found[0] + 1, exact: false });
    }
    Err(not_found())
}

fn put(content: &mut Vec<u8>, text: &[u8], ending: &[u8]) {
    content.extend_from_slice(text);
    content.extend_from_slice(ending);
}

/// The lines of a text without its empty ones at both ends.
fn trimmed_lines(text: &str) -> Vec<&[u8]> {
    let lines: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let is_text = |line: &&[u8]| !line.trim_ascii().is_empty();
    let first = lines.iter().position(is_text).unwrap_or(lines.len());
    let last = lines.iter().rposition(is_text).map_or(first, |last| last + 1);
    lines[first..last].to_vec()
}

/// Takes off `12<tab>` or `12: ` when every line begins so.
fn without_numbers(text: &str) -> String {
    let stripped = text.lines().map(|line| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let number = line.len() - rest.len() - (line.len() - line.trim_start().len());
        (number > 0).then(|| rest.strip_prefix('\t').or_else(|| rest.strip_prefix(": "))).flatten()
    });
    match stripped.collect::<Option<Vec<_>>>() {
        Some(lines) if !lines.is_empty() => lines.join("\n"),
        _ => text.to_owned(),
    }
}

fn occurrences(file: &[u8], wanted: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = position(&file[from..], wanted) {
        found.push(from + at);
        from += at + wanted.len();
    }
    found
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == first) {
        let start = from + at;
        if haystack[start..].starts_with(needle) {
            return Some(start);
        }
        from = start + 1;
    }
    None
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
        check("a\n\nb\n", "\n\na \n\nb\n\n", "c", "c\n");
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
