//! The audit's own file: which lines belong to one call.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;

use super::lines::Lines;
use super::{Entry, Outcome};

/// The audit of one user. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log(Lines);

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The oldest first.
    pub entries: Vec<Entry>,
    /// Lines that are none of ours, or half of one.
    pub damaged: usize,
}

impl Log {
    /// The audit in this directory, which is made when something is added.
    pub fn open(dir: PathBuf) -> Log {
        Log(Lines::open(dir, "calls"))
    }

    /// Adds one call, in one write.
    pub fn append(&self, entry: &Entry) -> io::Result<()> {
        self.0.append(entry)
    }

    /// The calls that are wanted, at most the newest `last`. A call that began is there only when it has not ended.
    pub fn read(&self, wanted: impl Fn(&Entry) -> bool, last: usize) -> io::Result<Reading> {
        let mut entries = VecDeque::new();
        // By id, with its place among the lines.
        let mut begun: HashMap<String, (usize, Entry)> = HashMap::new();
        let mut place = 0;
        let damaged = self.0.each(|entry: Entry| {
            place += 1;
            match (&entry.id, entry.outcome) {
                (Some(id), Outcome::Started) => {
                    begun.insert(id.clone(), (place, entry));
                    return;
                }
                (Some(id), Outcome::Ended(_)) => drop(begun.remove(id)),
                (None, _) => {}
            }
            if wanted(&entry) {
                entries.push_back((place, entry));
            }
            if entries.len() > last {
                entries.pop_front();
            }
        })?;
        entries.extend(begun.into_values().filter(|(_, entry)| wanted(entry)));
        let mut entries = Vec::from(entries);
        entries.sort_by_key(|(place, _)| *place);
        let older = entries.len().saturating_sub(last);
        Ok(Reading { entries: entries.into_iter().skip(older).map(|(_, entry)| entry).collect(), damaged })
    }

    /// The newest file, for people.
    pub fn newest(&self) -> PathBuf {
        self.0.newest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private;
    use crate::protocol::ToolStatus;

    fn entry(tool: &str) -> Entry {
        Entry {
            at: 1,
            id: None,
            session: "s".into(),
            project: "/p".into(),
            call: "c".into(),
            tool: tool.into(),
            plugin: None,
            arguments: "00".into(),
            capabilities: Default::default(),
            outcome: Outcome::Ended(ToolStatus::Denied),
            reason: Some("no".into()),
            denials: Vec::new(),
            used: None,
        }
    }

    fn tools(log: &Log, last: usize) -> Vec<String> {
        log.read(|_| true, last).unwrap().entries.into_iter().map(|entry| entry.tool).collect()
    }

    #[test]
    fn what_is_added_is_read_in_its_order_and_damage_is_counted() {
        let home = tempfile::tempdir().unwrap();
        let log = Log::open(home.path().join("audit"));
        assert!(tools(&log, 9).is_empty());
        ["a", "b", "c"].iter().for_each(|tool| log.append(&entry(tool)).unwrap());
        private::append(&log.newest(), b"{\"at\": 3}\nhalf a li\xff\n").unwrap();
        private::append(&log.newest(), b"{\"at\": 4, \"tool\": \"cut o").unwrap();
        log.append(&entry("d")).unwrap();
        assert_eq!(tools(&log, usize::MAX), ["a", "b", "c", "d"]);
        assert_eq!(tools(&log, 2), ["c", "d"]);
        let reading = log.read(|entry| entry.tool.as_str() < "c", 9).unwrap();
        assert_eq!((reading.entries.len(), reading.damaged), (2, 3));
        assert_eq!(log.read(|_| true, 1).unwrap().entries[0], entry("d"));
    }

    #[test]
    fn a_call_that_began_is_there_only_when_it_did_not_end() {
        let home = tempfile::tempdir().unwrap();
        let log = Log::open(home.path().into());
        let begun =
            |id: &str| Entry { id: Some(id.into()), outcome: Outcome::Started, ..entry(&format!("{id} begun")) };
        let ended = |id: &str| Entry { id: Some(id.into()), ..entry(&format!("{id} ended")) };
        let lines = [begun("a"), entry("x"), begun("b"), begun("c"), ended("a"), ended("c"), entry("y")];
        lines.iter().for_each(|line| log.append(line).unwrap());
        assert!(std::fs::read_to_string(log.newest()).unwrap().contains("\"outcome\":\"started\""));
        assert_eq!(tools(&log, 99), ["x", "b begun", "a ended", "c ended", "y"]);
        assert_eq!(tools(&log, 4), ["b begun", "a ended", "c ended", "y"]);
        assert_eq!(tools(&log, 2), ["c ended", "y"]);
    }

    #[test]
    fn nothing_in_a_line_steers_a_terminal_or_begins_another_line() {
        let home = tempfile::tempdir().unwrap();
        let log = Log::open(home.path().into());
        let hostile = "\n{\"tool\":\"forged\"}\u{1b}[2J\u{7f}\u{9b}1m\u{202e}\u{e0041}ä😀";
        log.append(&entry(hostile)).unwrap();
        let text = std::fs::read_to_string(log.newest()).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        assert_eq!(tools(&log, 9), [hostile]);
    }

    #[test]
    fn a_full_file_gives_way_and_the_oldest_goes() {
        let home = tempfile::tempdir().unwrap();
        let log = Log(Lines { full: 1, ..Log::open(home.path().into()).0 });
        (0..12).for_each(|number| log.append(&entry(&number.to_string())).unwrap());
        assert_eq!(tools(&log, 99), ["4", "5", "6", "7", "8", "9", "10", "11"]);
    }

    #[test]
    fn lines_of_several_processes_do_not_mix() {
        let home = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let log = Log(Lines { full: 4_000, ..Log::open(home.path().into()).0 });
                scope.spawn(move || (0..20).for_each(|_| log.append(&entry(&name.repeat(100))).unwrap()));
            }
        });
        let reading = Log::open(home.path().into()).read(|_| true, usize::MAX).unwrap();
        assert_eq!((reading.entries.len(), reading.damaged), (80, 0));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let log = Log::open(home.path().join("audit"));
        log.append(&entry("a")).unwrap();
        for (path, mode) in [(home.path().join("audit"), 0o700), (log.newest(), 0o600)] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }
}
