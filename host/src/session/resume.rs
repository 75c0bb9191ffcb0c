//! From a journal back to the conversation, message by message as it was sent, so that a local server still finds it in
//! its prompt cache. Each event adds at most one message:
//!
//! - `ContextStarted` puts the system prompt first and begins anew; the message of a turn that runs and has had no reply
//!   stays, since it opens the new context. Right after a resumed `SessionStarted` the conversation goes on instead;
//! - `TurnStarted` is the user's message, `AssistantMessage` the model's;
//! - `ToolFinished` is held back until all results of a reply are there, or the next message begins: results stand in the
//!   order of the calls, however they finished.
//!
//! Approvals are not read: what was allowed then is asked again.

use crate::protocol::{Event, Message, ToolCall, ToolSpec};

use super::Entry;

/// The result of a call that was running when Garth ended.
pub const INTERRUPTED: &str = "The call was interrupted before its result was known. It may have had effects: look at the \
    current state before you repeat it.";

/// A conversation to go on with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The tools as they were offered.
    pub tools: Vec<ToolSpec>,
    /// The system prompt and all that followed, byte for byte as it was sent. Empty when nothing was sent yet.
    pub messages: Vec<Message>,
    /// The number of the last turn; 0 when there was none.
    pub turns: u64,
    /// Calls that got [`INTERRUPTED`] as their result.
    pub interrupted: usize,
    /// Results without a call, left out: the line with the call is damaged.
    pub orphaned: usize,
}

/// Rebuilds the conversation.
pub fn resume<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Transcript {
    let mut transcript = Transcript::default();
    let mut open: Vec<(ToolCall, Option<String>)> = Vec::new();
    let (mut continues, mut in_turn) = (false, false);
    for entry in entries {
        match &entry.event {
            Event::SessionStarted { resumed, .. } => (continues, in_turn) = (*resumed, false),
            Event::ContextStarted { system, tools } => {
                transcript.close(&mut open);
                transcript.tools.clone_from(tools);
                transcript.begin(
                    system,
                    match (continues, in_turn) {
                        (true, _) => Keep::All,
                        (false, true) => Keep::OpeningMessage,
                        (false, false) => Keep::Nothing,
                    },
                );
            }
            Event::TurnStarted { turn, task } => {
                transcript.close(&mut open);
                (continues, in_turn) = (false, true);
                transcript.turns = *turn;
                transcript.messages.push(Message::User { text: task.clone() });
            }
            Event::AssistantMessage { text, reasoning, calls } => {
                transcript.close(&mut open);
                open = calls.iter().map(|call| (call.clone(), None)).collect();
                let (text, reasoning, calls) = (text.clone(), reasoning.clone(), calls.clone());
                transcript.messages.push(Message::Assistant { text, reasoning, calls });
            }
            Event::ToolFinished { call_id, text, .. } => {
                match open.iter_mut().find(|(call, result)| call.id == *call_id && result.is_none()) {
                    Some((_, result)) => *result = Some(text.clone()),
                    None => transcript.orphaned += 1,
                }
            }
            Event::TurnEnded { .. } => in_turn = false,
            _ => {}
        }
    }
    transcript.close(&mut open);
    if !matches!(transcript.messages.first(), Some(Message::System { .. })) {
        transcript.messages.clear(); // no context began, so no request was made
    }
    transcript
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

    /// Every call of a reply has exactly one result: the servers insist on it.
    fn close(&mut self, open: &mut Vec<(ToolCall, Option<String>)>) {
        for (call, result) in open.drain(..) {
            self.interrupted += usize::from(result.is_none());
            let text = result.unwrap_or_else(|| INTERRUPTED.into());
            self.messages.push(Message::Tool { call_id: call.id, tool: call.name, text });
        }
    }
}
