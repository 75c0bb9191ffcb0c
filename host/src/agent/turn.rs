//! One turn. The four lines that define an agent, and the ways in which it ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::ask::{Asked, Reply};
use super::call::CallResult;
use super::mend::{self, Ladder};
use super::opening::{self, Opening};
use super::scope::Scope;
use super::warm::Warming;
use super::{Context, Services, Settings, call_tool, calls, fork, guard::Guard, route};
use crate::commands::Catalogue;
use crate::context::{NOTHING_SAID, REPEATS};
use crate::model::{Model, ModelError};
use crate::plugins::Plugins;
use crate::policy;
use crate::protocol::{self, Event, FinishReason, Level, Message, NO_REPLY, TurnEnd};
use crate::recover;

/// The most paths that are kept in mind.
const MOST_PATHS: usize = 4_096;

/// Tokens of a window in which results take less.
const SMALL_WINDOW: usize = 16_000;

/// Files of the workspace that calls have named or changed in this session, relative.
pub(super) type InPlay = Arc<Mutex<BTreeSet<String>>>;
/// Digests of files of which the user has heard in this session that their approvals do not count.
pub(super) type Told = Arc<Mutex<BTreeSet<String>>>;

/// Files of the workspace, relative.
pub(super) type Files = Arc<Mutex<BTreeSet<String>>>;

/// What the calls of a turn share.
pub(super) struct Turn {
    pub services: Arc<Services>,
    pub number: u64,
    /// As the user wrote it.
    pub task: String,
    pub session: String,
    /// As it was when the turn began: what runs ends as it began.
    pub catalogue: Arc<Catalogue>,
    /// Likewise.
    pub plugins: Arc<Plugins>,
    /// What its commands restrict and approve.
    pub scope: Scope,
    pub in_play: InPlay,
    pub told: Told,
    /// Private files whose content may be in what this session has said.
    pub private: Files,
    /// Files whose content may be in it otherwise than by a call that is in the messages: in a prompt, or before a compaction.
    pub carried: Files,
    pub cancel: CancellationToken,
    /// Held while a question is open.
    pub asking: tokio::sync::Mutex<()>,
    /// How many things were refused.
    pub denied: AtomicU32,
    /// How many calls were made that no model asked for.
    pub own_calls: AtomicU32,
    /// Tokens that the model reads at once, as far as is known by now.
    pub window: AtomicUsize,
}

/// What the turn is for.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// The user's words, to be answered.
    Answer(String),
    /// A command to be expanded and shown; the model is not asked.
    Expand(String),
}

impl Job {
    pub fn text(&self) -> &str {
        match self {
            Job::Answer(text) | Job::Expand(text) => text,
        }
    }
}

/// Runs until the model is done, a limit is reached or the turn is cancelled; the end is told as an event. A turn in which
/// the model was not asked leaves nothing in the context.
pub(super) async fn run(
    turn: &Arc<Turn>,
    model: Arc<dyn Model>,
    context: &mut Option<Context>,
    warming: Option<Warming>,
    job: Job,
) {
    let recorder = &turn.services.recorder;
    recorder.emit(Event::TurnStarted { turn: turn.number, task: job.text().to_string() }).await;
    let work = async {
        if let Some(warming) = warming {
            warming.end(&turn.cancel).await;
        }
        work(turn, &model, context, &job).await
    };
    let (end, steps) = within_time(turn, work).await;
    route::end(&turn.services, &model).await;
    let denied = turn.denied.load(Ordering::Relaxed);
    recorder.emit(Event::TurnEnded { turn: turn.number, end, steps, denied }).await;
}

/// Cancels the turn when its time is up, and says that it was the time.
async fn within_time(turn: &Turn, work: impl Future<Output = (TurnEnd, u32)>) -> (TurnEnd, u32) {
    let Some(limit) = turn.services.settings.timeout else { return work.await };
    tokio::pin!(work);
    let cut = tokio::select! {
        biased;
        end = &mut work => return end,
        () = tokio::time::sleep(limit) => {
            turn.cancel.cancel();
            work.await.1
        }
    };
    let error = format!("the turn reached agent.timeout ({} s); raise it, or ask for less at once", limit.as_secs());
    (TurnEnd::Failed { error }, cut)
}

async fn work(turn: &Arc<Turn>, model: &Arc<dyn Model>, context: &mut Option<Context>, job: &Job) -> (TurnEnd, u32) {
    let text = match job {
        Job::Answer(text) => text,
        Job::Expand(text) => return (opening::show(turn, text).await, 0),
    };
    let begins = context.is_none();
    let mut now = match context.take() {
        Some(context) => context,
        None => Context::begin(turn, model).await,
    };
    turn.window.store(now.window.unwrap_or(turn.services.settings.window), Ordering::Relaxed);
    let end = answer(turn, model, &mut now, text).await;
    // Where nothing was answered, what was found out about the model may be wrong: the next turn begins once more.
    *context = Some(now).filter(|now| !begins || now.is_answered());
    end
}

