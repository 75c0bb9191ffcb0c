//! A simulated small model: it knows the reference solution, and makes the mistakes of small models at set rates. What it
//! does after one depends on what it is told, so the mechanisms that tell it or mend it for it show what they are worth. It is a
//! simulation: no real model errs just like this.

mod mistakes;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};

use self::mistakes::{BRACKETS, Mistake, PATIENCE, THREAD, babble, drawn, heeds, last_line, says, silence, spoiled};
use super::reference::{self, Step};
use super::task::Task;
use crate::check::tells_errors;
use crate::model::{Delta, Model, ModelError, RawCall, Request};
use crate::protocol::{FinishReason, Message, ToolSpec};

/// As a model says that is offered the small set of tools, where nothing else decides.
const PARAMETERS: u64 = 4_000_000_000;
/// The one tool of that set that finds a file and shows it.
const FIND_AND_READ: &str = "find_and_read";
/// What the host says of an attempt to repair an error apart, of reading again, and of changes back and forth.
const MENDED: [&str; 2] = [": it is mended", "It is not of your making"];
const READ_AGAIN: &str = "[You have read lines ";
const BACK_AND_FORTH: &str = " changes go back and forth.";
/// The file is as it was before the change that has to be made again.
const PUT_BACK: &str = "The file has been put back ";

/// A call that it has to make, for the prompt of this number, from 0.
struct Due {
    prompt: usize,
    work: Work,
    /// The brackets that its change has left open in the file.
    open: Option<String>,
    /// It has heeded what it was told: this time it makes the call as it should be.
    careful: bool,
    /// Its own luck: what happens to one call says nothing of what happens to the next, so that runs can be compared.
    random: u64,
}

#[derive(Clone)]
enum Work {
    /// Sees which files there are, where no tool finds and reads at once.
    Look,
    Read(String),
    Change {
        step: Step,
        whole: String,
    },
}

/// What it does over and over.
#[derive(Clone, Copy)]
struct Stuck {
    mistake: Mistake,
    /// Whether it stops when it is told: who goes in circles is deaf once and for all.
    heeds: bool,
    /// Its last change took the one before back.
    back: bool,
}

pub struct Novice(Arc<Mutex<State>>);

struct State {
    due: VecDeque<Due>,
    /// How the call was made whose result comes next; `None`: as it should be.
    made: Option<Mistake>,
    asked: bool,
    /// Of the call that is due, in this conversation.
    failures: u32,
    calls_in_turn: u32,
    stuck: Option<Stuck>,
    /// It has answered the prompts up to this number.
    prompts: usize,
    /// What the conversation of the task begins with; another one is about one error.
    system: Option<String>,
}

impl Novice {
    pub fn new(task: &Task, seed: u64) -> Result<Novice> {
        let mut due = VecDeque::new();
        let digest = u64::from_str_radix(task.digest().get(..16).unwrap_or_default(), 16).unwrap_or_default();
        let mut random = (digest ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1;
        let mut add = |prompt, work| {
            due.push_back(Due { prompt, work, open: None, careful: false, random: next(&mut random) });
        };
        for (prompt, (steps, wanted)) in reference::steps(task)?.into_iter().zip(&task.reference).enumerate() {
            if steps.iter().any(|step| matches!(step, Step::Edit { .. })) {
                add(prompt, Work::Look);
            }
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
            stuck: None,
            prompts: 0,
            system: None,
        }))))
    }
}

impl Model for Novice {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = state.reply(&request.messages, &request.tools);
        stream::iter(reply.into_iter().map(Ok)).boxed()
    }

    fn name(&self) -> &str {
        "novice"
    }

    fn provider(&self) -> &str {
        "simulated"
    }

    fn parameters(&self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(std::future::ready(Some(PARAMETERS)))
    }
}

