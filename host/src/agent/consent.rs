//! What a call may touch that its plugin declares and nobody has granted yet. Files, programs and state are asked about
//! before the call, in one question; a server, and the secrets that go there, at the first request to it. A yes holds for
//! the call, the session or the project. What was not declared never comes here: the sandbox has denied it.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::gate::Caller;
use crate::plugins::{Granted, Holder, Origin, Place, Tool, grant_command};
use crate::policy::{Access, Action, Capabilities, HttpAccess, SecretUse};
use crate::protocol::{Answer, ApprovalMode, ApprovalRequest, Event, Level, Scope, Subject};
use crate::sandbox::{HttpRequest, Injected};

/// What one call has been granted, and what its questions show.
pub(super) struct Consent {
    holder: Holder,
    /// Of the plugin's file.
    digest: String,
    arguments: Value,
    /// Answered with 'this once'.
    once: Mutex<Capabilities>,
    refused: Mutex<Refusals>,
}

/// What a call was refused, with what was said about it. It is not asked again for any of it, nor without end for other
/// things.
#[derive(Default)]
struct Refusals {
    parts: Vec<(Capabilities, String)>,
    actions: Vec<(Action, String)>,
}

/// Questions that are answered with no in one call; what it asks for afterwards is refused without one.
const MOST_REFUSALS: usize = 5;

impl Consent {
    /// Of a call that has no capabilities.
    pub fn none() -> Consent {
        let (once, refused) = Default::default();
        Consent { holder: Holder::Builtin, digest: String::new(), arguments: Value::Null, once, refused }
    }

    pub fn new(tool: &Tool, arguments: &Value) -> Consent {
        let (holder, digest) = (tool.plugin.holder, tool.plugin.digest.clone());
        Consent { holder, digest, arguments: arguments.clone(), ..Consent::none() }
    }

    fn once(&self) -> MutexGuard<'_, Capabilities> {
        self.once.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, Refusals> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said when any part of it was refused before.
    fn refusal(&self, missing: &Capabilities) -> Option<String> {
        let refused = self.refused();
        let within = |(part, _): &&(Capabilities, String)| missing.beyond(part) != *missing;
        refused.parts.iter().find(within).map(|(_, reason)| reason.clone()).or_else(|| refused.too_many())
    }

    /// The same of an action that policy asks about.
    pub fn refusal_of(&self, action: &Action) -> Option<String> {
        let refused = self.refused();
        let known = refused.actions.iter().find(|(known, _)| known == action);
        known.map(|(_, reason)| reason.clone()).or_else(|| refused.too_many())
    }

    pub fn refuse(&self, action: Action, reason: String) {
        self.refused().actions.push((action, reason));
    }
}

impl Refusals {
    fn too_many(&self) -> Option<String> {
        (self.parts.len() + self.actions.len() >= MOST_REFUSALS)
            .then(|| format!("the user has said no {MOST_REFUSALS} times in this call and is not asked again; end it"))
    }
}

/// What of a tool's capabilities counts only when it is granted, before the call begins. A built-in plugin has what it
/// declares, and what the user's configuration adds was granted there.
pub fn needs_grant(origin: &Origin, capabilities: &Capabilities) -> Capabilities {
    match origin {
        Origin::Builtin => Capabilities::default(),
        Origin::File { .. } => {
            Capabilities { http: Vec::new(), secrets: Vec::new(), secret_files: false, ..capabilities.clone() }
        }
    }
}

impl Caller {
    /// Asks for whatever the call needs at once. `Err` ends it before it has begun.
    pub async fn consent(&self, tool: &Tool) -> Result<(), String> {
        let needs = needs_grant(&tool.plugin.origin, &self.capabilities);
        if needs.beyond(&self.granted()).is_nothing() {
            return Ok(());
        }
        // A rule that denies the tool spares the question.
        if let Some(denied) = self.denied_altogether() {
            return Err(denied);
        }
        self.settle(|granted| needs.beyond(granted)).await
    }

    /// Whether a request within the call's capabilities may be sent, and what the host adds to it.
    pub async fn consent_to(&self, request: &HttpRequest) -> Result<Vec<Injected>, String> {
        let secrets = self.secrets_for(request)?;
        self.settle(|granted| missing(request, &self.capabilities.http, &secrets, granted)).await?;
        // Looked up anew: what was answered may have taken a while.
        secrets.iter().map(|secret| self.inject(secret)).collect()
    }

    /// The capabilities as far as they are granted by now.
    pub fn in_force(&self, capabilities: &Capabilities) -> Capabilities {
        let granted = self.granted();
        let reached = Capabilities { http: capabilities.http.clone(), ..Capabilities::default() }.intersect(&granted);
        let secrets = capabilities.secrets.iter().filter(|secret| granted.secrets.contains(secret)).cloned().collect();
        Capabilities { http: reached.http, secrets, ..capabilities.clone() }
    }

    /// By whatever grant, this call's included.
    fn granted(&self) -> Capabilities {
        self.turn.services.consents.granted(self.consent.holder, &self.plugin, &self.tool).union(&self.consent.once())
    }

