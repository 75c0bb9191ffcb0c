//! Unified diffs for the eye: every line behind the gutter and coloured. What is left out at first is counted.

use super::approval::Extent;
use super::{Role, Style, block, one_line, plural};
use crate::protocol::{ChangeKind, FileDiff};

const GUTTER: &str = "  │ ";

/// Lines, and bytes of one line, that are shown until the user asks for all.
const LINES: usize = 200;
const LINE: usize = 1_000;

/// One file's change: a heading, then the diff.
pub fn diff_block(style: Style, file: &FileDiff, extent: Extent) -> String {
    let kind = match file.change {
        ChangeKind::Create => "create",
        ChangeKind::Modify => "modify",
        ChangeKind::Delete => "delete",
    };
    let heading = format!("{kind} {} (+{} −{})", one_line(&file.path), file.added, file.removed);
    let mut shown = row(style, Role::Strong, &heading);
    let mut in_hunk = false;
    shown.push_str(&limited(style, &file.diff, extent, |line| {
        in_hunk |= line.starts_with("@@");
        match line.as_bytes().first() {
            Some(b'@') if line.starts_with("@@") => Role::Hunk,
            Some(b'+') if in_hunk => Role::Added,
            Some(b'-') if in_hunk => Role::Removed,
            _ if in_hunk => Role::Plain,
            _ => Role::Dim,
        }
    }));
    shown
}

/// Lines behind the gutter, each in its role; with [`Extent::Usual`] so many of them and so much of each.
pub(super) fn limited(style: Style, text: &str, extent: Extent, mut role: impl FnMut(&str) -> Role) -> String {
    let (lines, bytes) = if extent == Extent::All { (usize::MAX, usize::MAX) } else { (LINES, LINE) };
    let mut shown = String::new();
    for line in text.split_terminator('\n').take(lines) {
        let kept = &line[..line.floor_char_boundary(bytes)];
        shown.push_str(&row(style, role(line), kept));
        if kept.len() < line.len() {
            shown.push_str(&more(style, line.len() - kept.len(), "byte"));
        }
    }
    let rest = text.split_terminator('\n').count().saturating_sub(lines);
    if rest > 0 {
        shown.push_str(&more(style, rest, "line"));
    }
    shown
}

fn more(style: Style, number: usize, what: &str) -> String {
    row(style, Role::Warn, &format!("… {} more; answer d to see all of it", plural(number as u64, what)))
}

/// A line behind the gutter, wrapped; an empty one keeps its gutter. A CR at the end stays visible.
fn row(style: Style, role: Role, line: &str) -> String {
    let shown = block(style, GUTTER, role, line);
    if shown.is_empty() { format!("{}\n", GUTTER.trim_end()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_every_line_and_what_hides_in_it() {
        let file = FileDiff {
            path: "a\u{202e}.rs".into(),
            change: ChangeKind::Modify,
            diff: "--- a\n+++ b\n@@ -1,2 +1,2 @@\n keep\n\n-old\r\n+new\u{200b}\n+++ not a header\n".into(),
            added: 2,
            removed: 1,
        };
        let plain = diff_block(Style::default(), &file, Extent::Usual);
        let expected = "  │ modify a\\u{202e}.rs (+2 −1)\n  │ --- a\n  │ +++ b\n  │ @@ -1,2 +1,2 @@\n  │  keep\n  │\n  \
                        │ -old\\u{d}\n  │ +new\\u{200b}\n  │ +++ not a header\n";
        assert_eq!(plain, expected);
        let coloured = diff_block(Style { colour: true, width: Some(80) }, &file, Extent::Usual);
        assert!(coloured.contains("\x1b[32m  │ +++ not a header\x1b[0m"), "{coloured}");
        assert!(coloured.contains("\x1b[2m  │ +++ b\x1b[0m"), "{coloured}");
        let long = format!("{}\n{}", "é".repeat(700), "x\n".repeat(300));
        let cut = limited(Style::default(), &long, Extent::Usual, |_| Role::Plain);
        assert!(cut.contains("é\n  │ … 400 bytes more; answer d to see all of it\n  │ x\n"), "{cut}");
        assert!(cut.ends_with("  │ x\n  │ … 101 lines more; answer d to see all of it\n"), "{cut}");
        let all = limited(Style::default(), &long, Extent::All, |_| Role::Plain);
        assert_eq!(all.lines().count(), 301);
    }
}
