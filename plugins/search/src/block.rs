//! The block of code around a line, told by indentation alone, which holds for every language that people indent.

/// A block is not shown whole beyond so many lines.
const MOST: usize = 60;
/// What is shown around a line then.
const AROUND: usize = 8;

/// The lines, from 0 and without the last, of the smallest block around line `at` that has a head less indented than the
/// line: a function around a statement. A line that heads a block gives that block; one that is alone gives its neighbours.
pub fn around(lines: &[&str], at: usize) -> std::ops::Range<usize> {
    let own = indent(lines[at]).unwrap_or(0);
    let deeper_follows = lines[at + 1..].iter().find_map(|line| indent(line)).is_some_and(|next| next > own);
    let mut head = at;
    if !deeper_follows {
        head = (0..at).rev().find(|above| indent(lines[*above]).is_some_and(|indent| indent < own)).unwrap_or(at);
    }
    // A condition within a function is little to go by: outwards as long as it fits.
    let mut best = body(lines, head);
    while let Some(level) = indent(lines[head]).filter(|level| *level > 0) {
        let Some(outer) = (0..head).rev().find(|above| indent(lines[*above]).is_some_and(|indent| indent < level))
        else {
            break;
        };
        let wider = body(lines, outer);
        if wider.len() > MOST || !wider.contains(&at) {
            break;
        }
        (head, best) = (outer, wider);
    }
    if best.len() > MOST || best.len() < 2 {
        return at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
    }
    best
}

/// From the head to the last line that is deeper, and the line that closes it.
fn body(lines: &[&str], head: usize) -> std::ops::Range<usize> {
    let level = indent(lines[head]).unwrap_or(0);
    let mut end = head + 1;
    for (at, line) in lines.iter().enumerate().skip(head + 1) {
        match indent(line) {
            Some(indent) if indent > level => end = at + 1,
            Some(indent) if indent == level && closes(line) => {
                end = at + 1;
                // `} else {` goes on.
                if !line.trim_end().ends_with(['{', ':', '(']) {
                    break;
                }
            }
            Some(_) => break,
            None => {}
        }
    }
    head..end
}

fn closes(line: &str) -> bool {
    let text = line.trim_start();
    text.starts_with(['}', ')', ']']) || text.starts_with("end") || text.starts_with("else") || text.starts_with("{")
}

/// Columns of white space, a tab for four; `None` for an empty line.
fn indent(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let columns = |c: char| if c == '\t' { 4 } else { 1 };
    (!text.is_empty()).then(|| line[..line.len() - text.len()].chars().map(columns).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block around the line that has `at` in it.
    #[track_caller]
    fn check(text: &str, at: &str, expected: std::ops::Range<usize>) {
        let lines: Vec<&str> = text.lines().collect();
        let line = lines.iter().position(|line| line.contains(at)).unwrap();
        assert_eq!(around(&lines, line), expected, "{at}");
    }

    #[test]
    fn a_function_is_found_by_its_indent() {
        let rust = "use x;\n\nfn a() {\n    one();\n}\n\nfn b(\n    z: u8,\n) {\n    if y {\n        two();\n    } else {\n\n        three();\n    }\n}\n";
        check(rust, "one()", 2..5);
        check(rust, "fn a", 2..5);
        check(rust, "two()", 8..16);
        check(rust, "three()", 8..16);
        let python = "def a():\n    x = 1\n\n    return x\n\ndef b():\n    pass\n";
        check(python, "return", 0..4);
        check(python, "def b", 5..7);
        check("a\nb\nc\n", "b", 0..3);
        let long = format!("def a():\n{}", "    x\n".repeat(100)).replacen("    x\n    x", "    x\n    needle", 1);
        check(&long, "needle", 0..11);
    }
}
