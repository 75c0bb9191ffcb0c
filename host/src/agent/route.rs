//! Each request goes to the tier that is the right one now: the decision, the user's word before anything leaves the machine,
//! the memory of a server that cannot hold two models, and another tier where one does not answer. What is sent to each tier is
//! the same conversation, which is only added to; each knows its own window.

use std::sync::Arc;
use std::time::Duration;

use super::ask::Reply;
use super::routing::{Larger, Until};
use super::turn::Turn;
use super::{Context, Services, budget, leaving};
use crate::model::{Model, ModelError};
use crate::protocol::{Answer, ApprovalMode, ApprovalRequest, Event, Level, Scope, Subject, Tier};

/// Files that a question names.
const MOST_FILES: usize = 50;
/// How long a session that ends waits for a model that goes: what was asked of its server has arrived by then.
const PARTING: Duration = Duration::from_secs(2);
/// Who asks.
const ASKS: (&str, &str) = ("router", "garth");
const CHANGE: &str = "set router.cloud = \"auto\" in your own configuration";

/// Asks the model of the right tier, and that of another one where its server does not answer.
pub(super) async fn ask(turn: &Turn, local: &Arc<dyn Model>, context: &mut Context) -> (Reply, Option<ModelError>) {
    loop {
        let model = match settle(turn, local, context).await {
            Ok(model) => model,
            Err(error) => return (Reply::none(), Some(error)),
        };
        let (reply, failure) = budget::ask(turn, &model, context).await;
        match &failure {
            Some(error) if !reply.cancelled && leave(turn, context, error).await => {}
            _ => return (reply, failure),
        }
    }
}

/// Why a tier that has failed so is of no more use to the task; `None`: another one is none either. What the local model's server
/// refuses for good is for the user to mend.
fn useless(tier: Tier, error: &ModelError) -> Option<&'static str> {
    match error {
        error if error.is_retryable() => Some("does not answer"),
        // Of the conversation, or of what was asked.
        ModelError::ContextOverflow { .. } | ModelError::Refused { .. } => None,
        _ => (tier > Tier::Local).then_some("cannot be used"),
    }
}

/// The model that is asked next, ready to be.
async fn settle(turn: &Turn, local: &Arc<dyn Model>, context: &mut Context) -> Result<Arc<dyn Model>, ModelError> {
    let routing = &turn.services.routing;
    let decision = loop {
        let decision = routing.decide(turn, context);
        let (tier, pinned) = (decision.tier, routing.rules.pinned == Some(decision.tier));
        let refusal = match routing.is_closed(tier).filter(|_| pinned) {
            Some(reason) => Some(reason),
            None => permit(turn, context, tier, &decision.reason).await.err(),
        };
        match refusal {
            None => break decision,
            // The request ends at once, wherever it would go.
            Some(_) if turn.cancel.is_cancelled() => return Ok(local.clone()),
            Some(reason) if pinned => {
                let reason = format!("the tier '{tier}', which was chosen for this run, is not used: {reason}");
                return Err(ModelError::Settings { reason });
            }
            Some(_) => {}
        }
    };
    let tier = decision.tier;
    let model = routing.model(tier, local);
    if routing.settle(decision, &model)
        && let Some(event) = routing.routed()
    {
        turn.services.recorder.emit(event).await;
    }
    make_place(turn, local, tier).await;
    context.talk_to(tier);
    Ok(model)
}

/// Whether anything may go to this tier; the user is asked where that has to be. `Err`: why not, and it stays so.
async fn permit(turn: &Turn, context: &Context, tier: Tier, because: &str) -> Result<(), String> {
    let routing = &turn.services.routing;
    let Some(larger) = routing.larger(tier) else { return Ok(()) };
    if let Some(reason) = leaving::forbids(&turn.private, &*larger.model) {
        // What was opened stays opened, so it holds for the session.
        if routing.is_closed(tier).is_none() {
            routing.refuse(tier, Until::SessionEnds, reason.clone());
            turn.notice(Level::Warn, format!("the tier '{tier}' is not used: {reason}")).await;
        }
        return Err(reason);
    }
    if !routing.must_ask(tier) {
        return Ok(());
    }
    // One question at a time; the answer before may have settled it.
    let _asking = turn.asking.lock().await;
    if let Some(reason) = routing.is_closed(tier) {
        return Err(reason);
    }
    if !routing.must_ask(tier) {
        return Ok(());
    }
    let (until, refusal) = if turn.services.approvals.mode() == ApprovalMode::Never {
        // The mode may be another one at the next task.
        (Until::TaskEnds, format!("under approval.mode \"never\" nothing is asked; to allow it, {CHANGE}"))
    } else {
        match put(turn, context, larger, because).await {
            None => return Err("the turn was cancelled".into()),
            Some(Answer::Yes) => {
                routing.allow(tier, Until::TaskEnds);
                return Ok(());
            }
            Some(Answer::Always { .. }) => {
                routing.allow(tier, Until::SessionEnds);
                return Ok(());
            }
            Some(Answer::No { reason }) => (Until::SessionEnds, reason.unwrap_or_else(|| "you said no".into())),
        }
    };
    routing.refuse(tier, until, refusal.clone());
    let whole = if until == Until::TaskEnds { "task" } else { "session" };
    turn.notice(Level::Warn, format!("the tier '{tier}' is not used in this {whole}: {refusal}")).await;
    Err(refusal)
}

