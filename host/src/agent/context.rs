//! The conversation as the model sees it, and its stable beginning: system prompt, skills, tools.

use std::collections::HashSet;
use std::sync::Arc;

use super::known::{self, Known};
use super::turn::Turn;
use super::{skill, snapshot};
use crate::protocol::{Event, Message, ToolSpec};
use crate::session::Transcript;

/// The messages that the model sees; append-only.
pub(crate) struct Context {
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    /// Ids of calls that other conversations of the session have used.
    pub taken: HashSet<String>,
    /// What the model has been told of the skills; `None`: it is to be found in the messages.
    pub known: Option<Known>,
}

impl Context {
    /// Goes on with what was said; `None` when nothing was.
    pub fn resumed(transcript: Transcript) -> Option<Context> {
        let Transcript { messages, tools, .. } = transcript;
        (!messages.is_empty()).then(|| Context { messages, tools, taken: HashSet::new(), known: None })
    }

    /// Begins the conversation of a session.
    pub async fn begin(turn: &Arc<Turn>) -> Context {
        let context = Context::prefix(turn, |_| true).await;
        let event = Event::ContextStarted { system: context.system().to_string(), tools: context.tools.clone() };
        turn.services.recorder.emit(event).await;
        context
    }

    /// The stable prefix: made once, and offered are the tools that `leaves` says.
    pub async fn prefix(turn: &Arc<Turn>, leaves: impl Fn(&str) -> bool) -> Context {
        let services = &turn.services;
        let tools = services.plugins.tools().iter().map(|tool| tool.spec.clone()).chain([skill::skill_tool()]);
        let tools: Vec<ToolSpec> = tools.filter(|tool| leaves(&tool.name)).collect();
        let mut snapshot = snapshot::take(&services.workspace, &services.runner).await;
        let skills = if leaves(skill::NAME) { known::skills(turn) } else { Vec::new() };
        snapshot.skills = known::listing(turn, &skills);
        let messages = vec![Message::System { text: crate::context::system_prompt(&snapshot) }];
        Context { messages, tools, taken: HashSet::new(), known: Some(Known::of(&skills)) }
    }

    pub fn system(&self) -> &str {
        match self.messages.first() {
            Some(Message::System { text }) => text,
            _ => "",
        }
    }

    /// What is new of the skills since the model was last told, and what it knows once it has been told that.
    pub fn skills_now(&self, turn: &Turn) -> (Option<String>, Known) {
        let skills = known::skills(turn);
        match &self.known {
            Some(known) => known.news(turn, &skills),
            None => Known::read(&self.messages, &skills).news(turn, &skills),
        }
    }
}
