//! When a text is not in a file: the place that is most like it, so that the model can copy what is really there.

use garth_plugin::text::clip_line;

use crate::lines::Line;

const MARGIN: usize = 2;
const MAX_LINES: usize = 24;
const MAX_LINE: usize = 200;
/// Comparing is quadratic in the worst case; beyond so many steps the rest of the file is not looked at.
const MAX_STEPS: usize = 4_000_000;
/// Below this, nothing is alike.
const ENOUGH: f64 = 0.35;

/// The most similar place, as numbered lines; `None` when nothing is alike.
pub fn place(lines: &[Line<'_>], wanted: &[&[u8]]) -> Option<String> {
    let wanted: Vec<&[u8]> = wanted.iter().copied().filter(|line| !line.trim_ascii().is_empty()).collect();
    let longest = wanted.iter().map(|line| line.len()).max()?;
    let pairs: Vec<Vec<u16>> = wanted.iter().map(|line| bigrams(line)).collect();
    let (mut best, mut at, mut steps) = (0.0, 0, 0);
    for start in 0..lines.len() {
        let score: f64 = pairs
            .iter()
            .zip(&lines[start..])
            .map(|(wanted, line)| {
                steps += wanted.len() + line.text.len().min(4 * longest + 64);
                similarity(wanted, &bigrams(&line.text[..line.text.len().min(4 * longest + 64)]))
            })
            .sum();
        if score > best {
            (best, at) = (score, start);
        }
        if steps > MAX_STEPS {
            break;
        }
    }
    if best / (pairs.len() as f64) < ENOUGH {
        return None;
    }
    Some(numbered(lines, at.saturating_sub(MARGIN), (at + wanted.len() + MARGIN).min(lines.len())))
}

/// Lines `from..to` with their numbers, as `read_file` shows them.
pub fn numbered(lines: &[Line<'_>], from: usize, to: usize) -> String {
    let shown = lines[from..to].iter().take(MAX_LINES).enumerate().map(|(index, line)| {
        format!("{}\t{}", from + index + 1, clip_line(&String::from_utf8_lossy(line.text), MAX_LINE))
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Sorted pairs of neighbouring bytes without white space.
pub fn bigrams(line: &[u8]) -> Vec<u16> {
    let bytes: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mut pairs: Vec<u16> = match bytes.as_slice() {
        [only] => vec![u16::from(*only)],
        bytes => bytes.windows(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    };
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient over two sorted multisets: 0 nothing in common, 1 the same.
pub fn similarity(a: &[u16], b: &[u16]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    2.0 * f64::from(common) / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::split;

    #[test]
    fn the_most_similar_place_is_shown_with_its_lines() {
        let file = b"fn a() {}\n\nfn total(items: &[u32]) -> u32 {\n    items.iter().sum()\n}\n";
        let shown = place(&split(file), &[b"fn total(item: &[u64]) -> u64 {", b"    items.sum()"]).unwrap();
        assert!(shown.starts_with("1\tfn a() {}\n2\t\n3\tfn total(items"), "{shown}");
        assert_eq!(place(&split(file), &[b"zzzz qqqq wwww"]), None);
        assert_eq!(place(&split(b""), &[b"x"]), None);
        assert_eq!(place(&split(file), &[b""]), None);
    }
}