async fn answer(turn: &Arc<Turn>, model: &Arc<dyn Model>, context: &mut Context, text: &str) -> (TurnEnd, u32) {
    match opening::prepare(turn, context, text).await {
        Err(end) => (end, 0),
        Ok(Opening::Here { message }) => {
            let before = context.messages.len();
            context.messages.push(Message::User { text: message });
            let (end, steps) = steps(turn, model, context).await;
            match steps {
                0 => context.messages.truncate(before),
                _ => {
                    context.unsaid = None;
                    protocol::end_turn(&mut context.messages);
                }
            }
            (end, steps)
        }
        Ok(Opening::Apart { entry, prompt }) => fork::run(turn, model, context, text, &entry, prompt).await,
    }
}

/// The four lines: ask, record, run the calls, again.
pub(super) async fn steps(turn: &Arc<Turn>, model: &Arc<dyn Model>, context: &mut Context) -> (TurnEnd, u32) {
    let Settings { max_steps, recovery, .. } = turn.services.settings;
    let mut guard = Guard::new(&turn.services.settings);
    let mut ladder = Ladder::new(recovery.mend_after, recovery.mend_attempts);
    let task = mend::task(turn, context);
    let (mut nudged, mut used) = (false, 0);
    while used < max_steps {
        used += 1;
        let compacted = context.compacted;
        let (asked, results) = match step(turn, model, context, (used, max_steps), &mut nudged).await {
            Step::Ran { asked, results } => (asked, results),
            Step::Nudged => continue,
            Step::Ended(end) => return (end, used),
            Step::Unanswered(error) => return (TurnEnd::Failed { error: error.to_string() }, used),
        };
        if context.compacted != compacted {
            guard.forget_readings();
        }
        if let Some((tool, times)) = guard.repeated(&asked, &results) {
            return (TurnEnd::Loop { tool, times }, used);
        }
        if let Some(error) = guard.lost(turn, &asked) {
            return (TurnEnd::Failed { error }, used);
        }
        let troubles: Vec<_> =
            results.iter().filter_map(|result| ladder.watch(result.call_id(), &result.runs)).collect();
        let noted = guard.note(turn, context, &asked, &results);
        match (troubles.into_iter().next(), noted) {
            (Some(trouble), _) => {
                let left = max_steps - used;
                let climbed = mend::climb(turn, model, context, &mut ladder, trouble, &task, left).await;
                used += climbed.steps;
                if let Some(end) = climbed.end {
                    return (end, used);
                }
            }
            (None, Some(text)) => {
                if let Some(times) = guard.is_unheeded(&text) {
                    let said = text.trim_matches(['[', ']']);
                    let error = format!("the model goes in circles; it was told {times} times and went on: {said}");
                    return (TurnEnd::Failed { error }, used);
                }
                note(turn, context, &text).await;
            }
            (None, None) => {}
        }
    }
    (TurnEnd::StepLimit { max_steps }, used)
}

/// What came of one request.
pub(super) enum Step {
    Ran {
        asked: Vec<Asked>,
        results: Vec<CallResult>,
    },
    /// Nothing could be done with the reply, and the model was told.
    Nudged,
    Ended(TurnEnd),
    /// The server gave no reply.
    Unanswered(ModelError),
}

/// Asks once, records the reply and runs its calls. `count` is which request of how many this is.
pub(super) async fn step(
    turn: &Arc<Turn>,
    model: &Arc<dyn Model>,
    context: &mut Context,
    (step, max_steps): (u32, u32),
    nudged: &mut bool,
) -> Step {
    turn.services.recorder.emit(Event::StepStarted { step, max_steps }).await;
    let (reply, failure) = route::ask(turn, model, context).await;
    let done = reply.asked.is_empty();
    let may_nudge = turn.services.settings.lenience.nudge && !*nudged;
    let nudge = if failure.is_none() && may_nudge { nudge(&reply) } else { None };
    let end = match (failure, nudge) {
        (Some(error), _) => Some(Step::Unanswered(error)),
        (None, Some(_)) => None,
        (None, None) => judge(turn, &reply).await.map(Step::Ended),
    };
    let asked = record_reply(turn, context, reply).await;
    if let Some(text) = nudge {
        *nudged = true;
        note(turn, context, text).await;
        return Step::Nudged;
    }
    if let Some(end) = end {
        return end;
    }
    if done {
        return Step::Ended(TurnEnd::Done);
    }
    let asked: Vec<Asked> = asked.into_iter().map(|asked| context.admit(turn, call_tool::unwrap(asked))).collect();
    let results = calls::run(turn, &asked).await;
    turn.services.routing.saw(turn, &asked, &results);
    for result in &results {
        context.messages.push(result.message());
    }
    match turn.cancel.is_cancelled() {
        true => Step::Ended(TurnEnd::Cancelled),
        false => Step::Ran { asked, results },
    }
}

