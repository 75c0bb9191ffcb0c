//! Notices that a text repeats itself while it streams, as small models do that have lost the thread: the same part over and
//! over, or lines that differ in their numbers alone.

/// Bytes at the end of a text that are looked at: of what is said, and of what is written into calls.
pub(super) const SHORT: usize = 4_096;
pub(super) const LONG: usize = 12_288;
/// Letters of a line that counts without its numbers: rows of a table have few.
const LETTERS: usize = 8;

/// Whether the end of `text` is one part so many `times` or more, 0: never; how many bytes there are with the part once. Parts of
/// up to `window` bytes are noticed, and short ones where they fill it.
pub(super) fn repeats_from(text: &str, window: usize, times: u32) -> Option<usize> {
    let times = usize::try_from(times).ok().filter(|times| *times > 0)?;
    from_bytes(text, window, times).or_else(|| from_bytes(text, window.saturating_mul(times), times))
}

/// The same for lines that differ in their numbers, where they fill twice the window.
pub(super) fn counts_from(text: &str, window: usize, times: u32) -> Option<usize> {
    let times = usize::try_from(times).ok().filter(|times| *times > 0)?;
    let least = 2 * window;
    let mut start = text.len().checked_sub(least + window)?;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    // The first line and the last may be halves.
    let whole = text[..text.rfind('\n')? + 1].get(start..)?;
    let mut lines: Vec<(usize, String)> =
        whole.split_inclusive('\n').skip(1).map(|line| (line.len(), numberless(line))).collect();
    lines.reverse();
    for part in 1..=lines.len() / times {
        let alike = lines.iter().zip(&lines[part..]).take_while(|(one, other)| one.1 == other.1).count();
        let bytes: usize = lines[..part + alike].iter().map(|(length, _)| length).sum();
        let says = |(_, line): &(usize, String)| line.chars().filter(|c| c.is_alphabetic()).count();
        let letters: usize = lines[..part].iter().map(says).sum();
        if (part + alike) / part >= times && bytes >= least && letters >= LETTERS * part {
            let again: usize = lines[..alike].iter().map(|(length, _)| length).sum();
            return Some(start + whole.len() - again);
        }
    }
    None
}

fn numberless(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn from_bytes(text: &str, window: usize, times: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let last = bytes.len().checked_sub(window)?;
    let part = period(&bytes[last..]);
    if part * times > window {
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

    const TIMES: u32 = 8;

    #[test]
    fn only_what_comes_again_and_again_repeats() {
        let check = |text: &str, kept: Option<&str>| {
            let end = repeats_from(text, SHORT, TIMES);
            assert_eq!(end.map(|end| &text[..end]), kept, "{}", &text[..text.len().min(80)]);
            assert_eq!(repeats_from(text, SHORT, 0), None);
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
        check(&long.repeat(50), Some(&long));
    }

    #[test]
    fn lines_that_differ_in_their_numbers_repeat() {
        let check = |line: &dyn Fn(usize) -> String, lines: usize, repeats: bool| {
            let text: String = (0..lines).map(line).collect();
            let end = counts_from(&text, SHORT, TIMES);
            assert_eq!(end.is_some(), repeats, "{}", line(0));
            assert!(end.is_none_or(|end| text[..end].ends_with('\n') && end < text.len() - SHORT), "{}", line(0));
            assert_eq!(counts_from(&text, SHORT, 0), None);
        };
        check(&|number| format!("{number}. I will look at the file.\n"), 3_000, true);
        check(&|number| format!("{number}. I will look.\n{number}. I will look at the file again.\n"), 500, true);
        check(&|number| format!("{number}. I will look at the file.\n"), 100, false);
        check(&|number| format!("| {number} | {} |\n", number * number), 3_000, false);
        check(&|number| format!("{number}. {}.\n", "ab".repeat(number % 97)), 500, false);
    }
}
