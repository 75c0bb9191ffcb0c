//! The one gate through which requests go to a model. To one that is not local goes nothing that may hold a private file, and
//! what goes is written down before it does. Whether a model is to be asked is decided elsewhere; names of files are no
//! secret, what they hold is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::Services;
use super::turn::{Files, Turn};
use crate::audit::{Answered, Sent};
use crate::context::{Gauge, estimate, files_in_prompt, tools_as_json};
use crate::model::{Delta, Model, ModelError, Request};
use crate::policy;
use crate::process::{self, Tier};
use crate::protocol::{Event, Level, Message, ProgramRun};
use crate::sandbox::Programs;

/// Files that are named when a request is refused.
const NAMED: usize = 3;
/// Of one result: lines that are looked at for the names of files.
const MOST_LINES: usize = 5_000;

/// Tells apart the requests of this process.
static SENT: AtomicU64 = AtomicU64::new(0);

/// The model, as anything of a turn may ask it.
pub(super) fn through(turn: &Turn, model: &Arc<dyn Model>) -> Arc<dyn Model> {
    Arc::new(Gate {
        model: model.clone(),
        services: turn.services.clone(),
        session: turn.session.clone(),
        turn: turn.number,
        private: turn.private.clone(),
        carried: turn.carried.clone(),
    })
}

/// Why the session may not go to this model; `None`: it may.
pub(super) fn forbids(private: &Files, model: &dyn Model) -> Option<String> {
    if model.is_local() {
        return None;
    }
    let files = private.lock().unwrap_or_else(PoisonError::into_inner);
    let named: Vec<&str> = files.iter().take(NAMED).map(String::as_str).collect();
    let more = match files.len().saturating_sub(named.len()) {
        0 if named.is_empty() => return None,
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "nothing was sent: this session has opened private files ({}{more}; files.private), and the model '{}' at {} is not \
         local. Begin anew with /reset, ask a local model, or, if that server is your own, set model.local = true in your own \
         configuration",
        named.join(", "),
        model.name(),
        model.address(),
    ))
}

struct Gate {
    model: Arc<dyn Model>,
    services: Arc<Services>,
    session: String,
    turn: u64,
    private: Files,
    carried: Files,
}

impl Model for Gate {
    fn stream(&self, request: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        if self.model.is_local() {
            return self.model.stream(request);
        }
        let id = match self.admit(&request) {
            Ok(id) => id,
            Err(reason) => return stream::iter([Err(ModelError::Settings { reason })]).boxed(),
        };
        let (services, price) = (self.services.clone(), self.model.price());
        let counted = move |item: &Result<Delta, ModelError>| {
            let Ok(Delta::Usage(usage)) = item else { return };
            let cost = price.map(|price| price.of(usage));
            let line = Answered { at: now(), id: id.clone(), usage: *usage, cost };
            if let Err(error) = services.exposures.answered(line) {
                let text = format!("what the last request cost is not recorded: {error}");
                services.recorder.note(Event::Notice { level: Level::Warn, text });
            }
        };
        self.model.stream(request).inspect(counted).boxed()
    }

    fn name(&self) -> &str {
        self.model.name()
    }

    fn provider(&self) -> &str {
        self.model.provider()
    }

    fn is_local(&self) -> bool {
        self.model.is_local()
    }

    fn address(&self) -> String {
        self.model.address()
    }
}

