//! Notices that changes to a file lead nowhere: they go back and forth between the same contents, cannot be made at all, or each
//! leaves the file with no fewer errors. What stays wrong in the same way is `mend`'s matter.

use std::collections::BTreeMap;

use super::writes::Wrote;

/// Contents of a file that are kept in mind.
const MOST: usize = 64;

/// What was changed, by file.
pub(super) struct Spiral {
    /// Changes that lead nowhere at which the model is told; 0: never.
    limit: u32,
    files: BTreeMap<String, Patches>,
}

#[derive(Default)]
struct Patches {
    contents: Vec<Option<String>>,
    /// Changes in a row that brought back an earlier content, failed, or left errors.
    back: u32,
    failed: u32,
    broken: u32,
    errors: usize,
}

impl Spiral {
    pub fn new(limit: u32) -> Spiral {
        Spiral { limit, files: BTreeMap::new() }
    }

    /// A change was made; what the model is told where it leads nowhere.
    pub fn wrote(&mut self, wrote: &Wrote) -> Option<String> {
        let patches = self.files.entry(wrote.path.clone()).or_default();
        patches.failed = 0;
        if !patches.contents.contains(&wrote.before) {
            patches.contents.push(wrote.before.clone());
        }
        match patches.contents.contains(&wrote.after) {
            true => patches.back += 1,
            false => {
                patches.back = 0;
                patches.contents.push(wrote.after.clone());
            }
        }
        let drop = patches.contents.len().saturating_sub(MOST);
        patches.contents.drain(..drop);
        // The change that is taken back is one of those that go back and forth.
        (patches.back > 0 && reached(patches.back + 1, self.limit)).then(|| {
            let path = &wrote.path;
            format!(
                "[{path} now reads as it did before: your last {} changes go back and forth. Decide for one of the two. Say in \
                 one sentence which is right and why, before you call a tool again.]",
                patches.back + 1
            )
        })
    }

    /// A change could not be made.
    pub fn failed(&mut self, path: &str) -> Option<String> {
        let patches = self.files.entry(path.to_string()).or_default();
        patches.failed += 1;
        reached(patches.failed, self.limit).then(|| {
            format!(
                "[{} changes of {path} in a row could not be made. Read the lines that you want to change again. Then change \
                 only those, with old_text copied exactly from them.]",
                patches.failed
            )
        })
    }

    /// A change was checked, and the file has so many errors now.
    pub fn checked(&mut self, path: &str, errors: usize) -> Option<String> {
        let patches = self.files.entry(path.to_string()).or_default();
        let better = errors < std::mem::replace(&mut patches.errors, errors);
        patches.broken = if better || errors == 0 { 0 } else { patches.broken + 1 };
        reached(patches.broken, self.limit).then(|| {
            format!(
                "[{} changes of {path} in a row have left it with errors. Stop changing single lines. Read the whole function, \
                 say in one sentence what is wrong with it, then replace all of it in one call.]",
                patches.broken
            )
        })
    }
}

/// At the limit, and each time that it is reached again.
fn reached(times: u32, limit: u32) -> bool {
    limit > 0 && times > 0 && times.is_multiple_of(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was done to a file: `ab` changes its content from a to b, `!` fails, a digit is how many errors it has then.
    fn check(limit: u32, done: &str, told: &[(usize, &str)]) {
        let mut spiral = Spiral::new(limit);
        let content = |name: char| Some(name.to_string());
        let notes = done.split(' ').map(|step| match step.chars().collect::<Vec<_>>()[..] {
            ['!'] => spiral.failed("a.rs"),
            [digit] => spiral.checked("a.rs", digit.to_digit(10).unwrap() as usize),
            [before, after] => {
                spiral.wrote(&Wrote { path: "a.rs".into(), before: content(before), after: content(after) })
            }
            _ => panic!("{step}"),
        });
        let notes: Vec<(usize, String)> = notes.enumerate().filter_map(|(at, note)| Some((at + 1, note?))).collect();
        assert_eq!(notes.len(), told.len(), "{done}: {notes:?}");
        for ((at, note), (expected, part)) in notes.iter().zip(told) {
            assert!(at == expected && note.contains(part), "{done}: {notes:?}");
        }
    }

    #[test]
    fn changes_that_lead_nowhere_are_told() {
        check(3, "ab bc cd de", &[]);
        check(3, "ab ba", &[]);
        check(3, "ab ba ab", &[(3, "your last 3 changes go back and forth")]);
        check(2, "ab ba", &[(2, "your last 2 changes")]);
        check(3, "ab ba ac ca", &[]);
        check(0, "ab ba ab ba ab", &[]);
        check(3, "! ! !", &[(3, "3 changes of a.rs in a row could not be made")]);
        check(3, "! ! ab ! !", &[]);
        check(3, "! ! ! ! ! !", &[(3, "3 changes"), (6, "6 changes")]);
        check(3, "1 1 1", &[(3, "have left it with errors")]);
        check(3, "1 2 0 1 1", &[]);
        check(3, "3 3 2 2 2", &[]);
        check(3, "3 2 1", &[]);
    }
}
