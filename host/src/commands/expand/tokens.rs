//! Finds in a body what may be replaced, and where it may be. In code of a language numbers and names are the code's own;
//! shell lines and includes are looked for in prose. What it finds may still stay as it is, when it has no value.

use std::ops::Range;

use super::amount;
use super::ground::{Ground, Map};
use super::include::{self, Segment};
use super::placeholder::{self, Names, Placeholder};
use super::quoting::Line;
use crate::commands::entry::Entry;

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Bytes of the body.
    pub range: Range<usize>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A backslash before a placeholder, which makes it text.
    Escape,
    /// `needs_arguments`: it stays as it is where none were given.
    Placeholder {
        placeholder: Placeholder,
        needs_arguments: bool,
    },
    Shell(Line),
    Include(Vec<Segment>),
}

impl Token {
    pub(super) fn placeholders(&self) -> Vec<Placeholder> {
        match &self.what {
            What::Escape => Vec::new(),
            What::Placeholder { placeholder, .. } => vec![*placeholder],
            What::Shell(line) => line.slots.iter().map(|slot| slot.placeholder).collect(),
            What::Include(segments) => segments.iter().filter_map(|segment| segment.placeholder).collect(),
        }
    }
}

/// In order, without overlaps.
pub(super) fn tokens(entry: &Entry) -> Vec<Token> {
    let names = names(entry);
    let mut walk =
        Walk { body: &entry.body, names: &names, map: Map::of(&entry.body), tokens: Vec::new(), amounts: false };
    walk.walk();
    let declared = entry.fields.arguments.is_some() || entry.fields.argument_hint.is_some();
    if walk.amounts && !declared {
        walk.tokens
            .retain(|token| !matches!(token.what, What::Placeholder { placeholder: Placeholder::Number(_), .. }));
    }
    walk.tokens
}

fn names(entry: &Entry) -> Names {
    let declared = entry.fields.arguments.iter().flatten().enumerate();
    let mut names = Names::new();
    for (index, name) in declared.filter(|(_, name)| !name.is_empty()) {
        names.entry(name.clone()).or_insert(index);
    }
    names
}

struct Walk<'a> {
    body: &'a str,
    names: &'a Names,
    map: Map,
    tokens: Vec<Token>,
    /// The text has an amount of money.
    amounts: bool,
}

impl Walk<'_> {
    fn walk(&mut self) {
        let mut blocks = std::mem::take(&mut self.map.blocks).into_iter().peekable();
        let mut at = 0;
        while let Some(offset) = self.body.as_bytes()[at..].iter().position(|b| matches!(b, b'$' | b'!' | b'@')) {
            let found = at + offset;
            at = match blocks.next_if(|block| block.range.start <= found) {
                Some(block) => {
                    let end = block.range.end;
                    self.push(block.range, What::Shell(Line::read(block.source, self.names)));
                    end
                }
                None => self.read(found).unwrap_or(found + 1),
            };
        }
    }

    /// Where the token that begins at `at` ends.
    fn read(&mut self, at: usize) -> Option<usize> {
        let ground = self.map.at(at);
        match self.body.as_bytes()[at] {
            b'$' => self.dollar(at, ground),
            b'!' if matches!(ground, Ground::Prose | Ground::Plain) => self.shell(at),
            b'@' if ground == Ground::Prose => self.include(at),
            _ => None,
        }
    }

    fn dollar(&mut self, at: usize, ground: Ground) -> Option<usize> {
        let code = matches!(ground, Ground::Code | Ground::ShellCode);
        if !code && amount::is_certain(&self.body[at + 1..]) {
            self.amounts = true;
            return None;
        }
        let (placeholder, end) = placeholder::read(self.body, at, self.names)?;
        let allowed = match placeholder {
            Placeholder::All | Placeholder::Index(_) => true,
            Placeholder::Number(_) | Placeholder::Named(_) => !code,
            Placeholder::Variable(_) => ground != Ground::Code,
        };
        if !allowed {
            return None;
        }
        let backslashes = self.body[..at].bytes().rev().take_while(|b| *b == b'\\').count();
        if backslashes % 2 == 1 {
            if !code {
                self.push(at - 1..at, What::Escape);
            }
            return Some(end);
        }
        let argument = !matches!(placeholder, Placeholder::Variable(_));
        let needs_arguments = argument && (code || placeholder != Placeholder::All);
        self.push(at..end, What::Placeholder { placeholder, needs_arguments });
        Some(end)
    }

    fn shell(&mut self, at: usize) -> Option<usize> {
        let rest = &self.body[at + 1..];
        let fence = rest.bytes().take(3).take_while(|b| *b == b'`').count();
        if !(1..=2).contains(&fence) || !self.body[..at].chars().next_back().is_none_or(char::is_whitespace) {
            return None;
        }
        let (opening, rest) = rest.split_at(fence);
        // No further than is needed: a line may be as long as the file.
        let end = rest.char_indices().find(|(at, c)| *c == '\n' || rest[*at..].starts_with(opening))?.0;
        let command = &rest[..end];
        if rest[end..].starts_with('\n') {
            return None;
        }
        if command.trim().is_empty() {
            return None;
        }
        let end = at + 1 + fence + command.len() + fence;
        self.push(at..end, What::Shell(Line::read(command.trim().to_owned(), self.names)));
        Some(end)
    }

    fn include(&mut self, at: usize) -> Option<usize> {
        let opened = |c: char| c.is_whitespace() || matches!(c, '(' | '[' | '{' | '（' | '「' | '【');
        if !self.body[..at].chars().next_back().is_none_or(opened) {
            return None;
        }
        let (segments, end) = include::read(self.body, at, self.names)?;
        self.push(at..end, What::Include(segments));
        Some(end)
    }

    fn push(&mut self, range: Range<usize>, what: What) {
        self.tokens.push(Token { range, what });
    }
}
