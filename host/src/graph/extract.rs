//! Reads one file's syntax into facts: parses it, runs its language's query, and puts what was captured into the order of
//! the file. One engine for all languages. Whatever the content, it ends: after a deadline, or with what could be read.
//!
//! The algorithm: each match of the query gives a definition (its node and its name), a mention or an import. Where several
//! patterns define the same name, the most telling kind is kept. Definitions are sorted so that containers come first; a
//! stack of those that are open gives each definition its parent and each mention the definition that it stands in.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use tree_sitter::{
    Node, ParseOptions, ParseState, Parser, QueryCursor, QueryCursorOptions, QueryCursorState, StreamingIterator, Tree,
};

use super::facts::{Definition, Facts, Import, Kind, Mention, Use};
use super::languages::{Language, Reader, Role};

/// Counted up when other facts are found in the same file; what was kept before is then found anew.
pub const FINDS: u32 = 1;
/// For one file; a usual one takes a thousandth of it.
const DEADLINE: Duration = Duration::from_secs(3);
/// States that a query may keep open; beyond it the engine forgets the oldest.
const OPEN_MATCHES: u32 = 512;
/// Bytes; what is longer is no name that anybody asks for.
pub const LONGEST_NAME: usize = 120;
const LONGEST_SIGNATURE: usize = 240;
const LONGEST_IMPORT: usize = 500;
const LINES_KEPT: usize = 16;

/// Why a file has no facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Parsing took longer than [`DEADLINE`].
    TooSlow,
    /// The grammar cannot be used.
    NoGrammar,
}

struct Found<'a> {
    range: Range<usize>,
    name: &'a str,
    name_at: usize,
    kind: Kind,
    scope: Option<&'a str>,
    body: Option<usize>,
    line: u32,
    last: u32,
}

thread_local! {
    static PARSER: RefCell<(Parser, QueryCursor)> = RefCell::new((Parser::new(), QueryCursor::new()));
}

/// The facts of a text in a language.
pub fn extract(language: &Language, text: &str) -> Result<Facts, Unread> {
    extract_until(language, text, Instant::now() + DEADLINE)
}

pub fn extract_until(language: &Language, text: &str, deadline: Instant) -> Result<Facts, Unread> {
    let reader = language.reader().ok_or(Unread::NoGrammar)?;
    PARSER.with_borrow_mut(|(parser, cursor)| {
        let tree = parse(parser, reader, text, deadline)?;
        collect(cursor, reader, &tree, text, deadline)
    })
}

fn parse(parser: &mut Parser, reader: &Reader, text: &str, deadline: Instant) -> Result<Tree, Unread> {
    parser.set_language(&reader.grammar).map_err(|_| Unread::NoGrammar)?;
    let mut in_time = |_: &ParseState| until(deadline);
    let options = ParseOptions::new().progress_callback(&mut in_time);
    let mut read = |offset: usize, _| text.as_bytes().get(offset..).unwrap_or_default();
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    if tree.is_none() {
        parser.reset(); // else the next file would go on with this one
    }
    tree.ok_or(Unread::TooSlow)
}

