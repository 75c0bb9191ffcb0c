//! Holds what came out of a step against what was expected. Each difference is told so that the author sees both sides, and
//! carries what `--update` would write where that makes sense: values are rewritten, statements about them are not.

use std::path::Path;

use serde_json::Value;

use super::expect::{After, Expect, Kind, Words, pattern_of};
use super::world::{Entry, World, read_below};
use crate::sandbox::{CallError, Output, Used};

/// Of a text that is shown.
const MAX_SHOWN: usize = 2_000;

/// What came out of one step.
pub struct Outcome {
    pub result: Result<Output, CallError>,
    pub used: Used,
    pub logs: Vec<String>,
    pub requests: Vec<String>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// For the author: what, what was expected, what was found.
    pub text: String,
    /// What would make it right, as far as a value does.
    pub fixes: Vec<Fix>,
}

/// One change of `expect`.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    Set {
        key: &'static str,
        value: Value,
    },
    Remove {
        key: &'static str,
    },
    /// One entry of `expect.files`.
    File {
        path: String,
        value: Value,
    },
    /// The content of `text_file`.
    Golden {
        file: String,
        text: String,
    },
}

fn unfixable(text: String) -> Difference {
    Difference { text, fixes: Vec::new() }
}

fn fixable(text: String, fix: Fix) -> Difference {
    Difference { text, fixes: vec![fix] }
}

fn set(key: &'static str, value: impl Into<Value>) -> Fix {
    Fix::Set { key, value: value.into() }
}

/// Everything that differs. `folder` is where the case file is.
pub fn compare(expect: &Expect, outcome: &Outcome, world: &World, folder: &Path) -> Vec<Difference> {
    let mut all = Vec::new();
    let text = match &outcome.result {
        Ok(output) => output.text.clone(),
        Err(CallError::Host(reason)) => return vec![unfixable(format!("the host could not run the call: {reason}"))],
        Err(error) => error.to_string(),
    };
    ending(expect, outcome, &text, &mut all);
    if all.is_empty() {
        about_text(expect, &text, folder, &mut all);
        about_data(expect, &outcome.result, &mut all);
    }
    listed("denials", &expect.denials, &outcome.used.denials, &mut all);
    // Only where they are asked for: what a plugin logs is its own affair.
    if !expect.logs.is_empty() {
        in_order("logs", &expect.logs, &outcome.logs, &mut all);
    }
    if !expect.requests.is_empty() {
        in_order("requests", &expect.requests, &outcome.requests, &mut all);
    }
    after(expect, outcome, world, &mut all);
    all
}

/// How the call ended. When it ended otherwise, nothing else of the answer is compared.
fn ending(expect: &Expect, outcome: &Outcome, text: &str, all: &mut Vec<Difference>) {
    let found = outcome.result.as_ref().err().and_then(Kind::of);
    let limit = match &outcome.result {
        Err(CallError::Limit { limit, .. }) => Some(*limit),
        _ => None,
    };
    let right = found == expect.ending() && (expect.limit.is_none() || expect.limit.as_deref() == limit);
    if right && !expect.is_empty() {
        return;
    }
    let mut fixes = vec![Fix::Remove { key: "error" }, Fix::Remove { key: "limit" }];
    match (found, limit) {
        (None, _) => {}
        (Some(_), Some(limit)) => fixes.push(set("limit", limit)),
        (Some(kind), None) => fixes.push(set("error", kind.name())),
    }
    let speaks_of_text = expect.text_file.is_some() || expect.contains != Words::None || expect.matches.is_some();
    if limit.is_none() && found != Some(Kind::Crashed) && !speaks_of_text {
        fixes.push(set("text", text));
    }
    let end = |kind: Option<Kind>, limit: Option<&str>| match (kind, limit) {
        (None, _) => "a result".to_owned(),
        (Some(_), Some(limit)) => format!("the limit {limit}"),
        (Some(kind), None) => format!("the error '{}'", kind.name()),
    };
    let found = end(found, limit);
    let told = match expect.is_empty() {
        true => format!("nothing is expected; write `expect`, or run with --update. Found {found}:{}", shown(text)),
        false => {
            let expected = end(expect.ending(), expect.limit.as_deref());
            format!("expected {expected}, found {found}:{}", shown(text))
        }
    };
    all.push(Difference { text: told, fixes });
}

fn about_text(expect: &Expect, text: &str, folder: &Path, all: &mut Vec<Difference>) {
    if let Some(expected) = &expect.text
        && expected != text
    {
        all.push(fixable(differing("text", expected, text), set("text", text)));
    }
    if let Some(file) = &expect.text_file {
        let fix = || Fix::Golden { file: file.clone(), text: text.to_owned() };
        match read_below(folder, file) {
            Ok(expected) if expected == text => {}
            Ok(expected) => all.push(fixable(differing(&format!("text_file '{file}'"), &expected, text), fix())),
            Err(error) => all.push(fixable(format!("text_file '{file}': {error}"), fix())),
        }
    }
    for part in expect.contains.iter().filter(|part| !text.contains(part)) {
        all.push(unfixable(format!("the text does not contain {part:?}:{}", shown(text))));
    }
    for part in expect.lacks.iter().filter(|part| text.contains(part)) {
        all.push(unfixable(format!("the text contains {part:?}:{}", shown(text))));
    }
    if let Some(pattern) = &expect.matches
        && !pattern_of(pattern).is_ok_and(|pattern| pattern.is_valid(&Value::String(text.to_owned())))
    {
        all.push(unfixable(format!("the text does not match {pattern:?}:{}", shown(text))));
    }
}

