//! A simulated small model: it knows the reference solution, and makes the mistakes of small models at set rates. What it
//! does after one depends on what it is told, so the mechanisms that tell it or mend it for it show what they are worth. It is a
//! simulation: no real model errs just like this.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};

use super::reference::{self, Step};
use super::task::Task;
use crate::check::tells_errors;
use crate::model::{Delta, Model, ModelError, RawCall, Request};
use crate::protocol::{FinishReason, Message};

/// What goes wrong with a reply, and in how many of a hundred.
pub const MISTAKES: [(Mistake, u64); 9] = [
    (Mistake::Text, 12),
    (Mistake::Json, 10),
    (Mistake::Types, 10),
    (Mistake::Names, 5),
    (Mistake::OldText, 8),
    (Mistake::Syntax, 12),
    (Mistake::Empty, 6),
    (Mistake::Circle, 3),
    (Mistake::Thread, 10),
];
/// How often of a hundred it does what a result tells it to, instead of the same again.
const HEEDS: u64 = 75;
/// After so many failures it leaves a step out.
const PATIENCE: u32 = 3;
/// Calls in a row with which it keeps the thread.
const THREAD: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The call stands in the text.
    Text,
    /// The arguments are not quite JSON.
    Json,
    /// A flag is written as a text.
    Types,
    /// An argument has another name.
    Names,
    /// What an edit should replace is not in the file.
    OldText,
    /// A bracket is left open.
    Syntax,
    /// It says nothing.
    Empty,
    /// It reads the same file over and over.
    Circle,
    /// After some calls it stops in the middle, as if it were done.
    Thread,
}

/// A call that it has to make, for the prompt of this number, from 0.
struct Due {
    prompt: usize,
    work: Work,
    /// Its own luck: what happens to one call says nothing of what happens to the next, so that runs can be compared.
    random: u64,
}

#[derive(Clone)]
enum Work {
    Read(String),
    Change { step: Step, whole: String },
}

pub struct Novice(Arc<Mutex<State>>);

struct State {
    due: VecDeque<Due>,
    /// How the call was made whose result comes next; `None`: as it should be.
    made: Option<Mistake>,
    asked: bool,
    failures: u32,
    calls_in_turn: u32,
    circle: Option<String>,
    /// It has answered the prompts up to this number.
    prompts: usize,
}

impl Novice {
    pub fn new(task: &Task, seed: u64) -> Result<Novice> {
        let mut due = VecDeque::new();
        let digest = u64::from_str_radix(task.digest().get(..16).unwrap_or_default(), 16).unwrap_or_default();
        let mut random = (digest ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
        let mut add = |prompt, work| due.push_back(Due { prompt, work, random: next(&mut random) });
        for (prompt, (steps, wanted)) in reference::steps(task)?.into_iter().zip(&task.reference).enumerate() {
            for step in steps {
                if let Step::Edit { path, .. } = &step {
                    add(prompt, Work::Read(path.clone()));
                }
                let whole = wanted.get(step.path()).map(|content| String::from_utf8_lossy(content).into_owned());
                add(prompt, Work::Change { step, whole: whole.unwrap_or_default() });
            }
        }
        Ok(Novice(Arc::new(Mutex::new(State {
            due,
            made: None,
            asked: false,
            failures: 0,
            calls_in_turn: 0,
            circle: None,
            prompts: 0,
        }))))
    }
}

impl Model for Novice {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let reply = self.0.lock().unwrap_or_else(PoisonError::into_inner).reply(&request.messages);
        stream::iter(reply.into_iter().map(Ok)).boxed()
    }

    fn name(&self) -> &str {
        "novice"
    }

    fn provider(&self) -> &str {
        "simulated"
    }
}

