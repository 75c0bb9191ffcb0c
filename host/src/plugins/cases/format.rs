//! What a case file says: the shapes of `tests/*.toml`, read strictly and bounded. The guide in `plugins/README.md` says it
//! in prose.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::expect::Expect;
use crate::policy::{Capabilities, PartialLimits, normalise};

/// Bytes of all files that one case makes.
const MAX_CONTENT: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;
const MAX_STEPS: usize = 100;

/// One `[[case]]`.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// In the workspace before the first step, by path; a path that ends with `/` is a folder.
    pub files: BTreeMap<String, Content>,
    /// Whether those files are committed in a git repository of their own.
    pub git: bool,
    pub grants: Grants,
    pub limits: PartialLimits,
    /// The answers of programs; `None`: they are really run.
    pub programs: Option<Vec<Program>>,
    /// What the case's own server answers.
    pub http: Vec<Reply>,
    /// At least one; the workspace and `/state` carry over from step to step.
    pub steps: Vec<Step>,
    /// Whether the case has `[[case.step]]` instead of being one itself.
    pub(super) stepped: bool,
    /// Its number in the file, from 0.
    pub(super) index: usize,
}

/// One call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub tool: String,
    #[serde(default = "no_arguments", deserialize_with = "json")]
    pub arguments: Value,
    /// Written before the call.
    #[serde(default)]
    pub files: BTreeMap<String, Content>,
    #[serde(default)]
    pub expect: Expect,
}

/// What the user grants, within what the manifest declares.
#[derive(Clone, Debug, PartialEq)]
pub enum Grants {
    All,
    These(Box<Capabilities>),
}

/// What is in a file before the call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a text, or one of { hex = \"00ff\" }, { repeat = \"line\\n\", times = 1000 }, { link = \"target\" }"
)]
pub enum Content {
    Text(String),
    Made(Made),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Made {
    Hex(Hex),
    Repeat(Repeat),
    Link(Link),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hex {
    pub hex: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    pub repeat: String,
    pub times: u64,
}

/// A symbolic link.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub link: String,
}

/// The answer of a program that is not really started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The first words of the argument vector.
    pub run: Vec<String>,
    #[serde(default)]
    pub stdout: String,
    #[serde(default)]
    pub stderr: String,
    #[serde(default)]
    pub exit_code: i32,
}

/// What the case's server answers to one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// `GET` without it.
    #[serde(default = "get")]
    pub method: String,
    /// With the query, as it is asked for: `/search?q=x`.
    pub path: String,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: String,
}

fn get() -> String {
    "GET".into()
}

fn ok() -> u16 {
    200
}

fn no_arguments() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A TOML value, or a text that holds JSON: TOML has no null.
pub(super) fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|error| serde::de::Error::custom(format!("neither a table nor JSON in a text: {error}"))),
        value => Ok(value),
    }
}

pub(super) fn some_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    json(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Value::deserialize(deserializer)? {
            Value::String(word) if word == "all" => Ok(Grants::All),
            Value::String(word) if word == "none" => Ok(Grants::These(Box::default())),
            Value::String(word) => Err(D::Error::custom(format!(
                "grants = \"{}\": \"all\", \"none\" or capabilities such as {{ workspace = \"read\" }}",
                word.escape_debug()
            ))),
            table => {
                serde_json::from_value(table).map(|these| Grants::These(Box::new(these))).map_err(D::Error::custom)
            }
        }
    }
}

/// A case as it is written: with steps, or itself one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    files: BTreeMap<String, Content>,
    #[serde(default)]
    git: bool,
    grants: Option<Grants>,
    #[serde(default)]
    limits: PartialLimits,
    programs: Option<Vec<Program>>,
    #[serde(default)]
    http: Vec<Reply>,
    tool: Option<String>,
    #[serde(default, deserialize_with = "some_json")]
    arguments: Option<Value>,
    expect: Option<Expect>,
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
}

impl<'de> Deserialize<'de> for Case {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let name = written.name.clone();
        Case::of(written)
            .map_err(|wrong| serde::de::Error::custom(format!("the case '{}': {wrong}", name.escape_debug())))
    }
}

impl Case {
    fn of(written: Written) -> Result<Case, String> {
        let Written { name, files, git, grants, limits, programs, http, tool, arguments, expect, steps } = written;
        if name.trim().is_empty() || name.chars().count() > 200 || name.contains(char::is_control) {
            return Err("a name is one line of at most 200 characters".into());
        }
        let stepped = !steps.is_empty();
        let steps = match (tool, stepped) {
            (Some(_), true) => return Err("it has a `tool` and steps; write `tool` in the steps".into()),
            (None, true) if arguments.is_some() || expect.is_some() => {
                return Err("it has steps; write `arguments` and `expect` in them".into());
            }
            (None, true) => steps,
            (None, false) => return Err("it has no `tool` to call".into()),
            (Some(tool), false) => vec![Step {
                tool,
                arguments: arguments.unwrap_or_else(no_arguments),
                files: BTreeMap::new(),
                expect: expect.unwrap_or_default(),
            }],
        };
        if steps.len() > MAX_STEPS {
            return Err(format!("more than {MAX_STEPS} steps"));
        }
        check_files(steps.iter().flat_map(|step| &step.files).chain(&files))?;
        if let Some(program) = programs.iter().flatten().find(|program| program.run.is_empty()) {
            return Err(format!("programs: `run` names no program: {program:?}"));
        }
        for step in &steps {
            step.expect.check()?;
        }
        let grants = grants.unwrap_or(Grants::All);
        Ok(Case { name, files, git, grants, limits, programs, http, steps, stepped, index: 0 })
    }
}

fn check_files<'a>(files: impl Iterator<Item = (&'a String, &'a Content)>) -> Result<(), String> {
    let (mut count, mut size) = (0, 0_u64);
    for (path, content) in files {
        check_path(path)?;
        count += 1;
        size = size.saturating_add(content.size());
        if matches!(content, Content::Made(Made::Hex(Hex { hex })) if bytes(hex).is_none()) {
            return Err(format!("files: '{}': hex is pairs of hexadecimal digits", path.escape_debug()));
        }
        if path.ends_with('/') && *content != Content::Text(String::new()) {
            return Err(format!("files: '{}' ends with /, so it is a folder: write \"\"", path.escape_debug()));
        }
    }
    match count > MAX_FILES || size > MAX_CONTENT {
        true => Err(format!("files: more than {MAX_FILES} files or {} MiB", MAX_CONTENT >> 20)),
        false => Ok(()),
    }
}

/// Below the workspace, and not git's own.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    let shown = path.escape_debug();
    let clean = normalise(path).map_err(|wrong| format!("files: '{shown}' {wrong}"))?;
    match clean.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        true => Err(format!("files: '{shown}': a case cannot write git's own files; `git = true` makes a repository")),
        false => Ok(()),
    }
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Content::Text(text) => text.len() as u64,
            Content::Made(Made::Hex(made)) => made.hex.len() as u64 / 2,
            Content::Made(Made::Repeat(made)) => (made.repeat.len() as u64).saturating_mul(made.times),
            Content::Made(Made::Link(made)) => made.link.len() as u64,
        }
    }
}

/// `None` where it is not hexadecimal.
pub(super) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    match digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit) {
        true => digits.chunks(2).map(pair).collect(),
        false => None,
    }
}
