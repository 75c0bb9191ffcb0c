//! One attempt to mend a failure, in a conversation of its own: the error, the lines around it, one file, the tools that change
//! files, the task in brief, and few requests. It ends as soon as the check finds nothing more in the file.
//!
//! First only the error is repaired where it is. What a small model has patched twice in vain is seldom mended by a third
//! patch, so the second way begins from what is known to have passed: the file as it was before the first failing write is put
//! back, the model is shown that change as one that failed, and has to say its plan before it writes. Where the task has made
//! the file itself, or somebody else has changed it since, it is written from scratch instead.
//!
//! A server with one cache loses the outer conversation's for this; a window that is not full of failed patches is worth more.

use std::sync::Arc;

use super::prompt::{EDIT, SYSTEM, Subject, WRITE, Way, prompt};
use super::report::place;
use super::{Run, Trouble};
use crate::agent::draft::Draft;
use crate::agent::guard::Guard;
use crate::agent::turn::{self, Step, Turn};
use crate::agent::{Context, ask, checks, files, restore};
use crate::approval::file_diff;
use crate::check::Finding;
use crate::context::{Matters, NOT_YET, bounded};
use crate::model::{Model, ModelError};
use crate::protocol::{Approach, ApprovalMode, Event, Level, Message, ToolSpec, TurnEnd};
use crate::secrets::Look;
use crate::session;

/// Tools that show a file; such a conversation has one of them.
const READERS: &[&str] = &["read_file", "find_and_read"];
/// Characters of the diff that the outer conversation gets.
const DIFF: usize = 2_000;

/// How it went.
pub(super) struct Done {
    pub mended: bool,
    pub steps: u32,
    /// The turn has to end: it was cancelled, or the server does not answer.
    pub end: Option<TurnEnd>,
    /// In a line, for the report.
    pub told: String,
    /// The file's errors, where they were looked for.
    pub failing: Option<Vec<Finding>>,
    /// What is told of the file's having been put back first.
    pub put_back: Option<String>,
    /// The error was there before the task.
    pub foreign: bool,
}

/// What the conversation begins with.
struct Ground {
    /// The file before the attempt.
    before: String,
    /// As the model is shown it.
    content: String,
    prompt: String,
    /// The file was put back, and what is told of that.
    put_back: Option<String>,
}

/// Runs it to its end and notes in `context` what came of it.
pub(super) async fn run(
    turn: &Arc<Turn>,
    model: &Arc<dyn Model>,
    context: &mut Context,
    trouble: &Trouble,
    approach: Approach,
    task: &str,
    most: u32,
) -> Done {
    let file = &trouble.failure.file;
    let mut own = context.beside(SYSTEM.trim_end(), tools(&context.tools, approach));
    turn.services.recorder.emit(started(trouble, approach, &own)).await;
    let Some(ground) = lay(turn, trouble, approach, task, &own.tools).await else {
        let told = format!("{file} cannot be read any more");
        let done = Done { mended: false, steps: 0, end: None, told, failing: None, put_back: None, foreign: false };
        return end(turn, context, done, "").await;
    };
    if ground.put_back.is_some() && was_there(turn, trouble).await && put_forward(turn, trouble, &ground).await {
        let told = format!("the check {} found the same in {file} as it was before the task", trouble.failure.check);
        let done = Done { mended: false, steps: 0, end: None, told, failing: None, put_back: None, foreign: true };
        return end(turn, context, done, "").await;
    }
    own.messages.push(Message::User { text: ground.prompt.clone() });
    let mut draft = Draft::default();
    draft.note(&ground.prompt);
    turn.services.recorder.emit(draft.into_event()).await;
    let (last, steps, stopped) = drive(turn, model, &mut own, trouble, most).await;
    context.taken = ask::used_ids(&own);
    let mended = last.as_ref().is_some_and(|run| trouble.is_mended_in(run));
    let seen = match &last {
        None if ground.put_back.is_some() => check(turn, trouble).await,
        last => last.clone(),
    };
    let failing = seen.map(|run| run.errors(file).cloned().collect());
    let after = checks::source(turn, file).unwrap_or_default();
    let diff = file_diff(file, Some(ground.before.as_bytes()), Some(after.as_bytes())).diff;
    let came = match (mended, &last) {
        (true, _) => "it is mended",
        (false, Some(_)) => "it still fails",
        (false, None) if after != ground.content => "the file was changed, and its check did not say how it is now",
        (false, None) if ground.put_back.is_some() => "the file was put back, and nothing was changed after that",
        (false, None) => "nothing was changed",
    };
    let told = line(approach, steps, came);
    let put_back = ground.put_back;
    end(turn, context, Done { mended, steps, end: stopped, told, failing, put_back, foreign: false }, &diff).await
}

