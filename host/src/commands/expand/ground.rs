//! Says what each byte of a Markdown text is: prose, inline code, code in a language. `pulldown-cmark` finds the blocks.
//! Prompts use HTML tags as headings (`<task>`), inside which Markdown knows neither code nor fences; so a tag at the
//! beginning of a line counts as text here. Comments stay comments.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    Prose,
    /// Between backticks.
    Inline,
    /// A block without a language: a form to be filled in, a path, a sample of output.
    Plain,
    /// A block in a language whose lines a shell runs.
    ShellCode,
    /// A block in any other language.
    Code,
    Comment,
}

/// ```` ```! ````: to be run.
#[derive(Clone, Debug)]
pub(super) struct ShellBlock {
    /// With its fences.
    pub range: Range<usize>,
    pub source: String,
}

pub(super) struct Map {
    /// In order, without overlaps; what lies between is prose.
    areas: Vec<(Range<usize>, Ground)>,
    pub blocks: Vec<ShellBlock>,
    next: usize,
}

impl Map {
    pub(super) fn of(body: &str) -> Map {
        let readable = without_tags(body);
        let mut map = Map { areas: Vec::new(), blocks: Vec::new(), next: 0 };
        // The block of code that is being read: where it lies, its language, its text so far.
        let mut open: Option<(Range<usize>, Option<String>, String)> = None;
        for (event, range) in Parser::new(&readable).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => Some(info.trim().to_owned()),
                        CodeBlockKind::Indented => None,
                    };
                    open = Some((range, info, String::new()));
                }
                Event::Text(text) => {
                    if let Some((_, Some(info), source)) = &mut open
                        && info.starts_with('!')
                    {
                        // The text is that without tags.
                        let own = body.get(range).filter(|own| own.len() == text.len());
                        source.push_str(own.unwrap_or(&text));
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((range, info, source)) = open.take() {
                        map.close(body, range, info.as_deref(), source);
                    }
                }
                Event::Code(_) => map.areas.push((range, Ground::Inline)),
                Event::Html(html) | Event::InlineHtml(html)
                    if html.starts_with("<!--") && map.areas.last().is_none_or(|(last, _)| last.end <= range.start) =>
                {
                    let length = body[range.start..].find("-->").map_or(body.len() - range.start, |at| at + 3);
                    map.areas.push((range.start..range.start + length, Ground::Comment));
                }
                _ => {}
            }
        }
        map
    }

    fn close(&mut self, body: &str, range: Range<usize>, info: Option<&str>, source: String) {
        match info {
            // One that never ends would run the rest of the file.
            Some("!") if is_closed(&body[range.clone()]) => {
                self.areas.push((range.clone(), Ground::Code));
                self.blocks.push(ShellBlock { range, source });
            }
            info => self.areas.push((range, block_ground(info.unwrap_or_default()))),
        }
    }

    /// Positions must be asked for in ascending order.
    pub(super) fn at(&mut self, position: usize) -> Ground {
        while self.areas.get(self.next).is_some_and(|(range, _)| range.end <= position) {
            self.next += 1;
        }
        match self.areas.get(self.next) {
            Some((range, ground)) if range.start <= position => *ground,
            _ => Ground::Prose,
        }
    }
}

fn block_ground(info: &str) -> Ground {
    let language = info.split([' ', '\t', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    match language.as_str() {
        "" | "text" | "txt" | "plain" | "plaintext" | "none" => Ground::Plain,
        "sh" | "bash" | "zsh" | "shell" | "console" | "shellscript" => Ground::ShellCode,
        _ => Ground::Code,
    }
}

/// Whether a fenced block ends with a fence.
fn is_closed(block: &str) -> bool {
    let last = block.trim_end().rsplit('\n').next().unwrap_or_default();
    let fence = last.trim_start_matches([' ', '\t', '>']);
    block.trim_end().contains('\n') && (fence.starts_with("```") || fence.starts_with("~~~"))
}

/// The text with the `<` of a tag that begins a line changed into a letter: Markdown then reads on as usual.
fn without_tags(body: &str) -> String {
    let mut readable = String::with_capacity(body.len());
    for line in body.split_inclusive('\n') {
        let trimmed = line.trim_start_matches([' ', '\t']);
        match trimmed.strip_prefix('<') {
            Some(rest) if !rest.starts_with("!--") => {
                readable.push_str(&line[..line.len() - trimmed.len()]);
                readable.push('x');
                readable.push_str(rest);
            }
            _ => readable.push_str(line),
        }
    }
    readable
}
