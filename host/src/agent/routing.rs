//! What a session knows of its tiers: which there are, what the user has said of each, what was seen of the task that runs,
//! what each has cost. It decides with `router` and keeps the result; who asks, asks the user and sends is `route`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Context;
use super::ask::Asked;
use super::call::CallResult;
use super::turn::Turn;
use crate::model::{Model, Price, Sampling};
use crate::policy::{Access, HttpAccess};
use crate::protocol::{Event, Message, Tier, TierSummary, ToolStatus, Usage};
use crate::router::{self, Choice, Complexity, Decision, Leave, Ledger, Limits, Place, Signals};

/// A tier above the local one.
pub struct Larger {
    pub tier: Tier,
    pub model: Arc<dyn Model>,
    pub sampling: Sampling,
    /// It takes the local model's place in the memory of their server.
    pub swaps: bool,
}

/// What the user has set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub limits: Limits,
    pub leave: Leave,
    /// Whether a task that is stuck may go on with the next tier.
    pub escalate: bool,
    /// The one tier of this run.
    pub pinned: Option<Tier>,
}

/// The tiers of a session. The default has but the local one.
#[derive(Default)]
pub struct Routing {
    pub(super) rules: Rules,
    larger: Vec<Larger>,
    state: Mutex<State>,
    /// The session that ends leaves memory as it is.
    stays: bool,
    /// Held while a model goes out of memory.
    pub(super) memory: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    /// The model that is asked now.
    now: Asking,
    /// Of the session: what the user has said of a tier that is not on this machine.
    allowed: BTreeSet<Tier>,
    refused: BTreeMap<Tier, String>,
    last: Option<Told>,
    /// Which tier has the local model's place in memory.
    swapped: Option<Tier>,
    task: Task,
}

#[derive(Clone, Default)]
struct Asking {
    tier: Tier,
    price: Option<Price>,
}

/// What holds until the task ends.
#[derive(Default)]
struct Task {
    place: Place,
    /// The tier that the front end knows of.
    shown: Option<Tier>,
    allowed: BTreeSet<Tier>,
    /// Why a tier is not used any more.
    closed: BTreeMap<Tier, String>,
    files: BTreeSet<String>,
    signals: Signals,
}

/// A decision as it is told.
#[derive(Clone)]
pub(super) struct Told {
    pub provider: String,
    pub model: String,
    pub decision: Decision,
}

impl Routing {
    /// `ledger` is what the session has spent so far.
    pub fn new(rules: Rules, larger: Vec<Larger>, ledger: Ledger) -> Routing {
        Routing { rules, larger, state: Mutex::new(State { ledger, ..State::default() }), ..Routing::default() }
    }

    /// The same for a session after which another one goes on with the same model.
    pub fn staying(self) -> Routing {
        Routing { stays: true, ..self }
    }

    pub(super) fn stays(&self) -> bool {
        self.stays
    }

    /// Whether the local model may be asked at all in this run.
    pub(super) fn may_be_local(&self) -> bool {
        self.rules.pinned.is_none_or(|tier| tier == Tier::Local)
    }

    pub(super) fn has_choice(&self) -> bool {
        !self.larger.is_empty()
    }

    /// Whether any of them takes the local model's place in memory.
    pub(super) fn swaps(&self) -> bool {
        self.larger.iter().any(|larger| larger.swaps)
    }

    pub(super) fn larger(&self, tier: Tier) -> Option<&Larger> {
        self.larger.iter().find(|larger| larger.tier == tier)
    }

    /// The model of a tier.
    pub(super) fn model(&self, tier: Tier, local: &Arc<dyn Model>) -> Arc<dyn Model> {
        self.larger(tier).map_or(local, |larger| &larger.model).clone()
    }

    /// How the replies of the model that is asked now are drawn.
    pub(super) fn sampling(&self, local: Sampling) -> Sampling {
        let tier = self.lock().now.tier;
        self.larger(tier).map_or(local, |larger| larger.sampling)
    }

