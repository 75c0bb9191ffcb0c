//! Reads one placeholder that begins with `$`. It knows the spelling only: whether one is meant there, and what its value is,
//! is decided by others.

use std::collections::HashMap;

use super::amount;

/// Declared names and their places.
pub(super) type Names = HashMap<String, usize>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// `$ARGUMENTS`
    All,
    /// `$ARGUMENTS[2]`, from 0.
    Index(usize),
    /// `$0` to `$9`
    Number(usize),
    /// The place of `$name` among the declared names.
    Named(usize),
    Variable(Variable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    SkillDir,
    ProjectDir,
    SessionId,
    PluginRoot,
}

const VARIABLES: &[(&str, Variable)] = &[
    ("SKILL_DIR", Variable::SkillDir),
    ("PROJECT_DIR", Variable::ProjectDir),
    ("SESSION_ID", Variable::SessionId),
    ("PLUGIN_ROOT", Variable::PluginRoot),
];

/// Names longer than this are not looked for.
const LONGEST_NAME: usize = 64;

/// The placeholder at `at`, and where it ends.
pub(super) fn read(text: &str, at: usize, names: &Names) -> Option<(Placeholder, usize)> {
    let rest = text[at..].strip_prefix('$')?;
    if text[..at].ends_with('$') {
        return None;
    }
    if let Some(braced) = rest.strip_prefix('{') {
        let name = &braced[..braced.bytes().take(LONGEST_NAME).position(|b| b == b'}')?];
        let end = at + 2 + name.len() + 1;
        return Some((Placeholder::Variable(variable(name)?), end));
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let number = usize::from(rest.as_bytes()[0] - b'0');
        return (!amount::is_amount(&text[..at], &rest[1..])).then_some((Placeholder::Number(number), at + 2));
    }
    let word = word(rest);
    if let Some((index, name)) = named(word, names) {
        return Some((Placeholder::Named(index), at + 1 + name.len()));
    }
    let plain = &word[..word.find('-').unwrap_or(word.len())];
    let end = at + 1 + plain.len();
    if plain == "ARGUMENTS" {
        return Some(match index(&text[end..]) {
            Some((index, length)) => (Placeholder::Index(index), end + length),
            None => (Placeholder::All, end),
        });
    }
    Some((Placeholder::Variable(variable(plain)?), end))
}

/// Letters, digits, `_` and `-`.
fn word(rest: &str) -> &str {
    let end = rest.bytes().take(LONGEST_NAME + 1).take_while(|b| is_word(*b) || *b == b'-').count();
    &rest[..end]
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The longest declared name that `word` begins with and after which it does not go on.
fn named<'a>(word: &'a str, names: &Names) -> Option<(usize, &'a str)> {
    let mut candidate = word;
    while !candidate.is_empty() {
        if let Some(index) = names.get(candidate) {
            return Some((*index, candidate));
        }
        candidate = &candidate[..candidate.rfind('-')?];
    }
    None
}

/// `[2]`, and its length.
fn index(rest: &str) -> Option<(usize, usize)> {
    let digits = rest.strip_prefix('[')?.bytes().take(6).take_while(u8::is_ascii_digit).count();
    let number = rest.get(1..=digits)?.parse().ok()?;
    (rest.as_bytes().get(digits + 1) == Some(&b']')).then_some((number, digits + 2))
}

fn variable(name: &str) -> Option<Variable> {
    let own = name.strip_prefix("CLAUDE_").or_else(|| name.strip_prefix("GARTH_"))?;
    VARIABLES.iter().find(|(known, _)| *known == own).map(|(_, variable)| *variable)
}