impl State {
    fn reply(&mut self, messages: &[Message], tools: &[ToolSpec]) -> Vec<Delta> {
        // What the host remarks between two steps is in brackets.
        let remark = |message: &Message| matches!(message, Message::User { text } if text.starts_with('['));
        let told = |message: &&Message| matches!(message, Message::User { .. }) && !remark(message);
        let apart = self.is_apart(messages);
        let prompts = messages.iter().filter(told).count();
        if apart {
            self.begin_apart(messages);
        } else if prompts > self.prompts {
            (self.prompts, self.calls_in_turn, self.stuck, self.asked) = (prompts, 0, None, false);
        }
        let last = messages.iter().rfind(|message| !remark(message));
        if let (true, Some(Message::Tool { text, .. })) = (std::mem::take(&mut self.asked), last) {
            self.learn(text);
        }
        if self.failures >= PATIENCE {
            if apart {
                return says("I do not know what is wrong with it.");
            }
            self.leave();
        }
        let shown = tools.iter().any(|tool| tool.name == FIND_AND_READ);
        if shown && self.due.front().is_some_and(|due| matches!(due.work, Work::Look)) {
            self.leave();
        }
        let Some(due) = self.due.front().filter(|due| due.prompt < self.prompts) else { return says("Done.") };
        if let (Some(stuck), Work::Change { step: Step::Edit { path, old, new }, .. }) = (self.stuck, &due.work) {
            let (old, new) = if stuck.back { (new, old) } else { (old, new) };
            let arguments = json!({ "path": path, "old_text": old, "new_text": new });
            return self.call("edit_file", &arguments, self.made);
        }
        let mistake = match (due.careful || self.stuck.is_some(), self.made) {
            (true, _) => None,
            // It was told what was wrong, and does the same again.
            (false, Some(again)) => Some(again),
            (false, None) => drawn(self.roll(), tools.len()),
        };
        self.act(mistake, tools)
    }

    /// Whether this is a conversation about one error alone.
    fn is_apart(&mut self, messages: &[Message]) -> bool {
        let Some(Message::System { text }) = messages.first() else { return false };
        *self.system.get_or_insert_with(|| text.clone()) != *text
    }

    /// What it has done in vain is not before it there.
    fn begin_apart(&mut self, messages: &[Message]) {
        if messages.iter().any(|message| matches!(message, Message::Assistant { .. })) {
            return;
        }
        (self.failures, self.asked, self.stuck) = (0, false, None);
        let put_back = |message: &Message| matches!(message, Message::User { text } if text.contains(PUT_BACK));
        if let Some(due) = self.due.front_mut().filter(|_| messages.iter().any(put_back)) {
            due.open = None;
        }
        self.consider(Some(Mistake::Syntax), 0);
    }

    /// It was told what is wrong: whether the next call is made with care, or as before.
    fn consider(&mut self, made: Option<Mistake>, failures: u32) {
        let heeds = heeds(self.roll(), failures);
        self.made = if heeds { None } else { made };
        if let Some(due) = self.due.front_mut() {
            due.careful = heeds;
        }
    }

    /// Goes on to the next call.
    fn leave(&mut self) {
        (self.failures, self.made, self.stuck) = (0, None, None);
        self.due.pop_front();
    }

    /// Takes in a result.
    fn learn(&mut self, result: &str) {
        if MENDED.iter().any(|told| result.contains(told)) {
            return self.leave();
        }
        let Some(due) = self.due.front_mut() else { return };
        let written = ["created ", "changed ", "unchanged "].iter().any(|word| result.starts_with(word));
        let done = match &due.work {
            Work::Look => true,
            Work::Read(_) => result.lines().any(is_numbered),
            Work::Change { .. } => written,
        };
        if let Some(stuck) = self.stuck {
            return self.go_in_circles(stuck, done, result);
        }
        let made = self.made.take();
        let still_wrong = match made {
            Some(Mistake::Tool) => true,
            Some(Mistake::Syntax) => tells_errors(result),
            _ => false,
        };
        if done && !still_wrong {
            return match made {
                Some(mistake @ (Mistake::Rereading | Mistake::Undecided)) => {
                    let heeds = heeds(self.roll(), 0);
                    self.stuck = Some(Stuck { mistake, heeds, back: mistake == Mistake::Undecided });
                }
                _ => self.leave(),
            };
        }
        if done && made == Some(Mistake::Syntax) {
            due.open.get_or_insert_with(|| BRACKETS.to_owned());
        }
        let failures = self.failures;
        self.failures += 1;
        self.consider(made, failures);
    }

