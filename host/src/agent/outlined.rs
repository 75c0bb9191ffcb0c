//! A file that is too long for its share of the window: whole definitions from where the reading began, and for the rest its
//! outline with line numbers, instead of a cut somewhere in a function. It knows the numbered lines that the built-in reading
//! tools give, and what the code graph says of a file; when this is done the call decides.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::turn::Turn;
use crate::context::{fits, width};
use crate::graph::{Line, Outline};
use crate::plugins::Origin;
use crate::protocol::ToolCall;
use crate::secrets::Look;

/// Share of the room that the outline may take.
const OUTLINE_SHARE: usize = 4;
/// Definitions that are named of the rest.
const MOST_ENTRIES: usize = 80;
/// With less room the remarks would take most of it.
const LEAST_LIMIT: usize = 1_000;
/// Where whole definitions would leave less than this part of the room in use, the cut goes through one.
const LEAST_SHARE: usize = 4;

/// How long a result waits for what the code graph knows.
const WAIT: Duration = Duration::from_millis(300);
/// The plugin whose tools read a file.
const READING: &str = "files";

/// What stands in the place of a reading that is too long; its data then tell what is shown.
pub(super) async fn first(turn: &Turn, call: &ToolCall, text: &str, data: Option<&mut Value>) -> Option<String> {
    let tool = turn.plugins.find(&call.name)?;
    let data = data.filter(|_| tool.plugin.origin == Origin::Builtin && tool.plugin.name == READING)?;
    let shown = Shown::of(data)?;
    let limit = turn.result_limit();
    if data["truncated"] != true && fits(text, limit) {
        return None;
    }
    let outline = outline(turn, shown.path.clone()).await?;
    let (text, last) = outlined(text, &shown, &outline.lines, limit)?;
    (data["end"], data["truncated"]) = (last.into(), true.into());
    Some(turn.services.secrets.redactor().text(&text, Look::Known).into_owned())
}

/// `None`: the graph does not know the file as it is, or not in time, or the turn is cancelled.
async fn outline(turn: &Turn, path: String) -> Option<Outline> {
    let wanted = turn.cancel.child_token();
    let _unwanted = wanted.clone().drop_guard();
    let graph = turn.services.graph.clone();
    // The tool has read the file: that it may is settled.
    let visible = |_: &str| true;
    let ask = move || graph.ask(WAIT, &|| wanted.is_cancelled(), |graph| graph.outline(&path, &visible));
    let asked = tokio::time::timeout(WAIT, tokio::task::spawn_blocking(ask));
    tokio::select! {
        biased;
        () = turn.cancel.cancelled() => None,
        outline = asked => outline.ok()?.ok()?.ok(),
    }
}

/// What a reading tool has shown.
struct Shown {
    path: String,
    start: u64,
    end: u64,
    /// Of the file.
    lines: u64,
}

impl Shown {
    /// As the result's data tell; `None` where it is no reading.
    fn of(data: &Value) -> Option<Shown> {
        let number = |name: &str| data.get(name).and_then(Value::as_u64).filter(|number| *number > 0);
        let path = data.get("path").and_then(Value::as_str)?.to_string();
        data.get("truncated")?;
        Some(Shown { path, start: number("start")?, end: number("end")?, lines: number("lines")? })
    }
}

/// The text within `limit`, and the last line that it shows. `None`: it cannot be done better than by a cut.
fn outlined(text: &str, shown: &Shown, outline: &[Line], limit: usize) -> Option<(String, u64)> {
    if limit < LEAST_LIMIT {
        return None;
    }
    let (before, body) = parts(text, shown)?;
    let mut room = Some(limit.checked_sub(limit / OUTLINE_SHARE + width(&before))?);
    let fits = |line: &&&str| {
        room = room.and_then(|room| room.checked_sub(width(line) + 1));
        room.is_some()
    };
    let fitting = body.iter().take_while(fits).count() as u64;
    let last = shown.start + fitting.checked_sub(1)?;
    let last = whole(last, shown.start + fitting / LEAST_SHARE as u64, outline)?;
    let rest: Vec<&Line> = outline.iter().filter(|line| u64::from(line.line) > last).collect();
    if last >= shown.lines || rest.is_empty() {
        return None;
    }
    let kept = usize::try_from(last - shown.start + 1).ok()?;
    let mut all = format!("{before}{}\n", body[..kept].join("\n"));
    // What the tool says besides: how lines end, what else matched.
    let is_remark = |line: &&str| line.starts_with('[') && line.ends_with(']');
    let remarks: Vec<&str> = text.lines().rev().take_while(is_remark).collect();
    let (start, lines) = (shown.start, shown.lines);
    let range = format!("[lines {start} to ");
    for remark in remarks.iter().rev().filter(|remark| !remark.starts_with(&range)) {
        let _ = writeln!(all, "{remark}");
    }
    let _ = writeln!(all, "[lines {start} to {last} of {lines}; the rest of {} defines:]", shown.path);
    let mut room = limit.saturating_sub(width(&all)).min(limit / OUTLINE_SHARE);
    let mut named = 0;
    for line in rest.iter().take(MOST_ENTRIES) {
        let entry = format!("{}-{}\t{}{}\n", line.line, line.last, "  ".repeat(line.depth.min(8)), line.signature);
        let Some(left) = room.checked_sub(width(&entry) + 120) else { break };
        (room, named) = (left + 120, named + 1);
        all.push_str(&entry);
    }
    let more = rest.len() - named;
    let more = if more > 0 { format!("{more} more definitions; ") } else { String::new() };
    let _ = write!(all, "[{more}to see one: its lines as start and end; to go on: start={}]", last + 1);
    Some((all, last))
}

