//! Approval beforehand: what a command's `allowed-tools` lets its turn do without a question. It answers only where a question would
//! be asked and no rule speaks; whether the file may say so at all (the user trusts its bytes) is the caller's to find out.

use super::pattern::{self, Pattern, Source};
use super::protect::{is_instruction, is_readonly};
use super::{Action, Request, normalise};

/// What one command approves beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preapproval {
    pub source: Source,
    pub patterns: Vec<Pattern>,
}

impl Preapproval {
    /// Whether nothing of the request is left to be asked about. Several patterns may cover the parts of one request.
    ///
    /// `Bash` approves every line, `Bash(git:*)` and `Bash(git *)` a line of which each simple command begins with `git`,
    /// `Bash(npm run test)` just that. A line that is more than plain commands (substitution, redirection, variables,
    /// globs …) is approved by `Bash` alone. Files that instruct agents, and files that no tool writes, never are; nor is a
    /// call that cannot tell what it writes, since those may be among them.
    pub fn approves(&self, request: &Request) -> bool {
        let clean = match &request.action {
            Action::Write { paths } => match paths.iter().map(|path| open_path(path)).collect::<Option<Vec<_>>>() {
                Some(paths) if !paths.is_empty() => Action::Write { paths },
                _ => return false,
            },
            Action::Run { argv } if argv.iter().any(|word| word.contains('\0')) => return false,
            Action::Unknown => return false,
            other => other.clone(),
        };
        pattern::cover(&self.patterns, &Request { action: clean, ..request.clone() })
    }
}

/// The normalised path, unless an approval beforehand says nothing about it.
fn open_path(path: &str) -> Option<String> {
    normalise(path).ok().filter(|path| !is_instruction(path) && !is_readonly(path))
}
