//! The model `scripted:reference`: it writes a task's reference solution through the tools, as a model that knows it would:
//! reads what it is going to change, edits or writes one file a step, and says that it is done.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::task::{Files, Task};
use crate::model::{self, Model, Script, ScriptCall, ScriptTurn, Text};

/// What `--model` calls it.
pub const NAME: &str = "scripted:reference";

/// One change of a file, with what it takes to make it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Write {
        path: String,
        content: String,
    },
    /// `old` is in the file just once.
    Edit {
        path: String,
        old: String,
        new: String,
    },
}

impl Step {
    pub fn path(&self) -> &str {
        match self {
            Step::Write { path, .. } | Step::Edit { path, .. } => path,
        }
    }

    fn call(&self) -> ScriptCall {
        let (name, arguments) = match self {
            Step::Write { path, content } => ("write_file", json!({"path": path, "content": content})),
            Step::Edit { path, old, new } => ("edit_file", json!({"path": path, "old_text": old, "new_text": new})),
        };
        ScriptCall { name: name.into(), arguments, id: None }
    }
}

/// What is to be changed after each prompt. Fails where the reference holds what no tool can write.
pub fn steps(task: &Task) -> Result<Vec<Vec<Step>>> {
    let mut now = task.files.clone();
    task.reference.iter().map(|wanted| changes(&mut now, wanted)).collect()
}

/// The model that makes them.
pub fn model(task: &Task) -> Result<Arc<dyn Model>> {
    let mut turns = Vec::new();
    for steps in steps(task)? {
        let known: Vec<ScriptCall> = steps.iter().filter(|step| matches!(step, Step::Edit { .. })).map(read).collect();
        if !known.is_empty() {
            turns.push(ScriptTurn { calls: known, ..ScriptTurn::default() });
        }
        turns.extend(steps.iter().map(|step| ScriptTurn { calls: vec![step.call()], ..ScriptTurn::default() }));
        turns.push(ScriptTurn { text: Text::from("Done."), ..ScriptTurn::default() });
    }
    Ok(model::scripted(Script { name: "reference".into(), turns }, "the reference solution"))
}

fn read(step: &Step) -> ScriptCall {
    ScriptCall { name: "read_file".into(), arguments: json!({"path": step.path()}), id: None }
}

/// What makes `wanted` of `now`, which is brought up to date.
fn changes(now: &mut Files, wanted: &Files) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (path, content) in wanted {
        let before = now.insert(path.clone(), content.clone());
        if before.as_ref() == Some(content) {
            continue;
        }
        let content = std::str::from_utf8(content).with_context(|| format!("reference: {path} is no text"))?;
        let before = before.and_then(|before| String::from_utf8(before).ok()).filter(|before| !before.is_empty());
        steps.push(match before {
            Some(before) => edit(path, &before, content),
            None => Step::Write { path: path.clone(), content: content.to_owned() },
        });
    }
    Ok(steps)
}

/// The lines from the first that differs to the last, and as many around them as it takes to be found once.
fn edit(path: &str, before: &str, after: &str) -> Step {
    let lines: Vec<&str> = before.split_inclusive('\n').collect();
    let wanted: Vec<&str> = after.split_inclusive('\n').collect();
    let most = lines.len().min(wanted.len());
    let head = lines.iter().zip(&wanted).take_while(|(old, new)| old == new).count();
    let tail =
        lines.iter().rev().zip(wanted.iter().rev()).take(most - head).take_while(|(old, new)| old == new).count();
    let (mut start, mut end) = (head, lines.len() - tail);
    loop {
        let old = lines[start..end].concat();
        let once = !old.is_empty() && before.find(&old) == before.rfind(&old);
        if once || (start == 0 && end == lines.len()) {
            let new = wanted[start..wanted.len() - (lines.len() - end)].concat();
            return Step::Edit { path: path.to_owned(), old, new };
        }
        start = start.saturating_sub(1);
        end = (end + 1).min(lines.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_small_and_found_once() {
        let check = |before: &str, after: &str, old: &str, new: &str| {
            let expected = Step::Edit { path: "f".into(), old: old.into(), new: new.into() };
            assert_eq!(edit("f", before, after), expected);
            assert_eq!(before.replacen(old, new, 1), after);
        };
        check("a\nb\nc\n", "a\nB\nc\n", "b\n", "B\n");
        check("a\nb\n", "a\nx\nb\n", "a\nb\n", "a\nx\nb\n");
        check("a\nb\n", "a\nb\nc\n", "b\n", "b\nc\n");
        check("x\na\ny\na\n", "x\na\ny\nb\n", "y\na\n", "y\nb\n");
        check("a\na\na\n", "a\na\n", "a\na\na\n", "a\na\n");
        check("a", "b", "a", "b");
        check("a\n", "", "a\n", "");
    }
}