    /// Takes in a result of what it does over and over, until it is told.
    fn go_in_circles(&mut self, stuck: Stuck, done: bool, result: &str) {
        let undecided = stuck.mistake == Mistake::Undecided;
        let told = result.contains(if undecided { BACK_AND_FORTH } else { READ_AGAIN });
        if done && !(told && stuck.heeds) {
            self.stuck = Some(Stuck { back: undecided && !stuck.back, ..stuck });
            return;
        }
        self.stuck = None;
        // A change that could not be made has left the file as it was.
        let without = undecided && stuck.back == done;
        match self.due.front_mut() {
            Some(due) if without => due.careful = true,
            _ => self.leave(),
        }
    }

    fn act(&mut self, mistake: Option<Mistake>, tools: &[ToolSpec]) -> Vec<Delta> {
        let Some(Due { work, prompt, open, careful, .. }) = self.due.front_mut() else { return says("Done.") };
        let (prompt, reads) = (*prompt, matches!(work, Work::Read(_)));
        let offers = |name: &str| tools.iter().any(|tool| tool.name == name);
        let (name, arguments) = match (&*work, open) {
            (Work::Look, _) => ("list_dir", json!({ "path": "." })),
            (Work::Read(path), _) if offers(FIND_AND_READ) => (FIND_AND_READ, json!({ "name": path })),
            (Work::Read(path), _) => ("read_file", json!({ "path": path })),
            (Work::Change { step, whole }, Some(_)) if *careful && offers("write_file") => {
                ("write_file", json!({ "path": step.path(), "content": whole }))
            }
            (Work::Change { step, .. }, Some(open)) => {
                let (old, new) = repair(step, open, *careful);
                let arguments = json!({ "path": step.path(), "old_text": old, "new_text": new });
                let made = (!*careful).then_some(Mistake::Syntax);
                return self.call("edit_file", &arguments, made);
            }
            (Work::Change { step: Step::Write { path, content }, .. }, None) => {
                ("write_file", json!({ "path": path, "content": content }))
            }
            (Work::Change { step: Step::Edit { path, old, new }, .. }, None) => {
                ("edit_file", json!({ "path": path, "old_text": old, "new_text": new }))
            }
        };
        let is_edit = name == "edit_file";
        match mistake {
            Some(Mistake::Silence) => return silence(self.roll()),
            Some(Mistake::Babble) => return babble(),
            Some(Mistake::Thread) if self.calls_in_turn >= THREAD => {
                self.due.retain(|due| due.prompt != prompt);
                return says("I have looked at all of it, and go on from here.");
            }
            Some(Mistake::Rereading) if reads => return self.call(name, &arguments, mistake),
            Some(Mistake::Undecided) if is_edit => return self.call(name, &arguments, mistake),
            Some(Mistake::Tool) => {
                let others: Vec<&str> =
                    tools.iter().map(|tool| tool.name.as_str()).filter(|tool| *tool != name).collect();
                if let Some(at) = (self.roll() as usize).checked_rem(others.len()) {
                    return self.call(others[at], &arguments, mistake);
                }
            }
            _ => {}
        }
        let spoiled = mistake.and_then(|mistake| Some((mistake, spoiled(mistake, name, &arguments, self.failures)?)));
        match spoiled {
            Some((mistake, arguments)) => self.call(name, &arguments, Some(mistake)),
            None => self.call(name, &arguments, None),
        }
    }

