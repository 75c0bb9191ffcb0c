//! What would let a call by hand do more: the same command with flags, or a grant that lasts. Never more than the plugin
//! declares: beyond that there is no way, and that is said too.

use serde_json::Value;

use super::Target;
use crate::app::plugin::granting;
use crate::app::plugin::why::server_of;
use crate::plugins::{capability_flags, grant_command};
use crate::policy::Capabilities;
use crate::sandbox::{CallError, Finished, Output};

/// A call that went wrong.
pub struct Asked<'a> {
    pub target: &'a Target,
    /// As it was typed: the plugin, the tool, the arguments.
    pub words: [&'a str; 3],
    pub arguments: &'a Value,
    /// What the tool declares, and what of it needs no flag.
    pub declared: &'a Capabilities,
    pub standing: &'a Capabilities,
    pub had: &'a Capabilities,
}

/// What to type, for people, one thing a line; empty where the call lacked nothing.
pub fn ways_out(asked: &Asked<'_>, finished: &Finished<Output>) -> Vec<String> {
    let denied = matches!(finished.result, Err(CallError::Denied(_))) || !finished.used.denials.is_empty();
    let failed = matches!(finished.result, Err(CallError::Failed(_) | CallError::Trapped(_)));
    if !denied && !failed {
        return Vec::new();
    }
    if granting::is_undeclared(asked.target.installed.is_some(), &asked.target.file) {
        let said = "it has no manifest: what it may touch is said by --workspace, --http, --process and --state of this command";
        return vec![said.into()];
    }
    let named = |capabilities: &Capabilities| with_hosts(capabilities, asked.arguments);
    if named(asked.declared).beyond(asked.had).is_nothing() {
        let said = "nothing can allow more: it had all that its manifest declares";
        return if denied { vec![said.into()] } else { Vec::new() };
    }
    // With what this call had by flags: the command stands alone.
    let lacked = named(asked.declared).union(asked.had).beyond(asked.standing);
    let [plugin, tool, arguments] = asked.words;
    let typed = shell_words::join(["garth", "plugin", "call", plugin, tool, arguments]);
    let mut ways = vec![format!("to allow it for this call: {typed} {}", capability_flags(&lacked))];
    if asked.target.installed.is_some() {
        ways.push(format!("to allow it for every call: {}", grant_command(plugin, tool, &lacked)));
    }
    ways
}

/// Servers are granted each by its name: where any is declared, what the call itself asks for, as far as its arguments tell.
fn with_hosts(declared: &Capabilities, arguments: &Value) -> Capabilities {
    let server = server_of(arguments);
    let mut named = declared.clone();
    for access in named.http.iter_mut().filter(|access| access.host.contains('*')) {
        match &server {
            Some((method, host, port)) if access.allows(host, method, *port) => {
                (access.host, access.methods, access.ports) = (host.clone(), vec![method.clone()], vec![*port]);
            }
            _ => access.host = access.host.replace('*', "HOST"),
        }
    }
    named
}
