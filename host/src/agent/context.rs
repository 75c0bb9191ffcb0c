//! The conversation as the model sees it, and its stable beginning: system prompt, skills, tools.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::announced::{Announced, host_tools};
use super::ask::Asked;
use super::known::{self, Known};
use super::turn::Turn;
use super::{ask, call_tool, instead, map, skill, snapshot, tool_set};
use crate::context::{Gauge, Learned, estimate, tools_as_json};
use crate::model::Model;
use crate::plugins::Tool;
use crate::protocol::{self, Event, Message, NO_REPLY, Tier, ToolSet, ToolSpec, WindowPart};
use crate::secrets::Look;
use crate::session::{Transcript, note_restored};

/// The messages that the model sees; append-only.
pub(crate) struct Context {
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    /// Estimated tokens of the tools.
    tools_weight: usize,
    /// Ids of calls that other conversations of the session have used.
    pub taken: BTreeSet<String>,
    /// What the model has been told of the skills; `None`: it is to be found in the messages.
    pub known: Option<Known>,
    /// What it has been told of the tools.
    pub announced: Announced,
    /// Counts its tokens.
    pub gauge: Gauge,
    /// Tokens that the model reads at once, once the server or the configuration has told.
    pub window: Option<usize>,
    /// Whose model it talks to, and what is known of the windows of the others.
    pub tier: Tier,
    rooms: BTreeMap<Tier, (Gauge, Option<usize>)>,
    /// Tokens that the last compaction left, as the model that it talks to counts them.
    pub compacted: Option<usize>,
    /// Tokens at which nothing worth it could be left out.
    pub futile: Option<usize>,
    /// What the model has to be told with the user's next words.
    pub unsaid: Option<String>,
    /// Only what it offers can be called in it.
    pub closed: bool,
}

/// What the model knows once it has been told what is new.
pub(super) struct News {
    known: Known,
    announced: Announced,
}

impl Context {
    /// Goes on with what was said; `None` when nothing was.
    pub fn resumed(transcript: Transcript) -> Option<Context> {
        let Transcript { messages, tools, unsaid, taken, .. } = transcript;
        (!messages.is_empty()).then(|| Context { unsaid, taken, ..Context::of(messages, tools, None) })
    }

    fn of(messages: Vec<Message>, tools: Vec<ToolSpec>, known: Option<Known>) -> Context {
        Context {
            announced: Announced::read(&tools, &messages),
            messages,
            tools_weight: weight(&tools),
            tools,
            taken: BTreeSet::new(),
            known,
            gauge: Gauge::default(),
            window: None,
            tier: Tier::Local,
            rooms: BTreeMap::new(),
            compacted: None,
            futile: None,
            unsaid: None,
            closed: false,
        }
    }

    /// A small conversation beside this one, with some of its tools and no others. What is known of the server holds there too.
    pub fn beside(&self, system: &str, tools: Vec<ToolSpec>) -> Context {
        let messages = vec![Message::System { text: system.to_string() }];
        let (gauge, window, tier, rooms) = (self.gauge.anew(), self.window, self.tier, self.rooms.clone());
        Context {
            taken: ask::used_ids(self),
            gauge,
            window,
            tier,
            rooms,
            closed: true,
            ..Context::of(messages, tools, None)
        }
    }

    /// From now on it talks to the model of this tier, which has its own window and counts in its own way.
    pub fn talk_to(&mut self, tier: Tier) {
        if tier == self.tier {
            return;
        }
        self.rooms.insert(self.tier, (self.gauge.anew(), self.window));
        (self.gauge, self.window) = self.rooms.remove(&tier).unwrap_or_default();
        // Of another window, and counted in another way.
        (self.tier, self.compacted, self.futile) = (tier, None, None);
    }

    /// Tokens that the local model reads at once, as far as is known.
    pub fn local_window(&self) -> Option<usize> {
        match self.tier {
            Tier::Local => self.window,
            _ => self.rooms.get(&Tier::Local).and_then(|(_, window)| *window),
        }
    }

    /// Whether a tool of this name may be called in it.
    pub fn admits(&self, tool: &str) -> bool {
        !self.closed || self.tools.iter().any(|spec| spec.name == tool)
    }

