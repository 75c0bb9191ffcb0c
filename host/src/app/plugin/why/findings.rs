//! The steps that a call passes, each with what it says: the plugin's file, the arguments, what is declared, what the
//! configuration leaves, what is granted, the rules and the mode. In the order in which the host takes them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::agent::needs_grant;
use crate::app::plugin::named::Named;
use crate::app::{Context, services};
use crate::plugins::{self, Spot, Verdict as Standing, grant_command};
use crate::policy::{self, Access, Action, Capabilities, Effect, HttpAccess, Request};

/// What one step says.
pub struct Finding {
    pub order: usize,
    pub step: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// What would allow it, as an instruction.
    pub change: Option<String>,
}

/// Ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Allowed,
    Asked,
    Denied,
}

impl Verdict {
    pub fn of(findings: &[Finding]) -> Verdict {
        findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Allowed)
    }

    pub fn word(self) -> &'static str {
        match self {
            Verdict::Allowed => "allowed",
            Verdict::Asked => "asked",
            Verdict::Denied => "denied",
        }
    }

    pub fn sign(self) -> char {
        match self {
            Verdict::Allowed => '✓',
            Verdict::Asked => '?',
            Verdict::Denied => '✗',
        }
    }
}

impl Finding {
    pub fn json(&self) -> Value {
        json!({"step": self.step, "verdict": self.verdict.word(), "text": self.text, "change": self.change})
    }
}

/// What the arguments tell of a call.
#[derive(Debug, Default, PartialEq)]
struct Aim {
    /// Relative to the workspace; `Err`: why it is none.
    path: Option<Result<String, String>>,
    /// Method, host and port.
    server: Option<(String, String, u16)>,
    command: Option<String>,
}

/// All steps.
pub fn of(context: &Context, named: &Named, tool: &str, arguments: Option<&Value>) -> Result<Vec<Finding>> {
    let aim = arguments.map(aim).unwrap_or_default();
    let name = named.name();
    let declared = named.ceiling().remove(tool).unwrap_or_default();
    let settings = context.loaded.settings.plugins.get(name).cloned().unwrap_or_default();
    let left = declared.granted(&settings.grant(tool));
    let mut findings = vec![file(context, named)?];
    findings.extend(arguments.map(|arguments| fits(named, tool, arguments)));
    findings.push(declares(&declared, &aim));
    findings.push(configured(context, name, tool, &declared, &left, &aim));
    findings.push(granted(context, named, tool, &left, &aim));
    findings.push(rules(context, name, tool, &left, &aim));
    findings.iter_mut().enumerate().for_each(|(order, finding)| finding.order = order);
    Ok(findings)
}

fn finding(step: &'static str, verdict: Verdict, text: impl Into<String>, change: Option<String>) -> Finding {
    Finding { order: 0, step, verdict, text: text.into(), change }
}

fn file(context: &Context, named: &Named) -> Result<Finding> {
    let verdict = named.verdict(context)?;
    let Some(spot) = named.spot.filter(|_| verdict != Standing::Usable) else {
        let text = match named.spot {
            _ if verdict != Standing::Usable => "the configuration turns the plugin off",
            None => "part of Garth",
            Some(Spot::Dev) => "built by `garth plugin dev`",
            Some(Spot::Installed(_)) => "accepted exactly as it is",
        };
        let step = if verdict == Standing::Usable { Verdict::Allowed } else { Verdict::Denied };
        return Ok(finding("file", step, text, named.way_out(&verdict)));
    };
    Ok(finding("file", Verdict::Denied, verdict.reason(spot, named.name()), named.way_out(&verdict)))
}

fn fits(named: &Named, tool: &str, arguments: &Value) -> Finding {
    let entry = named.file.sections.catalogue.iter().find(|entry| entry.name == tool);
    match entry.map_or(Ok(()), |entry| plugins::check_arguments(&entry.input_schema, arguments)) {
        Ok(()) => finding("arguments", Verdict::Allowed, "they fit the tool's schema", None),
        Err(complaint) => finding("arguments", Verdict::Denied, complaint, None),
    }
}

fn declares(declared: &Capabilities, aim: &Aim) -> Finding {
    let words = declared.describe();
    match outside(declared, aim) {
        None => finding("declares", Verdict::Allowed, words, None),
        Some(what) => {
            let text = format!(
                "{what} is not declared by its manifest, and is denied without a question; it declares: {words}"
            );
            finding("declares", Verdict::Denied, text, None)
        }
    }
}