/// Asks the model until the check passes or the bound is reached: what the check found last, the requests, and why the turn
/// has to end.
async fn drive(
    turn: &Arc<Turn>,
    model: &Arc<dyn Model>,
    own: &mut Context,
    trouble: &Trouble,
    most: u32,
) -> (Option<Run>, u32, Option<TurnEnd>) {
    let file = &trouble.failure.file;
    let mut guard = Guard::new(&turn.services.settings);
    let (mut last, mut nudged, mut reminded): (Option<Run>, bool, bool) = (None, false, false);
    for step in 1..=most {
        let (asked, results) = match turn::step(turn, model, own, (step, most), &mut nudged).await {
            Step::Ran { asked, results } => (asked, results),
            Step::Nudged => continue,
            Step::Ended(TurnEnd::Cancelled) => return (last, step, Some(TurnEnd::Cancelled)),
            // The outer conversation may fit all the same.
            Step::Unanswered(ModelError::ContextOverflow { .. }) => return (last, step, None),
            Step::Unanswered(error) => return (last, step, Some(TurnEnd::Failed { error: error.to_string() })),
            Step::Ended(TurnEnd::Done) if last.is_none() && !reminded => {
                reminded = true;
                turn::note(turn, own, NOT_YET).await;
                continue;
            }
            // It says that it is done, or says nothing that helps.
            Step::Ended(_) => return (last, step, None),
        };
        let mut runs = results.iter().flat_map(|result| &result.runs).filter(|run| run.covers(file));
        last = runs.rfind(|run| run.check == trouble.failure.check).cloned().or(last);
        let passes = last.as_ref().is_some_and(|run| run.errors(file).next().is_none());
        if passes || guard.repeated(&asked, &results).is_some() {
            return (last, step, None);
        }
        if let Some(note) = guard.note(turn, own, &asked, &results) {
            turn::note(turn, own, &note).await;
        }
    }
    (last, most, None)
}

/// What the conversation begins with; for the second way the file is put back first.
async fn lay(turn: &Turn, trouble: &Trouble, approach: Approach, task: &str, tools: &[ToolSpec]) -> Option<Ground> {
    let file = &trouble.failure.file;
    let failed = checks::source(turn, file)?;
    let put_back = if approach == Approach::Anew { put_back(turn, trouble).await } else { None };
    let content = if put_back.is_some() { checks::source(turn, file)? } else { failed.clone() };
    let (check, finding) = (trouble.failure.check.as_str(), &trouble.finding);
    let subject = Subject { file, check, finding, content: &content, task, tools, window: turn.window() };
    let text = if put_back.is_some() {
        let same = content.lines().zip(failed.lines()).take_while(|(one, other)| one == other).count();
        let diff = file_diff(file, Some(content.as_bytes()), Some(failed.as_bytes())).diff;
        prompt(&Way::Anew { line: same + 1, diff: &diff }, &subject)
    } else {
        prompt(if approach == Approach::Anew { &Way::Rewrite } else { &Way::Narrow }, &subject)
    };
    // What tools show of files has no secrets either.
    let prompt = turn.services.secrets.redactor().text(&text, Look::Known).into_owned();
    Some(Ground { before: failed, content, prompt, put_back })
}

/// Checks the file once more, which nobody has written since it was put back.
async fn check(turn: &Turn, trouble: &Trouble) -> Option<Run> {
    let files = [trouble.failure.file.clone()];
    let (runs, _) = checks::after(turn, &turn.own_call_id(), &files).await;
    runs.into_iter().find(|run| run.check == trouble.failure.check)
}

/// Whether the error is there without what the task has written.
async fn was_there(turn: &Turn, trouble: &Trouble) -> bool {
    let run = check(turn, trouble).await;
    run.is_some_and(|run| run.errors(&trouble.failure.file).any(|finding| trouble.is(&run.check, finding)))
}

/// Gives the file back what the task has written: it is no worse than before. `false`: that cannot be.
async fn put_forward(turn: &Turn, trouble: &Trouble, ground: &Ground) -> bool {
    let digest = |text: &str| Some(files::sha256(text.as_bytes()));
    let (path, known) = (trouble.failure.file.clone(), vec![digest(&ground.content)]);
    let changed = [session::Changed { path, before: digest(&ground.before), mode: None, known, foreign: false }];
    let services = &turn.services;
    let done = restore::put_back(&services.recorder, &services.workspace, &turn.own_call_id(), &changed).await;
    done.refused.is_empty()
}

