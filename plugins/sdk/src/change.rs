//! Changes of files, computed in memory first, which is also what a preview shows, and then written all or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::workspace::Path;
use crate::{Change, Error, elide, failed, invalid, text};

/// Larger files are not edited.
pub const MAX_FILE: u64 = 16 << 20;

/// From so many lines on a file is long: writing it anew costs a small model a minute and thousands of tokens, in which it
/// loses lines that nobody asked it to touch.
const LONG: usize = 200;
/// A long file is not written anew when so many percent of the new lines stand in it already. Below that it really is
/// another text, which no edit expresses better.
const KEPT: usize = 60;

/// One file before and after. `None` stands for no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub path: Path,
    pub before: Option<Vec<u8>>,
    pub after: Option<Vec<u8>>,
}

/// What happened to a file, as data.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Written {
    /// Relative to the workspace.
    pub path: String,
    pub action: Action,
    pub lines_added: usize,
    pub lines_removed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Created,
    Changed,
    Deleted,
    Unchanged,
}

impl Edit {
    fn action(&self) -> Action {
        match (&self.before, &self.after) {
            (before, after) if before == after => Action::Unchanged,
            (None, _) => Action::Created,
            (_, None) => Action::Deleted,
            _ => Action::Changed,
        }
    }

    /// Fails where a long file is written anew though most of it stays; the error names the tools that are made for it.
    pub fn refuse_rewrite(&self) -> Result<(), Error> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return Ok(()) };
        let lines = |text: &'_ [u8]| text.split_inclusive(|byte| *byte == b'\n').count();
        if before == after || lines(before) < LONG {
            return Ok(());
        }
        fn texts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
            text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
        }
        let mut there = BTreeMap::<&[u8], usize>::new();
        texts(before).for_each(|line| *there.entry(line).or_default() += 1);
        let (mut all, mut kept) = (0, 0);
        for line in texts(after) {
            all += 1;
            if let Some(left) = there.get_mut(line).filter(|left| **left > 0) {
                (*left, kept) = (*left - 1, kept + 1);
            }
        }
        if kept * 100 < all * KEPT || all == 0 {
            return Ok(());
        }
        Err(failed(format!(
            "{} has {} lines, and {kept} of the {all} that you wrote are there already: change only the rest, with edit_file \
             or apply_patch, so that nothing is lost",
            self.path.name(),
            lines(before)
        )))
    }

    /// Counts lines outside what both versions begin and end with.
    pub fn written(&self) -> Written {
        let lines = |bytes: &Option<Vec<u8>>| -> Vec<Vec<u8>> {
            let bytes = bytes.as_deref().unwrap_or_default();
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        };
        let (before, after) = (lines(&self.before), lines(&self.after));
        let same = |(a, b): &(&Vec<u8>, &Vec<u8>)| a == b;
        let head = before.iter().zip(&after).take_while(same).count();
        let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(same).count();
        Written {
            path: self.path.name().to_owned(),
            action: self.action(),
            lines_added: after.len() - head - tail,
            lines_removed: before.len() - head - tail,
        }
    }
}

impl Written {
    /// `changed src/a.rs (+2 -1 lines)`.
    pub fn line(&self) -> String {
        let action = match self.action {
            Action::Created => "created",
            Action::Changed => "changed",
            Action::Deleted => "deleted",
            Action::Unchanged => return format!("unchanged {}: it has this content already", self.path),
        };
        format!("{action} {} (+{} -{} lines)", self.path, self.lines_added, self.lines_removed)
    }
}

/// Fails where the new text of a file has a line that only stands for others, in words, and that the file lacks: it would
/// have that line instead of those.
pub fn refuse_marks(before: &[u8], after: &[u8], name: &str) -> Result<(), Error> {
    fn marks(text: &[u8]) -> impl Iterator<Item = &str> {
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        lines.map(str::trim).filter(|line| elide::has_words(line))
    }
    let there: BTreeSet<&str> = marks(before).collect();
    let Some(new) = marks(after).find(|mark| !there.contains(mark)) else { return Ok(()) };
    Err(invalid(format!(
        "the new text leaves lines of {name} out ({}), which it would lose: write them in full, or change only the part \
         that differs, with edit_file or apply_patch",
        text::clip_line(new, 100)
    )))
}

/// What the host shows before it asks.
pub fn preview(edits: &[Edit]) -> Vec<Change> {
    let changed = edits.iter().filter(|edit| edit.before != edit.after);
    let convert = |edit: &Edit| Change {
        path: edit.path.name().to_owned(),
        base: edit.before.as_deref().map(sha256),
        content: edit.after.clone(),
    };
    changed.map(convert).collect()
}

