//! The terminal's keyboard: rustyline at the prompt, whole lines by `poll` and `read` while a turn runs. One thread owns
//! standard input, so that neither way of reading takes the other's bytes; a socket pair wakes it when the front end wants
//! something else. What was typed but not ended when a turn ends is still in the kernel's buffer, and the prompt gets it.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, ExternalPrinter, Helper};
use tokio::sync::mpsc;

use super::keyboard::{Keyboard, Kind};
use super::slash::names;
use super::wake;
use crate::terminal::{Role, Style, Typed};

const HISTORY: usize = 1_000;
const WAITING: usize = 256;

/// Opens the terminal behind standard input and output. `history` is read now and written after each line, by its owner
/// only; a history that cannot be read or written is left alone.
pub fn open_terminal(history: &Path, style: Style) -> io::Result<Keyboard> {
    let config = Config::builder().max_history_size(HISTORY).map_err(io::Error::other)?.build();
    let mut editor: Editor<Guide, FileHistory> = Editor::with_config(config).map_err(io::Error::other)?;
    let commands = Arc::new(RwLock::new(names(&None)));
    editor.set_helper(Some(Guide { commands: commands.clone(), ..Guide::default() }));
    prepare(history);
    let _ = editor.load_history(history);
    let mut printer = editor.create_external_printer().ok();
    let (sender, typed) = mpsc::channel(WAITING);
    let (wants, wanted) = wake::pair()?;
    let reader = Reader { editor, history: history.to_owned(), style, sender };
    std::thread::Builder::new().name("keyboard".into()).spawn(move || reader.run(wanted))?;
    Ok(Keyboard {
        kind: Kind::Terminal,
        typed,
        prompt: Box::new(move |initial| wants.send(initial)),
        above: printer.take().map(|mut printer| -> Box<dyn FnMut(String) + Send> {
            Box::new(move |text| {
                let _ = printer.print(text);
            })
        }),
        complete: Box::new(move |names| *commands.write().unwrap_or_else(PoisonError::into_inner) = names),
    })
}

/// The history's folder, for its owner only.
fn prepare(history: &Path) {
    let Some(folder) = history.parent() else { return };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let _ = builder.create(folder);
}

struct Reader {
    editor: Editor<Guide, FileHistory>,
    history: PathBuf,
    style: Style,
    sender: mpsc::Sender<Typed>,
}

impl Reader {
    fn run(mut self, mut wanted: wake::Wanted) {
        while let Some(initial) = wanted.next(&self.sender) {
            let typed = self.prompt(&initial);
            if self.sender.blocking_send(typed).is_err() {
                return;
            }
        }
    }

    /// One line with editing. Ctrl-C clears it; at an empty prompt the second one is an end.
    fn prompt(&mut self, initial: &str) -> Typed {
        let prompt = ("› ", self.style.paint(Role::Marker, "› "));
        let mut initial = initial.to_owned();
        let mut interrupts = 0;
        loop {
            if let Some(guide) = self.editor.helper() {
                guide.reset(&initial);
            }
            match self.editor.readline_with_initial(&prompt, (&initial, "")) {
                Ok(line) => {
                    let line = self.editor.helper().map(|guide| guide.joined(&line)).unwrap_or(line);
                    self.remember(&line);
                    return Typed::Prompted(line);
                }
                Err(ReadlineError::Interrupted) => {
                    let empty = self.editor.helper().is_none_or(|guide| guide.empty.get());
                    interrupts = if empty { interrupts + 1 } else { 0 };
                    if interrupts == 2 {
                        return Typed::End;
                    }
                    if empty {
                        let hint = self.style.paint(Role::Dim, "  Ctrl-C again, or Ctrl-D, leaves");
                        let _ = writeln!(io::stdout(), "{hint}");
                    }
                    initial.clear();
                }
                Err(ReadlineError::Eof) => return Typed::End,
                Err(ReadlineError::Signal(_)) => {}
                Err(error) => return Typed::Failed(error.to_string()),
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() && self.editor.add_history_entry(line).unwrap_or(false) {
            let _ = self.editor.append_history(&self.history);
        }
    }
}

/// What rustyline asks while a line is edited.
#[derive(Default)]
struct Guide {
    /// Names with their slash; replaced while the prompt is shown.
    commands: Arc<RwLock<Vec<String>>>,
    /// Whether the line was empty when it was last drawn.
    empty: Cell<bool>,
    /// Lengths of the text when a backslash at its end continued it.
    continued: RefCell<Vec<usize>>,
}

impl Guide {
    fn reset(&self, initial: &str) {
        self.empty.set(initial.is_empty());
        self.continued.borrow_mut().clear();
    }

    /// The text without the backslashes that only continued a line; backslashes in pasted text stay.
    fn joined(&self, line: &str) -> String {
        let mut joined = line.to_owned();
        for at in self.continued.borrow().iter().rev() {
            if joined.get(at - 1..at + 1) == Some("\\\n") {
                joined.remove(at - 1);
            }
        }
        joined
    }
}

impl Validator for Guide {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let slashes = input.len() - input.trim_end_matches('\\').len();
        if slashes.is_multiple_of(2) {
            return Ok(ValidationResult::Valid(None));
        }
        self.continued.borrow_mut().push(input.len());
        Ok(ValidationResult::Incomplete)
    }
}

impl Hinter for Guide {
    type Hint = String;
    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.empty.set(line.is_empty());
        None
    }
}

impl Completer for Guide {
    type Candidate = String;
    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let start = line.get(..at).unwrap_or_default();
        let fits = |name: &&String| start.starts_with('/') && name.starts_with(start);
        let commands = self.commands.read().unwrap_or_else(PoisonError::into_inner);
        Ok((0, commands.iter().filter(fits).cloned().collect()))
    }
}

impl Highlighter for Guide {}
impl Helper for Guide {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_what_there_is_now() {
        let commands = Arc::new(RwLock::new(vec!["/help".to_owned(), "/deploy".to_owned()]));
        let guide = Guide { commands: commands.clone(), ..Guide::default() };
        let history = FileHistory::new();
        let completed = |line: &str| guide.complete(line, line.len(), &Context::new(&history)).unwrap().1;
        assert_eq!(completed("/de"), ["/deploy"]);
        assert_eq!(completed("/").len(), 2);
        assert_eq!(completed("say /de"), [""; 0]);
        *commands.write().unwrap() = vec!["/help".to_owned(), "/describe".to_owned()];
        assert_eq!(completed("/de"), ["/describe"]);
    }

    #[test]
    fn only_backslashes_that_continued_a_line_go() {
        let check = |continued: &[usize], line: &str, expected: &str| {
            let guide = Guide { continued: RefCell::new(continued.to_vec()), ..Guide::default() };
            assert_eq!(guide.joined(line), expected);
        };
        check(&[], "cc a.c \\\n  -lm", "cc a.c \\\n  -lm");
        check(&[4], "one\\\ntwo", "one\ntwo");
        check(&[4, 9], "one\\\ntwo\\\nthree", "one\ntwo\nthree");
        check(&[3, 400], "edited afterwards", "edited afterwards");
        check(&[2], "é\\\n", "é\\\n");
    }
}
