//! Bounds a text that is on its way to the model: head and tail stay, nothing is cut in mid-line, and the cut says how
//! to get the rest.

use super::tokens::{first, width};

/// Which end of a long text matters more: it gets two thirds of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matters {
    Head,
    /// Where errors tend to stand.
    Tail,
}

/// `text`, or its first and last lines within `limit` (a [`width`]) with a line between them that counts what is missing
/// and ends with `rest` (how to get it). A line that is longer than its share is left out like any other; of prose, which may
/// be a single line, [`beginning`] keeps more.
pub fn bounded(text: &str, limit: usize, matters: Matters, rest: &str) -> String {
    if fits(text, limit) {
        return text.to_string();
    }
    let lines: Vec<&str> = text.lines().collect();
    let (at_head, at_tail) = match matters {
        Matters::Head => (limit * 2 / 3, limit / 3),
        Matters::Tail => (limit / 3, limit * 2 / 3),
    };
    let head = take(lines.iter(), at_head);
    let tail = take(lines[head..].iter().rev(), at_tail);
    let dropped = lines.len() - head - tail;
    let mut kept: Vec<String> = lines[..head].iter().map(ToString::to_string).collect();
    kept.push(format!("[{dropped} of {} lines left out here; {rest}]", lines.len()));
    kept.extend(lines[lines.len() - tail..].iter().map(ToString::to_string));
    kept.join("\n")
}

/// Prose, or its beginning within `limit` up to the end of a word.
pub fn beginning(text: &str, limit: usize) -> String {
    let kept = first(text, limit);
    if kept.len() == text.len() {
        return text.to_string();
    }
    // A word may be longer than anything.
    let end = kept.rfind(char::is_whitespace).filter(|at| *at > kept.len() / 2).unwrap_or(kept.len());
    format!("{} …", kept[..end].trim_end())
}

/// Whether [`bounded`] leaves all of it.
pub fn fits(text: &str, limit: usize) -> bool {
    width(text) <= limit
}

/// How many of the lines fit into `limit`.
fn take<'a>(lines: impl Iterator<Item = &'a &'a str>, limit: usize) -> usize {
    let mut used = 0;
    lines
        .take_while(|line| {
            used += width(line) + 1;
            used <= limit
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_head_and_tail_on_line_boundaries() {
        let text: String = (1..=100).map(|n| format!("line {n}\n")).collect();
        let cut = bounded(&text, 120, Matters::Head, "ask for less");
        assert!(cut.starts_with("line 1\n") && cut.ends_with("line 100"), "{cut}");
        assert!(cut.contains("of 100 lines left out here; ask for less]"), "{cut}");
        assert!(cut.lines().all(|line| line.starts_with("line ") || line.starts_with('[')));
        assert!(cut.chars().count() <= 120 + 60);
        let shown = |cut: &str| cut.lines().position(|line| line.starts_with('[')).unwrap_or_default();
        assert!(shown(&cut) > shown(&bounded(&text, 120, Matters::Tail, "ask for less")));
    }

    #[test]
    fn of_prose_the_beginning_stays() {
        let check = |text: &str, expected: &str| assert_eq!(beginning(text, 10), expected);
        check("short", "short");
        check("one two three", "one two …");
        check("one\n\ntwo three", "one\n\ntwo …");
        check("ä".repeat(20).as_str(), &format!("{} …", "ä".repeat(5)));
    }

    #[test]
    fn short_text_is_untouched_and_one_endless_line_goes() {
        assert_eq!(bounded("a\nb\n", 10, Matters::Head, ""), "a\nb\n");
        assert_eq!(bounded(&"x".repeat(500), 100, Matters::Tail, "use grep"), "[1 of 1 lines left out here; use grep]");
    }
}
