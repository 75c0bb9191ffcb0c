//! What the commands and skills that run in a turn leave of the tools' rights, and what they approve beforehand. It begins
//! when one of them starts and ends with the turn; several in one turn restrict together.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::call::By;
use super::turn::Turn;
use crate::commands::{Entry, Kind, ToolPattern};
use crate::plugins::Tool;
use crate::policy::{Access, Capabilities, Pattern, Preapproval, Request, Restriction, Source};

/// What is in force.
#[derive(Default)]
pub(super) struct Scope(Mutex<InForce>);

#[derive(Default)]
struct InForce {
    restriction: Restriction,
    /// What of it files say that the user answers for.
    vouched: Restriction,
    /// What each file says, by its path as people know it.
    parts: Vec<(String, Restriction)>,
    /// What all files say but the one that began last, whose own lines may run now.
    others: Restriction,
    beforehand: Vec<Preapproval>,
}

/// Whether a file's approvals count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Trusted,
    Untrusted,
}

impl Scope {
    /// From now on the entry's restriction holds, and where it is trusted its approvals do.
    pub fn enter(&self, entry: &Entry, trust: Trust) {
        let mut inner = self.lock();
        let file = &entry.place.shown;
        let others = inner.parts.iter().filter(|(other, _)| other != file);
        inner.others = others.fold(Restriction::default(), |all, (_, other)| all.and(other));
        if !inner.parts.iter().any(|(known, _)| known == file) {
            inner.parts.push((file.clone(), restriction(entry)));
        }
        inner.restriction = inner.restriction.and(&restriction(entry));
        if trust == Trust::Trusted {
            inner.vouched = inner.vouched.and(&restriction(entry));
        }
        if trust == Trust::Trusted && !entry.fields.allowed_tools.is_empty() {
            inner
                .beforehand
                .push(Preapproval { source: source(entry), patterns: patterns(&entry.fields.allowed_tools) });
        }
    }

    /// What is left of what the user grants to a tool. The programs of a line that the author wrote are the author's choice,
    /// as the line itself is, within what the other commands of the turn leave; its files are narrowed all the same.
    pub fn narrow(&self, tool: &Tool, by: By) -> Capabilities {
        let inner = self.lock();
        let left = inner.restriction.narrow(&tool.capabilities);
        match by {
            By::Model => left,
            By::Author => Capabilities { process: inner.others.narrow(&tool.capabilities).process, ..left },
        }
    }

    /// Whether a call needs no approval because it cannot change anything. A file that the user does not answer for may
    /// narrow the tools, and spares nobody a question by that: it would gain the right to start programs.
    pub fn reads_only(&self, tool: &Tool) -> bool {
        self.lock().vouched.narrow(&tool.capabilities).reads_only()
    }

    /// `Err` says what restricts the request, and what would allow it.
    pub fn permits(&self, request: &Request, by: By) -> Result<(), String> {
        self.lock().over(by).permits(request)
    }

    /// Whether the tool may be called at all.
    pub fn allows(&self, tool: &str, by: By) -> Result<(), String> {
        self.lock().over(by).allows(tool)
    }

    pub fn beforehand(&self) -> Vec<Preapproval> {
        self.lock().beforehand.clone()
    }

    fn lock(&self) -> MutexGuard<'_, InForce> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InForce {
    /// What speaks of a call: an author's own line is not held against the author's own word.
    fn over(&self, by: By) -> &Restriction {
        match by {
            By::Model => &self.restriction,
            By::Author => &self.others,
        }
    }
}

/// What the model is told about the entry's restriction; `None` where there is none.
pub(super) fn note(entry: &Entry) -> Option<String> {
    let words = restricts(entry)?;
    let name = source(entry).command;
    Some(format!(
        "[While {name} runs, until you have answered, the tools are restricted: {words}. Other calls are denied; do not try them.]"
    ))
}

/// The entry's restriction in words; `None` where there is none.
pub fn restricts(entry: &Entry) -> Option<String> {
    let restriction = restriction(entry);
    (!restriction.is_nothing()).then(|| restriction.describe())
}

/// Whether the entry leaves the tool at all, for a context that is offered nothing else.
pub(super) fn leaves(entry: &Entry, tool: &str) -> bool {
    restriction(entry).allows(tool).is_ok()
}

fn restriction(entry: &Entry) -> Restriction {
    let fields = &entry.fields;
    let tools = fields.tools.as_deref().map(patterns);
    Restriction::new(source(entry), tools, patterns(&fields.disallowed_tools), fields.capabilities.clone())
}

fn source(entry: &Entry) -> Source {
    let command = match entry.place.kind {
        Kind::Skill => format!("the skill '{}'", entry.place.name),
        Kind::Command | Kind::Agent => format!("/{}", entry.place.name),
    };
    Source { command, place: entry.place.shown.clone() }
}

fn patterns(written: &[ToolPattern]) -> Vec<Pattern> {
    let one = |pattern: &ToolPattern| Pattern {
        written: pattern.written.clone(),
        tools: pattern.tools.clone(),
        argument: pattern.argument.clone(),
    };
    written.iter().map(one).collect()
}

impl Turn {
    /// Whether the running commands leave this tool; the call's result where they do not.
    pub fn permitted(&self, tool: &str, by: By) -> Result<(), String> {
        self.scope.allows(tool, by).map_err(|reason| self.denied_by_scope(&reason))
    }

    /// Refuses a call for which so little is left that it could do nothing of what it is for.
    pub fn useful(&self, tool: &Tool, left: &Capabilities) -> Result<(), String> {
        let had = &tool.capabilities;
        let lost = if !had.process.is_empty() && left.process.is_empty() {
            "it starts programs"
        } else if had.workspace.widest() > Access::None && left.workspace.widest() == Access::None {
            "it reads files"
        } else if had.workspace.widest() == Access::Write
            && left.workspace.widest() < Access::Write
            && had.process.is_empty()
        {
            "it writes files"
        } else {
            return Ok(());
        };
        let restriction = self.scope.lock().restriction.describe();
        let reason = format!(
            "{lost}, which `capabilities:` of the running command does not leave it ({restriction}); the user can widen that \
             in the command's file"
        );
        Err(self.denied_by_scope(&reason))
    }

    fn denied_by_scope(&self, reason: &str) -> String {
        self.denied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("denied: {reason}")
    }
}