    /// The call; with what to call instead, where its tool does not exist; in a closed conversation with a complaint, where that
    /// is not on offer.
    pub fn admit(&self, turn: &Turn, asked: Asked) -> Asked {
        if self.admits(&asked.call.name) {
            let instead = match turn.plugins.find(&asked.call.name) {
                Some(_) => Vec::new(),
                None => self.instead(turn, &asked.call.name),
            };
            return Asked { instead, ..asked };
        }
        if asked.unreadable.is_some() {
            return asked;
        }
        let names: Vec<&str> = self.tools.iter().map(|spec| spec.name.as_str()).collect();
        let complaint = format!("it is not on offer now; use {}", names.join(" or "));
        Asked { unreadable: Some(complaint), ..asked }
    }

    /// Tools to call instead of one that does not exist: of those that it began with, then of those that came later.
    fn instead(&self, turn: &Turn, name: &str) -> Vec<String> {
        let set = tool_set::of(&self.tools);
        let later = turn.plugins.tools().iter().filter(|tool| tool_set::offers(set, tool)).map(|tool| &tool.spec);
        let mut names: Vec<&str> = Vec::new();
        for spec in self.tools.iter().chain(later) {
            if !names.contains(&spec.name.as_str()) {
                names.push(&spec.name);
            }
        }
        instead::of(name, &names).into_iter().map(str::to_string).collect()
    }

    /// Adds a note of the host's: to the last result, where the model has not read that yet, else as a message. Some models'
    /// templates refuse a message of the user's after a result.
    pub fn note(&mut self, text: &str) {
        protocol::append_note(&mut self.messages, text);
    }

    /// Files were put back; the model hears of it with the user's next words.
    pub fn restored(&mut self, files: &[String]) {
        note_restored(&mut self.unsaid, files);
    }

    /// Begins the conversation of a session.
    pub async fn begin(turn: &Arc<Turn>, model: &Arc<dyn Model>) -> Context {
        let context = Context::prefix(turn, model, &BTreeSet::new(), |_| true).await;
        let event = Event::ContextStarted { system: context.system().to_string(), tools: context.tools.clone() };
        turn.services.recorder.emit(event).await;
        context
    }

    /// The stable prefix: made once. Offered are the tools of the model's set and those that are `named`, as far as `leaves`
    /// says.
    pub async fn prefix(
        turn: &Arc<Turn>,
        model: &Arc<dyn Model>,
        named: &BTreeSet<String>,
        leaves: impl Fn(&str) -> bool,
    ) -> Context {
        let services = &turn.services;
        // First of all: only then it is known which model `auto` is.
        let (window, set) = tokio::select! {
            biased;
            () = turn.cancel.cancelled() => (None, ToolSet::Full),
            known = async {
                let window = model.window().await.map(|tokens| tokens as usize);
                (window, tool_set::choose(turn, model, window).await)
            } => known,
        };
        window.iter().for_each(|window| turn.window.store(*window, Ordering::Relaxed));
        let offered = |tool: &&Tool| tool_set::offers(set, tool) || named.contains(&tool.spec.name);
        let tools = turn.plugins.tools().iter().filter(offered).map(|tool| tool.spec.clone()).chain(host_tools());
        let tools: Vec<ToolSpec> = tools.filter(|tool| leaves(&tool.name)).collect();
        let mut snapshot = snapshot::take(&services.workspace, &services.runner).await;
        let skills = if leaves(skill::NAME) { known::skills(turn) } else { Vec::new() };
        snapshot.instructions = snapshot.instructions.filter(|(name, _)| !turn.is_private(Path::new(name)));
        snapshot.skills = known::listing(turn, &skills);
        let family = model.family();
        let map = map::take(&services.graph, turn.plugins.protection(), family.map).await;
        // A line of code may hold one, like a result.
        let map = services.secrets.redactor().text(&map, Look::Known).into_owned();
        (snapshot.weak, snapshot.map) = (family.weak, map);
        let messages = vec![Message::System { text: crate::context::system_prompt(&snapshot) }];
        Context { window, ..Context::of(messages, tools, Some(Known::of(&skills))) }
    }

    /// Asks how much the model reads at once, where that is not known yet.
    pub async fn look(&mut self, model: &Arc<dyn Model>) {
        if self.window.is_none() {
            self.window = model.window().await.map(|tokens| tokens as usize);
        }
    }

    /// A copy for a request that is not part of it.
    pub fn aside(&self) -> Context {
        Context { messages: self.messages.clone(), ..self.beside(self.system(), self.tools.clone()) }
    }

    /// Another local model reads it from now on, whose window and way of counting are not known yet.
    pub fn forget_model(&mut self) {
        self.talk_to(Tier::Local);
        (self.window, self.gauge) = Default::default();
        (self.compacted, self.futile) = (None, None);
    }