impl Gate {
    /// Lets a request out, and gives the id under which it is recorded.
    fn admit(&self, request: &Request) -> Result<String, String> {
        if let Some(reason) = forbids(&self.private, &*self.model) {
            return Err(reason);
        }
        let number = SENT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:x}-{:x}-{number:x}", std::process::id(), now());
        let workspace = &self.services.workspace;
        let tools = estimate(&tools_as_json(&request.tools));
        let sent = Sent {
            at: now(),
            id: id.clone(),
            session: self.session.clone(),
            project: workspace.display().to_string(),
            turn: self.turn,
            provider: self.model.provider().to_string(),
            address: self.model.address(),
            model: self.model.name().to_string(),
            files: carried(workspace, &self.carried, &request.messages).into_iter().collect(),
            tokens: Gauge::default().request(&request.messages, tools) as u64,
        };
        let exposures = &self.services.exposures;
        exposures.sends(sent).map_err(|error| {
            format!(
                "nothing was sent: what goes to a model that is not local is recorded first, and {} cannot be written \
                 ({error})",
                exposures.newest().display()
            )
        })?;
        Ok(id)
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Files of the workspace whose content may be in the messages: those that are known to have been brought in, that calls name,
/// with which lines of results begin, as a search's do, and of which the system prompt tells.
pub(super) fn carried(workspace: &Path, known: &Files, messages: &[Message]) -> BTreeSet<String> {
    let mut named = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for message in messages {
        match message {
            Message::System { text } => named.extend(files_in_prompt(text).filter_map(policy::named_path)),
            Message::Assistant { calls, .. } => {
                named.extend(calls.iter().flat_map(|call| policy::named_paths(&call.arguments)));
            }
            Message::Tool { text, .. } => {
                let lines = text.lines().take(MOST_LINES);
                let beginnings = lines.map(|line| line.split([':', '\t']).next().unwrap_or(line).trim());
                named.extend(beginnings.filter_map(policy::named_path));
            }
            Message::User { .. } => {}
        }
    }
    named.retain(|path| workspace.join(path).is_file());
    named
}

impl Turn {
    /// Whether what this file of the workspace holds is private, under this name or its real one. `path` may be relative to the
    /// workspace.
    pub fn is_private(&self, path: &Path) -> bool {
        let protection = self.plugins.protection();
        let written = path.strip_prefix(&self.services.workspace).unwrap_or(path);
        written.is_relative() && protection.is_private(written)
            || self.inside(path).is_some_and(|path| protection.is_private(&path))
    }

    /// The host itself has read this file for the model.
    pub fn looked_into(&self, path: &Path) {
        let Some(real) = self.inside(path) else { return };
        let name = real.to_string_lossy().into_owned();
        if self.plugins.protection().is_private(&real) {
            self.opened_private([name.clone()]);
        }
        self.carries([name]);
    }

    /// What these files of the workspace hold may be in what is said from now on.
    pub fn carries(&self, files: impl IntoIterator<Item = String>) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
    }

    /// Programs have run, whose reading is not noted. `secret_files`: they saw private files whatever is set.
    pub fn programs_ran(&self, programs: &[ProgramRun], secret_files: bool) {
        let private = &self.plugins.protection().private;
        if private.patterns.is_empty() {
            return;
        }
        let told = || programs.iter().any(|run| process::git_may_tell(&run.argv));
        // Without a sandbox nothing is hidden from them.
        let open = || self.services.runner.tier() == Tier::None;
        if secret_files || private.programs == Programs::See || told() || open() {
            self.opened_private(private.patterns.iter().map(|pattern| format!("{pattern} by a program")));
        }
    }

    /// Private files were opened: journalled before anything that they hold is.
    pub fn opened_private(&self, files: impl IntoIterator<Item = String>) {
        let new: Vec<String> = {
            let mut known = self.private.lock().unwrap_or_else(PoisonError::into_inner);
            files.into_iter().filter(|file| known.insert(file.clone())).collect()
        };
        if !new.is_empty() {
            self.services.recorder.note(Event::PrivateOpened { files: new });
        }
    }

    /// The real path below the workspace; that of a file that is not there as it is written.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let workspace = &self.services.workspace;
        let whole = workspace.join(path);
        let real = whole.canonicalize().unwrap_or(whole);
        real.strip_prefix(workspace).ok().map(Path::to_path_buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ToolCall;
    use serde_json::json;

    #[test]
    fn files_are_found_where_calls_and_results_name_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        for name in ["a.txt", "src/b.rs", "c.txt", "d.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let call = ToolCall {
            id: "1".into(),
            name: "read_file".into(),
            arguments: json!({"path": "./a.txt", "content": "d.txt and more", "paths": ["src", "/etc/passwd"]}),
            recovered: None,
        };
        let messages = [
            Message::User { text: "d.txt".into() },
            Message::Assistant { text: String::new(), reasoning: None, calls: vec![call] },
            Message::Tool {
                call_id: "1".into(),
                tool: "grep".into(),
                text: "src/b.rs:1: x\nc.txt\nnone.txt:2\n../c.txt:1".into(),
            },
        ];
        let known = Files::default();
        let found = || carried(folder.path(), &known, &messages).into_iter().collect::<Vec<_>>();
        assert_eq!(found(), ["a.txt", "c.txt", "src/b.rs"]);
        known.lock().unwrap().extend(["d.txt".to_string(), "gone.txt".to_string()]);
        assert_eq!(found(), ["a.txt", "c.txt", "d.txt", "src/b.rs"]);
    }
}
