//! Finds what Gemini's commands replace: `{{args}}`, `!{command}` and `@{path}`. The spelling cannot be mistaken for code, and
//! the format knows no Markdown, so it holds everywhere.

use super::include::Segment;
use super::placeholder::Placeholder;
use super::quoting::Line;
use super::tokens::{Token, What};

const ARGS: &str = "{{args}}";

/// In order, without overlaps.
pub(super) fn tokens(body: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Every `{` without its partner ends the search for partners behind it: the search stays linear.
    let mut unmatched = false;
    while let Some(offset) = body[at..].find('{') {
        let found = at + offset;
        at = found + 1;
        let sign = found.checked_sub(1).map(|before| body.as_bytes()[before]);
        if body[found..].starts_with(ARGS) {
            at = found + ARGS.len();
            let what = What::Placeholder { placeholder: Placeholder::All, needs_arguments: false };
            tokens.push(Token { range: found..at, what });
        } else if let Some(sign @ (b'!' | b'@')) = sign.filter(|_| !unmatched) {
            let Some(end) = partner(body, found) else {
                unmatched = true;
                continue;
            };
            let inner = &body[found + 1..end];
            if inner.trim().is_empty() {
                continue;
            }
            let what = if sign == b'!' {
                What::Shell(Line::read_one(inner.trim().to_owned(), ARGS))
            } else {
                What::Include(segments(inner, found + 1))
            };
            at = end + 1;
            tokens.push(Token { range: found - 1..at, what });
        }
    }
    tokens
}

/// Where the brace that belongs to the one at `open` stands.
fn partner(body: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in body.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn segments(inner: &str, start: usize) -> Vec<Segment> {
    let begin = start + (inner.len() - inner.trim_start().len());
    let inner = inner.trim();
    let mut segments = Vec::new();
    let mut at = 0;
    for (found, _) in inner.match_indices(ARGS) {
        if at < found {
            segments.push(Segment { range: begin + at..begin + found, placeholder: None });
        }
        at = found + ARGS.len();
        segments.push(Segment { range: begin + found..begin + at, placeholder: Some(Placeholder::All) });
    }
    if at < inner.len() {
        segments.push(Segment { range: begin + at..begin + inner.len(), placeholder: None });
    }
    segments
}