/// Asks the user; `None` when the turn was cancelled meanwhile.
async fn put(turn: &Turn, context: &Context, larger: &Larger, because: &str) -> Option<Answer> {
    let services = &turn.services;
    if turn.cancel.is_cancelled() {
        return None;
    }
    let files = leaving::carried(&services.workspace, &turn.carried, &context.messages);
    let files = files.into_iter().take(MOST_FILES).collect();
    let (model, tier) = (&larger.model, larger.tier);
    let subject = Subject::Tier {
        tier,
        model: model.name().to_string(),
        server: model.address(),
        tokens: context.tokens() as u64,
        files,
        price: model.price().map(|price| (price.input, price.output)),
    };
    let (tool, plugin) = ASKS;
    let request = ApprovalRequest {
        tool: tool.into(),
        plugin: plugin.into(),
        subject,
        reason: format!("{because}; with router.cloud = \"ask\" nothing leaves this machine unasked"),
        change: Some(CHANGE.into()),
        rule: Some(format!("use the tier '{tier}' until the session ends")),
    };
    let (id, answer) = services.approvals.open();
    let call_id = turn.own_call_id();
    services.recorder.emit(Event::ApprovalRequested { id, call_id: call_id.clone(), request }).await;
    let answer = tokio::select! {
        biased;
        () = turn.cancel.cancelled() => None,
        answer = answer => Some(answer.unwrap_or(Answer::No { reason: None })),
    };
    let told = match &answer {
        // It is not kept beyond the session, whatever was answered.
        Some(Answer::Always { .. }) => Answer::Always { scope: Scope::Session },
        Some(answer) => answer.clone(),
        None => Answer::No { reason: Some("the turn was cancelled".into()) },
    };
    services.recorder.emit(Event::ApprovalResolved { id, call_id, answer: told }).await;
    answer
}

/// The tier has failed: whether the turn goes on with another one.
async fn leave(turn: &Turn, context: &Context, error: &ModelError) -> bool {
    let routing = &turn.services.routing;
    let from = routing.tier();
    let Some(fault) = useless(from, error).filter(|_| routing.has_choice() && routing.rules.pinned.is_none()) else {
        return false;
    };
    routing.refuse(from, Until::TaskEnds, format!("it {fault} ({error})"));
    for tier in routing.others() {
        let why = format!("{from} {fault}");
        if permit(turn, context, tier, &why).await.is_ok() {
            routing.hold(tier, why);
            // What has arrived of this step is void, as with any other try.
            let reason = format!("{error}; the task goes on with the tier '{tier}'");
            turn.services.recorder.emit(Event::Retry { attempt: 1, wait_ms: 0, reason }).await;
            return true;
        }
        if turn.cancel.is_cancelled() {
            return false;
        }
    }
    false
}

/// What helps nothing here may help there: moves the task to the next tier, where there is one and the user allows it.
pub(super) async fn escalate(turn: &Turn, local: &Arc<dyn Model>, context: &mut Context, why: &str) -> bool {
    let routing = &turn.services.routing;
    if !routing.rules.escalate || routing.rules.pinned.is_some() {
        return false;
    }
    let mut above: Vec<Tier> = routing.others().into_iter().filter(|tier| *tier > routing.tier()).collect();
    above.sort();
    for tier in above {
        if permit(turn, context, tier, why).await.is_ok() {
            routing.hold(tier, why.to_string());
            return settle(turn, local, context).await.is_ok();
        }
        if turn.cancel.is_cancelled() {
            return false;
        }
    }
    false
}

/// The task is over: the local model gets its memory back. Nobody waits for that but a request to one of the two.
pub(super) async fn end(services: &Arc<Services>, local: &Arc<dyn Model>) {
    if services.routing.may_be_local() {
        give_back(services, local, After::Load).await;
    }
}

/// The session is over: what is still to go out of memory is given some time.
pub(super) async fn close(services: &Arc<Services>, local: &Arc<dyn Model>) {
    if !services.routing.stays() {
        give_back(services, local, After::Nothing).await;
    }
    // At its end, or cut off with the process.
    drop(tokio::time::timeout(PARTING, services.routing.memory.lock()).await);
}

/// What follows when the larger model is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// The local one comes, so that the next task need not wait for it.
    Load,
    Nothing,
}

async fn give_back(services: &Arc<Services>, local: &Arc<dyn Model>, after: After) {
    let routing = &services.routing;
    let Some(before) = routing.swap(None) else { return };
    let (goes, comes) = (routing.model(before, local), local.clone());
    // Before the next task begins.
    let memory = routing.memory.clone().lock_owned().await;
    let services = services.clone();
    tokio::spawn(async move {
        unload(&services, &goes).await;
        drop(memory);
        if after == After::Load {
            drop(comes.load().await); // what goes wrong is told by the next request
        }
    });
}

/// Where two models of one server cannot be in memory together, the one goes before the other comes. Cancelling the turn ends
/// the waiting.
async fn make_place(turn: &Turn, local: &Arc<dyn Model>, tier: Tier) {
    let services = &turn.services;
    let routing = &services.routing;
    if !routing.swaps() {
        return;
    }
    let work = async {
        let _memory = routing.memory.lock().await;
        let swaps = routing.larger(tier).is_some_and(|larger| larger.swaps);
        let goes = match (routing.swapped(), tier) {
            (None, _) if swaps => local.clone(),
            (Some(before), Tier::Local) => routing.model(before, local),
            _ => return,
        };
        routing.swap(swaps.then_some(tier));
        unload(services, &goes).await;
    };
    tokio::select! {
        biased;
        () = turn.cancel.cancelled() => {}
        () = work => {}
    }
}

async fn unload(services: &Services, goes: &Arc<dyn Model>) {
    if let Err(error) = goes.unload().await {
        let text = format!("the model '{}' was not taken out of memory: {error}", goes.name());
        services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
    }
}