/// Tells the model something between two steps.
pub(super) async fn note(turn: &Turn, context: &mut Context, text: &str) {
    turn.services.recorder.emit(Event::Noted { text: text.to_string() }).await;
    context.note(text);
}

/// What is said to the model, once in a turn, after a reply with which nothing can be done.
fn nudge(reply: &Reply) -> Option<&'static str> {
    let nothing = reply.asked.is_empty() && reply.text.trim().is_empty();
    match reply {
        Reply { cancelled: true, .. } => None,
        Reply { repeats: true, .. } => Some(REPEATS),
        Reply { finish: FinishReason::Length, .. } => None,
        _ => nothing.then_some(NOTHING_SAID),
    }
}

/// Replies that end the turn whatever they say.
async fn judge(turn: &Turn, reply: &Reply) -> Option<TurnEnd> {
    if reply.cancelled {
        return Some(TurnEnd::Cancelled);
    }
    if reply.repeats {
        let error = "the model repeats itself, and did so again when it was told; ask again or try another model";
        return Some(TurnEnd::Failed { error: error.into() });
    }
    let nothing = reply.asked.is_empty() && reply.text.trim().is_empty();
    match (&reply.finish, nothing) {
        (FinishReason::Length, true) => Some(TurnEnd::Failed {
            error: "the reply reached its token limit before it said anything; raise model.max_tokens or model.num_ctx"
                .into(),
        }),
        (FinishReason::Length, false) => {
            let text = "the reply was cut at its token limit; raise model.max_tokens (--max-tokens) for longer ones";
            turn.services.recorder.emit(Event::Notice { level: Level::Warn, text: text.into() }).await;
            None
        }
        (_, true) => {
            Some(TurnEnd::Failed { error: "the model sent an empty reply; ask again or try another model".into() })
        }
        (_, false) => None,
    }
}

/// Appends the reply to the transcript. Where there was none, that is said: servers insist on an answer to each question.
async fn record_reply(turn: &Turn, context: &mut Context, reply: Reply) -> Vec<Asked> {
    let Reply { mut text, reasoning, asked, .. } = reply;
    let calls: Vec<_> = asked.iter().map(|asked| asked.call.clone()).collect();
    if text.is_empty() && calls.is_empty() {
        text = NO_REPLY.to_string();
    }
    let event = Event::AssistantMessage { text: text.clone(), reasoning: reasoning.clone(), calls: calls.clone() };
    turn.services.recorder.emit(event).await;
    context.messages.push(Message::Assistant { text, reasoning, calls });
    asked
}

impl Turn {
    /// An id for a call that no model asked for.
    pub fn own_call_id(&self) -> String {
        format!("own_{}_{}", self.number, self.own_calls.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Tokens that the model reads at once.
    pub fn window(&self) -> usize {
        self.window.load(Ordering::Relaxed)
    }

    /// How wide a result may be that reaches the model: a quarter of the window, and of a small one, in which compactions would
    /// come too often, an eighth.
    pub fn result_limit(&self) -> usize {
        let share = if self.window() < SMALL_WINDOW { self.window() / 2 } else { self.window() };
        self.services.settings.result_limit.min(share)
    }

    /// A call's arguments, with careless types mended.
    pub fn fitted(&self, asked: &Asked, schema: &Value) -> Value {
        let arguments = asked.call.arguments.clone();
        match self.services.settings.lenience.repair_calls {
            true => recover::coerce(arguments, schema),
            false => arguments,
        }
    }

    /// Whether a call by the model may run beside others.
    pub fn reads_only(&self, tool: &str) -> bool {
        self.plugins.find(tool).is_some_and(|tool| self.scope.reads_only(tool))
    }

    /// Notes which files of the workspace a call was about: those that its arguments name, and those that it wrote.
    pub async fn touch(&self, arguments: &Value, written: &[String]) {
        let workspace = &self.services.workspace;
        let there = |path: &String| workspace.join(path).symlink_metadata().is_ok();
        let named = policy::named_paths(arguments).chain(written.iter().cloned());
        let paths: Vec<String> = named.filter(there).collect();
        self.carries(paths.iter().cloned());
        self.services.routing.touched(&paths);
        let new: Vec<_> = {
            let mut in_play = self.in_play.lock().unwrap_or_else(PoisonError::into_inner);
            let room = in_play.len() < MOST_PATHS;
            paths
                .into_iter()
                .filter(|path| room && in_play.insert(path.clone()))
                .map(|path| workspace.join(path))
                .collect()
        };
        if new.is_empty() {
            return;
        }
        let live = self.services.commands.clone();
        // Whatever it finds is told by the subscription.
        let _ = tokio::task::spawn_blocking(move || new.iter().for_each(|path| drop(live.touch(path)))).await;
    }
}
