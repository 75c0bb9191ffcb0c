//! A file as lines that keep their own endings: comparing ignores the ending, writing back changes no line that is not
//! meant.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// A line: what is on it, and `\n`, `\r\n` or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub text: &'a [u8],
    pub ending: &'a [u8],
}

pub fn split(bytes: &[u8]) -> Vec<Line<'_>> {
    let line = |whole: &'_ [u8]| -> usize {
        match whole {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        }
    };
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|whole| {
            let (text, ending) = whole.split_at(whole.len() - line(whole));
            Line { text, ending }
        })
        .collect()
}

/// The ending that most lines have; `\n` for a file without any.
pub fn main_ending(lines: &[Line<'_>]) -> &'static [u8] {
    let (mut unix, mut windows) = (0, 0);
    for line in lines {
        match line.ending {
            b"\r\n" => windows += 1,
            b"\n" => unix += 1,
            _ => {}
        }
    }
    if windows > unix { b"\r\n" } else { b"\n" }
}

/// How strictly two lines are compared, from exact to blind for white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    Exact,
    /// White space at the end does not count.
    End,
    /// Nor at the beginning; runs in between count as one space.
    Everywhere,
}

pub const ALL: [Strictness; 3] = [Strictness::Exact, Strictness::End, Strictness::Everywhere];

/// What counts of a line.
fn key(line: &[u8], strictness: Strictness) -> Cow<'_, [u8]> {
    match strictness {
        Strictness::Exact => line.into(),
        Strictness::End => line.trim_ascii_end().into(),
        Strictness::Everywhere => words(line).collect::<Vec<_>>().join(&b' ').into(),
    }
}

pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Where `wanted` stands in `lines` at or after `from`: the index of the first line of each place. In linear time, also where
/// all lines are alike (Knuth, Morris and Pratt).
pub fn find(lines: &[Line<'_>], wanted: &[&[u8]], from: usize, strictness: Strictness) -> Vec<usize> {
    // Lines are compared once; then they are numbers.
    let mut ids = BTreeMap::new();
    let mut id = |line| {
        let next = ids.len();
        *ids.entry(key(line, strictness)).or_insert(next)
    };
    let wanted: Vec<usize> = wanted.iter().map(|line| id(line)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    // How much of the beginning stands again before each place in it.
    let mut again = vec![0; wanted.len()];
    let mut length = 0;
    for at in 1..wanted.len() {
        while length > 0 && wanted[at] != wanted[length] {
            length = again[length - 1];
        }
        length += usize::from(wanted[at] == wanted[length]);
        again[at] = length;
    }
    let (mut found, mut length) = (Vec::new(), 0);
    for (at, line) in lines.iter().enumerate().skip(from) {
        let here = ids.get(&key(line.text, strictness));
        while length > 0 && wanted.get(length) != here {
            length = again[length - 1];
        }
        length += usize::from(wanted.get(length) == here);
        if length == wanted.len() {
            found.push(at + 1 - length);
            length = again[length - 1];
        }
    }
    found
}

/// The white space that a line begins with.
pub fn indent(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    &line[..end]
}

/// The column at which the text of a line begins, from 0. A tab goes to the next multiple of 8.
pub fn column(line: &[u8]) -> usize {
    indent(line).iter().fold(0, |at, byte| if *byte == b'\t' { (at / 8 + 1) * 8 } else { at + 1 })
}

/// Moves `new`, which comes as line `index`, to where `old` was found: where a new line is indented like a line of `old`,
/// or deeper, that part of the indent becomes the one that the file has there.
pub fn reindent(new: &[u8], index: usize, old: &[&[u8]], found: &[Line<'_>]) -> Vec<u8> {
    let own = indent(new);
    if new.trim_ascii().is_empty() {
        return new.to_vec();
    }
    let pairs = old.iter().zip(found).enumerate().filter(|(_, (old, _))| !old.trim_ascii().is_empty());
    let best = pairs
        .map(|(at, (old, found))| (at, indent(old), indent(found.text)))
        .filter(|(_, old, _)| own.starts_with(old))
        .max_by_key(|(at, old, _)| (old.len(), std::cmp::Reverse(at.abs_diff(index))));
    match best {
        Some((_, old, found)) => [found, &new[old.len()..]].concat(),
        None => new.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_endings_put_together_are_the_file() {
        for file in [&b""[..], b"a", b"a\n", b"a\r\n\nb\r", b"\n\n", b"a\xff\r\n"] {
            let lines = split(file);
            let whole: Vec<u8> = lines.iter().flat_map(|line| [line.text, line.ending].concat()).collect();
            assert_eq!(whole, file);
        }
        assert_eq!(main_ending(&split(b"a\r\nb\r\nc\n")), b"\r\n");
        assert_eq!(main_ending(&split(b"a")), b"\n");
    }

    #[test]
    fn lines_are_found_wherever_they_stand() {
        let check = |file: &str, wanted: &str, strictness, from: usize, expected: &[usize]| {
            let lines: Vec<&[u8]> = wanted.lines().map(str::as_bytes).collect();
            assert_eq!(find(&split(file.as_bytes()), &lines, from, strictness), expected, "{wanted:?} in {file:?}");
        };
        check("a\na\na\na\n", "a\na", Strictness::Exact, 0, &[0, 1, 2]);
        check("a\nb\na\nb\na\nc\n", "a\nb\na\nc", Strictness::Exact, 0, &[2]);
        check("a\na\nb\na\na\na\nb\n", "a\na\nb", Strictness::Exact, 1, &[4]);
        check("x\n a  b\nx\n", "a b ", Strictness::Everywhere, 0, &[1]);
        check("x\n a  b\na b \n", "a b", Strictness::End, 0, &[2]);
        check("a\n", "a\nb\n", Strictness::Exact, 0, &[]);
        check("a\nb\n", "", Strictness::Exact, 0, &[]);
        check("a\nb\n", "b", Strictness::Exact, 7, &[]);
    }

    #[test]
    fn a_tab_counts_to_the_next_stop() {
        for (line, expected) in [("a", 0), ("  a", 2), ("\ta", 8), ("   \t a", 9), ("        \ta", 16), ("", 0)] {
            assert_eq!(column(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn an_indent_follows_the_place() {
        let found = split(b"\tif x {\n\t\ty\n");
        let old: [&[u8]; 2] = [b"if x {", b"    y"];
        let check = |new: &str, expected: &str| {
            assert_eq!(String::from_utf8(reindent(new.as_bytes(), 0, &old, &found)).unwrap(), expected);
        };
        check("if z {", "\tif z {");
        check("    y + 1", "\t\ty + 1");
        check("", "");
    }
}