fn configured(
    context: &Context,
    name: &str,
    tool: &str,
    declared: &Capabilities,
    left: &Capabilities,
    aim: &Aim,
) -> Finding {
    let key = format!("plugins.{name}.tools.{tool}");
    let secret = aim.path.as_ref().and_then(|path| path.as_ref().ok()).filter(|path| {
        let patterns = policy::glob_set(&context.loaded.settings.files.secrets);
        !left.secret_files && patterns.is_ok_and(|patterns| patterns.is_match(path))
    });
    if let Some(path) = secret {
        let text = format!("'{path}' looks like a secret (files.secrets)");
        return finding("configuration", Verdict::Denied, text, Some(format!("set {key}.secret_files = true")));
    }
    let Some(what) = outside(left, aim).filter(|_| outside(declared, aim).is_none()) else {
        let text = match declared.beyond(left).is_nothing() {
            true => "leaves all of that".to_string(),
            false => format!("leaves: {}", left.describe()),
        };
        return finding("configuration", Verdict::Allowed, text, None);
    };
    let keys = ["workspace", "process", "state", "http", "secrets"].map(|part| format!("{key}.{part}"));
    let origin = keys.iter().find_map(|key| context.loaded.origins.get(key).map(|origin| format!("{key}, {origin}")));
    let text = format!("{what} is not left by it; it leaves: {}", left.describe());
    let change = format!("widen or remove {}", origin.unwrap_or(key));
    finding("configuration", Verdict::Denied, text, Some(change))
}

fn granted(context: &Context, named: &Named, tool: &str, left: &Capabilities, aim: &Aim) -> Finding {
    let name = named.name();
    let granted = services::consents(&context.paths).granted(named.holder(), name, tool);
    let mut missing = needs_grant(&named.file.origin, left).beyond(&granted);
    if let Some((method, host, port)) = &aim.server {
        let allows = |access: &&HttpAccess| access.allows(host, method, *port);
        if let (None, Some(declared)) = (granted.http.iter().find(allows), left.http.iter().find(allows)) {
            missing.http.push(HttpAccess { host: host.clone(), ..declared.clone() });
        }
        let secrets = left.secrets.iter().filter(|secret| secret.host == *host && !granted.secrets.contains(secret));
        missing.secrets.extend(secrets.cloned());
    }
    if !missing.is_nothing() {
        let text = format!("not granted yet: {}", missing.describe());
        let change = format!("run `{}`", grant_command(name, tool, &missing));
        return finding("grants", Verdict::Asked, text, Some(change));
    }
    let mut text = match named.spot {
        None => "a built-in plugin has what it declares".to_string(),
        _ => "all of it is granted".to_string(),
    };
    if !left.http.is_empty() && aim.server.is_none() {
        let words = if granted.http.is_empty() { "none so far".into() } else { granted.describe() };
        text = format!("{text}; servers are granted each by its name: {words}");
    }
    finding("grants", Verdict::Allowed, text, None)
}

fn rules(context: &Context, name: &str, tool: &str, left: &Capabilities, aim: &Aim) -> Finding {
    let approval = &context.loaded.settings.approval;
    let action = action(left, aim);
    let unknown = action == Action::Unknown;
    let request = Request { tool: tool.into(), plugin: name.into(), action };
    let decision = policy::decide(&request, &approval.rules, approval.mode);
    let verdict = match decision.effect {
        Effect::Allow => Verdict::Allowed,
        Effect::Ask => Verdict::Asked,
        Effect::Deny => Verdict::Denied,
    };
    let mut text = decision.reason;
    if unknown && !left.process.is_empty() {
        text.push_str("; its programs are decided about one by one when it starts them");
    }
    finding("rules", verdict, text, decision.change)
}

/// What the call does, as far as it can be told.
fn action(left: &Capabilities, aim: &Aim) -> Action {
    let shell = |prefix: &Vec<String>| *prefix == ["sh", "-c"];
    match aim {
        _ if left.reads_only() => Action::Read,
        Aim { command: Some(command), .. } if left.process.iter().any(shell) => {
            Action::Run { argv: vec!["sh".into(), "-c".into(), command.clone()] }
        }
        Aim { path: Some(Ok(path)), .. } if left.workspace.widest() == Access::Write => {
            Action::Write { paths: vec![path.clone()] }
        }
        _ => Action::Unknown,
    }
}

