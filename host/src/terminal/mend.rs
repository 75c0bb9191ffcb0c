//! What goes wrong and is mended, given up or put back: how it looks.

use super::{Role, Style, block, escape, one_line, plural};
use crate::protocol::{Approach, Refused};

/// A narrowed attempt begins.
pub(super) fn started(style: Style, approach: Approach, reason: &str, place: (&str, usize), message: &str) -> String {
    let what = match approach {
        Approach::Narrow => "only this error is repaired now",
        Approach::Anew => "another way: the change is written once more",
    };
    let (file, line) = place;
    let line = if line > 0 { format!(":{line}") } else { String::new() };
    let lines = [format!("{reason}; {what}, in a conversation of its own"), format!("{file}{line}: {message}")];
    lines.iter().map(|line| block(style, "  ! ", Role::Warn, &one_line(line))).collect()
}

/// It is over.
pub(super) fn ended(style: Style, mended: bool, steps: u32) -> String {
    let (role, came) = if mended { (Role::Dim, "mended") } else { (Role::Warn, "not mended") };
    block(style, "  ", role, &format!("back from it: {came}, after {}", plural(u64::from(steps), "step")))
}

/// The report, whose text names everything else.
pub(super) fn gave_up(style: Style, text: &str) -> String {
    block(style, "  ", Role::Plain, &escape(text))
}

/// Files are put back.
pub(super) fn restore_started(style: Style, turn: Option<u64>) -> String {
    let line = match turn {
        Some(turn) => format!("files go back to what they were before turn {turn}"),
        None => "files go back to what they were before the last restoring".into(),
    };
    block(style, "  ", Role::Dim, &line)
}

/// They are back, but for those that somebody else has changed.
pub(super) fn restore_ended(style: Style, restored: &[String], refused: &[Refused]) -> String {
    let mut shown: String =
        restored.iter().map(|path| block(style, "  ", Role::Plain, &one_line(&format!("put back: {path}")))).collect();
    for Refused { path, reason } in refused {
        shown.push_str(&block(style, "  ! ", Role::Warn, &one_line(&format!("left alone: {path}: {reason}"))));
    }
    if restored.is_empty() && refused.is_empty() {
        shown.push_str(&block(style, "  ", Role::Dim, "all of them are as they were"));
    }
    shown
}
