//! From a journal back to the conversation, message by message as it was sent, so that a local server still finds it in
//! its prompt cache. Each event adds at most one message:
//!
//! - `ContextStarted` puts the system prompt first and begins anew; the message of a turn that runs and has had no reply
//!   stays, since it opens the new context. Right after a resumed `SessionStarted` the conversation goes on instead;
//! - `TurnStarted` is the user's message, and `Prompted` what was sent in its place. A turn without a step leaves nothing:
//!   the model was not asked; the same when Garth ended while a command was prepared;
//! - `AssistantMessage` is the model's. What lies between `ForkStarted` and `ForkEnded` belongs to another conversation; the
//!   text of the latter stands for it;
//! - `Noted` and `MendEnded` are notes of the host's own, `GaveUp` is told as the model's words. What lies between `MendStarted`
//!   and `MendEnded` belongs to another conversation, too;
//! - `RestoreEnded` is told with the user's next words;
//! - `Compacted` replaces all messages so far;
//! - `ToolFinished` is held back until all results of a reply are there, or the next message begins: results stand in the
//!   order of the calls, however they finished. Those of a command's preparation answer no call of the model.
//!
//! Approvals are not read: what was allowed then is asked again.

use std::collections::BTreeSet;

use crate::policy::{named_path, named_paths};
use crate::protocol::{Event, Message, Reasoning, ToolCall, ToolSpec, append_note};
use crate::router::Ledger;

use super::{Entry, note_restored};

/// The result of a call that was running when Garth ended.
pub const INTERRUPTED: &str = "The call was interrupted before its result was known. It may have had effects: look at the \
    current state before you repeat it.";

/// The answer of a command with a conversation of its own that was running when Garth ended.
pub const FORK_INTERRUPTED: &str = "(the command was interrupted before its end; it may have had effects)";

/// What is told of an attempt that was running when Garth ended.
pub const MEND_INTERRUPTED: &str =
    "[An attempt to repair the error was interrupted. It may have changed the file: read it again first.]";

/// A conversation to go on with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The tools as they were offered.
    pub tools: Vec<ToolSpec>,
    /// The system prompt and all that followed, byte for byte as it was sent. Empty when nothing was sent yet.
    pub messages: Vec<Message>,
    /// The number of the last turn; 0 when there was none.
    pub turns: u64,
    /// Ids of all calls, also of those that are left out.
    pub taken: BTreeSet<String>,
    /// What the model has to be told with the user's next words.
    pub unsaid: Option<String>,
    /// What its requests took.
    pub spent: Ledger,
    /// Private files that were opened.
    pub private: BTreeSet<String>,
    /// Paths of the workspace that calls have named or written, whoever made them, and those of commands.
    pub files: BTreeSet<String>,
    /// Calls that got [`INTERRUPTED`] as their result.
    pub interrupted: usize,
    /// Results without a call, left out: the line with the call is damaged.
    pub orphaned: usize,
}

/// Rebuilds the conversation.
pub fn resume<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Transcript {
    let mut reader = Reader::default();
    entries.into_iter().for_each(|entry| reader.read(&entry.event));
    reader.leave_turn();
    let mut transcript = reader.transcript;
    if !matches!(transcript.messages.first(), Some(Message::System { .. })) {
        transcript.messages.clear(); // no context began, so no request was made
    }
    transcript
}

#[derive(Default)]
struct Reader {
    transcript: Transcript,
    /// The calls of the last reply, and their results so far.
    open: Vec<(ToolCall, Option<String>)>,
    /// A resumed session has just started.
    continues: bool,
    turn: Option<Turn>,
}

/// The turn that runs.
#[derive(Default)]
struct Turn {
    /// Where the message is that opened it.
    opening: usize,
    stage: Stage,
    /// A command, or a skill, is being prepared: what it runs answers no call.
    preparing: bool,
    /// An attempt to mend an error runs.
    mending: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Begun,
    /// It is a command, and the model has not been asked.
    Command,
    Forked,
    Asked,
}

