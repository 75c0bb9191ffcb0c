//! Reads a reply as it streams: text and reasoning as soon as it is sure what they are, and at the end the calls. A marker,
//! even half of one, and a call are never shown. The same text in other pieces gives the same result.
//!
//! 1. In a fence that is the user's, in a quotation, indented code or a code span nothing is looked for until it ends.
//! 2. At the beginning of a line a fence, bare JSON or a plain call may begin.
//! 3. Anywhere a marker of the table may.
//!
//! What a form without a marker looked at in vain is not looked at by another; what one with a marker looked at is a call,
//! or is spoiled and not shown. So each byte is read a fixed number of times.

use super::dialects::{
    Answer, Dialect, END_OF_TEXT, Fence, HARMONY, Input, Marker, OPENED, Reading, Section, Stop, THOUGHT, bare, begins,
    ends_thought, fence, marker_at, may_become_marker,
};
use super::output::Output;
use super::place::{Mode, Place};
use super::{Found, Part};
use crate::protocol::ToolSpec;

/// Up to this length, what is held back is looked at again with every piece; beyond, only when it has doubled, so that
/// the whole stays linear.
const OFTEN: usize = 256;

/// For one reply. What `push` and `finish` return are parts in the order in which they were written.
pub struct Reader {
    tools: Vec<ToolSpec>,
    held: String,
    /// Look again when `held` is this long.
    again_at: usize,
    place: Place,
    /// In `held`: no form without a marker begins before.
    plain_from: usize,
    output: Output,
    /// As it was written, all but thoughts: one itself, where the end of one comes that did not begin here.
    said: String,
    /// The text speaks of a thought's beginning, so its end is spoken of as well.
    speaks: bool,
    /// All of the reply, as long as it may be a thought that the prompt has begun.
    opened: Option<String>,
}