/// Writes all edits. When one fails, those before it are undone, and the error says what could not be.
pub fn apply(edits: &[Edit]) -> Result<Vec<Written>, Error> {
    for (done, edit) in edits.iter().enumerate() {
        if edit.before == edit.after {
            continue;
        }
        if let Err(error) = put(&edit.path, edit.after.as_deref()) {
            // The failed one too: it may have been written in part.
            let undone = edits[..=done].iter().rev().filter(|edit| edit.before != edit.after);
            let stuck: Vec<&str> = undone
                .filter(|edit| put(&edit.path, edit.before.as_deref()).is_err() && differs(&edit.path, &edit.before))
                .map(|edit| edit.path.name())
                .collect();
            let error = Error::file("write", edit.path.name(), &error);
            let state = match stuck.is_empty() {
                true => "nothing was changed".to_owned(),
                false => format!("could not be restored: {}", stuck.join(", ")),
            };
            return Err(match error {
                Error::Denied(text) => Error::Denied(format!("{text}; {state}")),
                error => Error::Failed(format!("{error}; {state}")),
            });
        }
    }
    Ok(edits.iter().map(Edit::written).collect())
}

fn differs(path: &Path, content: &Option<Vec<u8>>) -> bool {
    path.read_if_exists(MAX_FILE).is_ok_and(|found| found != *content)
}

/// In place, which keeps the mode bits and touches no other name: the host compares what was written with the preview.
fn put(path: &Path, content: Option<&[u8]>) -> io::Result<()> {
    let place = path.on_disk();
    let Some(content) = content else {
        return match std::fs::remove_file(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        };
    };
    let mut file = match open(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            place.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            open(&place)?
        }
        opened => opened?,
    };
    file.write_all(content)?;
    file.flush()
}

fn open(place: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(place)
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn edit(path: &str, before: Option<&str>, after: Option<&str>) -> Edit {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        Edit { path: Path::parse(path).unwrap(), before: bytes(before), after: bytes(after) }
    }

    #[test]
    fn what_cannot_be_finished_is_taken_back() {
        let scratch = Scratch::new(&[("a", "old"), ("folder/b", "x"), ("gone", "g")]);
        let edits = [
            edit("a", Some("old"), Some("new")),
            edit("made/c", None, Some("c")),
            edit("gone", Some("g"), None),
            edit("folder", None, Some("a folder is in the way")),
        ];
        let error = apply(&edits).unwrap_err().to_string();
        assert_eq!(error, "folder is a directory; nothing was changed");
        assert_eq!((scratch.read("a"), scratch.read("gone")), (b"old".to_vec(), b"g".to_vec()));
        assert!(!scratch.exists("made/c"));
    }

    #[test]
    fn lines_are_counted_where_they_differ() {
        let count = |before, after| {
            let written = edit("f", before, after).written();
            (written.action, written.lines_added, written.lines_removed)
        };
        assert_eq!(count(Some("a\nb\nc\n"), Some("a\nx\ny\nc\n")), (Action::Changed, 2, 1));
        assert_eq!(count(None, Some("a\nb")), (Action::Created, 2, 0));
        assert_eq!(count(Some("a\n"), None), (Action::Deleted, 0, 1));
        assert_eq!(count(Some("a\na\n"), Some("a\na\na\n")), (Action::Changed, 1, 0));
        assert_eq!(count(Some("a"), Some("a")), (Action::Unchanged, 0, 0));
    }

    #[test]
    fn what_only_stands_for_lines_is_refused_where_the_file_lacks_it() {
        let check = |before: &str, after: &str, refused: Option<&str>| {
            let result = refuse_marks(before.as_bytes(), after.as_bytes(), "f");
            let expected =
                refused.map(|mark| format!("the new text leaves lines of f out ({mark}), which it would lose"));
            match (&result, &expected) {
                (Err(Error::Invalid(text)), Some(expected)) => assert!(text.starts_with(expected), "{text}"),
                _ => assert!(result.is_ok() && expected.is_none(), "{before:?} {after:?}: {result:?}"),
            }
        };
        check("a\nb\n", "a\n  # ... existing code ...\r\n", Some("# ... existing code ..."));
        check("# rest of it...\n", "# rest of it...\n# ... unchanged\n", Some("# ... unchanged"));
        check("# rest of it...\n", "if a:\n    # rest of it...\n", None);
        check("a\n", "def f():\n    ...\n# Wait before retrying...\n", None);
    }

    #[cfg(unix)]
    #[test]
    fn mode_bits_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new(&[("run.sh", "old")]);
        std::fs::set_permissions(scratch.path("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        apply(&[edit("run.sh", Some("old"), Some("new"))]).unwrap();
        let mode = std::fs::metadata(scratch.path("run.sh")).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, scratch.read("run.sh")), (0o755, b"new".to_vec()));
    }
}