impl Reader {
    fn read(&mut self, event: &Event) {
        if let Event::AssistantMessage { calls, .. } = event {
            self.transcript.taken.extend(calls.iter().map(|call| call.id.clone()));
        }
        // Wherever it was: what one conversation of the session knows, the others may be told.
        match event {
            Event::PrivateOpened { files } => self.transcript.private.extend(files.iter().cloned()),
            Event::ToolStarted { call, .. } => self.transcript.files.extend(named_paths(&call.arguments)),
            Event::FileReplaced { path, .. } => drop(self.transcript.files.insert(path.clone())),
            Event::CommandStarted { file, .. } => self.transcript.files.extend(named_path(file)),
            _ => {}
        }
        let elsewhere = self.stage() == Some(Stage::Forked) || self.turn.as_ref().is_some_and(|turn| turn.mending);
        if elsewhere && belongs_elsewhere(event) {
            return;
        }
        match event {
            Event::Usage { usage, tier, cost } => self.transcript.spent.add(*tier, usage, *cost),
            Event::SessionStarted { resumed, .. } => {
                self.leave_turn();
                self.continues = *resumed;
            }
            Event::ContextStarted { system, tools } => self.begin_context(system, tools),
            Event::TurnStarted { turn, task } => {
                self.leave_turn();
                self.continues = false;
                self.transcript.turns = *turn;
                self.turn = Some(Turn { opening: self.transcript.messages.len(), ..Turn::default() });
                self.transcript.messages.push(Message::User { text: task.clone() });
            }
            Event::CommandStarted { .. } => self.in_turn(|turn| {
                turn.preparing = true;
                if turn.stage == Stage::Begun {
                    turn.stage = Stage::Command;
                }
            }),
            Event::Prompted { text, .. } => self.prompted(text),
            Event::StepStarted { .. } => {
                self.asked();
                self.transcript.unsaid = None;
            }
            Event::Compacted { messages, .. } => self.compacted(messages),
            Event::Noted { text } => self.noted(text),
            Event::MendStarted { .. } if self.stage() != Some(Stage::Forked) => {
                self.in_turn(|turn| turn.mending = true);
            }
            Event::MendEnded { text, .. } if self.stage() != Some(Stage::Forked) => {
                self.in_turn(|turn| turn.mending = false);
                self.noted(text);
            }
            Event::GaveUp { text, .. } => {
                self.close();
                self.answered(text.clone(), None, Vec::new());
            }
            Event::RestoreEnded { restored, .. } => note_restored(&mut self.transcript.unsaid, restored),
            Event::ForkStarted { .. } => self.in_turn(|turn| turn.stage = Stage::Forked),
            Event::ForkEnded { text } => {
                self.asked();
                self.answered(text.clone(), None, Vec::new());
            }
            Event::AssistantMessage { text, reasoning, calls } => {
                self.asked();
                self.close();
                self.open = calls.iter().map(|call| (call.clone(), None)).collect();
                self.answered(text.clone(), reasoning.clone(), calls.clone());
            }
            Event::ToolFinished { call_id, text, .. } => self.finished(call_id, text),
            Event::TurnEnded { steps, .. } => match steps {
                0 => self.forget_turn(),
                _ => self.leave_turn(),
            },
            _ => {}
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.turn.as_ref().map(|turn| turn.stage)
    }

    fn in_turn(&mut self, change: impl FnOnce(&mut Turn)) {
        self.turn.as_mut().map(change);
    }

    fn asked(&mut self) {
        self.in_turn(|turn| (turn.stage, turn.preparing) = (Stage::Asked, false));
    }

    fn answered(&mut self, text: String, reasoning: Option<Reasoning>, calls: Vec<ToolCall>) {
        self.transcript.messages.push(Message::Assistant { text, reasoning, calls });
    }

    fn noted(&mut self, text: &str) {
        self.close();
        append_note(&mut self.transcript.messages, text);
    }

    fn begin_context(&mut self, system: &str, tools: &[ToolSpec]) {
        self.close();
        self.transcript.tools = tools.to_vec();
        let keep = match (self.continues, &self.turn) {
            (true, _) => Keep::All,
            (false, Some(_)) => Keep::OpeningMessage,
            (false, None) => Keep::Nothing,
        };
        self.transcript.begin(system, keep);
        let last = self.transcript.messages.len().saturating_sub(1);
        self.in_turn(|turn| turn.opening = last);
    }

    /// What was said so far is shorter from now on; the turn that runs begins with the last of the user's messages.
    fn compacted(&mut self, messages: &[Message]) {
        self.close();
        self.transcript.messages = messages.to_vec();
        let opening = messages.iter().rposition(|message| matches!(message, Message::User { .. }));
        self.in_turn(|turn| turn.opening = opening.unwrap_or(0));
    }

    /// What was sent in place of the task.
    fn prompted(&mut self, sent: &str) {
        let Some(turn) = self.turn.as_mut() else { return };
        turn.preparing = false;
        if let Some(Message::User { text }) = self.transcript.messages.get_mut(turn.opening) {
            *text = sent.to_string();
        }
    }

    fn finished(&mut self, call_id: &str, text: &str) {
        let preparing = self.turn.as_ref().is_some_and(|turn| turn.preparing);
        match self.open.iter_mut().find(|(call, result)| call.id == call_id && result.is_none()) {
            Some((_, result)) => {
                *result = Some(text.to_string());
                self.in_turn(|turn| turn.preparing = false); // the skill is there
            }
            None => self.transcript.orphaned += usize::from(!preparing),
        }
    }

    /// The turn is over, in good order or not.
    fn leave_turn(&mut self) {
        self.close();
        if self.turn.as_ref().is_some_and(|turn| turn.mending) {
            self.noted(MEND_INTERRUPTED);
        }
        match self.stage() {
            Some(Stage::Command) => self.forget_turn(),
            Some(Stage::Forked) => self.answered(FORK_INTERRUPTED.into(), None, Vec::new()),
            _ => {}
        }
        self.turn = None;
    }

    /// The model was not asked.
    fn forget_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.transcript.messages.truncate(turn.opening);
        }
    }

    /// Every call of a reply has exactly one result: the servers insist on it.
    fn close(&mut self) {
        for (call, result) in self.open.drain(..) {
            self.transcript.interrupted += usize::from(result.is_none());
            let text = result.unwrap_or_else(|| INTERRUPTED.into());
            self.transcript.messages.push(Message::Tool { call_id: call.id, tool: call.name, text });
        }
    }
}

/// Whether an event is part of the conversation beside this one, while there is one.
fn belongs_elsewhere(event: &Event) -> bool {
    matches!(
        event,
        Event::CommandStarted { .. }
            | Event::Prompted { .. }
            | Event::Compacted { .. }
            | Event::Noted { .. }
            | Event::GaveUp { .. }
            | Event::StepStarted { .. }
            | Event::AssistantMessage { .. }
            | Event::ToolFinished { .. }
    )
}

/// What a new context takes over.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    All,
    OpeningMessage,
    Nothing,
}

impl Transcript {
    fn begin(&mut self, system: &str, keep: Keep) {
        if keep != Keep::All {
            let opening = self.messages.pop().filter(|last| matches!(last, Message::User { .. }));
            self.messages = opening.filter(|_| keep == Keep::OpeningMessage).into_iter().collect();
        }
        let system = Message::System { text: system.into() };
        match self.messages.first_mut() {
            Some(first @ Message::System { .. }) => *first = system,
            _ => self.messages.insert(0, system),
        }
    }
}
