//! Whether a JSON value is a call: the handful of shapes in which models write a name and its arguments.

use serde_json::{Map, Value};

use super::arguments::parse_arguments;
use crate::protocol::ToolSpec;

/// How sure it is that a call is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A marker says so: any name, and other keys do not matter.
    Marked,
    /// Only the shape says so: exactly a call, of a tool on offer.
    Bare,
}

/// A call as a reader has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub name: String,
    pub arguments: Value,
    /// The last argument may be half of what was meant.
    pub cut_off: bool,
}

impl Call {
    pub(super) fn new(name: &str, arguments: Value) -> Call {
        Call { name: name.to_string(), arguments, cut_off: false }
    }
}

const NAMES: [&str; 4] = ["name", "tool", "tool_name", "function"];
const ARGUMENTS: [&str; 6] = ["arguments", "parameters", "args", "input", "tool_input", "params"];
/// Keys that may stand beside them.
const BESIDE: [&str; 5] = ["id", "type", "index", "call_id", "tool_call_id"];
/// Keys that hold the call or the calls.
const WRAPPERS: [&str; 4] = ["function", "function_call", "tool_call", "tool_calls"];

/// All the calls in a value, or `None` when any part of it is none.
pub(super) fn calls(value: &Value, trust: Trust, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let each = items.iter().map(|item| one(item, trust, tools)).collect::<Option<Vec<_>>>()?;
            Some(each.into_iter().flatten().collect())
        }
        other => one(other, trust, tools),
    }
}

fn one(value: &Value, trust: Trust, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    let object = value.as_object()?;
    if let Some(wrapper) =
        WRAPPERS.iter().find(|key| object.get(**key).is_some_and(|inner| inner.is_object() || inner.is_array()))
    {
        let alone = object.keys().all(|key| key == wrapper || BESIDE.contains(&key.as_str()));
        return if alone || trust == Trust::Marked { unwrapped(&object[*wrapper], trust, tools) } else { None };
    }
    direct(object, trust, tools).map(|call| vec![call])
}

/// A wrapper is not wrapped again.
fn unwrapped(inner: &Value, trust: Trust, tools: &[ToolSpec]) -> Option<Vec<Call>> {
    let object =
        |item: &Value| item.get("function").filter(|inner| inner.is_object()).unwrap_or(item).as_object().cloned();
    let items = inner.as_array().map_or(std::slice::from_ref(inner), Vec::as_slice);
    if items.is_empty() {
        return None;
    }
    items.iter().map(|item| direct(&object(item)?, trust, tools)).collect()
}

fn direct(object: &Map<String, Value>, trust: Trust, tools: &[ToolSpec]) -> Option<Call> {
    let name_key = NAMES.iter().find(|key| object.get(**key).is_some_and(Value::is_string))?;
    let arguments_key = ARGUMENTS.iter().find(|key| object.contains_key(**key))?;
    let name = object[*name_key].as_str()?.trim();
    if name.is_empty() || trust == Trust::Bare && !is_exact(object, name_key, arguments_key, name, tools) {
        return None;
    }
    let arguments = match &object[*arguments_key] {
        arguments @ Value::Object(_) => arguments.clone(),
        Value::Null => Value::Object(Map::new()),
        Value::String(text) => parse_arguments(text).ok()?.0,
        _ => return None,
    };
    Some(Call::new(name, arguments))
}

fn is_exact(object: &Map<String, Value>, name_key: &str, arguments_key: &str, name: &str, tools: &[ToolSpec]) -> bool {
    let known = |key: &String| key == name_key || key == arguments_key || BESIDE.contains(&key.as_str());
    tools.iter().any(|tool| tool.name == name) && object.keys().all(known)
}

/// The name in a call that cannot be read, as far as it is easily seen.
pub(super) fn name_in(text: &str) -> Option<&str> {
    let start: &str = text.char_indices().nth(200).map_or(text, |(end, _)| &text[..end]);
    let key = NAMES.iter().find_map(|key| start.find(&format!("\"{key}\"")).map(|at| at + key.len() + 2))?;
    let (name, _) = token(start[key..].trim_start().strip_prefix(':')?)?;
    (!name.trim().is_empty()).then_some(name.trim())
}

/// Whether an object that begins like this cannot be a bare call, whatever follows; lets long JSON that is none through
/// while it streams.
pub(super) fn is_hopeless(text: &str, tools: &[ToolSpec]) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix('[').map_or(text, str::trim_start);
    let Some(text) = text.strip_prefix('{') else { return !text.is_empty() };
    let Some((key, rest)) = token(text) else { return text.trim_start().starts_with('}') };
    let keys = || NAMES.iter().chain(&ARGUMENTS).chain(&BESIDE).chain(&WRAPPERS);
    if !keys().any(|known| **known == *key) {
        return true;
    }
    let value = rest.trim_start().strip_prefix(':').and_then(token);
    NAMES.contains(&key) && value.is_some_and(|(name, _)| !tools.iter().any(|tool| tool.name == name))
}

/// A short quoted word and what stands behind it; `None` when it is anything else, or not complete.
fn token(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (word, rest) = text[1..].split_once(quote)?;
    (!word.contains('\\')).then_some((word, rest))
}
