//! Bounds a text that is on its way to the model: head and tail stay, nothing is cut in mid-line, and the cut says how
//! to get the rest.

/// `text`, or its first and last lines within `limit` characters with a line between them that counts what is missing
/// and ends with `rest` (how to get it). A single line that is longer than its share is replaced by a note of its length.
pub fn bounded(text: &str, limit: usize, rest: &str) -> String {
    if text.chars().count() <= limit {
        return text.to_string();
    }
    let lines: Vec<&str> = text.lines().collect();
    let head = take(lines.iter(), limit * 2 / 3);
    let tail = take(lines[head..].iter().rev(), limit / 3);
    let dropped = lines.len() - head - tail;
    let mut kept: Vec<String> = lines[..head].iter().map(ToString::to_string).collect();
    kept.push(format!("[{dropped} of {} lines left out here; {rest}]", lines.len()));
    kept.extend(lines[lines.len() - tail..].iter().map(ToString::to_string));
    kept.join("\n")
}

/// How many of the lines fit into `limit` characters.
fn take<'a>(lines: impl Iterator<Item = &'a &'a str>, limit: usize) -> usize {
    let mut used = 0;
    lines
        .take_while(|line| {
            used += line.chars().count() + 1;
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
        let cut = bounded(&text, 120, "ask for less");
        assert!(cut.starts_with("line 1\n") && cut.ends_with("line 100"), "{cut}");
        assert!(cut.contains("of 100 lines left out here; ask for less]"), "{cut}");
        assert!(cut.lines().all(|line| line.starts_with("line ") || line.starts_with('[')));
        assert!(cut.chars().count() <= 120 + 60);
    }

    #[test]
    fn short_text_is_untouched_and_one_endless_line_goes() {
        assert_eq!(bounded("a\nb\n", 10, ""), "a\nb\n");
        assert_eq!(bounded(&"x".repeat(500), 100, "use grep"), "[1 of 1 lines left out here; use grep]");
    }
}
