//! One call: look it up, check its arguments, pass the gate, run it in the sandbox, bound what comes back.
//! Whatever goes wrong is text that the model can act on; the turn goes on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::account::{Account, End};
use super::ask::Asked;
use super::consent::Consent;
use super::gate::{CallHost, Caller};
use super::mend::Run;
use super::turn::Turn;
use super::writes::{self, Approved, Claim, Permit, Wrote};
use super::{call_tool, checks, outlined, skill};
use crate::context::{Matters, bounded, fits};
use crate::plugins::{Origin, Tool};
use crate::policy::{Capabilities, Workspace};
use crate::protocol::{Event, Level, Message, ProgramRun, ToolCall, ToolStatus};
use crate::sandbox::{CallError, Finished, Output};
use crate::secrets::{Look, Redactor};

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
    /// As the model called it.
    tool: String,
    pub status: ToolStatus,
    /// As the model sees it.
    pub text: String,
    /// It was longer.
    pub cut: bool,
    pub data: Option<Value>,
    /// Files that it has changed as was foreseen.
    pub wrote: Vec<Wrote>,
    /// What checks have found in them.
    pub runs: Vec<Run>,
}

/// The end of a call before it is recorded.
pub(super) struct Ended {
    pub status: ToolStatus,
    pub text: String,
    data: Option<Value>,
    programs: Vec<ProgramRun>,
    wrote: Vec<Wrote>,
    runs: Vec<Run>,
}

impl Ended {
    pub fn new(status: ToolStatus, text: impl Into<String>) -> Ended {
        let (programs, wrote, runs) = Default::default();
        Ended { status, text: text.into(), data: None, programs, wrote, runs }
    }
}

impl CallResult {
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub fn message(&self) -> Message {
        Message::Tool { call_id: self.call_id.clone(), tool: self.tool.clone(), text: self.text.clone() }
    }
}

/// How far a call has come, for the case that the turn ends meanwhile.
#[derive(Default)]
struct Progress {
    running: OnceLock<Arc<CallHost>>,
    account: Account,
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
    let call = &asked.call;
    let took = started.elapsed().saturating_sub(Duration::from_micros(progress.waited.load(Ordering::Relaxed)));
    let (mut data, redactor) = (ended.data, turn.services.secrets.redactor());
    // Before it is cut: half a secret would not be found.
    let whole = redactor.text(&ended.text, Look::Known);
    let outlined = match by {
        By::Model => outlined::first(turn, call, &whole, data.as_mut()).await,
        By::Author => None,
    };
    // An outlined reading says itself which lines it shows.
    let exact = outlined.is_some();
    let text = outlined.unwrap_or_else(|| short_enough(turn, call, &whole));
    data.iter_mut().for_each(|data| redactor.json(data, Look::Known));
    let (wrote, runs) = (ended.wrote, ended.runs);
    let programs = ended.programs.len();
    if programs > 0 || ended.status == ToolStatus::Cancelled {
        turn.services.graph.ran();
    }
    let event = Event::ToolFinished {
        call_id: call.id.clone(),
        tool: call.name.clone(),
        status: ended.status,
        text: text.clone(),
        data: data.clone(),
        programs: ended.programs,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    };
    turn.services.recorder.emit(event).await;
    progress.account.close(turn, asked, End { status: ended.status, text: &text, programs }).await;
    let tool = asked.through.unwrap_or(&call.name).to_string();
    let cut = !exact && text != whole;
    CallResult { call_id: call.id.clone(), tool, status: ended.status, text, cut, data, wrote, runs }
}

/// At most its share of the window. What a reading tool gave can be asked for again in parts;
/// of any other the whole is kept in the session, so that half as much is enough to show. A skill says what to do from its
/// beginning on.
fn short_enough(turn: &Turn, call: &ToolCall, text: &str) -> String {
    let limit = turn.result_limit();
    if turn.reads_only(&call.name) {
        return bounded(text, limit, Matters::Head, REST);
    }
    let (limit, matters) = match call.name == skill::NAME {
        true => (limit, Matters::Head),
        false => (limit / 2, Matters::Tail),
    };
    if fits(text, limit) {
        return text.to_string();
    }
    let rest = match turn.services.recorder.keep_output(text) {
        Some(path) => format!("all of it is in {path}: read or search that file"),
        None => REST.to_string(),
    };
    bounded(text, limit, matters, &rest)
}

/// `Err` ends the call before it runs.
async fn execute(turn: &Arc<Turn>, asked: &Asked, by: By, progress: &Progress) -> Result<Ended, Ended> {
    let call = &asked.call;
    if call.name == skill::NAME {
        // On the heap: a skill runs calls of its own.
        return Box::pin(skill::call(turn, asked)).await;
    }
    if call.name == call_tool::NAME {
        let complaint = asked.unreadable.as_deref().unwrap_or("it names no tool");
        return Err(Ended::new(ToolStatus::Invalid, format!("{}: {complaint}", call_tool::NAME)));
    }
    let (tool, arguments) = resolve(turn, asked).map_err(|complaint| Ended::new(ToolStatus::Invalid, complaint))?;
    progress.account.of(&tool.plugin, &arguments);
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
        consent: Arc::new(Consent::new(tool, &arguments)),
    };
    caller.consent(tool).await.map_err(|denial| denied(format!("denied: {denial}")))?;
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
    progress.account.runs(&caller, &capabilities);
    if !caller.reads_only {
        progress.account.open(turn, asked).await;
    }
    let finished = turn.plugins.call(tool, &arguments, capabilities, host.clone()).await;
    progress.account.used(&finished.used);
    turn.opened_private(finished.used.private.iter().cloned());
    turn.services.graph.changed(finished.used.written.iter().map(PathBuf::from).collect());
    turn.touch(&arguments, &finished.used.written).await;
    let claim = if finished.result.is_ok() { Claim::Done } else { Claim::NotDone };
    let surprise = writes::verify(&caller, changes.as_deref(), &finished.used.written, claim);
    let written = finished.used.written.clone();
    let mut ended = describe(tool, finished);
    if let Some(surprise) = surprise {
        turn.services.recorder.emit(Event::Notice { level: Level::Error, text: surprise.clone() }).await;
        ended.text = format!("{}\n{surprise}", ended.text);
    }
    if ended.status == ToolStatus::Failed && host.refused.load(Ordering::Relaxed) {
        ended.status = ToolStatus::Denied;
    }
    ended.programs = host.programs();
    if ended.status == ToolStatus::Ok {
        ended.wrote = changes.iter().flatten().map(Approved::wrote).collect();
    }
    let (runs, found) = checks::after(turn, &call.id, &written).await;
    ended.runs = runs;
    if found.is_some() || !ended.programs.is_empty() {
        turn.programs_ran(&ended.programs, caller.capabilities.secret_files);
    }
    if let Some(found) = found {
        ended.text = format!("{}\n{found}", ended.text.trim_end());
    }
    Ok(ended)
}

