//! A file of cases, one JSON object a line: a reply in pieces, the tools on offer, and what established parsers find in it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::protocol::ToolSpec;

/// Bytes of a file; a mistyped path should not fill the memory.
const LARGEST: u64 = 256 * 1024 * 1024;

#[derive(Debug, Deserialize)]
pub struct Case {
    pub id: String,
    pub family: String,
    #[serde(default)]
    pub description: String,
    chunks: Vec<String>,
    tools: Vec<Offered>,
    /// What each parser finds; any one is right.
    accept: Vec<Accepted>,
    /// All of them find the same.
    pub agreed: bool,
}

#[derive(Debug, Deserialize)]
struct Offered {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Deserialize)]
struct Accepted {
    calls: Vec<Call>,
}

/// A call before coercion. A parser may leave arguments as the text that it could not read.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Call {
    pub name: String,
    pub arguments: Value,
}

impl Case {
    pub fn chunks(&self) -> &[String] {
        &self.chunks
    }

    pub fn tools(&self) -> Vec<ToolSpec> {
        let spec = |tool: &Offered| ToolSpec {
            name: tool.name.clone(),
            description: tool.description.clone(),
            input_schema: tool.parameters.clone(),
        };
        self.tools.iter().map(spec).collect()
    }

    pub fn accepted(&self) -> impl Iterator<Item = &[Call]> {
        self.accept.iter().map(|accepted| accepted.calls.as_slice())
    }
}

/// All cases of the file; blank lines do not count. A line that is none ends it, with its number.
pub fn read(path: &Path) -> Result<Vec<Case>> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("the cases cannot be read: {shown}"))?;
    if metadata.len() > LARGEST {
        bail!("{shown} has {} bytes, and at most {LARGEST} are read: split it", metadata.len());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("the cases cannot be read: {shown}"))?;
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case =
            serde_json::from_str(line).with_context(|| format!("{shown}, line {}: this is no case", number + 1))?;
        if case.accept.is_empty() {
            bail!("{shown}, line {}: this is no case: `accept` is empty", number + 1);
        }
        cases.push(case);
    }
    if cases.is_empty() {
        bail!("{shown} holds no cases: one JSON object a line, with id, family, chunks, tools, accept and agreed");
    }
    Ok(cases)
}
