//! Sets streamed, foreign text behind a gutter on every row. Rows are broken here, before the terminal's own edge, since a
//! row that the terminal breaks would begin in column 0. It keeps the column and the unfinished word between chunks.

use unicode_width::UnicodeWidthChar;

use super::{Role, Style, escape};
use crate::protocol::is_hidden;

const TAB: usize = 4;
/// A word is held back until it ends, so that it can move to the next row; past this many bytes it is let go.
const LONGEST_HELD: usize = 256;

/// A stream of text on the screen. Leading and trailing blank lines are dropped; so is CR before LF.
#[derive(Clone, Debug)]
pub struct Flow {
    gutter: &'static str,
    role: Role,
    style: Style,
    /// Columns of a row after the gutter.
    room: usize,
    column: usize,
    row_open: bool,
    begun: bool,
    newlines: usize,
    carriage_return: bool,
    word: String,
    word_width: usize,
    out: String,
}

/// A whole text behind a gutter; ends with a newline unless it is empty.
pub fn block(style: Style, gutter: &'static str, role: Role, text: &str) -> String {
    let mut flow = Flow::new(style, gutter, role);
    flow.feed(text);
    flow.finish()
}

impl Flow {
    pub fn new(style: Style, gutter: &'static str, role: Role) -> Flow {
        // One column stays free: terminals disagree about the width of some characters, and about the last column.
        let room = style.width.map_or(usize::MAX, |width| width.saturating_sub(gutter.chars().count() + 1).max(8));
        Flow {
            gutter,
            role,
            style,
            room,
            column: 0,
            row_open: false,
            begun: false,
            newlines: 0,
            carriage_return: false,
            word: String::new(),
            word_width: 0,
            out: String::new(),
        }
    }

    /// Whether something is on the screen that [`Flow::finish`] has to end.
    pub fn is_open(&self) -> bool {
        self.row_open || !self.word.is_empty()
    }

    /// The next chunk, as it goes to the screen.
    pub fn push(&mut self, text: &str) -> String {
        self.feed(text);
        self.take()
    }

    fn feed(&mut self, text: &str) {
        for c in text.chars() {
            if std::mem::take(&mut self.carriage_return) && c != '\n' {
                self.hidden('\r');
            }
            match c {
                '\r' => self.carriage_return = true,
                '\n' => {
                    self.end_word();
                    self.newlines += 1;
                }
                ' ' => self.space(1),
                '\t' if self.style.width.is_some() => {
                    self.end_word();
                    self.space(TAB - self.column % TAB);
                }
                '\t' => {
                    self.end_word();
                    self.open_row();
                    self.out.push('\t');
                }
                c if is_hidden(c) => self.hidden(c),
                c => self.add(c),
            }
        }
    }

    /// What was held back, and the end of the row; the next chunk starts a new text.
    pub fn finish(&mut self) -> String {
        if std::mem::take(&mut self.carriage_return) {
            self.hidden('\r');
        }
        self.end_word();
        if std::mem::take(&mut self.row_open) {
            self.out.push('\n');
        }
        (self.begun, self.newlines, self.column) = (false, 0, 0);
        self.take()
    }

    fn hidden(&mut self, c: char) {
        for shown in escape(c.encode_utf8(&mut [0; 4])).chars() {
            self.add(shown);
        }
    }

    fn add(&mut self, c: char) {
        self.word.push(c);
        self.word_width += c.width().unwrap_or(0);
        if self.word.len() > LONGEST_HELD || self.style.width.is_none() {
            self.end_word();
        }
    }

    /// A space that does not fit becomes the row's break.
    fn space(&mut self, columns: usize) {
        self.end_word();
        self.open_row();
        if self.column + columns > self.room {
            self.break_row();
        } else {
            self.out.extend(std::iter::repeat_n(' ', columns));
            self.column += columns;
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.open_row();
        if self.column > 0 && self.column + self.word_width > self.room && self.word_width <= self.room {
            self.break_row();
        }
        for c in std::mem::take(&mut self.word).chars() {
            let width = c.width().unwrap_or(0);
            if self.column + width > self.room {
                self.break_row();
            }
            self.out.push(c);
            self.column += width;
        }
        self.word_width = 0;
    }

    /// Writes the newlines that were held back (none before the first text) and the gutter.
    fn open_row(&mut self) {
        let newlines = std::mem::take(&mut self.newlines);
        if newlines > 0 && self.begun {
            let bar = self.gutter.trim_end();
            for blank in 0..newlines {
                if blank > 0 {
                    self.out.push_str(bar);
                }
                self.out.push('\n');
            }
            (self.row_open, self.column) = (false, 0);
        }
        if !self.row_open {
            self.out.push_str(self.gutter);
            (self.row_open, self.begun) = (true, true);
        }
    }

    fn break_row(&mut self) {
        self.out.push('\n');
        self.out.push_str(self.gutter);
        self.column = 0;
    }

    fn take(&mut self) -> String {
        let out = std::mem::take(&mut self.out);
        if self.role == Role::Plain || !self.style.colour {
            return out;
        }
        // Colour row by row, so that no colour is open at the end of a row.
        let rows: Vec<String> = out.split('\n').map(|row| self.style.paint(self.role, row)).collect();
        rows.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Style = Style { colour: false, width: Some(15) };

    /// Whole, and character by character: both give the same.
    fn check(text: &str, expected: &str) {
        assert_eq!(block(NARROW, "  ", Role::Plain, text), expected, "{text:?}");
        let mut flow = Flow::new(NARROW, "  ", Role::Plain);
        let mut streamed: String = text.chars().map(|c| flow.push(c.encode_utf8(&mut [0; 4]))).collect();
        streamed.push_str(&flow.finish());
        assert_eq!(streamed, expected, "streamed: {text:?}");
    }

    #[test]
    fn every_row_starts_with_the_gutter() {
        check("", "");
        check("\n\nhello\n\n", "  hello\n");
        check("a\n\nb", "  a\n\n  b\n");
        check("one two three four", "  one two \n  three four\n");
        check("aaaaaaaaaaaaaaaaaaaa", "  aaaaaaaaaaaa\n  aaaaaaaa\n");
        check("日本語日本語日本語", "  日本語日本語\n  日本語\n");
        check("a\tb", "  a   b\n");
        check("a\r\nb\rc\r", "  a\n  b\\u{d}c\\u{d}\n");
        check("\x1b[1G> allow?", "  \\u{1b}[1G> \n  allow?\n");
        check("- x\n  - y", "  - x\n    - y\n");
    }

    #[test]
    fn no_width_means_no_wrapping_and_tabs_stay() {
        let wide = "word ".repeat(100);
        let shown = block(Style::default(), "  | ", Role::Plain, &format!("{wide}end\n\nx\ty"));
        assert_eq!(shown, format!("  | {wide}end\n  |\n  | x\ty\n"));
    }

    #[test]
    fn colours_are_closed_on_every_row() {
        let style = Style { colour: true, width: Some(40) };
        assert_eq!(block(style, "| ", Role::Dim, "a\nb"), "\x1b[2m| a\x1b[0m\n\x1b[2m| b\x1b[0m\n");
    }
}
