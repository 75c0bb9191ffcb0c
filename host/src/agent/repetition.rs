//! Notices that a text repeats itself while it streams, as small models do that have lost the thread.

/// Bytes at the end of a text that are looked at: of what is said, and of what is written into calls.
pub(super) const SHORT: usize = 4_096;
pub(super) const LONG: usize = 12_288;
/// It repeats itself when these are one part so often or more.
const TIMES: usize = 8;

/// Whether the end of `text` is one part over and over; how many bytes there are with the part once.
pub(super) fn repeats_from(text: &str, window: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let last = bytes.len().checked_sub(window)?;
    let part = period(&bytes[last..]);
    if part * TIMES > window {
        return None;
    }
    let mut start = last;
    while start > 0 && bytes[start - 1] == bytes[start - 1 + part] {
        start -= 1;
    }
    let mut end = start + part;
    while !text.is_char_boundary(end) {
        end += 1;
    }
    // A line that is kept ends as it did.
    let rest = text[end..].bytes().take(part).position(|byte| byte == b'\n').filter(|_| bytes[end - 1] != b'\n');
    Some(end + rest.map_or(0, |newline| newline + 1))
}

/// The length of the shortest part that `window` is made of, the last one perhaps cut (Knuth, Morris and Pratt's failure
/// function).
fn period(window: &[u8]) -> usize {
    let mut border = vec![0; window.len()];
    for at in 1..window.len() {
        let mut length: usize = border[at - 1];
        while length > 0 && window[at] != window[length] {
            length = border[length - 1];
        }
        border[at] = if window[at] == window[length] { length + 1 } else { 0 };
    }
    window.len() - border.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_again_and_again_repeats() {
        let check = |text: &str, kept: Option<&str>| {
            assert_eq!(repeats_from(text, SHORT).map(|end| &text[..end]), kept, "{}", &text[..text.len().min(80)]);
        };
        let line = "I should look at the file again.\n";
        check(&line.repeat(20), None);
        check(&format!("First.\n{}", line.repeat(200)), Some(&format!("First.\n{line}")));
        check(&format!("First.\n{}I sho", line.repeat(200)), Some(&format!("First.\n{line}")));
        let counted: String = (0..400).map(|number| format!("{number}: I look at the file.\n")).collect();
        check(&counted, None);
        check(&"é".repeat(5_000), Some("é"));
        let long = "x".repeat(700) + "y";
        check(&long.repeat(20), None);
    }
}
