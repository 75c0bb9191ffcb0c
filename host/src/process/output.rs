//! Keeps the head and the tail of a stream within a budget, so that a flood costs no memory; cuts between lines only.

use std::collections::VecDeque;

/// Room for the line that counts what was dropped.
const MARK: usize = 80;

#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    bytes: u64,
    lines: u64,
}

/// The text kept, and how many bytes are not in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub text: String,
    pub dropped: u64,
}

impl Capture {
    pub fn new(budget: u64) -> Capture {
        let budget = usize::try_from(budget).unwrap_or(usize::MAX / 4).saturating_sub(MARK);
        Capture { head: Vec::new(), tail: VecDeque::new(), half: budget / 2, bytes: 0, lines: 0 }
    }

    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.lines += newlines(chunk.iter());
        let (head, rest) = chunk.split_at(chunk.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    pub fn finish(mut self) -> Captured {
        let tail = self.tail.make_contiguous();
        if self.bytes == (self.head.len() + tail.len()) as u64 {
            self.head.extend_from_slice(tail);
            return Captured { text: String::from_utf8_lossy(&self.head).into_owned(), dropped: 0 };
        }
        // A single line longer than half the budget has no boundary to cut at; then the byte has to do.
        let head = match self.head.iter().rposition(|b| *b == b'\n') {
            Some(end) => &self.head[..=end],
            None => &self.head[..],
        };
        let tail = match tail.iter().position(|b| *b == b'\n') {
            Some(end) if end + 1 < tail.len() => &tail[end + 1..],
            _ => &tail[..],
        };
        let dropped = self.bytes - (head.len() + tail.len()) as u64;
        let lines = self.lines - newlines(head.iter()) - newlines(tail.iter());
        let gap = if head.last().is_none_or(|b| *b == b'\n') { "" } else { "\n" };
        let head = String::from_utf8_lossy(head);
        let tail = String::from_utf8_lossy(tail);
        Captured { text: format!("{head}{gap}[{dropped} bytes in {lines} lines left out here]\n{tail}"), dropped }
    }
}

fn newlines<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    bytes.filter(|b| **b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(budget: usize, chunks: &[&str], expected: &str, dropped: u64) {
        let mut capture = Capture::new((budget + MARK) as u64);
        chunks.iter().for_each(|c| capture.push(c.as_bytes()));
        assert_eq!(capture.finish(), Captured { text: expected.into(), dropped }, "{chunks:?}");
    }

    #[test]
    fn keeps_head_and_tail_on_line_boundaries() {
        check(20, &[], "", 0);
        check(20, &["one\ntwo\n"], "one\ntwo\n", 0);
        check(20, &["0123456789", "0123456789"], "01234567890123456789", 0);
        check(10, &["a\nb\nccc\n", "ddd\ne\nf\n"], "a\nb\n[8 bytes in 2 lines left out here]\ne\nf\n", 8);
        check(10, &["aaaaaaaaaaaa", "bbbbbbbbbbbb"], "aaaaa\n[14 bytes in 0 lines left out here]\nbbbbb", 14);
        check(0, &["a\n"], "[2 bytes in 1 lines left out here]\n", 2);
    }

    #[test]
    fn a_flood_keeps_memory_bounded() {
        let mut capture = Capture::new(1000);
        for _ in 0..10_000 {
            capture.push(&[b'x'; 999]);
        }
        assert!(capture.head.len() + capture.tail.len() <= 1000);
        assert!(capture.finish().text.len() <= 1000);
    }
}