    fn call(&mut self, name: &str, arguments: &Value, made: Option<Mistake>) -> Vec<Delta> {
        (self.made, self.asked) = (made, true);
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

/// The texts of an edit that takes the open brackets out, or, without care, leaves them open in another way.
fn repair(step: &Step, open: &mut String, careful: bool) -> (String, String) {
    let written = match step {
        Step::Write { content, .. } => content,
        Step::Edit { new, .. } => new,
    };
    let last = last_line(written).unwrap_or_default();
    let old = format!("{last}\n{open}\n");
    if careful {
        return (old, format!("{last}\n"));
    }
    open.push('(');
    (old, format!("{last}\n{open}\n"))
}

/// As tools show the lines of a file.
fn is_numbered(line: &str) -> bool {
    line.split_once('\t').is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

/// xorshift64
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
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

    const TOOLS: [&str; 3] = ["find_and_read", "edit_file", "write_file"];

    fn tools(names: &[&str]) -> Vec<ToolSpec> {
        let (description, input_schema) = (String::new(), Value::Null);
        let one = ToolSpec { name: String::new(), description, input_schema };
        names.iter().map(|name| ToolSpec { name: (*name).to_owned(), ..one.clone() }).collect()
    }

    fn conversation(system: &str, told: &[&str]) -> Vec<Message> {
        let told = told.iter().map(|text| Message::User { text: (*text).into() });
        [Message::System { text: system.into() }].into_iter().chain(told).collect()
    }

    #[test]
    fn one_seed_gives_one_reply_and_all_mistakes_come_up() {
        let reply = |seed, names: &[&str]| {
            let novice = Novice::new(&task(), seed).unwrap();
            novice.0.lock().unwrap().reply(&conversation("s", &["p"]), &tools(names))
        };
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            assert_eq!(reply(seed, &TOOLS), reply(seed, &TOOLS));
            seen.insert(format!("{:?}", reply(seed, &TOOLS)));
        }
        // A good call, three ways of text and JSON, another name, another tool, nothing, a line over and over.
        assert!(seen.len() >= 7, "{seen:#?}");
        // Where no tool finds and reads, it looks around first.
        let looks =
            (0..200).filter(|seed| format!("{:?}", reply(*seed, &["list_dir", "read_file"])).contains("list_dir"));
        assert!(looks.count() > 100);
        let total: u64 = mistakes::RATES.iter().map(|(_, rate)| rate).sum();
        assert!(total + 24 / 2 < 100, "with two dozen tools on offer some calls go well");
    }

    /// What it replaces by what, once it has seen the file, taken a change back and forth, and been told so.
    fn undecided(seed: u64, note: &str) -> Vec<(String, String)> {
        let novice = Novice::new(&task(), seed).unwrap();
        let mut state = novice.0.lock().unwrap();
        state.due.retain(|due| matches!(due.work, Work::Change { .. }));
        let (tools, mut messages) = (tools(&TOOLS), conversation("s", &["p"]));
        state.reply(&messages, &tools);
        (state.made, state.asked) = (Some(Mistake::Undecided), true);
        let mut edits = Vec::new();
        for told in ["", "", note] {
            let text = format!("changed a (+1 -1 lines){told}");
            messages.push(Message::Tool { call_id: String::new(), tool: String::new(), text });
            if let Some(Delta::Call(call)) = state.reply(&messages, &tools).first() {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
                let text = |key: &str| arguments[key].as_str().unwrap().to_owned();
                edits.push((text("old_text"), text("new_text")));
            }
        }
        edits
    }

    #[test]
    fn who_goes_back_and_forth_stops_when_told() {
        let (there, back) = (("1\n".to_owned(), "2\n".to_owned()), ("2\n".to_owned(), "1\n".to_owned()));
        let forever = [back.clone(), there.clone(), back.clone()];
        let note = "\n[a now reads as it did before: your last 3 changes go back and forth. Decide.]";
        let stops = (0..200).filter(|seed| {
            assert_eq!(undecided(*seed, ""), forever);
            let edits = undecided(*seed, note);
            assert!(edits == forever || edits == [back.clone(), there.clone()], "{edits:?}");
            edits.len() == 2
        });
        assert!((100..190).contains(&stops.count()), "most of them");
    }

    #[test]
    fn a_conversation_about_one_error_ends_no_task() {
        let files = |text: &str| Files::from([("a".to_owned(), text.as_bytes().to_vec())]);
        let (prompts, reference) = (vec!["p".into(), "q".into()], vec![Files::new(), files("2\n")]);
        let (task, tools) = (Task { prompts, reference, ..task() }, tools(&TOOLS));
        let acts = (0..200).filter(|seed| {
            let novice = Novice::new(&task, *seed).unwrap();
            let mut state = novice.0.lock().unwrap();
            assert_eq!(state.reply(&conversation("s", &["p"]), &tools), says("Done."));
            state.reply(&conversation("s", &["p", "q"]), &tools);
            let reply = state.reply(&conversation("one error", &["a fails its check"]), &tools);
            assert_ne!(reply, says("Done."));
            reply.iter().any(|delta| matches!(delta, Delta::Call(_)))
        });
        assert!(acts.count() > 100);
    }
}
