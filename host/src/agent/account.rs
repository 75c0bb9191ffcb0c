//! What the audit is told about each call: whose code ran, what it could touch, how it ended and what it took. It keeps no
//! arguments and no results.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::ask::Asked;
use super::files;
use super::gate::Caller;
use super::turn::Turn;
use crate::audit::{self, Outcome};
use crate::plugins::Plugin;
use crate::policy::Capabilities;
use crate::protocol::{Event, Level, ToolStatus};
use crate::sandbox::Used;
use crate::secrets::Look;

/// Characters of one reason, of a tool's name that may be anything, and how many written files are named.
const LONGEST_REASON: usize = 1_000;
const LONGEST_NAME: usize = 200;
const MOST_FILES: usize = 64;

/// What becomes known while a call goes its way.
#[derive(Default)]
pub(super) struct Account {
    plugin: OnceLock<audit::Plugin>,
    /// SHA-256 of the arguments that the plugin gets.
    arguments: OnceLock<String>,
    /// Who runs with what.
    running: OnceLock<(Caller, Capabilities)>,
    used: OnceLock<Used>,
    /// Of the line that it has had since it began.
    id: OnceLock<String>,
}

/// How a call ended, for the audit.
pub(super) struct End<'a> {
    pub status: ToolStatus,
    pub text: &'a str,
    pub programs: usize,
}

/// Tells apart the calls that this process began.
static BEGUN: AtomicU64 = AtomicU64::new(0);

impl Account {
    pub fn of(&self, plugin: &Plugin, arguments: &Value) {
        let known =
            audit::Plugin { name: plugin.name.clone(), version: plugin.version.clone(), sha256: plugin.digest.clone() };
        let _ = self.plugin.set(known);
        let _ = self.arguments.set(arguments_digest(arguments));
    }

    pub fn runs(&self, caller: &Caller, capabilities: &Capabilities) {
        let _ = self.running.set((caller.clone(), capabilities.clone()));
    }

    pub fn used(&self, used: &Used) {
        let _ = self.used.set(used.clone());
    }

    /// Writes the line of a call that begins and can change something: should this process end in its middle, that is told.
    pub async fn open(&self, turn: &Turn, asked: &Asked) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let _ = self.id.set(format!("{:x}-{:x}-{number:x}", std::process::id(), now.as_nanos()));
        self.append(turn, &self.entry(turn, asked, None)).await;
    }

    /// Writes the line of a call that has ended.
    pub async fn close(&self, turn: &Turn, asked: &Asked, end: End<'_>) {
        self.append(turn, &self.entry(turn, asked, Some(&end))).await;
    }

    /// A call is not undone because that fails; it is said once.
    async fn append(&self, turn: &Turn, entry: &audit::Entry) {
        let Err(error) = turn.services.audit.append(entry) else { return };
        if !turn.services.unaudited.swap(true, Ordering::Relaxed) {
            let text = format!(
                "calls are not recorded in the audit: {} cannot be written ({error})",
                turn.services.audit.newest().display()
            );
            turn.services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
        }
    }

    fn entry(&self, turn: &Turn, asked: &Asked, end: Option<&End<'_>>) -> audit::Entry {
        let redactor = turn.services.secrets.redactor();
        let told = |text: &str| cut(&redactor.text(text, Look::Known), LONGEST_REASON);
        let refused =
            |end: &&End<'_>| matches!(end.status, ToolStatus::Denied | ToolStatus::Invalid | ToolStatus::Stopped);
        let denials = self.used.get().map(|used| used.denials.iter().map(|denial| told(denial)).collect());
        let in_force = |(caller, capabilities): &(Caller, Capabilities)| caller.in_force(capabilities);
        audit::Entry {
            at: millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            id: self.id.get().cloned(),
            session: turn.session.clone(),
            project: turn.services.workspace.display().to_string(),
            call: cut(&asked.call.id, LONGEST_NAME),
            tool: cut(&asked.call.name, LONGEST_NAME),
            plugin: self.plugin.get().cloned(),
            arguments: self.arguments.get().cloned().unwrap_or_else(|| arguments_digest(&asked.call.arguments)),
            capabilities: self.running.get().map(in_force).unwrap_or_default(),
            outcome: end.map_or(Outcome::Started, |end| Outcome::Ended(end.status)),
            reason: end.filter(refused).map(|end| told(end.text)),
            denials: denials.unwrap_or_default(),
            used: self.used.get().map(|used| audited(used, end.map_or(0, |end| end.programs))),
        }
    }
}

/// What a call took, as the audit keeps it.
pub fn audited(used: &Used, programs: usize) -> audit::Used {
    let contact = |contact: &crate::sandbox::Contact| audit::Contact {
        method: contact.method.clone(),
        host: contact.host.clone(),
        port: contact.port,
        status: contact.status,
        sent: contact.sent,
        received: contact.received,
    };
    audit::Used {
        wall_ms: millis(used.wall),
        cpu_ms: millis(used.cpu),
        memory: used.memory_peak,
        host_calls: used.host_calls,
        written_bytes: used.written_bytes,
        written: used.written.iter().take(MOST_FILES).cloned().collect(),
        programs: programs as u64,
        http: used.http.iter().map(contact).collect(),
    }
}

/// By which the audit tells arguments apart.
pub fn arguments_digest(arguments: &Value) -> String {
    files::sha256(arguments.to_string().as_bytes())
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
