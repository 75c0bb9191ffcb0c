//! Where in a reply the reader is: in the text, in a fence, in reasoning; at the beginning of a line; in a code span. What
//! people read as code or as a quotation holds no calls, and this tells it from the rest.

use super::dialects::Fence;

/// What the text at this place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Text,
    /// In a fence that is the user's to read.
    Fence(Fence),
    /// To the end of the line the user's to read: a quotation, indented code.
    Line,
    /// Until one of these.
    Reasoning(&'static [&'static str]),
    /// The rest of a call that cannot be read, until its closing marker; nobody sees it.
    Spoiled(&'static str),
    /// Somebody else's turn, which the model has made up.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub mode: Mode,
    /// Only white space since the line began.
    pub line_start: bool,
    /// Columns of that white space.
    indent: usize,
    /// The line before is blank.
    after_blank: bool,
    /// The character before.
    pub before: char,
    /// Backticks of the code span that is open in this line, 0 where none is.
    pub span: usize,
    /// Which numbers of backticks are known not to come again in this line, as bits.
    unpaired: u32,
    /// A call's closing marker was seen: this model writes them.
    pub closes: bool,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            mode: Mode::Text,
            line_start: true,
            indent: 0,
            after_blank: true,
            before: '\n',
            span: 0,
            unpaired: 0,
            closes: false,
        }
    }
}

impl Place {
    /// Goes over this text, in which no fence begins or ends.
    pub(super) fn pass(&mut self, text: &str) {
        let (earlier, line) = text.rsplit_once('\n').map_or((None, text), |(earlier, line)| (Some(earlier), line));
        if let Some(earlier) = earlier {
            let last = earlier.rsplit('\n').next().unwrap_or_default();
            let first = last.len() == earlier.len() && !self.line_start;
            self.after_blank = !first && last.trim().is_empty();
            (self.line_start, self.indent) = (true, 0);
            (self.span, self.unpaired) = (0, 0);
        }
        if self.line_start {
            let blank = line.len() - line.trim_start().len();
            self.indent += line[..blank].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum::<usize>();
            self.line_start = blank == line.len();
        }
        if let Some(last) = text.chars().next_back() {
            self.before = last;
        }
    }

    /// Where a new part of the reply begins.
    pub(super) fn anew(self) -> Place {
        Place { closes: self.closes, ..Place::default() }
    }

    /// Behind `length` backticks.
    pub(super) fn pass_ticks(&mut self, length: usize) {
        let may_open = length < 32 && self.unpaired & (1 << length) == 0;
        self.span = match self.span {
            0 if may_open => length,
            open if open == length => 0,
            open => open,
        };
        (self.line_start, self.before) = (false, '`');
    }

    /// The backticks that opened the code span do not come again in this line, so it is none.
    pub(super) fn no_span(&mut self) {
        self.unpaired |= 1 << self.span;
        self.span = 0;
    }

    /// The place is that of indented code, if text stands before it.
    pub(super) fn is_indented_code(&self) -> bool {
        self.line_start && self.indent >= 4 && self.after_blank
    }
}
