//! TOML: Gemini's command files and front matter between `+++`. To the same nodes as YAML, so that a field means the
//! same in each.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Field, Node, Shape};
use super::yaml::Broken;

/// The entries of a document; `line` is that of its beginning in the file.
pub(super) fn read(text: &str, line: u32) -> Result<Vec<Field>, Broken> {
    let places = Places { text, line };
    let table = DeTable::parse(text).map_err(|error| Broken {
        // What is missing at the end is missed on the last line.
        line: places
            .line(error.span().map_or(0, |span| span.start))
            .min(line + (text.lines().count() as u32).saturating_sub(1)),
        reason: error.message().to_string(),
    })?;
    let entries = table.into_inner().into_iter().map(|(key, value)| {
        let line = places.line(key.span().start);
        (key.span().start, Field { key: key.into_inner().into_owned(), line, node: places.node(value) })
    });
    let mut entries: Vec<(usize, Field)> = entries.collect();
    entries.sort_by_key(|(at, _)| *at);
    Ok(entries.into_iter().map(|(_, field)| field).collect())
}

struct Places<'a> {
    text: &'a str,
    line: u32,
}

impl Places<'_> {
    fn line(&self, at: usize) -> u32 {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        self.line + before.iter().filter(|byte| **byte == b'\n').count() as u32
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let at: Range<usize> = value.span();
        let line = self.line(at.start);
        let shape = match value.into_inner() {
            DeValue::String(text) => Shape::Text(text.into_owned()),
            DeValue::Integer(number) => Shape::Plain(number.to_string()),
            DeValue::Float(number) => Shape::Plain(number.to_string()),
            DeValue::Boolean(truth) => Shape::Plain(truth.to_string()),
            DeValue::Datetime(time) => Shape::Text(time.to_string()),
            DeValue::Array(values) => Shape::List(values.into_iter().map(|value| self.node(value)).collect()),
            DeValue::Table(table) => Shape::Map(
                table.into_iter().map(|(key, value)| (key.into_inner().into_owned(), self.node(value))).collect(),
            ),
        };
        Node { line, at, shape }
    }
}
