//! One rule of `[[approval.rules]]`: an effect and the conditions that a request must meet, all of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::compound::does;
use super::{Action, Request, glob, shell};
use crate::protocol::is_hidden_in_line;

/// What a rule does; ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Allow,
    Ask,
    Deny,
}

/// A rule. Every condition that is set must hold; at least one is set, see [`Rule::check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub effect: Effect,
    /// The tool's exact name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The exact name of the plugin that the tool comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// A pattern like a line of `.gitignore`, for files that are written: an allow rule must cover all of them, the
    /// others need one. Reading is governed by grants and `files.secrets`, not by rules with a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The first words of a program's argument vector. Asking and denying rules also look, as far as that can be told,
    /// into the line of a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The whole argument vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv_exact: Option<Vec<String>>,
    /// Where it was set, for people: `user (/home/me/.config/garth/config.toml:12)`.
    #[serde(skip)]
    pub origin: String,
}

impl Rule {
    /// A rule without conditions, which [`Rule::check`] refuses; set some.
    pub fn new(effect: Effect) -> Rule {
        Rule { effect, tool: None, plugin: None, path: None, argv: None, argv_exact: None, origin: String::new() }
    }

    /// Whether the rule can mean anything; the error says what is wrong and how to write it.
    pub fn check(&self) -> Result<(), String> {
        if self.tool.is_none()
            && self.plugin.is_none()
            && self.path.is_none()
            && self.argv.is_none()
            && self.argv_exact.is_none()
        {
            return Err("a rule needs a condition: tool, plugin, path, argv or argv_exact".into());
        }
        if self.path.is_some() && (self.argv.is_some() || self.argv_exact.is_some()) {
            return Err("a rule has either a path or arguments: no request has both; write two rules".into());
        }
        if self.argv.is_some() && self.argv_exact.is_some() {
            return Err("a rule has either argv (the first words) or argv_exact (all of them)".into());
        }
        for words in [&self.argv, &self.argv_exact].into_iter().flatten() {
            if words.first().is_none_or(|program| program.trim().is_empty()) {
                return Err("the arguments of a rule begin with a program's name: argv = [\"cargo\", \"test\"]".into());
            }
        }
        for name in [&self.tool, &self.plugin].into_iter().flatten() {
            if name.trim().is_empty() {
                return Err("the tool or plugin of a rule is empty; leave the key out to mean any".into());
            }
        }
        self.path.as_deref().map_or(Ok(()), glob::check_glob)
    }

    /// Whether the rule applies to the request, whose paths are normalised.
    pub(super) fn matches(&self, request: &Request) -> bool {
        let of_tool = |wanted: &str| match self.effect {
            Effect::Allow => wanted == request.tool,
            Effect::Ask | Effect::Deny => does(&request.tool, wanted),
        };
        self.tool.as_deref().is_none_or(of_tool)
            && self.plugin.as_deref().is_none_or(|wanted| wanted == request.plugin)
            && self.matches_path(&request.action)
            && self.matches_arguments(&request.action)
            && self.check().is_ok()
    }

    fn matches_path(&self, action: &Action) -> bool {
        let Some(pattern) = &self.path else { return true };
        match (action, self.effect) {
            (Action::Write { paths }, Effect::Allow) => {
                !paths.is_empty() && paths.iter().all(|path| glob::covers(pattern, path))
            }
            (Action::Write { paths }, _) => paths.iter().any(|path| glob::covers(pattern, path)),
            // It may write just that; `decide` turns this into a question.
            (Action::Unknown, Effect::Ask | Effect::Deny) => true,
            _ => false,
        }
    }

    fn matches_arguments(&self, action: &Action) -> bool {
        if self.argv.is_none() && self.argv_exact.is_none() {
            return true;
        }
        let Action::Run { argv } = action else { return false };
        match (&self.argv, &self.argv_exact, self.effect) {
            (Some(prefix), _, Effect::Allow) => argv.starts_with(prefix),
            (Some(prefix), _, _) => shell::may_run(argv, prefix),
            (_, Some(exact), _) => argv == exact,
            _ => false,
        }
    }
}

/// As TOML on one line: `{ effect = "allow", tool = "run_tests", argv = ["cargo", "test"] }`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Allow => "allow",
            Effect::Ask => "ask",
            Effect::Deny => "deny",
        };
        write!(f, "{{ effect = \"{effect}\"")?;
        for (key, value) in [("tool", &self.tool), ("plugin", &self.plugin), ("path", &self.path)] {
            if let Some(value) = value {
                write!(f, ", {key} = {}", quoted(value))?;
            }
        }
        for (key, words) in [("argv", &self.argv), ("argv_exact", &self.argv_exact)] {
            if let Some(words) = words {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                write!(f, ", {key} = [{}]", words.join(", "))?;
            }
        }
        f.write_str(" }")
    }
}

/// A TOML basic string. Control and invisible formatting characters are escaped: what a user approves must read as what it is.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_hidden_in_line(c) => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
