//! Bytes to lines: whole lines of UTF-8 whatever the network cut, with `\n` or `\r\n`, without a byte order mark, within
//! caps. Bytes that are not UTF-8 become U+FFFD instead of ending a session.

use super::ModelError;

/// Longest line, and most bytes of a whole reply.
pub(super) const LINE: usize = 8 << 20;
pub(super) const REPLY: usize = 64 << 20;

/// Collects bytes and gives lines.
#[derive(Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// Where the next line begins in `pending`; what stands before was given.
    start: usize,
    /// From where on `pending` was not yet searched for a line end.
    searched: usize,
    total: usize,
    started: bool,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), ModelError> {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > REPLY {
            return Err(ModelError::TooLarge { what: "bytes in one reply", limit: REPLY as u64 });
        }
        self.pending.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole line without its end. An empty one is a line too.
    pub(super) fn next(&mut self) -> Result<Option<String>, ModelError> {
        let found = self.pending[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = found.map_or(self.pending.len(), |found| self.searched + found);
        if end - self.start > LINE {
            return Err(ModelError::TooLarge { what: "bytes in one line", limit: LINE as u64 });
        }
        if found.is_none() {
            self.searched = end;
            return Ok(None);
        }
        let line = decode(&self.pending[self.start..end], &mut self.started);
        (self.start, self.searched) = (end + 1, end + 1);
        Ok(Some(line))
    }

    /// What stands after the last line end, when the reply is over.
    pub(super) fn rest(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.pending).split_off(self.start);
        (self.start, self.searched) = (0, 0);
        (!line.is_empty()).then(|| decode(&line, &mut self.started))
    }
}

fn decode(line: &[u8], started: &mut bool) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let first = !std::mem::replace(started, true);
    let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for piece in pieces {
            lines.push(piece).unwrap();
            while let Some(line) = lines.next().unwrap() {
                all.push(line);
            }
        }
        all.extend(lines.rest());
        all
    }

    #[test]
    fn lines_are_whole_however_the_bytes_are_cut() {
        let text = "\u{feff}data: Tōkyō\r\n\r\nlast".as_bytes();
        let whole = split(&[text]);
        assert_eq!(whole, ["data: Tōkyō", "", "last"]);
        for cut in 0..text.len() {
            assert_eq!(split(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
        assert_eq!(split(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_and_a_reply_have_an_end() {
        let mut lines = Lines::default();
        lines.push(&vec![b'a'; LINE + 1]).unwrap();
        assert!(matches!(lines.next(), Err(ModelError::TooLarge { limit, .. }) if limit == LINE as u64));
        assert!(matches!(
            lines.push(&vec![b'\n'; REPLY]),
            Err(ModelError::TooLarge { what: "bytes in one reply", .. })
        ));
    }
}
