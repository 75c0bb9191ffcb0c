//! A value of the front matter with the place where it stands, whichever reader found it: YAML, lines or TOML.
//! A scalar keeps its spelling, so that `1.10` can still be a text, and a list remembers where it stood, so that
//! `argument-hint: [file]` can still be read as written. What a field makes of it is `fields`' business.

use std::ops::Range;

use serde_json::{Number, Value};

/// A top-level entry of the front matter.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub key: String,
    /// In the file, from 1.
    pub line: u32,
    pub node: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// In the file, from 1.
    pub line: u32,
    /// Where it stands in the text of the front matter, in bytes.
    pub at: Range<usize>,
    pub shape: Shape,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Written without quotes: may be null, a truth value, a number or a text.
    Plain(String),
    /// Quoted or a block: a text in any case.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub fn text(line: u32, text: impl Into<String>) -> Node {
        Node { line, at: 0..0, shape: Shape::Text(text.into()) }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.shape, Shape::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What copying it costs: bytes and places.
    pub fn weight(&self) -> usize {
        const PLACE: usize = 16;
        match &self.shape {
            Shape::Plain(text) | Shape::Text(text) => PLACE + text.len(),
            Shape::List(nodes) => PLACE + nodes.iter().map(Node::weight).sum::<usize>(),
            Shape::Map(pairs) => PLACE + pairs.iter().map(|(key, node)| key.len() + node.weight()).sum::<usize>(),
        }
    }

    /// As YAML 1.2's core schema has it.
    pub fn json(&self) -> Value {
        match &self.shape {
            Shape::Text(text) => Value::String(text.clone()),
            Shape::List(nodes) => Value::Array(nodes.iter().map(Node::json).collect()),
            Shape::Map(pairs) => Value::Object(pairs.iter().map(|(key, node)| (key.clone(), node.json())).collect()),
            Shape::Plain(_) if self.is_null() => Value::Null,
            Shape::Plain(text) => match text.as_str() {
                "true" | "True" | "TRUE" => Value::Bool(true),
                "false" | "False" | "FALSE" => Value::Bool(false),
                _ => number(text).map_or_else(|| Value::String(text.clone()), Value::Number),
            },
        }
    }

    /// What it is, for messages.
    pub fn what(&self) -> &'static str {
        match (&self.shape, self.json()) {
            (Shape::List(_), _) => "a list",
            (Shape::Map(_), _) => "a table",
            (_, Value::Null) => "nothing",
            (_, Value::Bool(_)) => "a truth value",
            (_, Value::Number(_)) => "a number",
            _ => "a text",
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let whole = text.strip_prefix('+').unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Ok(number) = whole.parse::<i64>() {
        return Some(number.into());
    }
    let float = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    whole.parse::<f64>().ok().filter(|_| float).and_then(Number::from_f64)
}