/// What the call is about and has no capability for, in words.
fn outside(capabilities: &Capabilities, aim: &Aim) -> Option<String> {
    let needs = capabilities.workspace.widest();
    match &aim.path {
        Some(Err(reason)) => return Some(reason.clone()),
        Some(Ok(path)) if needs == Access::None || capabilities.workspace.access(path) < needs => {
            return Some(format!("the file '{path}'"));
        }
        _ => {}
    }
    let (method, host, port) = aim.server.as_ref()?;
    let reached = capabilities.http.iter().any(|access| access.allows(host, method, *port));
    (!reached).then(|| format!("{method} {host}:{port}"))
}

/// Arguments that are called as in most tools.
fn aim(arguments: &Value) -> Aim {
    let text = |name: &str| arguments[name].as_str();
    let inside = |path: &str| {
        let path = path.strip_prefix("/workspace").map_or(path, |rest| rest.trim_start_matches('/'));
        let clean = policy::normalise(path);
        clean.map_err(|reason| format!("the path '{path}' {reason}; it"))
    };
    Aim {
        path: text("path").filter(|path| !matches!(*path, "" | "." | "/workspace" | "/workspace/")).map(inside),
        server: server_of(arguments),
        command: text("command").map(str::to_string),
    }
}

/// Method, host and port of a call whose arguments name them as most tools do.
pub fn server_of(arguments: &Value) -> Option<(String, String, u16)> {
    let (host, port) = arguments["url"].as_str().and_then(server)?;
    let method = arguments["method"].as_str().unwrap_or("GET").to_ascii_uppercase();
    Some((method, host, port))
}

/// Host and port of a URL; what stands before `@` is no host.
fn server(url: &str) -> Option<(String, u16)> {
    let (rest, default) = match url.split_once("://")? {
        ("https", rest) => (rest, 443),
        ("http", rest) => (rest, 80),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    Some((host.to_ascii_lowercase(), port.map_or(Ok(default), str::parse).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_tell_what_a_call_is_about() {
        let check = |arguments: Value, expected: Aim| assert_eq!(aim(&arguments), expected, "{arguments}");
        let path = |path: &str| Aim { path: Some(Ok(path.into())), ..Aim::default() };
        let server =
            |method: &str, host: &str, port| Aim { server: Some((method.into(), host.into(), port)), ..Aim::default() };
        check(json!({}), Aim::default());
        check(json!({"path": "./a/b.txt"}), path("a/b.txt"));
        check(json!({"path": "/workspace/a"}), path("a"));
        check(json!({"path": "."}), Aim::default());
        assert!(aim(&json!({"path": "../x"})).path.unwrap().unwrap_err().contains("'..'"));
        check(json!({"url": "https://A.org/x:y"}), server("GET", "a.org", 443));
        check(json!({"url": "http://b.org@a.org:8080?x", "method": "post"}), server("POST", "a.org", 8080));
        check(json!({"url": "https://[::1]:1/"}), server("GET", "::1", 1));
        check(json!({"url": "ftp://a.org"}), Aim::default());
        check(json!({"command": "ls"}), Aim { command: Some("ls".into()), ..Aim::default() });
    }

    #[test]
    fn what_lies_outside_is_named() {
        let check = |capabilities: &str, arguments: Value, expected: Option<&str>| {
            let capabilities: Capabilities = serde_json::from_str(capabilities).unwrap();
            assert_eq!(outside(&capabilities, &aim(&arguments)).as_deref(), expected, "{arguments}");
        };
        let docs = r#"{"workspace": [{"path": "docs", "access": "write"}], "http": [{"host": "a.org"}]}"#;
        check(docs, json!({"path": "docs/a"}), None);
        check(docs, json!({"path": "src/a"}), Some("the file 'src/a'"));
        check(docs, json!({"url": "https://a.org/"}), None);
        check(docs, json!({"url": "http://a.org/"}), Some("GET a.org:80"));
        check(docs, json!({"url": "https://a.org/", "method": "PUT"}), Some("PUT a.org:443"));
        check("{}", json!({"path": "a"}), Some("the file 'a'"));
        check("{}", json!({"text": "a"}), None);
    }
}
