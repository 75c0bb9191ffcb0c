//! `garth plugin inspect`: everything about a file without compiling or running any of it. The file is a stranger's: what
//! it says is escaped, and long parts are left to `--json`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::target::{self, Seen};
use crate::app::Context;
use crate::plugins::manifest::Manifest;
use crate::plugins::pack::{CatalogueTool, Sections};
use crate::plugins::{FileError, MAX_FILE, PluginFile};
use crate::policy::{Capabilities, PartialLimits};
use crate::protocol::ByteSize;
use crate::sandbox::{Interface, Kind, LeftOut, Wasm};
use crate::terminal::{escape, escape_json, one_line, quoted};

/// Column in which values begin.
const COLUMN: usize = 13;
/// Characters of a schema that a terminal shows.
const MAX_SCHEMA: usize = 600;

/// The exit code: 1 when the file is no plugin.
pub fn print(context: &Context, named: &str) -> Result<u8> {
    let inspected = match target::see(context, named)? {
        Seen::File { path, shown } => Inspected::read(&path, shown)?,
        Seen::Builtin(file) => Inspected::of("built in".to_owned(), &file.wasm, Ok(file.sections)),
    };
    let mut out = std::io::stdout();
    match context.flags.json {
        true => writeln!(out, "{}", escape_json(&inspected.json().to_string()))?,
        false => out.write_all(escape(&inspected.text()).as_bytes())?,
    }
    Ok(u8::from(inspected.plugin.is_err()))
}

/// What is known of a file: its outside, and what it is as a plugin, as far as there is either.
struct Inspected {
    shown: String,
    bytes: u64,
    digest: String,
    interface: Result<Interface, String>,
    plugin: Result<Sections, FileError>,
}

impl Inspected {
    /// Fails when the file cannot be read at all.
    fn read(path: &Path, shown: String) -> Result<Inspected> {
        let size = std::fs::metadata(path).with_context(|| shown.clone())?.len();
        let (wasm, plugin) = match PluginFile::open(path) {
            Ok(file) => (file.wasm, Ok(file.sections)),
            Err(error @ FileError::Io { .. }) => return Err(error.into()),
            Err(error) => {
                anyhow::ensure!(size <= MAX_FILE, "{shown}: it is larger than {}", ByteSize(MAX_FILE));
                (Wasm::new(std::fs::read(path).with_context(|| shown.clone())?), Err(error))
            }
        };
        Ok(Inspected::of(shown, &wasm, plugin))
    }

    fn of(shown: String, wasm: &Wasm, plugin: Result<Sections, FileError>) -> Inspected {
        let interface = Interface::read(wasm).map_err(|error| error.to_string());
        Inspected { shown, bytes: wasm.len() as u64, digest: wasm.digest().to_string(), interface, plugin }
    }

    fn kind(&self) -> String {
        match self.interface.as_ref().map(|interface| &interface.kind) {
            Ok(Kind::Contract { version }) => format!("a plugin for garth:plugin {version}"),
            Ok(Kind::Plain { functions, .. }) if functions.is_empty() => "a component without tools".to_owned(),
            Ok(Kind::Plain { .. }) => "a component with plain functions, each of them a tool".to_owned(),
            Err(_) => "no component".to_owned(),
        }
    }

    fn left_out(&self) -> &[LeftOut] {
        match &self.interface {
            Ok(Interface { kind: Kind::Plain { left_out, .. }, .. }) => left_out,
            _ => &[],
        }
    }

    fn text(&self) -> String {
        let mut page = Page::default();
        if let Ok(Sections { manifest, .. }) = &self.plugin {
            page.line(&format!("{} {}", manifest.name, manifest.version));
            page.line(&manifest.description);
            page.gap();
        }
        page.row("file", &self.shown);
        page.row("size", &ByteSize(self.bytes).to_string());
        page.row("SHA-256", &self.digest);
        page.row("kind", &self.kind());
        if let Ok(Sections { manifest, commands, .. }) = &self.plugin {
            page.row("WIT", &manifest.wit);
            page.row("together", &format!("its tools: {}", union(&self.plugin).describe()));
            page.row("limits", &limits(&manifest.limits));
            page.list("carries", &commands.keys().cloned().collect::<Vec<_>>());
        }
        if let Ok(interface) = &self.interface {
            page.list("imports", &interface.imports);
            page.list("exports", &interface.exports);
        }
        if let Ok(Sections { manifest, catalogue, .. }) = &self.plugin {
            page.gap();
            page.line("Tools");
            for tool in catalogue {
                page.tool(tool, manifest);
            }
        }
        if !self.left_out().is_empty() {
            page.gap();
            page.line("Functions that cannot be tools");
            self.left_out().iter().for_each(|one| page.line(&format!("  {}: {}", one.name, one.reason)));
        }
        let unreadable = self.interface.as_ref().err().cloned();
        if let Some(problem) = unreadable.or_else(|| self.plugin.as_ref().err().map(|error| error.to_string())) {
            page.gap();
            page.line(&format!("This is no plugin as it is: {problem}"));
            page.line(&format!("What would mend it: garth plugin doctor {}", quoted(&self.shown)));
        }
        page.0
    }