impl State {
    fn reply(&mut self, messages: &[Message]) -> Vec<Delta> {
        // What the host remarks between two steps is in brackets.
        let remark = |message: &Message| matches!(message, Message::User { text } if text.starts_with('['));
        let told = |message: &&Message| matches!(message, Message::User { .. }) && !remark(message);
        // A conversation of its own about one error has one prompt, and a shortened one fewer: that ends no task.
        let prompts = messages.iter().filter(told).count().max(self.prompts);
        if prompts > self.prompts {
            (self.prompts, self.calls_in_turn, self.circle, self.asked) = (prompts, 0, None, false);
        }
        let mut sure = false;
        let last = messages.iter().rfind(|message| !remark(message));
        if let (true, Some(Message::Tool { text, .. })) = (std::mem::take(&mut self.asked), last) {
            sure = self.learn(text);
        }
        if let Some(path) = self.circle.clone() {
            return self.call("read_file", &json!({ "path": path }), None);
        }
        if self.due.front().is_none_or(|due| due.prompt >= prompts) {
            return says("Done.");
        }
        let mistake = match (sure, self.made) {
            (true, _) => None,
            // It was told what was wrong, and does the same again.
            (false, Some(again)) => Some(again),
            (false, None) => self.mistake(),
        };
        self.act(mistake)
    }

    /// Takes in a result; whether the next call is made with care.
    fn learn(&mut self, result: &str) -> bool {
        let Some(due) = self.due.front() else { return false };
        let done = match &due.work {
            Work::Read(_) => !result.starts_with("read_file"),
            Work::Change { .. } => ["created ", "changed ", "unchanged "].iter().any(|word| result.starts_with(word)),
        };
        let made = self.made.take();
        if done && !(made == Some(Mistake::Syntax) && tells_errors(result)) {
            self.failures = 0;
            self.due.pop_front();
            return false;
        }
        self.failures += 1;
        if self.failures >= PATIENCE {
            self.failures = 0;
            self.due.pop_front();
            return false;
        }
        let heeds = self.roll() < HEEDS;
        if done && let (true, Some(Due { work: Work::Change { step, whole }, .. })) = (heeds, self.due.front_mut()) {
            // The file is there, with the error that it has just been shown.
            *step = Step::Write { path: step.path().to_owned(), content: whole.clone() };
        }
        self.made = if heeds { None } else { made };
        heeds
    }

    fn mistake(&mut self) -> Option<Mistake> {
        let mut roll = self.roll();
        MISTAKES.iter().find_map(|(mistake, rate)| match roll.checked_sub(*rate) {
            None => Some(*mistake),
            Some(rest) => {
                roll = rest;
                None
            }
        })
    }

    fn act(&mut self, mistake: Option<Mistake>) -> Vec<Delta> {
        let Some(Due { work, prompt, .. }) = self.due.front() else { return says("Done.") };
        let (work, prompt) = (work.clone(), *prompt);
        let (name, mut arguments) = match &work {
            Work::Read(path) => ("read_file", json!({ "path": path })),
            Work::Change { step: Step::Write { path, content }, .. } => {
                ("write_file", json!({ "path": path, "content": content }))
            }
            Work::Change { step: Step::Edit { path, old, new }, .. } => {
                ("edit_file", json!({ "path": path, "old_text": old, "new_text": new }))
            }
        };
        let path = arguments["path"].clone();
        let made = match (mistake, name) {
            (Some(Mistake::Empty), _) => return vec![Delta::Finish(FinishReason::Stop)],
            (Some(Mistake::Thread), _) if self.calls_in_turn >= THREAD => {
                self.due.retain(|due| due.prompt != prompt);
                return says("I have looked at all of it, and go on from here.");
            }
            (Some(Mistake::Circle), _) => {
                self.circle = path.as_str().map(str::to_owned);
                return self.call("read_file", &json!({ "path": path }), None);
            }
            (Some(Mistake::Names), _) => {
                arguments = renamed(&arguments);
                mistake
            }
            (Some(Mistake::Types), "edit_file") => {
                arguments["replace_all"] = json!("false");
                mistake
            }
            (Some(Mistake::OldText), "edit_file") => {
                arguments["old_text"] = json!(misremembered(arguments["old_text"].as_str().unwrap_or_default()));
                mistake
            }
            (Some(Mistake::Syntax), "write_file" | "edit_file") => {
                let key = if name == "write_file" { "content" } else { "new_text" };
                arguments[key] = json!(format!("{}((\n", arguments[key].as_str().unwrap_or_default()));
                mistake
            }
            (Some(Mistake::Text | Mistake::Json), _) => mistake,
            _ => None,
        };
        self.call(name, &arguments, made)
    }

