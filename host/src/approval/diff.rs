//! The unified diff that a question shows.

use std::time::Duration;

use similar::TextDiff;

use crate::protocol::{ChangeKind, FileDiff};

/// After this a diff is finished in a coarser way; two large files can take minutes otherwise.
const PATIENCE: Duration = Duration::from_millis(300);

/// What turns `before` into `after`; `None` stands for no file.
pub fn file_diff(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> FileDiff {
    let change = match (before, after) {
        (None, _) => ChangeKind::Create,
        (_, None) => ChangeKind::Delete,
        _ => ChangeKind::Modify,
    };
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).ok();
    let (Some(old), Some(new)) = (text(before), text(after)) else {
        let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let diff = format!("binary file, {} bytes before, {} bytes after\n", size(before), size(after));
        return FileDiff { path: path.to_string(), change, diff, added: 0, removed: 0 };
    };
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(&old, &new);
    let mut unified = diff.unified_diff();
    let from = if before.is_some() { format!("a/{path}") } else { "/dev/null".to_string() };
    let to = if after.is_some() { format!("b/{path}") } else { "/dev/null".to_string() };
    unified.context_radius(3).header(&from, &to);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    FileDiff {
        path: path.to_string(),
        change,
        diff: unified.to_string(),
        added: count(similar::ChangeTag::Insert),
        removed: count(similar::ChangeTag::Delete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_changes() {
        let check = |before: Option<&[u8]>, after: Option<&[u8]>, change, added, removed, part: &str| {
            let diff = file_diff("src/a.rs", before, after);
            assert_eq!((diff.change, diff.added, diff.removed), (change, added, removed));
            assert!(diff.diff.contains(part), "{}", diff.diff);
        };
        check(Some(b"one\ntwo\n"), Some(b"one\n2\n"), ChangeKind::Modify, 1, 1, "-two\n+2\n");
        check(None, Some(b"new\n"), ChangeKind::Create, 1, 0, "--- /dev/null\n+++ b/src/a.rs");
        check(Some(b"old\n"), None, ChangeKind::Delete, 0, 1, "+++ /dev/null");
        check(Some(b"\xff\x00"), Some(b"x"), ChangeKind::Modify, 0, 0, "2 bytes before, 1 bytes after");
    }
}
