//! One call: look it up, check its arguments, pass the gate, run it in the sandbox, bound what comes back.
//! Whatever goes wrong is text that the model can act on; the turn goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ask::Asked;
use super::gate::{CallHost, Caller};
use super::skill;
use super::turn::Turn;
use super::writes::{self, Claim, Permit};
use crate::context::bounded;
use crate::plugins::Tool;
use crate::policy::{Capabilities, Workspace};
use crate::protocol::{Event, Level, Message, ProgramRun, ToolCall, ToolStatus};
use crate::recover;
use crate::sandbox::{CallError, Finished, Output};

/// What a cut result says about the rest.
const REST: &str = "ask for a part of it: a range, a narrower pattern, one file";

/// Who asks for a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Model,
    /// A line of a command, or of a skill: its author chose the tool, so its own `tools:` does not speak of it.
    Author,
}

/// How a call ended.
pub(super) struct CallResult {
    call_id: String,
    pub tool: String,
    pub status: ToolStatus,
    /// As the model sees it.
    pub text: String,
    pub data: Option<Value>,
}

/// The end of a call before it is recorded.
pub(super) struct Ended {
    pub status: ToolStatus,
    pub text: String,
    data: Option<Value>,
    programs: Vec<ProgramRun>,
}

impl Ended {
    pub fn new(status: ToolStatus, text: impl Into<String>) -> Ended {
        Ended { status, text: text.into(), data: None, programs: Vec::new() }
    }
}

impl CallResult {
    pub fn message(&self) -> Message {
        Message::Tool { call_id: self.call_id.clone(), tool: self.tool.clone(), text: self.text.clone() }
    }
}

/// How far a call has come, for the case that the turn ends meanwhile.
#[derive(Default)]
struct Progress {
    running: OnceLock<Arc<CallHost>>,
    /// Microseconds spent on questions, which are not the call's.
    waited: Arc<AtomicU64>,
}

impl Progress {
    /// What is told about a call that was cut off.
    fn cut_off(&self) -> Ended {
        match self.running.get() {
            None => Ended::new(ToolStatus::Cancelled, "not run: the turn was ended before it"),
            Some(host) => {
                let text = "ended while it ran, with the turn; it may have had effects: look before you repeat it";
                Ended { programs: host.programs(), ..Ended::new(ToolStatus::Cancelled, text) }
            }
        }
    }
}

/// Runs the call and records its result. Cancelling the turn ends it at once.
pub(super) async fn run(turn: &Arc<Turn>, asked: &Asked, by: By) -> CallResult {
    let started = Instant::now();
    let progress = Progress::default();
    let ended = tokio::select! {
        biased;
        () = turn.cancel.cancelled() => progress.cut_off(),
        ended = execute(turn, asked, by, &progress) => ended.unwrap_or_else(|refused| refused),
    };
    let settings = &turn.services.settings;
    let call = &asked.call;
    let took = started.elapsed().saturating_sub(Duration::from_micros(progress.waited.load(Ordering::Relaxed)));
    let text = bounded(&ended.text, settings.result_limit, REST);
    let event = Event::ToolFinished {
        call_id: call.id.clone(),
        tool: call.name.clone(),
        status: ended.status,
        text: text.clone(),
        data: ended.data.clone(),
        programs: ended.programs,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    };
    turn.services.recorder.emit(event).await;
    CallResult { call_id: call.id.clone(), tool: call.name.clone(), status: ended.status, text, data: ended.data }
}

