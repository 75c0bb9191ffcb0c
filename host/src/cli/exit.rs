//! Exit codes of `garth run`, and the rule that says when a turn ended because something was denied.

use std::collections::BTreeSet;

use crate::protocol::{Event, ToolStatus, TurnEnd};

/// How `garth run` ends. The numbers are part of the interface; `host/src/protocol/EVENTS.md` documents them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    StepLimit = 3,
    Denied = 4,
    Cancelled = 130,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Watches a turn and judges its end.
///
/// A turn 'ended because something was denied' when it ended by itself ([`TurnEnd::Done`] or [`TurnEnd::Loop`]) while
/// some tool's last outcome that counts was a denial: the tool was denied and has not succeeded since. A denial that the
/// model got around with the same tool (another file, another command) is forgiven. A turn that failed before the model
/// was asked, since a part of its command was denied, ended because of that too.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    denied: BTreeSet<String>,
    /// A command was called, and the model has not been asked since.
    preparing: bool,
    exit: Option<Exit>,
}

impl Verdict {
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::TurnStarted { .. } => *self = Verdict::default(),
            Event::CommandStarted { .. } => self.preparing = true,
            Event::StepStarted { .. } => self.preparing = false,
            Event::ToolFinished { tool, status: ToolStatus::Denied, .. } => {
                self.denied.insert(tool.clone());
            }
            Event::ToolFinished { tool, status: ToolStatus::Ok, .. } => {
                self.denied.remove(tool);
            }
            Event::TurnEnded { end, .. } => {
                self.exit = Some(match end {
                    TurnEnd::Done | TurnEnd::Loop { .. } if !self.denied.is_empty() => Exit::Denied,
                    TurnEnd::Failed { .. } if self.preparing && !self.denied.is_empty() => Exit::Denied,
                    TurnEnd::Done => Exit::Done,
                    TurnEnd::StepLimit { .. } => Exit::StepLimit,
                    TurnEnd::Cancelled => Exit::Cancelled,
                    TurnEnd::Loop { .. } | TurnEnd::Failed { .. } => Exit::Failed,
                });
            }
            _ => {}
        }
    }

    /// The exit code once the turn has ended.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// The tools that were denied and have not succeeded since, in alphabetical order.
    pub fn denied(&self) -> impl Iterator<Item = &str> {
        self.denied.iter().map(String::as_str)
    }
}