fn about_data(expect: &Expect, result: &Result<Output, CallError>, all: &mut Vec<Difference>) {
    let output = result.as_ref().ok();
    let data = match output.and_then(|output| output.data.as_deref()).map(serde_json::from_str::<Value>) {
        Some(Err(error)) => return all.push(unfixable(format!("the data is no JSON: {error}"))),
        Some(Ok(data)) => data,
        None => Value::Null,
    };
    if let Some(expected) = &expect.data
        && *expected != data
    {
        all.push(fixable(differing("data", &pretty(expected), &pretty(&data)), set("data", data.clone())));
    }
    if let Some(expected) = &expect.data_contains
        && let Some(place) = lacking(expected, &data, "data")
    {
        all.push(unfixable(format!("{place}; found:{}", shown(&pretty(&data)))));
    }
    let mimes: Vec<&str> =
        output.map(|output| output.attachments.iter().map(|one| one.mime.as_str()).collect()).unwrap_or_default();
    if let Some(expected) = &expect.attachments
        && *expected != mimes
    {
        let text = format!("attachments: expected {expected:?}, found {mimes:?}");
        all.push(fixable(text, set("attachments", mimes)));
    }
}

/// Where `found` lacks something that `expected` has; of objects only the keys that are expected count.
fn lacking(expected: &Value, found: &Value, place: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(key, value)| {
            let place = format!("{place}.{key}");
            match found.get(key) {
                Some(found) => lacking(value, found, &place),
                None => Some(format!("{place} is missing")),
            }
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(at, (one, other))| lacking(one, other, &format!("{place}[{at}]")))
        }
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{place}: expected {expected}, found {found}")),
    }
}

/// Each of `found` contains one of `expected`, in order, and none is left over.
fn listed(key: &'static str, expected: &[String], found: &[String], all: &mut Vec<Difference>) {
    let fits = expected.len() == found.len() && expected.iter().zip(found).all(|(part, whole)| whole.contains(part));
    if !fits {
        let hint = if expected.is_empty() { "; write `expect.denials` where it is meant to be" } else { "" };
        let text = format!("{key}: expected {expected:?}, found {found:?}{hint}");
        all.push(fixable(text, set(key, found.to_vec())));
    }
}

fn in_order(key: &'static str, expected: &[String], found: &[String], all: &mut Vec<Difference>) {
    let mut rest = found.iter();
    if let Some(missing) = expected.iter().find(|part| !rest.any(|whole| whole.contains(part.as_str()))) {
        all.push(unfixable(format!(
            "{key}: {missing:?} is missing or out of order; found:{}",
            shown(&found.join("\n"))
        )));
    }
}

fn after(expect: &Expect, outcome: &Outcome, world: &World, all: &mut Vec<Difference>) {
    for (path, expected) in &expect.files {
        let found = world.look(path);
        let (bytes, said) = match &found {
            Entry::Nothing => (None, "nothing is there".to_owned()),
            Entry::Folder => (None, "it is a folder".to_owned()),
            Entry::Link(target) => (None, format!("it is a link to {target:?}")),
            Entry::Other => (None, "it is too large to compare, or no plain file".to_owned()),
            Entry::File(bytes) => (Some(String::from_utf8_lossy(bytes)), String::new()),
        };
        let fix = || {
            let value = match (&found, &bytes) {
                (Entry::Nothing, _) => Value::Bool(false),
                (Entry::File(_), Some(text)) if !text.contains('\u{fffd}') => Value::String(text.to_string()),
                _ => Value::Bool(true),
            };
            Fix::File { path: path.clone(), value }
        };
        let wrong = match (expected, &bytes) {
            (After::There(there), _) if *there == (found != Entry::Nothing) => None,
            (After::There(true), _) => Some(said),
            (After::There(false), _) => {
                Some(format!("it is there{}", if said.is_empty() { String::new() } else { format!(": {said}") }))
            }
            (After::Text(expected), Some(text)) if expected == text => None,
            (After::Text(expected), Some(text)) => Some(differing("its content", expected, text)),
            (After::Part(part), Some(text)) => match part.contains.iter().find(|part| !text.contains(part)) {
                Some(part) => {
                    let text = format!("files: '{path}' does not contain {part:?}:{}", shown(text));
                    all.push(unfixable(text));
                    None
                }
                None => None,
            },
            (After::Text(_) | After::Part(_), None) => Some(said),
        };
        all.extend(wrong.map(|wrong| fixable(format!("files: '{path}': {wrong}"), fix())));
    }
    if let Some(expected) = &expect.written
        && *expected != outcome.used.written
    {
        let text = format!("written: expected {expected:?}, found {:?}", outcome.used.written);
        all.push(fixable(text, set("written", outcome.used.written.clone())));
    }
}

/// The first line that differs, with both sides.
fn differing(what: &str, expected: &str, found: &str) -> String {
    let (mut left, mut right) = (expected.split('\n'), found.split('\n'));
    let mut line = 0;
    loop {
        line += 1;
        let (expected, found) = (left.next(), right.next());
        if expected != found || expected.is_none() {
            let side =
                |side: Option<&str>| side.map_or("nothing more".to_owned(), |text| clipped(&format!("{text:?}")));
            return format!("{what} differs in line {line}\nexpected {}\nfound    {}", side(expected), side(found));
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// On lines of its own, not without end.
fn shown(text: &str) -> String {
    format!("\n{}", clipped(text))
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}… ({} bytes more)", &text[..at], text.len() - at),
        None => text.to_owned(),
    }
}