/// `Err` ends the call before it runs.
async fn execute(turn: &Arc<Turn>, asked: &Asked, by: By, progress: &Progress) -> Result<Ended, Ended> {
    let call = &asked.call;
    if call.name == skill::NAME {
        // On the heap: a skill runs calls of its own.
        return Box::pin(skill::call(turn, asked)).await;
    }
    let (tool, arguments) = resolve(turn, asked).map_err(|complaint| Ended::new(ToolStatus::Invalid, complaint))?;
    let capabilities = turn.scope.narrow(tool, by);
    let denied = |denial: String| Ended::new(ToolStatus::Denied, denial);
    turn.permitted(&tool.spec.name, by).map_err(denied)?;
    if by == By::Model || tool.capabilities.process.len() != capabilities.process.len() {
        turn.useful(tool, &capabilities).map_err(denied)?;
    }
    let caller = Caller {
        by,
        turn: turn.clone(),
        call_id: call.id.clone(),
        tool: tool.spec.name.clone(),
        plugin: tool.plugin.name.clone(),
        waited: progress.waited.clone(),
        reads_only: turn.scope.reads_only(tool),
        capabilities,
    };
    let Permit { capabilities, changes } = writes::permit(&caller, tool, &arguments).await?;

    let event = Event::ToolStarted { call: started(call, &arguments), plugin: Some(tool.plugin.name.clone()) };
    turn.services.recorder.emit(event).await;
    if !caller.reads_only && !turn.services.recorder.keeps() {
        let text = "not run: the session's journal cannot be written, so it could not be undone";
        return Err(Ended::new(ToolStatus::Failed, text));
    }
    writes::journal(&caller, &changes).await?;
    let host = Arc::new(CallHost {
        access: describe_files(&caller.capabilities.workspace),
        caller: caller.clone(),
        programs: Mutex::default(),
        refused: AtomicBool::new(false),
    });
    writes::unchanged(&caller, changes.as_deref().unwrap_or_default())
        .map_err(|text| Ended::new(ToolStatus::Failed, text))?;
    let _ = progress.running.set(host.clone());
    let finished = turn.services.plugins.call(tool, &arguments, capabilities, host.clone()).await;
    turn.touch(&arguments, &finished.used.written).await;
    let claim = if finished.result.is_ok() { Claim::Done } else { Claim::NotDone };
    let surprise = writes::verify(&caller, changes.as_deref(), &finished.used.written, claim);
    let mut ended = describe(tool, finished);
    if let Some(surprise) = surprise {
        turn.services.recorder.emit(Event::Notice { level: Level::Error, text: surprise.clone() }).await;
        ended.text = format!("{}\n{surprise}", ended.text);
    }
    if ended.status == ToolStatus::Failed && host.refused.load(Ordering::Relaxed) {
        ended.status = ToolStatus::Denied;
    }
    ended.programs = host.programs();
    Ok(ended)
}

/// The tool and the arguments that fit it.
fn resolve<'a>(turn: &'a Turn, asked: &Asked) -> Result<(&'a Tool, Value), String> {
    let name = &asked.call.name;
    let plugins = &turn.services.plugins;
    let Some(tool) = plugins.find(name) else {
        let nearest = plugins.nearest(name);
        return Err(match nearest.as_slice() {
            [] => format!("there is no tool named '{name}'; use one of the tools on offer"),
            names => format!("there is no tool named '{name}'; the nearest are {}", names.join(", ")),
        });
    };
    if let Some(complaint) = &asked.unreadable {
        return Err(format!("{name}: {complaint}"));
    }
    let arguments = recover::coerce(asked.call.arguments.clone(), &tool.spec.input_schema);
    tool.check(&arguments).map_err(|complaint| format!("{name}: {complaint}"))?;
    Ok((tool, arguments))
}

/// The call as it runs: with the arguments that the plugin gets.
fn started(call: &ToolCall, arguments: &Value) -> ToolCall {
    ToolCall { arguments: arguments.clone(), ..call.clone() }
}

/// A program's access to files in words, as a question shows it.
fn describe_files(workspace: &Workspace) -> String {
    Capabilities { workspace: workspace.clone(), ..Capabilities::default() }.describe()
}

/// The result in the model's words.
fn describe(tool: &Tool, finished: Finished<Output>) -> Ended {
    let denials = &finished.used.denials;
    let because = if denials.is_empty() { String::new() } else { format!("\n{}", denials.join("\n")) };
    match finished.result {
        Ok(output) => {
            let data = output.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
            Ended { data, ..Ended::new(ToolStatus::Ok, output.text) }
        }
        Err(error) => refused(tool, error, &because),
    }
}

/// A call, or its preview, that did not end well.
pub(super) fn refused(tool: &Tool, error: CallError, because: &str) -> Ended {
    let name = &tool.spec.name;
    let (status, text) = match error {
        CallError::InvalidInput(text) => (ToolStatus::Invalid, text),
        CallError::Denied(text) => (ToolStatus::Denied, format!("denied: {text}")),
        CallError::Failed(text) => (ToolStatus::Failed, text),
        CallError::Limit { limit, value } => (
            ToolStatus::Stopped,
            format!(
                "{name} was stopped at its limit: {limit} = {value}. Ask for less; the user can raise limits.{limit}"
            ),
        ),
        CallError::Trapped(text) => (ToolStatus::Stopped, format!("{name} crashed: {text}")),
        CallError::Host(text) => (ToolStatus::Stopped, format!("{name} could not be run: {text}")),
    };
    Ended::new(status, text + because)
}