fn until(deadline: Instant) -> ControlFlow<()> {
    if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

fn collect(
    cursor: &mut QueryCursor,
    reader: &Reader,
    tree: &Tree,
    text: &str,
    deadline: Instant,
) -> Result<Facts, Unread> {
    cursor.set_match_limit(OPEN_MATCHES);
    let mut late = false;
    let mut in_time = |_: &QueryCursorState| {
        let flow = until(deadline);
        late |= flow.is_break();
        flow
    };
    let options = QueryCursorOptions::new().progress_callback(&mut in_time);
    let root = tree.root_node();
    let (mut definitions, mut mentions, mut imports) = (Vec::new(), Vec::new(), Vec::new());
    {
        let mut matches = cursor.matches_with_options(&reader.query, root, text.as_bytes(), options);
        while let Some(found) = matches.next() {
            let (mut whole, mut name, mut scope, mut body) = (None, None, None, None);
            for capture in found.captures() {
                let node = capture.node;
                match reader.roles.get(capture.index as usize) {
                    Some(Role::Definition(kind)) => whole = Some((node, *kind)),
                    Some(Role::Name) => name = Some(node),
                    Some(Role::Scope) => scope = Some(node),
                    Some(Role::Body) => body = Some(node),
                    Some(Role::Mention(mention)) => mentions.push((node.byte_range(), *mention, line_of(node))),
                    Some(Role::Import) => imports.push((node.byte_range(), line_of(node))),
                    Some(Role::Helper) | None => {}
                }
            }
            if let (Some((node, kind)), Some(name)) = (whole, name) {
                definitions.extend(definition(text, node, kind, name, scope, body));
            }
        }
    }
    if late {
        return Err(Unread::TooSlow);
    }
    let definitions = settle(definitions);
    let names: HashSet<usize> = definitions.iter().map(|one| one.name_at).collect();
    let imports = outermost(imports);
    let imported = |at: usize| {
        let before = imports.partition_point(|(range, _)| range.start <= at);
        before > 0 && imports[before - 1].0.end > at
    };
    mentions.retain(|(range, ..)| !names.contains(&range.start) && !imported(range.start));
    mentions.sort_by_key(|(range, mention, _)| (range.start, *mention));
    // A call of a type is both; that it is called says more.
    mentions.dedup_by(|later, earlier| later.0.start == earlier.0.start);
    let (definitions, ranges) = nest(text, definitions);
    let uses = gather(text, &ranges, &mentions);
    Ok(Facts { definitions, uses, imports: import_lines(text, imports), broken: root.has_error() })
}

fn line_of(node: Node) -> u32 {
    row(node.start_position().row)
}

fn row(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX - 1) + 1
}

fn definition<'a>(
    text: &'a str,
    node: Node,
    kind: Kind,
    name: Node,
    scope: Option<Node>,
    body: Option<Node>,
) -> Option<Found<'a>> {
    let unquoted = |node: Node| text.get(node.byte_range()).map(|text| text.trim_matches(['"', '\'', '`']));
    let written =
        unquoted(name).filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\n'))?;
    let end = node.end_position();
    // A node that takes in its line's end is over on the line before.
    let last = if end.column == 0 && end.row > node.start_position().row { end.row - 1 } else { end.row };
    Some(Found {
        range: node.byte_range(),
        name: written,
        name_at: name.start_byte(),
        kind,
        scope: scope.and_then(unquoted).filter(|scope| scope.len() <= LONGEST_NAME),
        body: body.or_else(|| node.child_by_field_name("body")).map(|body| body.start_byte()),
        line: line_of(node),
        last: row(last),
    })
}

/// One definition for each name in the text, in the order of the file, containers first.
fn settle(mut definitions: Vec<Found>) -> Vec<Found> {
    let vague = |kind: Kind| matches!(kind, Kind::Constant | Kind::Type | Kind::Declaration);
    definitions.sort_by_key(|one| (one.name_at, vague(one.kind), one.kind, one.range.start));
    definitions.dedup_by_key(|one| one.name_at);
    definitions.sort_by_key(|one| (one.range.start, Reverse(one.range.end), one.name_at));
    definitions
}

fn nest(text: &str, found: Vec<Found>) -> (Vec<Definition>, Vec<Range<usize>>) {
    let mut open: Vec<usize> = Vec::new();
    let mut definitions: Vec<Definition> = Vec::with_capacity(found.len());
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for one in found {
        while open.last().is_some_and(|last| ranges[*last].end <= one.range.start) {
            open.pop();
        }
        let parent = open.last().copied();
        let method = parent.is_some_and(|parent| definitions[parent].kind.has_methods());
        let kind = if method && one.kind == Kind::Function { Kind::Method } else { one.kind };
        open.push(definitions.len());
        ranges.push(one.range.clone());
        definitions.push(Definition {
            name: one.name.into(),
            kind,
            parent: parent.map(index),
            scope: one.scope.map(str::to_string),
            line: one.line,
            last: one.last,
            signature: signature(text, &one),
        });
    }
    (definitions, ranges)
}

fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn signature(text: &str, one: &Found) -> String {
    let whole = text.get(one.range.clone()).unwrap_or_default();
    let head = match one.body {
        Some(body) => text.get(one.range.start..body).unwrap_or_default(),
        // Without a body it is short, or a value or a list that nobody asked for.
        None if one.kind == Kind::Constant || one.kind == Kind::Macro => whole.lines().next().unwrap_or_default(),
        None => whole,
    };
    let line = one_line(&without_comments(head), LONGEST_SIGNATURE).replace("( ", "(").replace(", )", ")");
    let line = line.trim_end_matches(['{', ':', ';', ' ']);
    let line = line.strip_suffix("=>").or_else(|| line.strip_suffix('=')).unwrap_or(line).trim_end();
    if line.is_empty() { one.name.to_string() } else { line.to_string() }
}

/// Comments may stand between a head and its body.
fn without_comments(head: &str) -> String {
    let code = |line: &&str| !["#", "//", "/*", "* "].iter().any(|start| line.trim_start().starts_with(start));
    let mut lines: Vec<&str> =
        head.lines().enumerate().filter(|(at, line)| *at == 0 || code(line)).map(|(_, line)| line).collect();
    if let Some(last) = lines.last_mut() {
        let closed = last.rfind(')').unwrap_or(0);
        let comment = [" #", " //", " /*"].iter().filter_map(|start| last[closed..].find(start)).min();
        *last = &last[..comment.map_or(last.len(), |at| closed + at)];
    }
    lines.join("\n")
}

/// White space as single blanks; at most so many characters.
fn one_line(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(most));
    for word in text.split_whitespace() {
        if line.len() + word.len() + 1 > most {
            let room = most.saturating_sub(line.len() + 1);
            let end = (0..=room.min(word.len())).rev().find(|end| word.is_char_boundary(*end)).unwrap_or(0);
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(&word[..end]);
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn gather(text: &str, ranges: &[Range<usize>], mentions: &[(Range<usize>, Mention, u32)]) -> Vec<Use> {
    let mut places: HashMap<(&str, Mention, Option<usize>), usize> = HashMap::new();
    let (mut open, mut next, mut uses) = (Vec::new(), 0, Vec::<Use>::new());
    for (range, mention, line) in mentions {
        while next < ranges.len() && ranges[next].start <= range.start {
            while open.last().is_some_and(|last: &usize| ranges[*last].end <= ranges[next].start) {
                open.pop();
            }
            open.push(next);
            next += 1;
        }
        while open.last().is_some_and(|last| ranges[*last].end <= range.start) {
            open.pop();
        }
        let Some(name) = text.get(range.clone()).filter(|name| (1..=LONGEST_NAME).contains(&name.len())) else {
            continue;
        };
        let within = open.last().copied();
        let place = *places.entry((name, *mention, within)).or_insert_with(|| {
            uses.push(Use {
                name: name.into(),
                mention: *mention,
                within: within.map(index),
                lines: Vec::new(),
                count: 0,
            });
            uses.len() - 1
        });
        let one = &mut uses[place];
        one.count += 1;
        if one.lines.len() < LINES_KEPT && one.lines.last() != Some(line) {
            one.lines.push(*line);
        }
    }
    uses
}

/// In the order of the file, without those inside another.
fn outermost(mut imports: Vec<(Range<usize>, u32)>) -> Vec<(Range<usize>, u32)> {
    imports.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
    let mut covered = 0;
    imports.retain(|(range, _)| {
        let new = range.start >= covered;
        covered = covered.max(range.end);
        new
    });
    imports
}

fn import_lines(text: &str, imports: Vec<(Range<usize>, u32)>) -> Vec<Import> {
    let line = |(range, line): (Range<usize>, u32)| {
        let text = one_line(text.get(range)?, LONGEST_IMPORT);
        let text = text.trim_end_matches(';');
        let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
        let text = quoted('"').or_else(|| quoted('\'')).unwrap_or(text);
        (!text.is_empty()).then(|| Import { text: text.into(), line })
    };
    imports.into_iter().filter_map(line).collect()
}
