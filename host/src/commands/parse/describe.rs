//! A description for a file that has none: the first paragraph of its body, without Markdown's marks.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// Only the beginning of the body is looked at; a first paragraph further down describes nothing.
const LOOK: usize = 16 << 10;
const LONGEST: usize = 1024;

pub(super) fn first_paragraph(body: &str) -> String {
    let head = &body[..floor(body, LOOK)];
    // A heading or an item of a list is better than nothing.
    let mut heading = String::new();
    let mut item = String::new();
    let mut text = String::new();
    for event in Parser::new(head) {
        match event {
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::CodeBlock(_)) => text.clear(),
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::Paragraph) => {
                if let Some(found) = tidy(&text) {
                    return found;
                }
            }
            Event::End(TagEnd::Heading(_)) if heading.is_empty() => heading = tidy(&text).unwrap_or_default(),
            Event::End(TagEnd::Item) if item.is_empty() => item = tidy(&text).unwrap_or_default(),
            Event::End(TagEnd::CodeBlock) => text.clear(),
            _ => {}
        }
    }
    if item.is_empty() { heading } else { item }
}

/// One line, bounded at a word; `None` when nothing is left.
fn tidy(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= LONGEST {
        return Some(line).filter(|line| !line.is_empty());
    }
    let cut = &line[..floor(&line, LONGEST)];
    Some(format!("{}…", cut.rsplit_once(' ').map_or(cut, |(words, _)| words)))
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}
