//! The lines around an error that a small model needs in order to mend it: the function, or what encloses it, where that is
//! short enough; else a few lines above and below. By indentation, which holds for any language, also where a syntax error keeps
//! a parser from reading the file.

use std::ops::RangeInclusive;

/// A block, or a file, of at most so many lines is given whole.
const BLOCK: usize = 60;
/// A shorter one inside of others says too little.
const SHORT: usize = 5;
/// Lines above and below where no block fits.
const AROUND: usize = 20;

/// First and last line, from 1; empty for a file without lines. `line` may lie beyond the end.
pub fn surroundings(content: &str, line: usize) -> RangeInclusive<usize> {
    let lines: Vec<&str> = content.lines().collect();
    if lines.len() <= BLOCK {
        return 1..=lines.len();
    }
    let at = line.clamp(1, lines.len()) - 1;
    let length = |(first, last): &(usize, usize)| last + 1 - first;
    let widest = enclosing(&lines, at).filter(|block| length(block) <= BLOCK).max_by_key(length);
    let widest = widest.filter(|block| length(block) >= SHORT);
    let (first, last) = widest.unwrap_or((at.saturating_sub(AROUND), (at + AROUND).min(lines.len() - 1)));
    first + 1..=last + 1
}

/// Blocks around the line, each with its head, the innermost first.
fn enclosing<'a>(lines: &'a [&str], at: usize) -> impl Iterator<Item = (usize, usize)> + 'a {
    let here = lines[..=at].iter().rev().find_map(|line| indentation(line)).unwrap_or(0);
    // The line itself may be a head.
    let mut least = here + 1;
    (0..=at).rev().filter_map(move |head| {
        let indented = indentation(lines[head]).filter(|indented| *indented < least && !closes(lines[head]))?;
        least = indented;
        Some((head, end(lines, at.max(head), indented)))
    })
}

/// The last line of a block whose head is indented so far.
fn end(lines: &[&str], from: usize, head: usize) -> usize {
    let after = (from + 1..lines.len()).find(|line| indentation(lines[*line]).is_some_and(|indented| indented <= head));
    match after {
        Some(line) if closes(lines[line]) => line,
        Some(line) => (from..line).rev().find(|line| !lines[*line].trim().is_empty()).unwrap_or(from),
        None => lines.len() - 1,
    }
}

/// A line that ends a block and begins none.
fn closes(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(['}', ')', ']']) || matches!(line.trim_end_matches(';'), "end" | "fi" | "done" | "esac")
}

/// `None` for an empty line. A tab counts as four.
fn indentation(line: &str) -> Option<usize> {
    let first = line.find(|c: char| !c.is_whitespace())?;
    Some(line[..first].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum())
}

/// These lines as they are, so that they can be copied, and what the line of the error reads.
pub fn excerpt(content: &str, range: &RangeInclusive<usize>, line: usize) -> (String, Option<String>) {
    let (first, last) = (range.start().saturating_sub(1), *range.end());
    let lines: Vec<&str> = content.lines().skip(first).take(last.saturating_sub(first)).collect();
    let marked = line.checked_sub(first + 1).and_then(|at| lines.get(at)).map(|line| line.trim());
    (lines.join("\n"), marked.filter(|line| !line.is_empty()).map(String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three functions of 30 lines, in a module of their own; the first begins at line 2.
    fn module() -> String {
        let function = |name: &str| format!("    fn {name}() {{\n{}    }}\n\n", "        work();\n".repeat(28));
        format!("mod m {{\n{}{}{}}}\n", function("a"), function("b"), function("c"))
    }

    #[test]
    fn the_function_is_given_where_it_is_short_enough() {
        let check = |content: &str, line: usize, expected: RangeInclusive<usize>| {
            assert_eq!(surroundings(content, line), expected, "line {line}");
        };
        check("", 1, RangeInclusive::new(1, 0));
        check("one\n", 9, 1..=1);
        check(&"x\n".repeat(60), 3, 1..=60);
        check(&module(), 10, 2..=31);
        check(&module(), 2, 2..=31);
        check(&module(), 31, 2..=31);
        check(&module(), 50, 33..=62);
        check(&format!("{}{}", "head\n".repeat(70), "\tdeep\n".repeat(70)), 100, 80..=120);
        let python =
            format!("import x\n\ndef a():\n{}\ndef b():\n{}", "    pass\n".repeat(50), "    pass\n".repeat(50));
        check(&python, 20, 3..=53);
        check(&python, 55, 55..=105);
        check(&python, 9_999, 55..=105);
    }

    #[test]
    fn the_lines_can_be_copied() {
        let check = |range: RangeInclusive<usize>, line: usize, text: &str, marked: Option<&str>| {
            let content = "one\n  two\n\nfour\n";
            assert_eq!(excerpt(content, &range, line), (text.to_string(), marked.map(String::from)));
        };
        check(1..=2, 2, "one\n  two", Some("two"));
        check(2..=4, 3, "  two\n\nfour", None);
        check(2..=4, 9, "  two\n\nfour", None);
        check(RangeInclusive::new(1, 0), 0, "", None);
    }
}
