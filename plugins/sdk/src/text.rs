//! Cuts text to a budget without surprises: at the ends of lines, never inside a character, with a count of what is gone.

/// The largest index that is at most `index` and not inside a character.
pub fn floor_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Keeps the beginning of a line that is too long for a model, and says so.
pub fn clip_line(line: &str, limit: usize) -> String {
    if line.len() <= limit {
        return line.to_owned();
    }
    let cut = floor_boundary(line, limit);
    format!("{}… [{} more bytes in this line]", &line[..cut], line.len() - cut)
}

/// Keeps whole lines from the beginning and the end, `budget` bytes together, with a line between that counts the rest.
/// Errors tend to stand at the end, so it gets two thirds.
pub fn head_and_tail(text: &str, budget: usize) -> String {
    if text.len() <= budget {
        return text.to_owned();
    }
    let head_end = floor_boundary(text, budget / 3);
    let head = match text[..head_end].rfind('\n') {
        Some(newline) => newline + 1,
        None => head_end,
    };
    let tail_start = text.len() - budget * 2 / 3;
    let tail_start = (tail_start..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let tail = match text[tail_start..].find('\n') {
        Some(newline) if tail_start + newline + 1 < text.len() => tail_start + newline + 1,
        _ => tail_start,
    };
    let dropped = &text[head..tail];
    let lines = dropped.lines().count();
    let separator = if text[..head].ends_with('\n') { "" } else { "\n" };
    format!("{}{separator}[… {lines} lines, {} bytes left out …]\n{}", &text[..head], dropped.len(), &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fall_between_lines_and_are_counted() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let cut = head_and_tail(&text, 90);
        assert!(cut.starts_with("line 0\nline 1\nline 2\nline 3\n[… "), "{cut}");
        assert!(cut.ends_with("line 98\nline 99\n"), "{cut}");
        let shown = cut.lines().filter(|line| line.starts_with("line ")).count();
        assert!(cut.contains(&format!("[… {} lines, ", 100 - shown)), "{cut}");
        assert_eq!(head_and_tail("short", 90), "short");
    }

    #[test]
    fn one_long_line_is_cut_between_characters() {
        let text = "ü".repeat(1000);
        let cut = head_and_tail(&text, 101);
        assert!(cut.len() < 200 && cut.contains("left out"), "{cut}");
        assert_eq!(clip_line("üü", 3), "ü… [2 more bytes in this line]");
        assert_eq!(clip_line("üü", 4), "üü");
    }
}
