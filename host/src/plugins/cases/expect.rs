//! What a step should answer. Whatever is not written is not looked at, but for two things: how the call ended, and what
//! was denied.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::format::{check_path, some_json};
use crate::plugins::validate;
use crate::sandbox::CallError;

/// `expect` of a step.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The whole text, of the result or of the error.
    pub text: Option<String>,
    /// The same, in a file beside the case file.
    pub text_file: Option<String>,
    pub contains: Words,
    pub lacks: Words,
    /// A regular expression that the text matches somewhere.
    pub matches: Option<String>,
    /// The whole data.
    #[serde(deserialize_with = "some_json")]
    pub data: Option<Value>,
    /// Of objects, the keys that count.
    #[serde(deserialize_with = "some_json")]
    pub data_contains: Option<Value>,
    /// The MIME types of the attachments.
    pub attachments: Option<Vec<String>>,
    pub error: Option<Kind>,
    /// The limit that ends the call; `error` is `limit` then.
    pub limit: Option<String>,
    /// A part of each thing that the host denies, in their order; all of them have to be here.
    pub denials: Vec<String>,
    /// Of the workspace afterwards, by path.
    pub files: BTreeMap<String, After>,
    /// Every path that the call wrote.
    pub written: Option<Vec<String>>,
    /// Parts of lines of the log, in their order.
    pub logs: Vec<String>,
    /// Parts of the requests that the case's server got, in their order.
    pub requests: Vec<String>,
}

/// How a call that does not succeed ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The arguments do not fit the schema, or the plugin says that they make no sense.
    Invalid,
    /// The plugin says that the host refused what it needs.
    Denied,
    Failed,
    /// A limit ended it.
    Limit,
    Crashed,
}

/// One text or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub enum Words {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

/// What is to be found at a path afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text, true (it is there), false (it is not), or { contains = \"a text\" }")]
pub enum After {
    Text(String),
    There(bool),
    Part(Part),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub contains: Words,
}

impl Words {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Words::None => &[],
            Words::One(one) => std::slice::from_ref(one),
            Words::Several(several) => several.as_slice(),
        };
        all.iter().map(String::as_str)
    }
}

impl Expect {
    /// What can be told to be wrong before anything is run.
    pub(super) fn check(&self) -> Result<(), String> {
        self.files.keys().try_for_each(|path| check_path(path).map_err(|wrong| format!("expect.{wrong}")))?;
        if self.text.is_some() && self.text_file.is_some() {
            return Err("expect: `text` or `text_file`, not both".into());
        }
        if let Some(file) = &self.text_file {
            crate::policy::normalise(file).map_err(|wrong| format!("expect.text_file: '{file}' {wrong}"))?;
        }
        if self.limit.is_some() && self.error.is_some_and(|kind| kind != Kind::Limit) {
            return Err("expect: `limit` says that a limit ends the call; leave `error` out".into());
        }
        if let Some(pattern) = &self.matches {
            pattern_of(pattern).map_err(|wrong| format!("expect.matches: {wrong}"))?;
        }
        Ok(())
    }

    /// Whether it says anything; a step that expects nothing shows nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Expect::default()
    }

    /// How the call should end; `None`: well.
    pub(super) fn ending(&self) -> Option<Kind> {
        if self.limit.is_some() { Some(Kind::Limit) } else { self.error }
    }
}

/// Regular expressions as JSON Schema reads them: no further engine for a second dialect.
pub(super) fn pattern_of(pattern: &str) -> Result<jsonschema::Validator, String> {
    validate::compile(&serde_json::json!({"type": "string", "pattern": pattern}))
        .map_err(|_| format!("'{}' is no regular expression", pattern.escape_debug()))
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Denied => "denied",
            Kind::Failed => "failed",
            Kind::Limit => "limit",
            Kind::Crashed => "crashed",
        }
    }

    /// `None` for what the host could not do, which no case expects.
    pub fn of(error: &CallError) -> Option<Kind> {
        match error {
            CallError::InvalidInput(_) => Some(Kind::Invalid),
            CallError::Denied(_) => Some(Kind::Denied),
            CallError::Failed(_) => Some(Kind::Failed),
            CallError::Limit { .. } => Some(Kind::Limit),
            CallError::Trapped(_) => Some(Kind::Crashed),
            CallError::Host(_) => None,
        }
    }
}