/// Puts the file back to what it was before the first write after which it failed: what is told of that. `None`: that cannot
/// be, or nothing may be written.
async fn put_back(turn: &Turn, trouble: &Trouble) -> Option<String> {
    let services = &turn.services;
    if services.approvals.mode() == ApprovalMode::Never {
        return None;
    }
    let (recorder, file) = (&services.recorder, &trouble.failure.file);
    let entries = recorder.history().ok()?;
    let is_first = |event: &Event| matches!(event, Event::FileReplaced { call_id, path, .. } if *call_id == trouble.since && path == file);
    let first = entries.iter().rposition(|entry| is_first(&entry.event))?;
    let changed = session::changes(entries[first..].iter().map(|entry| &entry.event));
    let changed: Vec<_> = changed.into_iter().filter(|changed| changed.path == *file).collect();
    let before = changed.first()?.before.clone()?;
    let done = restore::put_back(recorder, &services.workspace, &turn.own_call_id(), &changed).await;
    let kept = match &done.restored.first()?.held {
        Some(digest) => format!("; what it held since is kept in the session's folder as blobs/{digest}"),
        None => String::new(),
    };
    let text = format!("{file} was put back to what it was before the first change that failed (blobs/{before}){kept}");
    recorder.emit(Event::Notice { level: Level::Warn, text: text.clone() }).await;
    Some(text)
}

/// One tool that shows the file, and those that change it; the first way writes whole files only where nothing else does.
/// Where none of these are on offer, all tools are: a set of other tools has its own.
fn tools(offered: &[ToolSpec], approach: Approach) -> Vec<ToolSpec> {
    let has = |name: &str| offered.iter().any(|spec| spec.name == name);
    let writers: &[&str] = if approach == Approach::Narrow && has(EDIT) { &[EDIT] } else { &[EDIT, WRITE] };
    if !writers.iter().any(|name| has(name)) {
        return offered.to_vec();
    }
    let reader = READERS.iter().find(|name| has(name));
    let wanted = |spec: &&ToolSpec| reader.into_iter().chain(writers).any(|name| *name == spec.name);
    offered.iter().filter(wanted).cloned().collect()
}

fn started(trouble: &Trouble, approach: Approach, own: &Context) -> Event {
    let (failure, finding) = (&trouble.failure, &trouble.finding);
    let reason = match approach {
        Approach::Narrow => {
            format!("the check {} failed in the same way after {} writes", failure.check, trouble.writes)
        }
        Approach::Anew => format!("repairing it did not make the check {} pass", failure.check),
        Approach::Larger => format!("no attempt has made the check {} pass, and a larger model goes on", failure.check),
    };
    Event::MendStarted {
        approach,
        reason,
        check: failure.check.clone(),
        file: failure.file.clone(),
        line: finding.line,
        message: finding.message.clone(),
        system: own.system().to_string(),
        tools: own.tools.clone(),
    }
}

/// What the report says of it.
fn line(approach: Approach, steps: u32, came: &str) -> String {
    let what = match approach {
        Approach::Narrow => "the error alone",
        Approach::Anew => "the change once more from the beginning",
        Approach::Larger => "the error by a larger model",
    };
    let requests = if steps == 1 { "1 request".to_string() } else { format!("{steps} requests") };
    format!("{what}, in {requests}: {came}")
}

/// Tells what came of it: an event, and a note in the outer conversation.
async fn end(turn: &Turn, context: &mut Context, done: Done, diff: &str) -> Done {
    let mut text = format!("[Garth has tried in a conversation of its own: {}.", done.told);
    for finding in done.failing.iter().flatten().take(1) {
        let file = finding.file.as_deref().unwrap_or_default();
        text.push_str(&format!(" The check now says {}: {}", place(file, finding.line), finding.message));
    }
    if !diff.is_empty() {
        let diff = bounded(diff.trim_end(), DIFF, Matters::Head, "read the file for the rest");
        text.push_str(&format!("\nIt has changed the file:\n{diff}"));
    }
    if done.foreign {
        text.push_str(" It is not of your making: leave it, and go on with the task. Your change is in the file.");
    }
    if done.mended {
        text.push_str("\nGo on with the task. Read the file again before you change it.");
    }
    let text = turn.services.secrets.redactor().text(&(text + "]"), Look::Known).into_owned();
    context.note(&text);
    turn.services.recorder.emit(Event::MendEnded { mended: done.mended, steps: done.steps, text }).await;
    done
}