    /// Counts a request; the event that tells of it.
    pub(super) fn spend(&self, usage: Usage) -> Event {
        let mut state = self.lock();
        let tier = state.now.tier;
        let price = state.now.price.filter(|_| usage != Usage::default());
        let cost = price.map(|price| price.of(&usage));
        state.ledger.add(tier, &usage, cost);
        Event::Usage { usage, tier, cost }
    }

    pub(super) fn costs(&self) -> Event {
        Event::Costs { tiers: self.lock().ledger.tiers() }
    }

    /// A task begins, with the local model.
    pub(super) fn begin_task(&self) {
        let mut state = self.lock();
        (state.task, state.now) = Default::default();
    }

    /// Forgets what was said and spent in the session that ends.
    pub(super) fn end_session(&self) {
        let mut state = self.lock();
        let swapped = state.swapped;
        *state = State { swapped, ..State::default() };
    }

    // --- what is seen of the task ---

    pub(super) fn touched(&self, files: &[String]) {
        let mut state = self.lock();
        state.task.files.extend(files.iter().cloned());
        state.task.signals.files = state.task.files.len();
    }

    pub(super) fn called(&self, complexity: Option<Complexity>) {
        let mut state = self.lock();
        let command = &mut state.task.signals.command;
        *command = (*command).max(complexity);
    }

    /// Takes in what the calls of a reply did.
    pub(super) fn saw(&self, turn: &Turn, asked: &[Asked], results: &[CallResult]) {
        let mut state = self.lock();
        let Signals { tools, errors, .. } = &mut state.task.signals;
        for tool in asked.iter().filter_map(|asked| turn.plugins.find(&asked.call.name)) {
            let can = &tool.capabilities;
            tools.reads |= can.workspace.widest() >= Access::Read;
            tools.writes |= can.workspace.widest() == Access::Write || !can.http.iter().all(HttpAccess::reads_only);
            tools.programs |= !can.process.is_empty();
            tools.network |= !can.http.is_empty();
        }
        for result in results {
            let failed = !matches!(result.status, ToolStatus::Ok | ToolStatus::Cancelled);
            *errors += usize::from(failed || result.runs.iter().any(|run| !run.findings.is_empty()));
        }
    }

    /// What was seen, with the conversation as it stands. A small one beside it says nothing of the task.
    fn look(&self, state: &mut State, turn: &Turn, context: &Context) {
        if context.closed {
            return;
        }
        let signals = &mut state.task.signals;
        signals.tokens = context.tokens();
        signals.window = context.local_window().unwrap_or(turn.services.settings.window);
        if signals.task == 0 {
            let asked = context.messages.iter().rev().find_map(|message| match message {
                Message::User { text } => Some(text.chars().count()),
                _ => None,
            });
            signals.task = asked.unwrap_or_default();
        }
    }

    // --- decisions ---

    /// Which tier is the one now, as far as is known without asking anybody.
    pub(super) fn decide(&self, turn: &Turn, context: &Context) -> Decision {
        let mut state = self.lock();
        self.look(&mut state, turn, context);
        let choices = self.choices(&state);
        router::decide(self.rules.limits, &state.task.signals, &state.task.place, &choices, self.rules.pinned)
    }

    fn choices(&self, state: &State) -> Vec<Choice> {
        let tiers = std::iter::once(Tier::Local).chain(self.larger.iter().map(|larger| larger.tier));
        tiers.map(|tier| Choice { tier, closed: self.closed(state, tier) }).collect()
    }

    fn closed(&self, state: &State, tier: Tier) -> Option<String> {
        let leaves = self.larger(tier).is_some_and(|larger| !larger.model.is_local());
        let never = (leaves && self.rules.leave == Leave::Never)
            .then(|| "it is not on this machine, and router.cloud is \"never\"".to_string());
        let refused = || state.refused.get(&tier).cloned().filter(|_| leaves);
        never.or_else(refused).or_else(|| state.task.closed.get(&tier).cloned())
    }

    /// Why the tier may not be used, where that is so without asking.
    pub(super) fn is_closed(&self, tier: Tier) -> Option<String> {
        self.closed(&self.lock(), tier)
    }

