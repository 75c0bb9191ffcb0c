//! Front matter that is not valid YAML, read line by line the way its author meant it; one file in eight of what people
//! publish is such. First it is cut into entries at lines `name: …`; each entry that is YAML by itself is read as that;
//! the rest are taken as texts and lists. Nothing is dropped silently, a restriction least of all.

use super::known::Known;
use super::node::{Field, Node, Shape};
use super::notes::{Notes, quoted};
use super::yaml::{self, Broken};

pub(super) fn read(text: &str, line: u32, broken: &Broken, notes: &mut Notes) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut said = false;
    for entry in entries(text, line) {
        match entry.key {
            Some(key) => fields.push(entry.field(key, text, notes, &mut said)),
            None => said |= stray(&entry, text, &mut fields, notes),
        }
    }
    if !said {
        notes.warning(broken.line, format!("not valid YAML ({}); read line by line instead", broken.reason));
    }
    fields
}

/// Whether a line reads like `name: value`.
pub(super) fn looks_like_field(line: &str) -> bool {
    line.trim_start().starts_with('{') && line.contains(':') || key_of(line).is_some()
}

/// The name and where its value begins in the line.
fn key_of(line: &str) -> Option<(&str, usize)> {
    let start = line.len() - line.trim_start().len();
    let rest = &line[start..];
    let colon = rest.find(':').filter(|colon| *colon <= 80)?;
    let key = rest[..colon].trim_end().trim_matches(['"', '\'']);
    let after = &rest[colon + 1..];
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let known = Known::find(key).is_some();
    let shaped =
        key.starts_with(|c: char| c.is_alphabetic() || c == '_') && key.chars().all(|c| word(c) || known && c == ' ');
    let separate = after.is_empty() || after.starts_with([' ', '\t']);
    (shaped && (separate || known && !after.starts_with('/'))).then_some((key, start + colon + 1))
}

/// Lines that belong together: `name: value` and what continues it, or lines before any name.
struct Entry<'a> {
    key: Option<&'a str>,
    /// In the file, from 1.
    line: u32,
    /// In bytes; and where the value begins.
    start: usize,
    value: usize,
    end: usize,
}

fn entries(text: &str, line: u32) -> Vec<Entry<'_>> {
    let common = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or_default();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut quote = Quote::default();
    let mut at = 0;
    for (number, full) in (line..).zip(text.split_inclusive('\n')) {
        let start = at;
        at += full.len();
        let content = full.trim_end_matches('\n');
        let key = key_of(content).filter(|(key, _)| {
            let current = entries.last().and_then(|entry| Some((entry.key?, &text[entry.value..entry.end])));
            begins(key, indent(content) - common.min(indent(content)), current, quote.open())
        });
        match (key, entries.last_mut()) {
            (Some((key, value)), _) => {
                entries.push(Entry { key: Some(key), line: number, start, value: start + value, end: at });
                quote = Quote::new(&text[at..]);
            }
            (None, Some(last)) if continues(content, last, text, common) => last.end = at,
            _ if content.trim().is_empty() || content.starts_with('#') => {}
            (None, _) => entries.push(Entry { key: None, line: number, start, value: start, end: at }),
        }
        quote.line(content);
    }
    entries
}

/// Whether `key` begins an entry of its own, or is a line of the prose or the table before it.
fn begins(key: &str, indent: usize, current: Option<(&str, &str)>, in_example: bool) -> bool {
    let known = Known::find(key);
    if indent == 0 && known.is_some_and(Known::narrows) {
        return true;
    }
    let Some((before, value)) = current else { return true };
    let prose = Known::find(before).is_some_and(Known::prose);
    if indent > 0 {
        // `name: x` and below it, indented by mistake, `tools: y`. A table or a block of text has nothing beside its name.
        let first = value.lines().next().unwrap_or_default().trim();
        let inline = !first.is_empty() && !first.starts_with(['|', '>', '{', '[', '&', '#']);
        return inline && known.is_some_and(|known| known.narrows() || !prose);
    }
    // What people write in examples are dialogues; `context: fork` is a field all the same.
    let spoken = ["user", "assistant", "context", "commentary", "example", "examples", "note", "human", "system"];
    let dialogue = key != "context" && spoken.iter().any(|word| key.eq_ignore_ascii_case(word));
    let prose_goes_on = known.is_none() && prose && key.starts_with(char::is_uppercase);
    !(in_example || dialogue || prose_goes_on)
}

