//! The decision. In this order, the first that speaks decides:
//!
//! 1. a path that is no path inside the workspace, or that no tool ever writes: deny;
//! 2. the strictest rule that matches (deny, then ask, then allow), except that an allowing rule says nothing about
//!    instruction files, which are asked about each time;
//! 3. without a rule, reading is allowed, then what the running command's file approves beforehand, and the mode decides about
//!    the rest.
//!
//! Under the mode `never` whatever would be asked is denied.

use super::protect::{is_instruction, is_readonly};
use super::{Effect, Preapproval, Rule, normalise, suggest_rule};
use crate::protocol::ApprovalMode;

/// What a call is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub tool: String,
    /// The plugin that the tool comes from.
    pub plugin: String,
    pub action: Action,
}

/// The effect that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing that outlives the call: see [`Capabilities::reads_only`](super::Capabilities::reads_only).
    Read,
    /// These files, relative to the workspace, are created, changed or deleted.
    Write { paths: Vec<String> },
    /// This program starts; `argv[0]` is its name.
    Run { argv: Vec<String> },
    /// It may write, and what cannot be told before.
    Unknown,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub effect: Effect,
    /// Why, in one line: the rule and where it was set, or the mode.
    pub reason: String,
    /// The setting or command that would change it; `None` for what is allowed, and where nothing would.
    pub change: Option<String>,
    /// Whether the answer to the question may be kept as a rule; see [`suggest_rule`] for which.
    pub storable: bool,
}

/// Decides about one request. The order of the rules does not matter.
pub fn decide(request: &Request, rules: &[Rule], mode: ApprovalMode) -> Decision {
    decide_with(request, rules, &[], mode)
}

/// As [`decide`], in a turn whose commands approve something beforehand. That counts like an allowing rule, the weakest of
/// all: each rule that asks or denies outranks it.
pub fn decide_with(request: &Request, rules: &[Rule], beforehand: &[Preapproval], mode: ApprovalMode) -> Decision {
    let request = match normalised(request) {
        Ok(request) => request,
        Err(reason) => return Decision { effect: Effect::Deny, reason, change: None, storable: false },
    };
    let instruction = written(&request).iter().find(|path| is_instruction(path));
    let strictest =
        rules.iter().filter(|rule| rule.matches(&request)).max_by_key(|rule| by_rule(rule, &request).effect);
    let decision = match (strictest, instruction) {
        (Some(rule), None) => by_rule(rule, &request),
        (Some(rule), Some(_)) if rule.effect == Effect::Deny => by_rule(rule, &request),
        (_, Some(path)) => Decision {
            effect: Effect::Ask,
            reason: format!("'{path}' holds instructions for agents; writing it is asked about each time"),
            change: None,
            storable: false,
        },
        (None, None) => by_approval(&request, beforehand).unwrap_or_else(|| by_mode(&request, mode)),
    };
    match (decision.effect, mode) {
        (Effect::Ask, ApprovalMode::Never) => Decision {
            effect: Effect::Deny,
            reason: format!("{}, and the approval mode 'never' denies what would be asked", decision.reason),
            change: Some(match decision.storable {
                true => format!("use --approval ask to be asked, or add {}", allowing(&request)),
                false => "use --approval ask to be asked".into(),
            }),
            storable: false,
        },
        _ => decision,
    }
}

fn by_rule(rule: &Rule, request: &Request) -> Decision {
    let place = if rule.origin.is_empty() { String::new() } else { format!(", set by {}", rule.origin) };
    // A rule about a path meets a call that cannot say what it writes: neither harmless nor proven to break the rule.
    let effect = match (&request.action, &rule.path) {
        (Action::Unknown, Some(_)) => Effect::Ask,
        _ => rule.effect,
    };
    let verb = match (effect, rule.effect) {
        (Effect::Ask, Effect::Deny) => "what the call writes cannot be told before, and it might be denied by the rule",
        (Effect::Allow, _) => "allowed by the rule",
        (Effect::Ask, _) => "asked because of the rule",
        (Effect::Deny, _) => "denied by the rule",
    };
    Decision {
        effect,
        reason: format!("{verb} {rule}{place}"),
        change: (effect != Effect::Allow).then(|| match rule.origin.is_empty() {
            true => format!("remove the rule {rule}"),
            false => format!("change or remove the rule at {}", rule.origin),
        }),
        // The rule would win over whatever is stored.
        storable: false,
    }
}

fn by_approval(request: &Request, beforehand: &[Preapproval]) -> Option<Decision> {
    // Reading has a better reason.
    let asked = beforehand.iter().filter(|_| request.action != Action::Read);
    let approval = asked.into_iter().find(|approval| approval.approves(request))?;
    Some(Decision {
        effect: Effect::Allow,
        reason: format!("allowed beforehand by {}", approval.source),
        change: None,
        storable: false,
    })
}

fn by_mode(request: &Request, mode: ApprovalMode) -> Decision {
    let action = match &request.action {
        Action::Read => {
            return Decision {
                effect: Effect::Allow,
                reason: "reading needs no approval".into(),
                change: None,
                storable: false,
            };
        }
        Action::Write { .. } => "writing files",
        Action::Run { .. } => "running a program",
        Action::Unknown => "a call that may write",
    };
    match mode {
        ApprovalMode::Auto => Decision {
            effect: Effect::Allow,
            reason: format!("{action} is allowed by the approval mode 'auto'"),
            change: None,
            storable: false,
        },
        // `decide` turns the question into a denial under `never`.
        ApprovalMode::Ask | ApprovalMode::Never => Decision {
            effect: Effect::Ask,
            reason: format!("{action} needs approval"),
            change: Some(format!("add {} or use --approval auto", allowing(request))),
            storable: suggest_rule(request).is_some(),
        },
    }
}

/// The entry of the user's configuration that would allow the request.
fn allowing(request: &Request) -> String {
    let rule = suggest_rule(request).unwrap_or_else(|| Rule {
        tool: Some(request.tool.clone()),
        plugin: Some(request.plugin.clone()),
        ..Rule::new(Effect::Allow)
    });
    format!("{rule} to approval.rules in your configuration")
}

fn written(request: &Request) -> &[String] {
    match &request.action {
        Action::Write { paths } => paths,
        _ => &[],
    }
}

/// The request with one spelling of every path, or why it is denied whatever the rules say.
fn normalised(request: &Request) -> Result<Request, String> {
    let action = match &request.action {
        Action::Write { paths } => {
            let paths = paths.iter().map(|path| {
                let clean = normalise(path).map_err(|reason| format!("the path '{}' {reason}", path.escape_debug()))?;
                match is_readonly(&clean) {
                    true => Err(format!("'{clean}' is never written by a tool: it takes effect outside the sandbox")),
                    false => Ok(clean),
                }
            });
            match paths.collect::<Result<Vec<_>, _>>()? {
                paths if paths.is_empty() => Action::Unknown,
                paths => Action::Write { paths },
            }
        }
        Action::Run { argv } if argv.first().is_none_or(String::is_empty) => {
            return Err("the argument vector names no program".into());
        }
        other => other.clone(),
    };
    Ok(Request { tool: request.tool.clone(), plugin: request.plugin.clone(), action })
}
