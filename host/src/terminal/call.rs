//! A tool call on one line, and its result in a few. What is cut is counted.

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Role, Style, block, duration, escape, one_line, plural};
use crate::protocol::{CheckEnd, ToolCall, ToolStatus};

/// Arguments that say most about a call; shown first, and without their names.
const TELLING: [&str; 9] = ["path", "command", "argv", "program", "pattern", "query", "message", "task", "thought"];
/// Columns of one argument's value.
const VALUE: usize = 60;
/// Columns of the call's line where the screen has no width.
const LINE: usize = 200;
const ROWS_WHEN_WELL: usize = 6;
const ROWS_WHEN_NOT: usize = 14;

/// `● edit_file src/lib.rs old=… new=…`, without a newline.
pub fn call_line(style: Style, call: &ToolCall) -> String {
    let mut rest = String::new();
    for (name, value) in ordered(&call.arguments) {
        let value = short(value);
        let telling = TELLING.contains(&name);
        rest.push(' ');
        rest.push_str(&if telling { value } else { format!("{}={value}", one_line(name)) });
    }
    if let Some(form) = &call.recovered {
        rest.push_str(&format!(" (read from text: {})", one_line(form)));
    }
    let name_width = name(style, &call.name).width();
    let room = style.width.unwrap_or(LINE).saturating_sub(name_width + 3).max(8);
    format!("{}{}", name_line(style, &call.name), cut(&rest, room))
}

/// `● edit_file`: the call alone, where its arguments are not at hand.
pub fn name_line(style: Style, tool: &str) -> String {
    format!("{} {}", style.paint(Role::Call, "●"), style.paint(Role::Strong, &name(style, tool)))
}

/// A tool's name as the model wrote it; on at most half a row.
fn name(style: Style, tool: &str) -> String {
    cut(&one_line(tool), style.width.map_or(VALUE, |width| width / 2))
}

/// Arguments with the telling ones first; a value that is no object is shown as it is.
fn ordered(arguments: &Value) -> Vec<(&str, &Value)> {
    let Some(object) = arguments.as_object() else {
        return if arguments.is_null() { Vec::new() } else { vec![("arguments", arguments)] };
    };
    let mut all: Vec<(&str, &Value)> = object.iter().map(|(name, value)| (name.as_str(), value)).collect();
    all.sort_by_key(|(name, _)| TELLING.iter().position(|telling| telling == name).unwrap_or(TELLING.len()));
    all
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    cut(&one_line(&text), VALUE)
}

/// At most so many columns; the cut is shown as `…`.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    shown.push('…');
    shown
}

/// The result: its first rows behind a gutter, then how it ended and how long it took.
pub fn result_block(style: Style, status: ToolStatus, text: &str, data: Option<&Value>, ms: u64) -> String {
    let (role, word, rows) = match status {
        ToolStatus::Ok => (Role::Good, "✓", ROWS_WHEN_WELL),
        ToolStatus::Failed => (Role::Bad, "✗ failed", ROWS_WHEN_NOT),
        ToolStatus::Invalid => (Role::Bad, "✗ invalid call, nothing ran", ROWS_WHEN_NOT),
        ToolStatus::Denied => (Role::Warn, "✗ denied", ROWS_WHEN_NOT),
        ToolStatus::Stopped => (Role::Bad, "✗ stopped", ROWS_WHEN_NOT),
        ToolStatus::Cancelled => (Role::Warn, "✗ cancelled", ROWS_WHEN_NOT),
    };
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let mut shown = String::new();
    // One row more than the limit is shown rather than counted.
    let kept = if lines.len() > rows + 1 { rows } else { lines.len() };
    for line in &lines[..kept] {
        let line = escape(line).replace('\t', "    ");
        let line = cut(line.trim_end(), style.width.map_or(LINE, |width| width.saturating_sub(5).max(8)));
        shown.push_str(&format!("{}\n", style.paint(Role::Dim, format!("  │ {line}").trim_end())));
    }
    if lines.len() > kept {
        let more = format!("  │ … {} more", plural((lines.len() - kept) as u64, "line"));
        shown.push_str(&format!("{}\n", style.paint(Role::Dim, &more)));
    }
    let exit = data.and_then(|data| data.get("exit_code")).and_then(Value::as_i64);
    let exit = exit.map(|code| format!(" · exit {code}")).unwrap_or_default();
    shown.push_str(&format!(
        "  {}{}\n",
        style.paint(role, word),
        style.paint(Role::Dim, &format!("{exit} · {}", duration(ms)))
    ));
    shown
}

/// A check of what a call has written, on one line.
pub fn checked(style: Style, check: &str, end: CheckEnd, findings: u32, detail: Option<&str>, ms: u64) -> String {
    let (role, said) = match end {
        CheckEnd::Passed => (Role::Dim, "well".to_string()),
        CheckEnd::Failed => (Role::Bad, plural(findings.into(), "error")),
        CheckEnd::Unclear => (Role::Warn, "failed, and says nothing that can be read".to_string()),
        CheckEnd::NotRun => (Role::Warn, "not run".to_string()),
    };
    let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
    let line = format!("check {check}: {said}{detail} · {}", duration(ms));
    block(style, "  │ ", role, &one_line(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_is_one_line_with_the_telling_argument_first() {
        let check = |name: &str, arguments: Value, expected: &str| {
            let call = ToolCall { id: "1".into(), name: name.into(), arguments, recovered: None };
            let line = call_line(Style { colour: false, width: Some(60) }, &call);
            assert_eq!(line, expected);
            assert!(line.width() <= 60);
        };
        check("read_file", json!({"start": 3, "path": "src/lib.rs"}), "● read_file src/lib.rs start=3");
        check("think", json!({}), "● think");
        check("odd", json!([1]), "● odd arguments=[1]");
        check("write", json!({"path": "a\u{1b}[2J\nb"}), "● write a\\u{1b}[2J\\nb");
        check("x\n▶ garth asks", json!(null), "● x\\n▶ garth asks");
        check("run", json!({"command": "x".repeat(99)}), &format!("● run {}…", "x".repeat(52)));
    }

    #[test]
    fn a_long_result_is_cut_and_counted() {
        let text: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let shown = result_block(Style::default(), ToolStatus::Ok, &text, None, 12);
        assert!(shown.contains("  │ 6\n  │ … 14 lines more\n  ✓ · 12 ms\n"), "{shown}");
        let shown = result_block(Style::default(), ToolStatus::Failed, "", Some(&json!({"exit_code": 101})), 0);
        assert_eq!(shown, "  ✗ failed · exit 101 · 0 ms\n");
    }
}