/// The tool and the arguments that fit it.
fn resolve<'a>(turn: &'a Turn, asked: &Asked) -> Result<(&'a Tool, Value), String> {
    let name = &asked.call.name;
    let plugins = &turn.plugins;
    let Some(tool) = plugins.find(name) else {
        if let Some(reason) = plugins.gone(name) {
            return Err(format!("the tool '{name}' is gone: {reason}. Do without it"));
        }
        if let Some(complaint) = asked.unreadable.as_ref().filter(|_| asked.call.recovered.is_some()) {
            return Err(format!("{name}: {complaint}"));
        }
        return Err(match asked.instead.as_slice() {
            [] => format!("there is no tool named '{name}'; use one of the tools on offer"),
            names => format!("there is no tool named '{name}'; the nearest are {}", names.join(", ")),
        });
    };
    if let Some(complaint) = &asked.unreadable {
        return Err(format!("{name}: {complaint}"));
    }
    let arguments = turn.fitted(asked, &tool.spec.input_schema);
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
            let mut data = output.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
            data.iter_mut().for_each(|data| Redactor::default().json(data, look(tool)));
            Ended { data, ..Ended::new(ToolStatus::Ok, without_keys(tool, &output.text)) }
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
    Ended::new(status, without_keys(tool, &(text + because)))
}

/// What is taken out of all that comes from the tool: of a stranger's plugin, what looks like anybody's key as well. What
/// the built-in tools read is what the model works on, and has to come through as it is.
pub(super) fn look(tool: &Tool) -> Look {
    match tool.plugin.origin {
        Origin::Builtin => Look::Known,
        Origin::File { .. } => Look::KnownAndKeys,
    }
}

/// Without what looks like a key, where that is looked for; the user's own values go when the result is recorded.
fn without_keys(tool: &Tool, text: &str) -> String {
    Redactor::default().text(text, look(tool)).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugins::manifest::Manifest;
    use crate::plugins::pack::{CatalogueTool, Sections, pack};
    use crate::plugins::{PluginFile, Plugins, Setup};
    use crate::sandbox::{Protection, Sandbox, Settings, Used};

    /// A plugin with one tool, which is never run.
    fn plugins(origin: Origin) -> Plugins {
        let manifest =
            "name = \"x\"\nversion = \"1.0.0\"\ndescription = \"x\"\nwit = \"0.1\"\n[tools.x.capabilities]\n";
        let tool = CatalogueTool {
            name: "x".into(),
            description: "x".into(),
            input_schema: json!({"type": "object"}),
            output_schema: None,
        };
        let manifest = Manifest::from_toml(manifest).unwrap();
        let sections = Sections { manifest, catalogue: vec![tool], commands: Default::default() };
        let wasm = pack(&wat::parse_str("(component)").unwrap(), &sections).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key_dir = folder.path().to_path_buf();
        let setup = Setup {
            sandbox: Sandbox::new(Settings { cache_dir: None, key_dir: key_dir.clone() }).unwrap(),
            workspace: key_dir.clone(),
            protection: Arc::new(Protection::new(&[], &[]).unwrap()),
            limits: Default::default(),
            enabled: &|_| true,
            grant: &|_, _| Default::default(),
            state: key_dir,
        };
        Plugins::of(vec![PluginFile::parse(wasm, origin).unwrap()], setup).unwrap()
    }

    #[test]
    fn only_what_strangers_plugins_say_is_searched_for_keys_of_any_kind() {
        let key = format!("AKIA{}", "Q3EGRIHMZT5WXN2B");
        let text = format!("let example = \"{key}\";");
        let output =
            Output { text: text.clone(), data: Some(json!({ &key: [text] }).to_string()), attachments: vec![] };
        let check = |origin: Origin, kept: bool| {
            let plugins = plugins(origin);
            let tool = plugins.find("x").unwrap();
            let ended = |result| describe(tool, Finished { result, used: Used::default() });
            let done = ended(Ok(output.clone()));
            let failed = ended(Err(CallError::Failed(text.clone())));
            let crashed = ended(Err(CallError::Trapped(text.clone())));
            for said in [done.text, done.data.unwrap().to_string(), failed.text, crashed.text] {
                assert_eq!(
                    (said.contains(&key), said.contains("[redacted: an AWS access key]")),
                    (kept, !kept),
                    "{said}"
                );
            }
        };
        check(Origin::Builtin, true);
        check(Origin::File { shown: "x.wasm".into() }, false);
    }
}