    fn call(&mut self, name: &str, arguments: &Value, made: Option<Mistake>) -> Vec<Delta> {
        (self.made, self.asked) = (made, self.circle.is_none());
        self.calls_in_turn += 1;
        if made == Some(Mistake::Text) {
            let call = json!({ "name": name, "arguments": arguments }).to_string();
            return says(&match self.roll() % 2 {
                0 => format!("<tool_call>\n{call}\n</tool_call>"),
                _ => format!("I do it now.\n\n```json\n{call}\n```"),
            });
        }
        let mut text = arguments.to_string();
        if made == Some(Mistake::Json) {
            text.truncate(text.len() - 1);
            text.push_str(",}");
        }
        let call = RawCall { id: None, name: name.to_owned(), arguments: text };
        vec![Delta::Call(call), Delta::Finish(FinishReason::ToolCalls)]
    }

    /// 0 to 99, for the call that is due.
    fn roll(&mut self) -> u64 {
        self.due.front_mut().map_or(0, |due| (next(&mut due.random) >> 33) % 100)
    }
}

/// xorshift64
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

fn says(text: &str) -> Vec<Delta> {
    vec![Delta::Text(text.to_owned()), Delta::Finish(FinishReason::Stop)]
}

/// With `path` called as other tools call it.
fn renamed(arguments: &Value) -> Value {
    let fields = arguments.as_object().into_iter().flatten();
    let field = |(key, value): (&String, &Value)| {
        let key = if key == "path" { "filename" } else { key };
        (key.to_owned(), value.clone())
    };
    Value::Object(fields.map(field).collect())
}

/// With a word too many in each line.
fn misremembered(text: &str) -> String {
    text.lines().map(|line| format!("{line} etc\n")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
mod tests {
    use super::super::task::Files;
    use super::*;
    use std::time::Duration;

    fn task() -> Task {
        let files = |text: &str| [("a".to_owned(), text.as_bytes().to_vec())].into();
        Task {
            name: "t".into(),
            language: "x".into(),
            prompts: vec!["p".into()],
            files: files("1\n"),
            laid_over: files(""),
            reference: vec![files("2\n")],
            check: vec![vec!["true".into()]],
            needs: Vec::new(),
            time: Duration::from_secs(1),
        }
    }

    #[test]
    fn one_seed_gives_one_reply_and_all_mistakes_come_up() {
        let prompt = [Message::User { text: "p".into() }];
        let reply = |seed| Novice::new(&task(), seed).unwrap().0.lock().unwrap().reply(&prompt);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            assert_eq!(reply(seed), reply(seed));
            seen.insert(format!("{:?}", reply(seed)));
        }
        // A good call, three ways of text and JSON, another name, nothing.
        assert!(seen.len() >= 5, "{seen:#?}");
        let total: u64 = MISTAKES.iter().map(|(_, rate)| rate).sum();
        assert!(total < 100);
    }

    #[test]
    fn a_conversation_about_one_error_ends_no_task() {
        let said = |text: &str| Message::User { text: text.into() };
        let files = |text: &str| Files::from([("a".to_owned(), text.as_bytes().to_vec())]);
        let (prompts, reference) = (vec!["p".into(), "q".into()], vec![Files::new(), files("2\n")]);
        let task = Task { prompts, reference, ..task() };
        let acts = (0..200).filter(|seed| {
            let novice = Novice::new(&task, *seed).unwrap();
            let mut state = novice.0.lock().unwrap();
            assert_eq!(state.reply(&[said("p")]), says("Done."));
            state.reply(&[said("p"), said("q")]);
            let reply = state.reply(&[said("a fails its check")]);
            assert_ne!(reply, says("Done."));
            reply.iter().any(|delta| matches!(delta, Delta::Call(_)))
        });
        assert!(acts.count() > 100);
    }
}