/// What a form without a marker came to, and what it would be called.
type Plain = (Reading<Section>, &'static str);

/// What to do with the text at hand.
enum Next {
    /// Go on so many bytes further.
    On(usize),
    /// More text is needed.
    Wait,
    /// So many bytes end a thought, and all before was one.
    Ends(usize),
}

impl Reader {
    /// For the reply to one request, with the tools that it offered.
    pub fn new(tools: &[ToolSpec]) -> Reader {
        Reader {
            tools: tools.to_vec(),
            held: String::new(),
            again_at: 0,
            place: Place::default(),
            plain_from: 0,
            output: Output::default(),
            said: String::new(),
            speaks: false,
            opened: None,
        }
    }

    /// Likewise, where the prompt ends with the beginning of a thought. A reply that never ends it is none: the server has taken
    /// the thought out.
    pub fn opened(tools: &[ToolSpec]) -> Reader {
        Reader { opened: Some(String::new()), ..Reader::new(tools) }
    }

    /// The server tells of thoughts apart, so that there is none in the text that the prompt has begun.
    pub fn apart(&mut self) -> Vec<Part> {
        let Some(all) = self.opened.take() else { return Vec::new() };
        *self = Reader::new(&self.tools);
        match all.is_empty() {
            true => Vec::new(),
            false => std::iter::once(Part::Unthought).chain(self.push(&all)).collect(),
        }
    }

    /// The reply was cut: what may be a thought that the prompt has begun is one.
    pub fn cut(&mut self) {
        self.opened = None;
    }

    /// The server says that the model has stopped by itself. gpt-oss ends a call by that, and servers leave the token out.
    pub fn stopped(&mut self) {
        self.walk(false);
        if let Some(Marker::Dialect(row)) = marker_at(&self.held).filter(|_| self.place.mode == Mode::Text)
            && row.form == HARMONY
        {
            self.held.push_str(row.close);
        }
    }

    /// Takes the next piece of the reply; gives what is safe to show now, often nothing.
    pub fn push(&mut self, piece: &str) -> Vec<Part> {
        self.held.push_str(piece);
        if let Some(all) = &mut self.opened {
            all.push_str(piece);
        }
        if self.held.len() >= self.again_at {
            self.walk(false);
        }
        self.output.take()
    }

    /// At the end of the reply: what was held back and is no call after all; and what was found, all but text and reasoning.
    pub fn finish(mut self) -> (Vec<Part>, Found) {
        self.walk(true);
        let mut parts = self.output.take();
        parts.extend(self.apart());
        self.walk(true);
        let (rest, found) = self.output.finish();
        parts.extend(rest);
        (parts, found)
    }

    fn walk(&mut self, over: bool) {
        let (held, tools) = (std::mem::take(&mut self.held), std::mem::take(&mut self.tools));
        let mut at = 0;
        while at < held.len() {
            let rest = &held[at..];
            let Place { mode, line_start, before, closes, .. } = self.place;
            let input = Input { text: rest, tools: &tools, over, line_start, before, closes };
            let next = match mode {
                Mode::Text if self.output.is_full() => Next::On(rest.len()),
                Mode::Text if self.opened.is_some() => self.beginning(rest, over),
                Mode::Text => self.text(input, at),
                Mode::Fence(fence) => self.fence(rest, fence, over),
                Mode::Line => self.line(rest),
                Mode::Reasoning(until) => self.reasoning(rest, until, over),
                Mode::Spoiled(close) => self.spoiled(rest, close, over),
                Mode::Other => Next::On(rest.len()),
            };
            let thinks = |mode| matches!(mode, Mode::Reasoning(_));
            match next {
                Next::On(length) => {
                    let end = boundary(&held, at + length);
                    if !thinks(mode) && !thinks(self.place.mode) {
                        self.said.push_str(&held[at..end]);
                    }
                    at = end;
                }
                Next::Wait => break,
                // Behind the answer it ends nothing.
                Next::Ends(length) if held[at + length..].trim().is_empty() => {
                    if !over {
                        break;
                    }
                    at = held.len();
                }
                Next::Ends(length) => {
                    at = boundary(&held, at + length);
                    self.output.retract(std::mem::take(&mut self.said).trim());
                    self.place = self.place.anew();
                }
            }
        }
        self.held = held[at..].to_string();
        self.tools = tools;
        self.plain_from = self.plain_from.saturating_sub(at);
        self.again_at = if self.held.len() < OFTEN { 0 } else { self.held.len() * 2 };
    }

    /// Where the prompt may have begun a thought, unless the model begins one itself.
    fn beginning(&mut self, rest: &str, over: bool) -> Next {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            return Next::On(blank);
        }
        if !over && may_become_marker(rest) {
            return Next::Wait;
        }
        if matches!(marker_at(rest), Some(Marker::Dialect(row)) if row.form == THOUGHT) {
            self.opened = None;
        } else {
            self.output.begin_reasoning();
            self.place.mode = Mode::Reasoning(OPENED);
        }
        Next::On(0)
    }

    /// So much of `rest` is text.
    fn show(&mut self, text: &str) -> Next {
        self.output.text(text);
        self.place.pass(text);
        Next::On(text.len())
    }

    fn line(&mut self, rest: &str) -> Next {
        let end = rest.find('\n').map(|at| at + 1);
        self.place.mode = if end.is_some() { Mode::Text } else { Mode::Line };
        self.show(&rest[..end.unwrap_or(rest.len())])
    }

    fn fence(&mut self, rest: &str, fence: Fence, over: bool) -> Next {
        let end = rest.find('\n').map(|at| at + 1);
        let line = &rest[..end.unwrap_or(rest.len())];
        if self.place.line_start {
            if end.is_none() && !over && fence.may_be_closed_by(line) {
                return Next::Wait;
            }
            if (end.is_some() || over) && fence.is_closed_by(line) {
                self.place.mode = Mode::Text;
            }
        }
        self.show(line)
    }

    fn reasoning(&mut self, rest: &str, until: &[&str], over: bool) -> Next {
        let first = until.iter().filter_map(|token| Some((rest.find(token)?, token.len()))).min();
        let Some((at, length)) = first else {
            let keep = if over { 0 } else { half_token(rest, until) };
            self.output.reasoning(&rest[..rest.len() - keep]);
            return if keep == rest.len() { Next::Wait } else { Next::On(rest.len() - keep) };
        };
        self.output.reasoning(&rest[..at]);
        if !over && may_become_marker(&rest[at..]) {
            return if at == 0 { Next::Wait } else { Next::On(at) };
        }
        self.place = self.place.anew();
        self.opened = None;
        // The beginning of what comes next ends it too, and is read as what it is.
        let opens = matches!(marker_at(&rest[at..]), Some(Marker::Dialect(_)));
        Next::On(if opens { at } else { at + length })
    }

    fn spoiled(&mut self, rest: &str, close: &str, over: bool) -> Next {
        if !close.is_empty() && rest.starts_with(close) {
            self.place.mode = Mode::Text;
            self.place.closes = true;
            return Next::On(close.len());
        }
        let begins = match marker_at(rest) {
            Some(Marker::Dialect(_)) => true,
            Some(Marker::Stray(token)) => ends_thought(token),
            None => false,
        };
        if rest.starts_with("\n\n") || begins {
            self.place = self.place.anew();
            return Next::On(0);
        }
        if !over && (rest == "\n" || close.starts_with(rest) || may_become_marker(rest)) {
            return Next::Wait;
        }
        Next::On(run(rest))
    }

    fn text(&mut self, input: Input<'_>, at: usize) -> Next {
        let (rest, over) = (input.text, input.over);
        if input.line_start && rest.starts_with(['`', '~']) {
            match Fence::at(rest, over) {
                Ok(Some(opened)) => {
                    return self.plain((fence::read(input, opened), fence::FORM), input, at, Some(opened));
                }
                Ok(None) => {}
                Err(()) => return Next::Wait,
            }
        }
        if !over && may_become_marker(rest) {
            return Next::Wait;
        }
        match marker_at(rest) {
            Some(Marker::Dialect(row)) if at >= self.plain_from || !is_word(row.open) => {
                return self.marked(input, row, at);
            }
            Some(Marker::Stray(token)) => return self.stray(rest, token, over),
            _ => {}
        }
        if input.line_start && !rest.starts_with(char::is_whitespace) {
            if rest.starts_with('>') || self.place.is_indented_code() && self.output.spoke() {
                self.place.mode = Mode::Line;
                return Next::On(0);
            }
            if at >= self.plain_from {
                return self.plain(bare::read(input), input, at, None);
            }
        }
        self.step(rest, over)
    }

    fn marked(&mut self, input: Input<'_>, row: &'static Dialect, at: usize) -> Next {
        let (rest, over) = (input.text, input.over);
        if self.place.span > 0 {
            match end_of_span(rest, self.place.span, over) {
                Span::Ends(end) => return self.show(&rest[..end]),
                Span::Unknown => return Next::Wait,
                Span::None => self.place.no_span(),
            }
        }
        if self.place.is_indented_code() && self.output.spoke() && !self.output.called() {
            self.place.mode = Mode::Line;
            return Next::On(0);
        }
        match (row.read)(input, row) {
            Ok(answer) => self.answered(answer, row, rest, over),
            Err(Stop::Undecided) => Next::Wait,
            Err(Stop::Broken(end, fault)) if !is_word(row.open) || fault.name.is_some() => {
                self.output.unreadable(fault.name, fault.reason, row.form);
                self.place.mode = Mode::Spoiled(row.close);
                Next::On(end)
            }
            Err(Stop::Text(end) | Stop::Broken(end, _)) => {
                self.plain_from = self.plain_from.max(at + end);
                self.stray(rest, row.open, over)
            }
        }
    }

    /// What a form without a marker came to, and the fence that it is in.
    fn plain(&mut self, (reading, form): Plain, input: Input<'_>, at: usize, fence: Option<Fence>) -> Next {
        match reading {
            Ok(section) => {
                let end = section.end;
                self.output.section(section, form);
                Next::On(end)
            }
            Err(Stop::Undecided) => Next::Wait,
            Err(Stop::Text(end) | Stop::Broken(end, _)) => {
                self.plain_from = self.plain_from.max(at + end);
                match fence {
                    Some(fence) => {
                        self.place.mode = Mode::Fence(fence);
                        let line = input.text.find('\n').map_or(input.text.len(), |at| at + 1);
                        self.show(&input.text[..line])
                    }
                    None => self.step(input.text, input.over),
                }
            }
        }
    }

    fn answered(&mut self, answer: Answer, row: &'static Dialect, rest: &str, over: bool) -> Next {
        match answer {
            Answer::Hidden(end) => {
                self.speaks |= row.form == THOUGHT;
                Next::On(end)
            }
            Answer::Ends(end) if self.speaks => Next::On(end),
            Answer::Ends(end) => Next::Ends(end),
            Answer::Other => {
                self.place.mode = Mode::Other;
                Next::On(rest.len())
            }
            Answer::Reasoning(end, until) => {
                self.output.begin_reasoning();
                self.place.mode = Mode::Reasoning(until);
                Next::On(end)
            }
            Answer::Calls(section) => {
                let end = section.end;
                if let Some(quote) = closing_quote(self.place.before) {
                    match rest[end..].chars().next() {
                        None if !over => return Next::Wait,
                        Some(c) if c == quote => return self.show(&rest[..end]),
                        _ => {}
                    }
                }
                self.place.closes |= section.closed;
                if section.fault.is_some() {
                    self.place.mode = Mode::Spoiled(row.close);
                }
                self.output.section(section, row.form);
                Next::On(end)
            }
        }
    }

    /// A marker that is not one of a call here. Special tokens are nobody's to read; a tag in the middle of a sentence is
    /// what the sentence speaks of.
    fn stray(&mut self, rest: &str, token: &str, over: bool) -> Next {
        let is_whole = token.ends_with(['>', ']', '▷']);
        if self.place.span > 0 || !is_whole {
            return self.step(rest, over);
        }
        let behind = &rest[token.len()..];
        if token == END_OF_TEXT {
            return match behind.trim_start() {
                "" if !over => Next::Wait,
                "" => Next::On(token.len()),
                _ => self.step(rest, over),
            };
        }
        let is_tag = token.starts_with('<') && !token.starts_with("<|") && !token.starts_with("<｜");
        if is_tag && self.place.before == ' ' && !self.place.line_start {
            match behind.chars().next() {
                None if !over => return Next::Wait,
                Some(' ' | ',' | '.' | ';' | ':' | ')' | '?' | '!') => {
                    self.speaks |= matches!(marker_at(rest), Some(Marker::Dialect(row)) if row.form == THOUGHT);
                    return self.step(rest, over);
                }
                _ => {}
            }
        }
        if ends_thought(token) && !self.speaks { Next::Ends(token.len()) } else { Next::On(token.len()) }
    }

    /// To the next place at which something may begin.
    fn step(&mut self, rest: &str, over: bool) -> Next {
        if rest.starts_with('`') {
            let length = rest.bytes().take_while(|byte| *byte == b'`').count();
            if length == rest.len() && !over {
                return Next::Wait;
            }
            self.output.text(&rest[..length]);
            self.place.pass_ticks(length);
            return Next::On(length);
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let one = self.place.line_start && rest.starts_with(char::is_whitespace) || rest.starts_with('\n');
        self.show(&rest[..if one { first } else { run(rest) }])
    }
}

/// A reader that is off by a byte must not end the program.
fn boundary(text: &str, at: usize) -> usize {
    debug_assert!(text.is_char_boundary(at), "{at} of {}", text.len());
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Bytes of the first character, and of all behind it at which nothing can begin.
fn run(rest: &str) -> usize {
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let more = rest.as_bytes()[first..].iter().position(|byte| matches!(byte, b'\n' | b'`') || begins(*byte));
    more.map_or(rest.len(), |more| first + more)
}

/// The longest end of the text that one of the tokens begins with.
fn half_token(text: &str, tokens: &[&str]) -> usize {
    let longest = tokens.iter().map(|token| token.len()).max().unwrap_or(0);
    let from = text.len().saturating_sub(longest);
    let ends = (from..text.len()).filter(|at| text.is_char_boundary(*at)).map(|at| &text[at..]);
    ends.filter(|end| tokens.iter().any(|token| token.starts_with(end))).map(str::len).max().unwrap_or(0)
}

/// A marker that is a word, and so may be meant as text.
fn is_word(marker: &str) -> bool {
    !marker.starts_with(['<', '[', '◁'])
}

fn closing_quote(before: char) -> Option<char> {
    match before {
        '"' | '\'' => Some(before),
        '“' | '„' => Some('”'),
        _ => None,
    }
}

enum Span {
    /// Behind its closing backticks.
    Ends(usize),
    None,
    Unknown,
}

/// Where the code span of so many backticks ends, in this line.
fn end_of_span(rest: &str, ticks: usize, over: bool) -> Span {
    let mut at = 0;
    while let Some(found) = rest[at..].find(['`', '\n']) {
        let length = rest[at + found..].bytes().take_while(|byte| *byte == b'`').count();
        if length == 0 {
            return Span::None;
        }
        at += found + length;
        if length == ticks && (at < rest.len() || over) {
            return Span::Ends(at - length);
        }
    }
    if over { Span::None } else { Span::Unknown }
}