/// Whether a line without a name of its own belongs to the entry before it.
fn continues(line: &str, last: &Entry<'_>, text: &str, common: usize) -> bool {
    let Some(key) = last.key else { return false };
    let empty = text[last.value..last.end].trim().is_empty();
    let item =
        line.trim_start().starts_with("- ") && text[last.value..last.end].lines().next().is_none_or(str::is_empty);
    let prose = Known::find(key).is_none_or(Known::prose);
    line.trim().is_empty() || indent(line) > common || empty || item || prose && !line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Follows `<example>` … `</example>` blocks that run over lines, as far as they are closed.
#[derive(Default)]
struct Quote {
    depth: usize,
    closers: usize,
}

impl Quote {
    fn new(rest: &str) -> Quote {
        Quote { depth: 0, closers: rest.matches("</example>").count() }
    }

    fn line(&mut self, line: &str) {
        let closed = line.matches("</example>").count();
        self.closers = self.closers.saturating_sub(closed);
        self.depth = (self.depth + line.matches("<example>").count()).saturating_sub(closed);
    }

    fn open(&self) -> bool {
        self.depth > 0 && self.closers > 0
    }
}

impl Entry<'_> {
    fn field(&self, key: &str, text: &str, notes: &mut Notes, said: &mut bool) -> Field {
        let source = &text[self.start..self.end];
        let parsed = yaml::read(source, self.line).or_else(|broken| match source.contains('\t') {
            // As many bytes, so that places stay right.
            true => yaml::read(&source.replace('\t', " "), self.line).map_err(|_| broken),
            false => Err(broken),
        });
        let broken = match parsed {
            Ok(mut fields) if fields.len() == 1 => {
                let mut field = fields.remove(0);
                shift(&mut field.node, self.start);
                return field;
            }
            Ok(_) => Broken { line: self.line, reason: "it is several entries at once".into() },
            Err(broken) => broken,
        };
        let node = self.by_hand(key, text);
        let understood = match &node.shape {
            Shape::List(items) => format!("a list of {}", items.len()),
            Shape::Plain(text) | Shape::Text(text) => quoted(text),
            Shape::Map(_) => node.what().into(),
        };
        notes.warning(self.line, format!("`{key}` is not valid YAML ({}); read as {understood}", broken.reason));
        *said = true;
        Field { key: key.to_string(), line: self.line, node }
    }

    fn by_hand(&self, key: &str, text: &str) -> Node {
        let prose = Known::find(key).is_some_and(Known::prose);
        let source = &text[self.value..self.end];
        let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
        let head = if prose { first.trim() } else { uncommented(first).trim() };
        let at = self.value..self.value + source.trim_end().len();
        let node = |shape| Node { line: self.line, at: at.clone(), shape };
        let block = head.starts_with(['|', '>']) && head[1..].chars().all(|c| matches!(c, '+' | '-' | '0'..='9'));
        if block {
            let lines: Vec<&str> = rest.lines().map(str::trim).collect();
            return node(Shape::Text(lines.join(if head.starts_with('|') { "\n" } else { " " }).trim().to_string()));
        }
        if head.is_empty() && rest.lines().find(|line| !line.trim().is_empty()).is_some_and(is_item) {
            return node(Shape::List(items(rest, self.line + 1)));
        }
        let mut joined = head.to_string();
        for line in rest.lines().map(str::trim).filter(|line| !line.is_empty()) {
            joined.push(' ');
            joined.push_str(line);
        }
        node(match unquoted(joined.trim()) {
            Some(inner) => Shape::Text(inner),
            None => Shape::Plain(joined.trim().to_string()),
        })
    }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line == "-" || line.starts_with("- ")
}

fn items(text: &str, line: u32) -> Vec<Node> {
    let mut nodes: Vec<(u32, String)> = Vec::new();
    for (number, content) in (line..).zip(text.lines().map(str::trim)) {
        match (content.strip_prefix('-').filter(|_| is_item(content)), nodes.last_mut()) {
            (Some(item), _) => nodes.push((number, uncommented(item).trim().to_string())),
            (None, Some((_, last))) if !content.is_empty() && !content.starts_with('#') => {
                last.push(' ');
                last.push_str(content);
            }
            _ => {}
        }
    }
    let nodes = nodes.into_iter();
    nodes.map(|(line, item)| Node::text(line, unquoted(&item).unwrap_or(item))).collect()
}

/// Without ` # …` at its end, unless that stands in quotes.
fn uncommented(text: &str) -> &str {
    match text.find(" #").filter(|at| text[..*at].matches(['"', '\'']).count().is_multiple_of(2)) {
        Some(at) => &text[..at],
        None if text.trim_start().starts_with('#') => "",
        None => text,
    }
}

/// What stands in one pair of quotes: `"he said "so" twice"` is one text, `"a" and "b"` is not.
fn unquoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text[1..].strip_suffix(quote)?;
    let closes_early = inner.match_indices(quote).next().is_some_and(|(at, _)| {
        let before = inner[..at].chars().next_back();
        let after = inner[at + 1..].chars().next();
        before.is_some_and(|c| !c.is_whitespace() && c != '\\' && c != '(')
            && after.is_some_and(|c| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
            && inner.matches(quote).count() % 2 == 0
    });
    (!closes_early).then(|| match quote {
        '"' => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        _ => inner.replace("''", "'"),
    })
}

/// Lines that are no entry. When they could be a restriction, one is made of them.
fn stray(entry: &Entry<'_>, text: &str, fields: &mut Vec<Field>, notes: &mut Notes) -> bool {
    let line = text[entry.start..entry.end].trim();
    let start = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    let word = start.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').next().unwrap_or_default();
    let Some(known) = Known::find(word).filter(|known| known.narrows()) else {
        notes.warning(entry.line, format!("{} belongs to no field; left out", quoted(line)));
        return true;
    };
    notes.error(entry.line, format!("{} cannot be read as `{}`", quoted(line), known.name()));
    let shape = Shape::Plain(String::new());
    fields.push(Field { key: known.name().into(), line: entry.line, node: Node { line: entry.line, at: 0..0, shape } });
    true
}

fn shift(node: &mut Node, by: usize) {
    node.at = node.at.start + by..node.at.end + by;
    match &mut node.shape {
        Shape::List(nodes) => nodes.iter_mut().for_each(|node| shift(node, by)),
        Shape::Map(pairs) => pairs.iter_mut().for_each(|(_, node)| shift(node, by)),
        Shape::Plain(_) | Shape::Text(_) => {}
    }
}
