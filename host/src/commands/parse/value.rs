//! What a field expects of its value, and what is made of one that is something else: a number where a text should
//! stand, `yes` for `true`, a list on one line. Each reading says what it did. Which field wants what is `fields`' matter.

use super::super::tools;
use super::node::{Node, Shape};
use super::notes::{Notes, quoted};

/// Where a value stands and what it is called, for reading and for remarks.
pub(super) struct Value<'a> {
    pub key: &'a str,
    pub line: u32,
    pub node: &'a Node,
    /// The text of the front matter.
    pub source: &'a str,
}

/// One name of a list.
pub(super) struct Item {
    pub text: String,
    pub line: u32,
}

impl Value<'_> {
    /// A text on one line; `None` when there is nothing.
    pub fn line(&self, notes: &mut Notes) -> Option<String> {
        let text = match &self.node.shape {
            _ if self.node.is_null() => {
                notes.info(self.line, format!("`{}` is empty", self.key));
                return None;
            }
            Shape::Text(text) => folded(text),
            Shape::Plain(text) => {
                let json = self.node.json();
                if json.is_number() || json.is_boolean() {
                    notes.info(
                        self.line,
                        format!("`{}` is {}; read as the text {}", self.key, self.node.what(), quoted(text)),
                    );
                }
                folded(text)
            }
            Shape::List(items) if !self.in_brackets() => {
                let text = items.iter().map(|item| self.written(item)).collect::<Vec<_>>().join(", ");
                notes.warning(self.line, format!("`{}` is a list; read as the text {}", self.key, quoted(&text)));
                text
            }
            Shape::List(_) | Shape::Map(_) => {
                let text = self.written(self.node);
                notes.info(
                    self.line,
                    format!("`{}` is {} in YAML; read as written: {}", self.key, self.node.what(), quoted(&text)),
                );
                text
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Names, from a list or from one line with commas or spaces. The error says why it is none.
    pub fn names(&self) -> Result<Vec<Item>, String> {
        let item = |line: u32| move |text: &str| Item { text: text.to_string(), line };
        match &self.node.shape {
            Shape::Plain(text) | Shape::Text(text) => {
                let inner = text.trim();
                let inner = inner.strip_prefix('[').map_or(inner, |inner| inner.strip_suffix(']').unwrap_or(inner));
                Ok(tools::split(inner).into_iter().map(item(self.line)).collect())
            }
            Shape::List(nodes) => {
                let mut items = Vec::new();
                for node in nodes {
                    if matches!(node.shape, Shape::List(_)) || node.is_null() {
                        return Err(format!("an entry is {}, not a name", node.what()));
                    }
                    let text = self.written(node);
                    items.extend(tools::split(&text).into_iter().map(item(node.line)));
                }
                // A comma in parentheses cuts an entry of `[Bash(a, b)]` in two.
                match items.iter().all(|item| tools::is_whole(&item.text)) || !self.in_brackets() {
                    true => Ok(items),
                    false => {
                        let text = self.written(self.node);
                        let inner = text.trim_start_matches('[').trim_end_matches(']');
                        Ok(tools::split(inner).into_iter().map(item(self.line)).collect())
                    }
                }
            }
            Shape::Map(_) => Err("it is a table, not a list of names".into()),
        }
    }

    /// A truth value; `None` when it is none.
    pub fn truth(&self, notes: &mut Notes) -> Option<bool> {
        let (text, quotes) = match &self.node.shape {
            Shape::Plain(text) => (text.as_str(), false),
            Shape::Text(text) => (text.as_str(), true),
            _ => ("", true),
        };
        let truth = match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        };
        if let Some(truth) = truth.filter(|_| quotes || !self.node.json().is_boolean()) {
            notes.info(self.line, format!("`{}` is {}; read as {truth}", self.key, quoted(text)));
        }
        truth
    }

    /// As it stands in the file, on one line.
    pub fn written(&self, node: &Node) -> String {
        match &node.shape {
            Shape::Plain(text) | Shape::Text(text) => folded(text),
            Shape::List(_) | Shape::Map(_) => match self.source.get(node.at.clone()).filter(|text| !text.is_empty()) {
                Some(text) => folded(text),
                None => node.json().to_string(),
            },
        }
    }

    fn in_brackets(&self) -> bool {
        self.source.get(self.node.at.clone()).is_some_and(|text| text.starts_with(['[', '{']))
    }
}

/// Line breaks and the spaces around them become one space; other spaces stay.
pub(super) fn folded(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut folded = String::with_capacity(text.len());
    for line in lines {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(line);
    }
    folded
}