    /// Asks until nothing is missing or somebody said no.
    async fn settle(&self, missing: impl Fn(&Capabilities) -> Capabilities) -> Result<(), String> {
        if missing(&self.granted()).is_nothing() {
            return Ok(());
        }
        // One question at a time; the answer before may have settled it.
        let _asking = self.turn.asking.lock().await;
        let missing = missing(&self.granted());
        if missing.is_nothing() {
            return Ok(());
        }
        if let Some(reason) = self.consent.refusal(&missing) {
            return Err(reason);
        }
        let asked = self.ask_for(&missing).await;
        if let Err(reason) = &asked {
            self.turn.denied.fetch_add(1, Ordering::Relaxed);
            self.consent.refused().parts.push((missing, reason.clone()));
        }
        asked
    }

    async fn ask_for(&self, missing: &Capabilities) -> Result<(), String> {
        let services = &self.turn.services;
        let command = grant_command(&self.plugin, &self.tool, missing);
        let reason = self.reason(missing);
        if services.approvals.mode() == ApprovalMode::Never {
            return Err(format!(
                "{reason}, and the approval mode 'never' denies what would be asked; to allow it, the user can run \
                 `{command}`, or use --approval ask to be asked"
            ));
        }
        let holder = self.consent.holder;
        let subject = Subject::Capabilities {
            asks: missing.parts(),
            digest: self.consent.digest.clone(),
            arguments: self.consent.arguments.clone(),
        };
        let question = ApprovalRequest {
            tool: self.tool.clone(),
            plugin: self.plugin.clone(),
            subject,
            reason,
            change: Some(format!("run `{command}`")),
            rule: Some(command),
        };
        match self.put(question).await {
            Answer::Yes => {
                let mut once = self.consent.once();
                *once = once.union(missing);
            }
            Answer::Always { scope: Scope::Session } => {
                services.consents.grant_for_session(holder, &self.plugin, &self.tool, missing);
            }
            Answer::Always { scope: Scope::Project } => {
                let granted = services.consents.grant(Place::Project, holder, &self.plugin, &self.tool, missing);
                if let Err(error) = granted {
                    services.consents.grant_for_session(holder, &self.plugin, &self.tool, missing);
                    let text = format!("the grant holds for this session, but it could not be stored: {error}");
                    services.recorder.emit(Event::Notice { level: Level::Warn, text }).await;
                }
            }
            Answer::No { reason: Some(reason) } => return Err(format!("not granted: {reason}")),
            Answer::No { reason: None } => {
                return Err("the user did not grant it; do not try it again in another way".into());
            }
        }
        Ok(())
    }

    /// Why it is asked, with what the plugin's tools could then do together: what one of them reads, another may send.
    fn reason(&self, missing: &Capabilities) -> String {
        let mut reason = format!("the plugin '{}' is not granted this yet: {}", self.plugin, missing.describe());
        let own = |granted: &Granted| (granted.holder, &granted.plugin) == (self.consent.holder, &self.plugin);
        let all = self.turn.services.consents.list().into_iter().filter(own);
        let before = all.fold(self.consent.once().clone(), |all, granted| all.union(&granted.capabilities));
        let together = before.union(missing);
        let reads = together.workspace.widest() > Access::None || together.state.is_some();
        if !together.http.is_empty() && reads && together != *missing {
            reason.push_str(&format!(
                " (what one of its tools reads, another may send; together: {})",
                together.describe()
            ));
        }
        reason
    }

    /// The secrets that the tool declares for the server; none without TLS, where others could read them.
    fn secrets_for(&self, request: &HttpRequest) -> Result<Vec<SecretUse>, String> {
        let here = |secret: &&SecretUse| request.tls && secret.host == request.host;
        let secrets: Vec<SecretUse> = self.capabilities.secrets.iter().filter(here).cloned().collect();
        // Said before anybody is asked for it.
        secrets.iter().try_for_each(|secret| self.inject(secret).map(drop))?;
        Ok(secrets)
    }

    fn inject(&self, secret: &SecretUse) -> Result<Injected, String> {
        let value = self.turn.services.secrets.get(&secret.name).map_err(|error| error.to_string())?;
        let value = value.ok_or_else(|| {
            format!(
                "the request to {} needs the secret '{}', which is not set; the user can set it with `garth secret set {}`",
                secret.host, secret.name, secret.name
            )
        })?;
        Ok(Injected { header: secret.header.clone(), value: secret.format.replace("{}", value.expose()) })
    }
}

/// What a request still needs: the server by its name, with all that is declared for it, and the secrets.
fn missing(
    request: &HttpRequest,
    declared: &[HttpAccess],
    secrets: &[SecretUse],
    granted: &Capabilities,
) -> Capabilities {
    let allows = |access: &&HttpAccess| {
        access.allows(&request.host, &request.method, request.port) && (access.private || !request.private)
    };
    let http = match granted.http.iter().find(allows) {
        Some(_) => Vec::new(),
        None => {
            let declared = declared.iter().find(allows);
            let methods = declared.map_or_else(|| vec![request.method.clone()], |access| access.methods.clone());
            let ports = declared.map_or_else(|| vec![request.port], |access| access.ports.clone());
            vec![HttpAccess { host: request.host.clone(), methods, ports, private: request.private }]
        }
    };
    let asked = Capabilities { http, secrets: secrets.to_vec(), ..Capabilities::default() };
    asked.beyond(granted)
}
