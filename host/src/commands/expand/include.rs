//! Reads `@path`, and says whether what it names lies in the workspace. It looks at the spelling only: whether there is such
//! a file is seen by who reads it.

use std::ops::Range;

use super::placeholder::{self, Names, Placeholder};

/// A piece of a path.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Bytes of the body.
    pub range: Range<usize>,
    /// `None`: the text itself.
    pub placeholder: Option<Placeholder>,
}

/// Longer ones are no paths.
const LONGEST: usize = 1024;

/// The include at `at`, where an `@` stands, and where it ends. A pattern (`@src/*.rs`) and a form (`@app/[name]/x`) are
/// none: a part of them would name another file.
pub(super) fn read(text: &str, at: usize, names: &Names) -> Option<(Vec<Segment>, usize)> {
    if let Some(quoted) = text[at + 1..].strip_prefix('"') {
        let length = quoted.bytes().take(LONGEST).position(|b| matches!(b, b'"' | b'\n'))?;
        let range = at + 2..at + 2 + length;
        let closed = quoted.as_bytes()[length] == b'"' && !quoted[..length].trim().is_empty();
        return closed.then(|| (pieces(text, range.clone(), names), range.end + 1));
    }
    let mut end = at + 1;
    while let Some(c) = text[end..].chars().next().filter(|_| end - at <= LONGEST) {
        end += match c {
            '$' => placeholder::read(text, end, names)?.1 - end,
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '~') => c.len_utf8(),
            '*' | '?' | '[' | '{' | '<' | '@' | '=' | '\\' => return None,
            _ => break,
        };
    }
    let written = text[at + 1..end].trim_end_matches('.');
    // `@./` and `@../` are folders; `@..` is two dots after an at.
    let range = at + 1..at + 1 + written.len();
    (!written.is_empty()).then(|| (pieces(text, range.clone(), names), range.end))
}

fn pieces(text: &str, range: Range<usize>, names: &Names) -> Vec<Segment> {
    let mut segments = Vec::new();
    let (mut start, mut at) = (range.start, range.start);
    while let Some(offset) = text[at..range.end].find('$') {
        let found = at + offset;
        at = found + 1;
        if let Some((placeholder, end)) = placeholder::read(text, found, names).filter(|(_, end)| *end <= range.end) {
            if start < found {
                segments.push(Segment { range: start..found, placeholder: None });
            }
            segments.push(Segment { range: found..end, placeholder: Some(placeholder) });
            (start, at) = (end, end);
        }
    }
    if start < range.end {
        segments.push(Segment { range: start..range.end, placeholder: None });
    }
    segments
}

/// The path relative to the workspace, `.` for itself; or why it cannot be included.
pub(super) fn inside(path: &str, project: &str) -> Result<String, &'static str> {
    let relative = match path.strip_prefix('/') {
        Some(_) => match path.strip_prefix(project.trim_end_matches('/')) {
            Some("") => "",
            Some(rest) if rest.starts_with('/') => &rest[1..],
            _ => return Err("it lies outside the workspace"),
        },
        None if path == "~" || path.starts_with("~/") => return Err("it lies outside the workspace"),
        None => path,
    };
    if relative.contains(['\0', '\n', '\r']) {
        return Err("a path has no line breaks");
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or("it lies outside the workspace")?),
            part => parts.push(part),
        }
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}
