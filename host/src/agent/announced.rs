//! What the model knows of the tools: those that its context began with, and what was told since. The tools on offer stay
//! as they are for as long as the context; what has come, changed or gone is said at the beginning of the next turn, and is
//! called with `call_tool`.

use std::collections::BTreeMap;

use super::call_tool;
use crate::plugins::{Plugins, Tool};
use crate::protocol::{Message, ToolSpec};

const NEW: &str = "[New or changed tools; call them with call_tool:";
const GONE: &str = "[Tools that are gone: ";
/// Of the window: what one announcement may take of schemas and descriptions, in percent.
const SHARE: usize = 4;
const CHARS_PER_TOKEN: usize = 4;
/// It is never less than this, in characters.
const LEAST: usize = 2_000;
/// Characters of a description that is told without the schema.
const BRIEF: usize = 200;
/// Tools that one announcement tells of, and names of those that are gone.
const MOST: usize = 200;

/// What the model was told of each tool: a line of JSON by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced(BTreeMap<String, String>);

impl Announced {
    /// What a context knows that began with these tools and has these messages.
    pub fn read(offered: &[ToolSpec], messages: &[Message]) -> Announced {
        let mut known: BTreeMap<String, String> = offered.iter().map(|spec| (spec.name.clone(), whole(spec))).collect();
        for text in messages.iter().filter_map(|message| match message {
            Message::User { text } => Some(text),
            _ => None,
        }) {
            let mut lines = text.lines();
            while let Some(line) = lines.next() {
                if line == NEW {
                    let told = lines.by_ref().take_while(|line| *line != "]");
                    known.extend(told.filter_map(|line| Some((name(line)?, line.to_string()))));
                } else if let Some(names) = line.strip_prefix(GONE).and_then(|rest| rest.strip_suffix(']')) {
                    names.split(", ").for_each(|name| drop(known.remove(name)));
                }
            }
        }
        Announced(known)
    }

    /// What to tell when this is known and `plugins` are there, and what is known then. `window` in tokens. Tools of the host
    /// are never gone. Those that were never told, and that `tells` does not want told, are no news.
    pub fn news(
        &self,
        plugins: &Plugins,
        host: &[ToolSpec],
        window: usize,
        tells: &dyn Fn(&Tool) -> bool,
    ) -> (Option<String>, Announced) {
        let told = |tool: &&Tool| self.0.contains_key(&tool.spec.name) || tells(tool);
        let specs: Vec<&ToolSpec> = plugins.tools().iter().filter(told).map(|tool| &tool.spec).collect();
        news(&self.0, &specs, host, (window * CHARS_PER_TOKEN * SHARE / 100).max(LEAST))
    }
}

fn news(
    known: &BTreeMap<String, String>,
    now: &[&ToolSpec],
    host: &[ToolSpec],
    room: usize,
) -> (Option<String>, Announced) {
    let mut after = known.clone();
    let mut left = room;
    let mut lines = Vec::new();
    let new =
        now.iter().filter(|spec| known.get(&spec.name).is_none_or(|told| *told != whole(spec) && *told != brief(spec)));
    for spec in new.take(MOST) {
        let whole = whole(spec);
        let length = whole.chars().count();
        let line = if length <= left { whole } else { brief(spec) };
        left = left.saturating_sub(line.chars().count());
        after.insert(spec.name.clone(), line.clone());
        lines.push(line);
    }
    let there = |name: &String| now.iter().any(|spec| spec.name == *name) || host.iter().any(|spec| spec.name == *name);
    let gone: Vec<String> = known.keys().filter(|name| !there(name)).take(MOST).cloned().collect();
    gone.iter().for_each(|name| drop(after.remove(name)));
    let mut parts = Vec::new();
    if !lines.is_empty() {
        parts.push(format!("{NEW}\n{}\n]", lines.join("\n")));
    }
    if !gone.is_empty() {
        parts.push(format!("{GONE}{}]", gone.join(", ")));
    }
    ((!parts.is_empty()).then(|| parts.join("\n")), Announced(after))
}

/// All that the prompt would say of it.
fn whole(spec: &ToolSpec) -> String {
    spec.function().to_string()
}

/// What is said where the whole is too much; a call with wrong arguments is answered with the right ones.
fn brief(spec: &ToolSpec) -> String {
    let description: String = spec.description.chars().take(BRIEF).collect();
    serde_json::json!({"name": spec.name, "description": description}).to_string()
}

fn name(line: &str) -> Option<String> {
    let spec: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(spec.get("name")?.as_str()?.to_string())
}

/// The tools that the host adds to those of the plugins, in the order in which they are offered.
pub(super) fn host_tools() -> [ToolSpec; 2] {
    [super::skill::skill_tool(), call_tool::call_tool()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(name: &str, description: &str) -> ToolSpec {
        ToolSpec { name: name.into(), description: description.into(), input_schema: json!({"type": "object"}) }
    }

    /// From what was offered over what was told to what is there now; what is told, and that reading it back gives the same
    /// as keeping it in mind.
    #[track_caller]
    fn check(offered: &[ToolSpec], told: &[&str], now: &[ToolSpec], room: usize, expected: Option<&str>) {
        let mut messages: Vec<Message> = told.iter().map(|text| Message::User { text: text.to_string() }).collect();
        let known = Announced::read(offered, &messages);
        let now: Vec<&ToolSpec> = now.iter().collect();
        let (note, after) = news(&known.0, &now, &[spec("skill", "")], room);
        assert_eq!(note.as_deref(), expected);
        messages.extend(note.map(|note| Message::User { text: format!("{note}\n\ndo it") }));
        assert_eq!(Announced::read(offered, &messages), after);
        assert_eq!(news(&after.0, &now, &[spec("skill", "")], room), (None, after.clone()), "nothing is told twice");
    }

    #[test]
    fn what_comes_changes_and_goes_is_told_once() {
        let (a, b) = (spec("a", "Does a."), spec("b", "Does b."));
        let line = |name: &str, text: &str| {
            format!("{{\"name\":\"{name}\",\"description\":\"{text}\",\"parameters\":{{\"type\":\"object\"}}}}")
        };
        let new = |lines: &[String]| format!("{NEW}\n{}\n]", lines.join("\n"));
        let announced = new(&[line("b", "Does b.")]);
        let offered = [a.clone(), spec("skill", "")];
        check(&offered, &[], std::slice::from_ref(&a), 1_000, None);
        check(&offered, &[], &[a.clone(), b.clone()], 1_000, Some(&announced));
        check(&offered, &[&announced], &[a.clone(), b.clone()], 1_000, None);
        check(&offered, &[&announced], std::slice::from_ref(&a), 1_000, Some("[Tools that are gone: b]"));
        check(&offered, &[&announced, "[Tools that are gone: b]"], std::slice::from_ref(&a), 1_000, None);
        let changed = new(&[line("a", "Does more.")]);
        check(
            &offered,
            &[],
            &[spec("a", "Does more."), b.clone()],
            1_000,
            Some(&new(&[line("a", "Does more."), line("b", "Does b.")])),
        );
        check(&offered, &[&changed], std::slice::from_ref(&a), 1_000, Some(&new(&[line("a", "Does a.")])));
        check(&offered, &[], &[], 1_000, Some("[Tools that are gone: a]"));
        let short = format!("{NEW}\n{{\"name\":\"b\",\"description\":\"Does b.\"}}\n]");
        check(&offered, &[], &[a, b], 10, Some(&short));
    }
}