/// What stands above the numbered lines, and these.
fn parts<'a>(text: &'a str, shown: &Shown) -> Option<(String, Vec<&'a str>)> {
    let mut lines = text.lines();
    let mut before = String::new();
    let is = |line: &str, number: u64| line.split_once('\t').is_some_and(|(found, _)| found == number.to_string());
    let mut body = Vec::new();
    for line in lines.by_ref() {
        if is(line, shown.start) {
            body.push(line);
            break;
        }
        let _ = writeln!(before, "{line}");
    }
    let numbers = shown.start + 1..=shown.end;
    body.extend(lines.zip(numbers).take_while(|(line, number)| is(line, *number)).map(|(line, _)| line));
    (body.len() as u64 == shown.end - shown.start + 1).then_some((before, body))
}

/// The last line up to `last` after which no function is open, unless that is before `least`: then `last`.
fn whole(last: u64, least: u64, outline: &[Line]) -> Option<u64> {
    let mut at = last;
    // What holds others may be cut between them.
    let cut = |at: u64| {
        let open = |line: &Line| u64::from(line.line) <= at && at < u64::from(line.last);
        outline.iter().enumerate().find(|(index, line)| open(line) && !holds(outline, *index)).map(|(_, line)| line)
    };
    while let Some(line) = cut(at) {
        at = u64::from(line.line).checked_sub(1)?;
    }
    Some(if at < least { last } else { at })
}

/// Whether another definition stands in this one.
fn holds(outline: &[Line], index: usize) -> bool {
    outline.get(index + 1).is_some_and(|next| next.depth > outline[index].depth && !outline[index].kind.is_callable())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::Kind;

    fn line(depth: usize, kind: Kind, line: u32, last: u32, signature: &str) -> Line {
        Line { depth, kind, line, last, signature: signature.into() }
    }

    /// Twelve functions of ten lines in a class that begins in line 2.
    fn class() -> Vec<Line> {
        let class = line(0, Kind::Class, 2, 122, "class A");
        let method = |n: u32| line(1, Kind::Method, 3 + n * 10, 12 + n * 10, &format!("def m{n}(self)"));
        std::iter::once(class).chain((0..12).map(method)).collect()
    }

    fn check(outline: &[Line], start: u64, end: u64, limit: usize, expected: Option<(u64, &str)>) {
        let text: String = (start..=end).map(|n| format!("{n}\tcode in line {n}\n")).collect();
        let shown = Shown { path: "a.py".into(), start, end, lines: 122 };
        let text = format!("a.py\n{text}[lines {start} to {end} of 122]\n[lines end with CRLF]");
        let found = outlined(&text, &shown, outline, limit);
        assert_eq!(found.as_ref().map(|(_, last)| *last), expected.map(|(last, _)| last), "{found:?}");
        let Some(((text, last), (_, says))) = found.zip(expected) else { return };
        assert!(text.contains(says) && text.chars().count() <= limit, "{}: {text}", text.chars().count());
        assert!(
            text.starts_with(&format!("a.py\n{start}\t")) && text.contains(&format!("\n{last}\tcode in line {last}\n"))
        );
        assert!(text.contains("\n[lines end with CRLF]\n[lines "), "{text}");
        assert!(text.ends_with(&format!("to go on: start={}]", last + 1)), "{text}");
    }

    #[test]
    fn definitions_are_whole_and_the_rest_is_outlined() {
        check(&class(), 1, 122, 1_600, Some((62, "\n63-72\t  def m6(self)\n73-82\t  def m7(self)\n")));
        check(&class(), 13, 100, 1_600, Some((72, "[lines 13 to 72 of 122; the rest of a.py defines:]\n73-82\t")));
        check(&class(), 1, 40, 4_000, Some((32, "33-42\t  def m3(self)")));
    }

    #[test]
    fn a_function_that_is_longer_than_the_room_is_cut() {
        let long = [line(0, Kind::Function, 1, 100, "def long()"), line(0, Kind::Function, 101, 122, "def rest()")];
        check(&long, 1, 122, 1_000, Some((40, "\n101-122\tdef rest()\n[to see one")));
    }

    #[test]
    fn what_is_no_reading_or_all_there_is_stays() {
        check(&class(), 1, 122, 9_000, None);
        check(&class(), 1, 122, 900, None);
        check(&[], 1, 122, 1_600, None);
        assert!(Shown::of(&json!({"path": "a", "start": 1, "end": 2})).is_none());
        assert!(Shown::of(&json!({"path": "a", "start": 0, "end": 0, "lines": 0, "truncated": false})).is_none());
        let shown = Shown { path: "a.py".into(), start: 1, end: 9, lines: 122 };
        assert!(outlined("1\tone\n7\tseven", &shown, &class(), 5_000).is_none());
    }
}
