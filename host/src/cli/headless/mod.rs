//! `garth run`: one turn, from its task to an exit code; and `garth commands expand`, which stops before the model.
//!
//! Text form: the model's words on standard output, everything else on standard error. On a terminal the words are
//! streamed; into a pipe goes the final answer alone, whole, since text that comes with tool calls, or before a retry,
//! is no answer. JSON form: every event on a line of standard output, as `host/src/protocol/EVENTS.md` says. Of an
//! expansion the prompt alone goes to standard output, in either form.
//! It decides nothing: what needs an answer is asked on the terminal, or denied where there is none.

mod console;
mod output;

use std::io::Write;
use std::time::Instant;

use tokio::sync::mpsc;

use crate::cli::{Exit, Verdict};
use crate::protocol::{Answer, Event, Op};
use crate::terminal::{Link, Question, Reply, Typed};

pub use console::{Console, Form};
use output::{Output, Wanted};

/// Drives one turn and says how it ended. `interrupts` gets a message for each Ctrl-C: the first cancels the turn, the
/// second returns at once. When standard output goes away the turn is cancelled quietly.
pub async fn run<O: Write, E: Write>(
    link: Link,
    task: String,
    console: Console<O, E>,
    interrupts: mpsc::Receiver<()>,
) -> Exit {
    drive(link, Op::Submit { text: task }, Output::new(console, Wanted::Answer), interrupts).await
}

/// The same for a line `/name …` that is expanded and not sent: its prompt goes to standard output, in JSON form as one
/// object with `prompt` and `spans`.
pub async fn expand<O: Write, E: Write>(
    link: Link,
    line: String,
    console: Console<O, E>,
    interrupts: mpsc::Receiver<()>,
) -> Exit {
    drive(link, Op::Expand { text: line }, Output::new(console, Wanted::Prompt), interrupts).await
}

async fn drive<O: Write, E: Write>(
    mut link: Link,
    op: Op,
    (mut output, mut answers): (Output<O, E>, Option<mpsc::Receiver<Typed>>),
    mut interrupts: mpsc::Receiver<()>,
) -> Exit {
    link.post(op);
    let mut verdict = Verdict::default();
    let mut questions = Questions::default();
    let mut cancelling = false;
    loop {
        tokio::select! {
            event = link.next() => {
                let Some(event) = event else {
                    output.problem("the agent went away before the turn had ended");
                    return Exit::Failed;
                };
                verdict.observe(&event);
                output.event(&event, Instant::now());
                questions.event(&event, &mut link, &mut output, answers.as_mut());
            }
            Some(()) = interrupts.recv() => {
                if cancelling {
                    return Exit::Cancelled;
                }
                output.problem("cancelling; Ctrl-C again exits at once");
                cancelling = true;
                link.post(Op::Cancel);
            }
            typed = next_answer(&mut answers), if questions.is_open() => {
                questions.typed(typed, &mut link, &mut output);
            }
        }
        if output.is_gone() && !cancelling {
            cancelling = true;
            link.post(Op::Cancel);
        }
        if let Some(exit) = verdict.exit() {
            output.finish(exit, &verdict);
            link.post(Op::Shutdown);
            link.flush().await;
            return exit;
        }
    }
}

async fn next_answer(answers: &mut Option<mpsc::Receiver<Typed>>) -> Typed {
    match answers {
        Some(answers) => answers.recv().await.unwrap_or(Typed::End),
        None => Typed::End,
    }
}

/// Questions wait for their turn; the first is the one on the screen.
#[derive(Default)]
struct Questions {
    waiting: std::collections::VecDeque<Question>,
}

impl Questions {
    fn is_open(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn event<O: Write, E: Write>(
        &mut self,
        event: &Event,
        link: &mut Link,
        output: &mut Output<O, E>,
        answers: Option<&mut mpsc::Receiver<Typed>>,
    ) {
        match event {
            Event::ApprovalRequested { id, request, .. } => {
                let question = Question::new(*id, request.clone());
                let Some(answers) = answers else {
                    link.post(Op::Answer { id: *id, answer: question.unattended() });
                    return;
                };
                if self.waiting.is_empty() {
                    // What was typed before the question could be read is no answer to it.
                    while answers.try_recv().is_ok() {}
                    output.ask(&question);
                }
                self.waiting.push_back(question);
            }
            Event::ApprovalResolved { id, .. } => {
                let shown = self.waiting.front().is_some_and(|question| question.id == *id);
                self.waiting.retain(|question| question.id != *id);
                if shown {
                    output.show("\n");
                }
                if shown && let Some(next) = self.waiting.front() {
                    output.ask(next);
                }
            }
            Event::TurnEnded { .. } => self.waiting.clear(),
            _ => {}
        }
    }

    fn typed<O: Write, E: Write>(&mut self, typed: Typed, link: &mut Link, output: &mut Output<O, E>) {
        let Some(question) = self.waiting.front_mut() else { return };
        let reply = match typed {
            Typed::Line(line) | Typed::Prompted(line) => question.reply(&line, output.style()),
            Typed::End | Typed::Failed(_) => {
                Reply::Answer(Answer::No { reason: Some("the user closed the input instead of answering".into()) })
            }
        };
        match reply {
            Reply::Show(text) | Reply::NotAnAnswer(text) => output.show(&text),
            Reply::Answer(answer) => {
                link.post(Op::Answer { id: question.id, answer });
                self.waiting.pop_front();
                if let Some(next) = self.waiting.front() {
                    output.ask(next);
                }
            }
        }
    }
}