    /// Whether the model has said anything in it.
    pub fn is_answered(&self) -> bool {
        let said = |message: &Message| matches!(message, Message::Assistant { text, calls, .. } if text != NO_REPLY || !calls.is_empty());
        self.messages.iter().any(said)
    }

    /// What the tools take of a request.
    pub fn tools_tokens(&self) -> usize {
        self.gauge.request(&[], self.tools_weight)
    }

    /// The server has counted the tokens of a request of these messages.
    pub fn learn(&mut self, counted: u64) -> Learned {
        self.gauge.learn(&self.messages, self.tools_weight, counted)
    }

    /// It has refused it as too long, with this count.
    pub fn refused(&mut self, counted: u64) {
        self.gauge.refused(&self.messages, self.tools_weight, counted);
    }

    /// What a request would take now.
    pub fn tokens(&self) -> usize {
        self.gauge.request(&self.messages, self.tools_weight)
    }

    /// What the next request is made of.
    pub fn parts(&self) -> Vec<WindowPart> {
        let of = |is: fn(&Message) -> bool| {
            let messages: Vec<Message> = self.messages.iter().filter(|message| is(message)).cloned().collect();
            self.gauge.messages(&messages)
        };
        let parts = [
            ("tools", self.tools_tokens()),
            ("system prompt", of(|message| matches!(message, Message::System { .. }))),
            ("your words", of(|message| matches!(message, Message::User { .. }))),
            ("the model's words and calls", of(|message| matches!(message, Message::Assistant { .. }))),
            ("results of calls", of(|message| matches!(message, Message::Tool { .. }))),
        ];
        parts.map(|(name, tokens)| WindowPart { name: name.into(), tokens: tokens as u64 }).into()
    }

    pub fn system(&self) -> &str {
        match self.messages.first() {
            Some(Message::System { text }) => text,
            _ => "",
        }
    }

    /// What is new of skills and tools since the model was last told, and what it knows once it has been told that. Tools that
    /// its set hides are no news, unless they are `named`.
    pub fn news(&self, turn: &Turn, named: &BTreeSet<String>) -> (Option<String>, News) {
        let set = tool_set::of(&self.tools);
        let tells = |tool: &Tool| tool_set::offers(set, tool) || named.contains(&tool.spec.name);
        let (skills, known) = self.skills_now(turn);
        let (tools, announced) = self.announced.news(&turn.plugins, &host_tools(), turn.window(), &tells);
        let parts: Vec<String> = self.unsaid.iter().cloned().chain(skills).chain(tools).collect();
        ((!parts.is_empty()).then(|| parts.join("\n\n")), News { known, announced })
    }

    /// The model has been told.
    pub fn told(&mut self, news: News) {
        (self.known, self.announced) = (Some(news.known), news.announced);
    }

    /// Names that a call may have which a model wrote as text: also those of tools that came later.
    pub fn callable(&self, turn: &Turn) -> Cow<'_, [ToolSpec]> {
        let is_offered = |name: &str| self.tools.iter().any(|spec| spec.name == name);
        let later = turn.plugins.tools().iter().map(|tool| &tool.spec).filter(|spec| !is_offered(&spec.name));
        let later: Vec<ToolSpec> = if is_offered(call_tool::NAME) { later.cloned().collect() } else { Vec::new() };
        match later.is_empty() {
            true => Cow::Borrowed(&self.tools),
            false => Cow::Owned(self.tools.iter().cloned().chain(later).collect()),
        }
    }

    /// What is new of the skills since the model was last told, and what it knows once it has been told that.
    fn skills_now(&self, turn: &Turn) -> (Option<String>, Known) {
        let skills = known::skills(turn);
        match &self.known {
            Some(known) => known.news(turn, &skills),
            None => Known::read(&self.messages, &skills).news(turn, &skills),
        }
    }
}

fn weight(tools: &[ToolSpec]) -> usize {
    estimate(&tools_as_json(tools))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_window_is_the_tiers_own() {
        let mut context = Context { window: Some(8_192), ..Context::of(Vec::new(), Vec::new(), None) };
        context.talk_to(Tier::Heavy);
        assert_eq!((context.window, context.local_window()), (None, Some(8_192)));
        (context.window, context.compacted) = (Some(16_384), Some(9_000));
        context.talk_to(Tier::Local);
        assert_eq!((context.window, context.compacted), (Some(8_192), None));
        context.talk_to(Tier::Heavy);
        assert_eq!(context.window, Some(16_384));
    }
}