    /// Whether the user has to be asked before anything goes there.
    pub(super) fn must_ask(&self, tier: Tier) -> bool {
        let leaves = self.larger(tier).is_some_and(|larger| !larger.model.is_local());
        let state = self.lock();
        let allowed = state.allowed.contains(&tier) || state.task.allowed.contains(&tier);
        leaves && !allowed && self.rules.leave != Leave::Auto
    }

    pub(super) fn allow(&self, tier: Tier, until: Until) {
        let mut state = self.lock();
        match until {
            Until::TaskEnds => state.task.allowed.insert(tier),
            Until::SessionEnds => state.allowed.insert(tier),
        };
    }

    pub(super) fn refuse(&self, tier: Tier, until: Until, reason: String) {
        let mut state = self.lock();
        match until {
            Until::TaskEnds => state.task.closed.insert(tier, reason),
            Until::SessionEnds => state.refused.insert(tier, reason),
        };
    }

    /// Where the task is now.
    pub(super) fn tier(&self) -> Tier {
        self.lock().task.place.tier
    }

    /// From now on the task is there, and stays until it ends.
    pub(super) fn hold(&self, tier: Tier, why: String) {
        self.lock().task.place = Place { tier, held: Some(why) };
    }

    /// The other tiers that are not closed, the nearest to where the task is first.
    pub(super) fn others(&self) -> Vec<Tier> {
        let state = self.lock();
        let choices = self.choices(&state);
        let open = |tier: &Tier| choices.iter().any(|choice| choice.tier == *tier && choice.closed.is_none());
        router::nearest(state.task.place.tier, &choices).into_iter().filter(open).collect()
    }

    /// The decision holds. `true`: the front end does not know yet.
    pub(super) fn settle(&self, decision: Decision, model: &Arc<dyn Model>) -> bool {
        let mut state = self.lock();
        let tier = decision.tier;
        if state.task.place.tier != tier {
            state.task.place = Place { tier, held: None };
        }
        state.now = Asking { tier, price: model.price() };
        let news = self.has_choice() && state.task.shown.replace(tier) != Some(tier);
        state.last = Some(Told { provider: model.provider().into(), model: model.name().into(), decision });
        news
    }

    /// Notes which tier takes the local model's place in memory from now on; the one that took it so far.
    pub(super) fn swap(&self, to: Option<Tier>) -> Option<Tier> {
        std::mem::replace(&mut self.lock().swapped, to)
    }

    pub(super) fn swapped(&self) -> Option<Tier> {
        self.lock().swapped
    }

    // --- what is told ---

    pub(super) fn routed(&self) -> Option<Event> {
        let Told { provider, model, decision } = self.lock().last.clone()?;
        let Decision { tier, score, parts, reason } = decision;
        let threshold = self.rules.limits.threshold;
        Some(Event::Routed { tier, provider, model, score, threshold, parts, reason })
    }

    /// The last decision, and the tiers that there are.
    pub(super) fn route(&self, local: &Arc<dyn Model>) -> Event {
        let state = self.lock();
        let summary = |tier: Tier| {
            let model = self.model(tier, local);
            let (provider, model) = (model.provider().to_string(), model.name().to_string());
            TierSummary { tier, provider, model, closed: self.closed(&state, tier) }
        };
        let tiers: Vec<TierSummary> = self.choices(&state).iter().map(|choice| summary(choice.tier)).collect();
        let nothing = || Told {
            provider: local.provider().into(),
            model: local.name().into(),
            decision: Decision {
                tier: Tier::Local,
                score: 0.0,
                parts: Vec::new(),
                reason: "nothing was asked yet; a task begins with the local model".into(),
            },
        };
        let Told { provider, model, decision } = state.last.clone().unwrap_or_else(nothing);
        let Decision { tier, score, parts, reason } = decision;
        Event::Route { tier, provider, model, score, threshold: self.rules.limits.threshold, parts, reason, tiers }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a yes or a no holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    TaskEnds,
    SessionEnds,
}
