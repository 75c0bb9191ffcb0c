//! Notices that the model reads the same lines of a file again and again although nothing was written to it. New lines of a
//! long file are no repetition, and neither is a file that has changed, by whomever.

use std::collections::BTreeMap;

/// What was read, by file.
pub(super) struct Rereading {
    /// Readings of the same lines at which the model is told; 0: never.
    limit: u32,
    files: BTreeMap<String, Read>,
}

#[derive(Default)]
struct Read {
    /// SHA-256 of the file when it was read.
    content: String,
    /// First and last lines, each reading that brought something new.
    seen: Vec<(u64, u64)>,
    times: u32,
}

impl Rereading {
    pub fn new(limit: u32) -> Rereading {
        Rereading { limit, files: BTreeMap::new() }
    }

    /// What was read is no longer in the conversation.
    pub fn forget(&mut self) {
        self.files.clear();
    }

    /// This file has to be looked at again.
    pub fn forget_file(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// These lines were read, first and last; what the model is told where that was once too often.
    pub fn read(&mut self, path: &str, lines: (u64, u64), content: &str) -> Option<String> {
        let read = self.files.entry(path.to_string()).or_default();
        if read.content != content {
            *read = Read { content: content.to_string(), ..Read::default() };
        }
        if !read.covers(lines) {
            read.seen.push(lines);
            read.times = 1;
            return None;
        }
        read.times += 1;
        if self.limit == 0 || !read.times.is_multiple_of(self.limit) {
            return None;
        }
        let (first, last) = lines;
        Some(format!(
            "[You have read lines {first} to {last} of {path} {} times, and they have not changed. They stand in the results \
             above. Do not read them again: make the change now, or say what keeps you from it.]",
            read.times
        ))
    }
}

impl Read {
    fn covers(&self, (first, last): (u64, u64)) -> bool {
        let mut at = first;
        while let Some((_, end)) = self.seen.iter().find(|(start, end)| (*start..=*end).contains(&at)) {
            if *end >= last {
                return true;
            }
            at = end + 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_lines_of_the_same_content_are_read_again() {
        let check = |limit: u32, readings: &[(u64, u64, &str)], told: &[usize]| {
            let mut reading = Rereading::new(limit);
            let notes = readings.iter().map(|(first, last, content)| reading.read("a.rs", (*first, *last), content));
            let at: Vec<usize> = notes.enumerate().filter_map(|(at, note)| note.map(|_| at + 1)).collect();
            assert_eq!(at, told, "{readings:?}");
        };
        check(3, &[(1, 9, "a"); 7], &[3, 6]);
        check(0, &[(1, 9, "a"); 7], &[]);
        check(2, &[(1, 9, "a"), (10, 19, "a"), (20, 29, "a")], &[]);
        check(2, &[(1, 9, "a"), (10, 19, "a"), (5, 15, "a")], &[3]);
        check(2, &[(1, 9, "a"), (5, 15, "a")], &[]);
        check(2, &[(1, 9, "a"), (11, 19, "a"), (5, 15, "a")], &[]);
        check(2, &[(1, 9, "a"), (1, 9, "b"), (1, 9, "a")], &[]);
        let mut reading = Rereading::new(2);
        reading.read("a.rs", (1, 9), "a");
        reading.forget();
        assert_eq!(reading.read("a.rs", (1, 9), "a"), None);
        reading.forget_file("a.rs");
        assert_eq!(reading.read("a.rs", (1, 9), "a"), None);
        assert!(reading.read("a.rs", (3, 4), "a").unwrap().starts_with("[You have read lines 3 to 4 of a.rs 2 times"));
    }
}