    fn json(&self) -> Value {
        let interface = self.interface.as_ref().ok();
        let (kind, contract) = match interface.map(|interface| &interface.kind) {
            Some(Kind::Contract { version }) => (json!("contract"), json!(version)),
            Some(Kind::Plain { .. }) => (json!("plain"), Value::Null),
            None => (Value::Null, Value::Null),
        };
        let left_out = self.left_out().iter().map(|one| json!({"name": one.name, "reason": one.reason}));
        let mut value = json!({
            "file": self.shown, "bytes": self.bytes, "sha256": self.digest, "kind": kind, "contract": contract,
            "imports": interface.map(|interface| &interface.imports),
            "exports": interface.map(|interface| &interface.exports),
            "left_out": left_out.collect::<Vec<_>>(),
            "problem": self.interface.as_ref().err().cloned().or(self.plugin.as_ref().err().map(|e| e.to_string())),
        });
        if let Ok(Sections { manifest, catalogue, commands }) = &self.plugin {
            let tool = |tool: &CatalogueTool| {
                json!({
                    "name": tool.name, "function": manifest.function(&tool.name), "description": tool.description,
                    "capabilities": manifest.tools.get(&tool.name).map(|tool| &tool.capabilities),
                    "input_schema": tool.input_schema, "output_schema": tool.output_schema,
                })
            };
            let plugin = json!({
                "name": manifest.name, "version": manifest.version, "description": manifest.description,
                "wit": manifest.wit, "capabilities": union(&self.plugin), "limits": manifest.limits,
                "carries": commands.keys().collect::<Vec<_>>(),
                "tools": catalogue.iter().map(tool).collect::<Vec<_>>(),
            });
            value["plugin"] = plugin;
        }
        value
    }
}

/// What the tools may touch together.
fn union(plugin: &Result<Sections, FileError>) -> Capabilities {
    let tools = plugin.iter().flat_map(|sections| sections.manifest.tools.values());
    tools.fold(Capabilities::default(), |all, tool| all.union(&tool.capabilities))
}

/// `memory 64MiB, time 30s`.
fn limits(limits: &PartialLimits) -> String {
    let lowered = serde_json::to_value(limits).unwrap_or_default();
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    };
    let words: Vec<String> = lowered.as_object().into_iter().flatten().map(word).collect();
    if words.is_empty() { "the host's".to_owned() } else { words.join(", ") }
}

/// What is printed, line by line; no line holds more than it should.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(&one_line(text));
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    fn row(&mut self, name: &str, value: &str) {
        self.line(&format!("{name:<COLUMN$}{value}"));
    }

    fn list(&mut self, name: &str, values: &[String]) {
        for (at, value) in values.iter().enumerate() {
            self.row(if at == 0 { name } else { "" }, value);
        }
    }

    fn tool(&mut self, tool: &CatalogueTool, manifest: &Manifest) {
        let capabilities = manifest.tools.get(&tool.name).map(|tool| &tool.capabilities);
        let function = match manifest.function(&tool.name) {
            function if function == tool.name => String::new(),
            function => format!("  (the component's {function})"),
        };
        self.line(&format!("  {}{function}", tool.name));
        tool.description
            .lines()
            .filter(|line| !line.trim().is_empty())
            .for_each(|line| self.line(&format!("    {line}")));
        let capabilities = capabilities.map(Capabilities::describe).unwrap_or_default();
        self.line(&format!("    {capabilities}"));
        self.line(&format!("    arguments: {}", schema(&tool.input_schema)));
        if let Some(output) = &tool.output_schema {
            self.line(&format!("    data: {}", schema(output)));
        }
    }
}

fn schema(schema: &Value) -> String {
    let text = schema.to_string();
    match text.char_indices().nth(MAX_SCHEMA) {
        Some((at, _)) => format!("{}… (all of it with --json)", &text[..at]),
        None => text,
    }
}
