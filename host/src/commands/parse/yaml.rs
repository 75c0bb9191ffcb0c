//! YAML, strictly: events of `saphyr-parser` composed to nodes that know their place. It refuses what costs more than it
//! is worth (depth, aliases that multiply) and what is valid and yet not meant (a second document, an unknown tag), since a
//! field that silently went missing could be a restriction. A NUL would end the text early; `text` has replaced those.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::node::{Field, Node, Shape};

const DEEPEST: usize = 32;
/// Bytes and places of everything composed, aliases counted each time.
const HEAVIEST: usize = 1 << 20;
/// Larger texts are left to the reader by lines.
pub(super) const LARGEST: usize = 64 << 10;

/// Why it is not YAML that can be used.
#[derive(Debug)]
pub(super) struct Broken {
    /// In the file, from 1.
    pub line: u32,
    pub reason: String,
}

/// The entries of the mapping that `text` is; `line` is that of its beginning in the file.
pub(super) fn read(text: &str, line: u32) -> Result<Vec<Field>, Broken> {
    let broken = |reason: &str| Broken { line, reason: reason.to_string() };
    if text.len() > LARGEST {
        return Err(broken("it is larger than 64 KiB"));
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        offsets: (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect()),
        length: text.len(),
        line,
        lines: text.lines().count().max(1) as u32,
        anchors: HashMap::new(),
        left: HEAVIEST,
    };
    reader.document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The byte at which each character stands, where the two differ.
    offsets: Option<Vec<usize>>,
    length: usize,
    line: u32,
    lines: u32,
    anchors: HashMap<usize, Node>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Vec<Field>, Broken> {
        let mut fields = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Ok(fields),
                Event::MappingStart(_, tag) if tag.is_none() => {
                    fields = self.pairs(1)?.0;
                    break;
                }
                Event::Scalar(text, ScalarStyle::Plain, _, None) if text.is_empty() => break,
                _ => return Err(self.broken(&span, "it is not a list of `name: value` lines")),
            }
        }
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(fields),
                Event::DocumentEnd | Event::Nothing => {}
                _ => return Err(self.broken(&span, "a second document begins here")),
            }
        }
    }

    /// The entries of a mapping, and where it ends.
    fn pairs(&mut self, depth: usize) -> Result<(Vec<Field>, usize), Broken> {
        let mut pairs: Vec<Field> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let (line, key) = match event {
                Event::MappingEnd => {
                    let end = self.end(&span, pairs.last().map(|pair| &pair.node));
                    return Ok((pairs, end));
                }
                Event::Scalar(key, ..) => (self.line_of(&span), key.into_owned()),
                _ => return Err(self.broken(&span, "a name is expected here, not a list or a table")),
            };
            self.pay(key.len(), &span)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth)?;
            pairs.push(Field { key, line, node });
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Broken> {
        if depth > DEEPEST {
            return Err(self.broken(&span, "it is nested more than 32 levels deep"));
        }
        let line = self.line_of(&span);
        let start = self.byte(span.start.index());
        let (anchor, end, shape) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
                    return Err(self.broken(&span, &format!("the tag {tag} is unknown")));
                }
                self.pay(text.len() + 16, &span)?;
                let text = text.into_owned();
                let shape = if style == ScalarStyle::Plain { Shape::Plain(text) } else { Shape::Text(text) };
                (anchor, self.byte(span.end.index()), shape)
            }
            Event::SequenceStart(anchor, _) => {
                let (nodes, end) = self.items(depth)?;
                (anchor, end, Shape::List(nodes))
            }
            Event::MappingStart(anchor, _) => {
                let (pairs, end) = self.pairs(depth + 1)?;
                (anchor, end, Shape::Map(pairs.into_iter().map(|pair| (pair.key, pair.node)).collect()))
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id) else {
                    return Err(self.broken(&span, "`*` refers to something that is not there"));
                };
                // Paid for before it is copied.
                let weight = node.weight();
                self.pay(weight, &span)?;
                return Ok(Node { line, ..self.anchors[&id].clone() });
            }
            _ => return Err(self.broken(&span, "a value is expected here")),
        };
        let node = Node { line, at: start..end.max(start), shape };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<(Vec<Node>, usize), Broken> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, span) => {
                    let end = self.end(&span, nodes.last());
                    return Ok((nodes, end));
                }
                (event, span) => nodes.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    /// A list in brackets ends with its bracket; a block's end is reported at whatever follows.
    fn end(&self, span: &Span, last: Option<&Node>) -> usize {
        match last {
            Some(last) if span.is_empty() => last.at.end,
            _ => self.byte(span.end.index()),
        }
    }

    /// Everything composed is paid for, copies each time.
    fn pay(&mut self, cost: usize, span: &Span) -> Result<(), Broken> {
        match self.left.checked_sub(cost + 1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.broken(span, "its aliases multiply to more than 1 MiB")),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Broken> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let line = self.line_in_file(error.marker().line());
                Err(Broken { line, reason: error.info().to_string() })
            }
            None => Err(Broken { line: self.line, reason: "it ends too early".into() }),
        }
    }

    fn line_of(&self, span: &Span) -> u32 {
        self.line_in_file(span.start.line())
    }

    fn line_in_file(&self, line: usize) -> u32 {
        self.line + (line.saturating_sub(1) as u32).min(self.lines - 1)
    }

    fn byte(&self, character: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(character).copied().unwrap_or(self.length),
            None => character.min(self.length),
        }
    }

    fn broken(&self, span: &Span, reason: &str) -> Broken {
        Broken { line: self.line_of(span), reason: reason.to_string() }
    }
}
