//! Lines that stand for others: `...`, or a comment like `// ... existing code ...`, as models write them to save words.
//! It knows the marks; what they stand for is `find`'s to say.

/// What comments begin and end with.
const LEADERS: &[&str] = &["{/*", "<!--", "/*", "//", "#", "--", ";", "%", "*/}", "-->", "*/"];
/// One of these stands in a mark that has words.
const WORDS: &[&str] =
    &["existing", "rest", "remaining", "unchanged", "same", "omitted", "elided", "previous", "before"];
/// A longer text is a comment of its own.
const MOST_WORDS: usize = 9;

/// Whether the line stands for lines that are left out.
pub fn is_mark(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    matches!(uncommented(text), "..." | "…" | "[...]" | "(...)") || has_words(text)
}

/// Whether it says so in words, which no code does: such a line is never meant to stand in a file.
pub fn has_words(text: &str) -> bool {
    let inner = uncommented(text);
    let ellipsis = ["...", "…"].iter().any(|dots| inner.starts_with(dots) || inner.ends_with(dots));
    let lower = inner.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    inner.len() < text.trim().len() && ellipsis && {
        let all: Vec<&str> = words.by_ref().collect();
        all.len() <= MOST_WORDS && all.iter().any(|word| WORDS.contains(word))
    }
}

fn uncommented(line: &str) -> &str {
    let mut text = line.trim();
    for leader in LEADERS {
        text =
            text.strip_prefix(leader).unwrap_or(text).trim_start_matches(|c| leader.ends_with(c) && leader.len() < 3);
        text = text.strip_suffix(leader).unwrap_or(text).trim();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_known_from_code_and_prose() {
        let worded = [
            "// ... existing code ...",
            "  # ... rest of the function unchanged ...",
            "/* ... same as before */",
            "<!-- … remaining items … -->",
            "    {/* ... existing props ... */}",
            "-- rest of the query...",
        ];
        for line in worded {
            assert!(is_mark(line.as_bytes()) && has_words(line), "{line}");
        }
        for line in ["...", "\t…", "// ...", "# …", "[...]"] {
            assert!(is_mark(line.as_bytes()) && !has_words(line), "{line}");
        }
        let code =
            ["f(...)", "let a = [...b];", "// waits ... and goes on", "print(\"existing...\")", "", "..", "// rest"];
        for line in code {
            assert!(!is_mark(line.as_bytes()), "{line}");
        }
    }
}
