//! From the text of a configuration file to settings with their lines. Everything wrong is an error here, with the line;
//! which of the settings count is not this file's matter.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::keys::{self, Found, Key};
use super::kind::{Field, Kind};
use super::{ConfigError, Place};
use crate::policy::Rule;

/// One setting as one layer writes it, checked. A table of a list (`[[approval.rules]]`) is one by itself.
#[derive(Debug)]
pub(super) struct Written {
    pub key: &'static Key,
    pub path: Vec<String>,
    pub value: Value,
    pub place: Place,
}

/// Configuration is short; what is longer was not written by hand.
pub(super) const LONGEST_FILE: u64 = 1 << 20;

/// Reads a configuration file; `None` when there is none. Only a regular file is opened: a pipe that somebody left in a
/// project must not stop Garth.
pub(super) fn bytes(file: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    use std::io::Read;
    let refuse = |reason: &str| Err(ConfigError::Io { path: file.to_path_buf(), reason: reason.into() });
    match std::fs::metadata(file) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(ConfigError::io(file, &error)),
        Ok(meta) if !meta.is_file() => return refuse("this is not a file; remove it or write the configuration there"),
        Ok(meta) if meta.len() > LONGEST_FILE => return refuse("this is longer than 1 MiB, which no configuration is"),
        Ok(_) => {}
    }
    let mut content = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| ConfigError::io(file, &error))?;
    opened.take(LONGEST_FILE + 1).read_to_end(&mut content).map_err(|error| ConfigError::io(file, &error))?;
    Ok(Some(content))
}

/// Reads settings; the first error by line is returned. `file` is used for places only.
pub(super) fn parse(content: &[u8], file: &Path) -> Result<Vec<Written>, ConfigError> {
    read(content, file, Kind::check)
}

/// Reads Garth's own settings, whose values a test has checked: that takes as long as all else of a start.
pub(super) fn parse_own(text: &str, file: &Path) -> Result<Vec<Written>, ConfigError> {
    read(text.as_bytes(), file, |_, _| Ok(()))
}

type Check = fn(Kind, &Value) -> Result<(), String>;

fn read(content: &[u8], file: &Path, check: Check) -> Result<Vec<Written>, ConfigError> {
    let syntax = |text: &str, offset: usize, reason: String| {
        let (line, column) = position(text, offset);
        ConfigError::Syntax { file: file.to_path_buf(), line, column, reason }
    };
    let text = match std::str::from_utf8(content) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&content[..error.valid_up_to()]);
            return Err(syntax(&before, before.len(), "a byte here is not UTF-8; save the file as UTF-8".into()));
        }
    };
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        syntax(text, offset, error.message().trim().replace('\n', ", "))
    })?;
    let mut reader = Reader { text, file, check, written: Vec::new() };
    reader.section(table.get_ref(), &[])?;
    Ok(reader.written)
}

struct Reader<'a> {
    text: &'a str,
    file: &'a Path,
    check: Check,
    written: Vec<Written>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::File { file: self.file.to_path_buf(), line: position(self.text, span.start).0 }
    }

    fn wrong<T>(&self, span: Range<usize>, key: &str, problem: impl Into<String>) -> Result<T, ConfigError> {
        Err(ConfigError::Value { place: self.place(span), key: key.into(), problem: problem.into() })
    }

    fn section(&mut self, table: &DeTable<'_>, section: &[String]) -> Result<(), ConfigError> {
        for (name, value) in in_order(table) {
            let path = [section, &[name.get_ref().to_string()]].concat();
            let dotted = path.join(".");
            match (keys::find(&path), value.get_ref()) {
                (Found::Nothing, _) => {
                    let help = keys::help(&path);
                    return Err(ConfigError::UnknownKey { place: self.place(name.span()), key: dotted, help });
                }
                (Found::Section, DeValue::Table(inner)) => self.section(inner, &path)?,
                (Found::Section, _) => {
                    return self.wrong(
                        name.span(),
                        &dotted,
                        format!("this is a section; write [{dotted}] and its settings below"),
                    );
                }
                (Found::Setting(key), _) => match key.kind {
                    Kind::Tables(fields) => self.tables(key, fields, name.span(), value)?,
                    kind => {
                        let plain = self.plain(value, &dotted)?;
                        (self.check)(kind, &plain).or_else(|problem| self.wrong(name.span(), &dotted, problem))?;
                        self.written.push(Written { key, path, value: plain, place: self.place(name.span()) });
                    }
                },
            }
        }
        Ok(())
    }

    fn tables(
        &mut self,
        key: &'static Key,
        fields: &[Field],
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let expected = format!("expected tables, each under a line [[{}]]", key.path);
        let DeValue::Array(elements) = value.get_ref() else { return self.wrong(span, key.path, expected) };
        for element in elements.iter() {
            let DeValue::Table(table) = element.get_ref() else {
                return self.wrong(element.span(), key.path, expected);
            };
            let mut plain = toml::Table::new();
            for (name, value) in in_order(table) {
                let dotted = format!("{}.{}", key.path, name.get_ref());
                let Some(field) = fields.iter().find(|field| field.name == name.get_ref().as_ref()) else {
                    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                    let help = match keys::nearest(name.get_ref(), names.iter().copied()) {
                        Some(near) => format!("did you mean '{}.{near}'?", key.path),
                        None => format!("in [[{}]] there are {}", key.path, names.join(", ")),
                    };
                    return Err(ConfigError::UnknownKey { place: self.place(name.span()), key: dotted, help });
                };
                let value = self.plain(value, &dotted)?;
                field.kind.check(&value).or_else(|problem| self.wrong(name.span(), &dotted, problem))?;
                plain.insert(field.name.into(), value);
            }
            if let Some(missing) = fields.iter().find(|field| field.required && !plain.contains_key(field.name)) {
                return self.wrong(element.span(), key.path, format!("'{}' is missing", missing.name));
            }
            if key.path == "approval.rules" {
                let rule = plain.clone().try_into::<Rule>().map_err(|error| error.message().to_string());
                rule.and_then(|rule| rule.check()).or_else(|problem| self.wrong(element.span(), key.path, problem))?;
            }
            let path = key.path.split('.').map(String::from).collect();
            self.written.push(Written { key, path, value: Value::Table(plain), place: self.place(element.span()) });
        }
        Ok(())
    }

    /// Without spans. The parser limits how deep values nest.
    fn plain(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Value, ConfigError> {
        let too_large = || self.wrong(value.span(), key, "this number is too large");
        Ok(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(date) => Value::Datetime(*date),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return too_large(),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return too_large(),
            },
            DeValue::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.plain(element, key)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => {
                let pairs = table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), self.plain(value, key)?)));
                Value::Table(pairs.collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The entries of a table in the order of the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Spanned<toml::de::DeString<'i>>, &'a Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

/// Line and column of a byte, both from 1, the column in characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
