//! A plugin file: a component with the custom sections `garth:manifest` and `garth:catalogue`, with `garth:commands` where
//! it carries commands or skills, and no other at its top level. Whoever lists plugins reads the sections without
//! compiling anything; the bytes may come from anywhere.
//!
//! Each section is JSON with a `version`. The format of the sections around them is that of the component model's
//! binary format: an id, a length in LEB128, and so many bytes. The build script compiles this file too.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasm_encoder::{CustomSection, Encode};
use wasmparser::BinaryReader;

use super::manifest::{MAX_TOOLS, Manifest, is_tool_name};
use crate::protocol::{is_hidden, is_hidden_in_line};

pub const MANIFEST: &str = "garth:manifest";
const CATALOGUE: &str = "garth:catalogue";
const COMMANDS: &str = "garth:commands";
/// The version of the sections' JSON.
const VERSION: u32 = 1;
/// That of a manifest that gives tools other names than the component does, which an older Garth would not know. Any other
/// manifest is still written as the version before, so that older ones read it.
const RENAMING: u32 = 2;
/// Bytes of one section.
const MAX_SECTION: usize = 1 << 20;
/// Files of commands and skills.
const MAX_FILES: usize = 256;
/// Characters.
const MAX_DESCRIPTION: usize = 4_096;
/// Bytes of one schema as JSON.
const MAX_SCHEMA: usize = 32 << 10;
/// Regular expressions in the schemas of all tools together, and the bytes of one. The host compiles and runs them.
const MAX_PATTERNS: usize = 128;
const MAX_PATTERN: usize = 1_000;
/// `\0asm`, version 13, layer 1: a component.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A tool as the catalogue lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueTool {
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments: of type `object`.
    pub input_schema: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

/// What a plugin file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Sections {
    pub manifest: Manifest,
    /// In the author's order; the same names as the manifest's.
    pub catalogue: Vec<CatalogueTool>,
    /// Markdown that comes with the tools: text by path, `commands/NAME.md` or `skills/NAME/…`.
    pub commands: BTreeMap<String, String>,
}

/// Why a file is not a plugin, or cannot become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// Not a component at all.
    NotAComponent(String),
    /// A component that was never packed.
    NotPacked { section: &'static str },
    /// A newer or older Garth packed it.
    Version { section: &'static str, found: u64 },
    /// The section, and what is wrong with it.
    Section { section: &'static str, detail: String },
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackError::NotAComponent(detail) => write!(f, "not a WebAssembly component: {detail}"),
            PackError::NotPacked { section } => {
                write!(f, "the component has no section {section}: it was built, but not packed as a plugin")
            }
            PackError::Version { section, found } => {
                let newest = newest(section);
                let older = if *found > u64::from(newest) { "update Garth" } else { "pack the plugin again" };
                write!(f, "section {section} has version {found}, this Garth reads {VERSION} to {newest}: {older}")
            }
            PackError::Section { section, detail } => write!(f, "section {section}: {detail}"),
        }
    }
}

impl std::error::Error for PackError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestSection<'a> {
    version: u32,
    manifest: Cow<'a, Manifest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueSection<'a> {
    version: u32,
    tools: Cow<'a, [CatalogueTool]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandsSection<'a> {
    version: u32,
    files: Cow<'a, BTreeMap<String, String>>,
}

/// Makes a plugin file. Custom sections that the component has at its top level are left out.
pub fn pack(component: &[u8], sections: &Sections) -> Result<Vec<u8>, PackError> {
    check(sections)?;
    let mut packed = COMPONENT.to_vec();
    for section in split(component)? {
        let section = section?;
        if section.id != 0 {
            packed.extend_from_slice(section.whole);
        }
    }
    let version = if sections.manifest.renames() { RENAMING } else { VERSION };
    let manifest = ManifestSection { version, manifest: Cow::Borrowed(&sections.manifest) };
    append(&mut packed, MANIFEST, serde_json::to_vec(&manifest))?;
    let catalogue = CatalogueSection { version: VERSION, tools: Cow::Borrowed(&sections.catalogue) };
    append(&mut packed, CATALOGUE, serde_json::to_vec(&catalogue))?;
    if !sections.commands.is_empty() {
        let commands = CommandsSection { version: VERSION, files: Cow::Borrowed(&sections.commands) };
        append(&mut packed, COMMANDS, serde_json::to_vec(&commands))?;
    }
    Ok(packed)
}

/// Reads what a plugin file says about itself, and checks it. Costs no more than walking over the section headers.
pub fn read_sections(wasm: &[u8]) -> Result<Sections, PackError> {
    let (mut manifest, mut catalogue, mut commands) = (None, None, None);
    for section in split(wasm)? {
        let section = section?;
        let (slot, name) = match section.custom_name()? {
            Some(MANIFEST) => (&mut manifest, MANIFEST),
            Some(CATALOGUE) => (&mut catalogue, CATALOGUE),
            Some(COMMANDS) => (&mut commands, COMMANDS),
            _ => continue,
        };
        let bytes = section.custom_data()?;
        if bytes.len() > MAX_SECTION {
            return wrong(name, format!("{} bytes, more than {MAX_SECTION}", bytes.len()));
        }
        if slot.replace(bytes).is_some() {
            return wrong(name, "is there twice");
        }
    }
    let manifest: ManifestSection = parse(manifest, MANIFEST)?;
    let catalogue: CatalogueSection = parse(catalogue, CATALOGUE)?;
    let commands = match commands {
        Some(_) => parse::<CommandsSection>(commands, COMMANDS)?.files.into_owned(),
        None => BTreeMap::new(),
    };
    let sections =
        Sections { manifest: manifest.manifest.into_owned(), catalogue: catalogue.tools.into_owned(), commands };
    check(&sections)?;
    Ok(sections)
}

fn wrong<T>(section: &'static str, detail: impl Into<String>) -> Result<T, PackError> {
    Err(PackError::Section { section, detail: detail.into() })
}

fn parse<'a, T: Deserialize<'a>>(bytes: Option<&'a [u8]>, section: &'static str) -> Result<T, PackError> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    let bytes = bytes.ok_or(PackError::NotPacked { section })?;
    let unreadable = |error: serde_json::Error| PackError::Section { section, detail: error.to_string() };
    let Version { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
    if !(u64::from(VERSION)..=u64::from(newest(section))).contains(&version) {
        return Err(PackError::Version { section, found: version });
    }
    serde_json::from_slice(bytes).map_err(unreadable)
}

/// The newest version of a section that is read here.
fn newest(section: &str) -> u32 {
    if section == MANIFEST { RENAMING } else { VERSION }
}

fn append(packed: &mut Vec<u8>, name: &'static str, json: serde_json::Result<Vec<u8>>) -> Result<(), PackError> {
    let json = json.map_err(|error| PackError::Section { section: name, detail: error.to_string() })?;
    if json.len() > MAX_SECTION {
        return wrong(name, format!("{} bytes, more than {MAX_SECTION}", json.len()));
    }
    packed.push(0);
    CustomSection { name: name.into(), data: json.into() }.encode(packed);
    Ok(())
}

/// The bounds that both the packer and the reader hold a plugin to.
pub fn check(sections: &Sections) -> Result<(), PackError> {
    sections.manifest.check().or_else(|error| wrong(MANIFEST, error.to_string()))?;
    check_commands(&sections.commands)?;
    let tools = &sections.catalogue;
    if tools.len() > MAX_TOOLS {
        return wrong(CATALOGUE, format!("{} tools, more than {MAX_TOOLS}", tools.len()));
    }
    let mut patterns = 0;
    for tool in tools {
        let name = tool.name.escape_debug();
        if !is_tool_name(&tool.name) {
            return wrong(CATALOGUE, format!("'{name}' is no name for a tool"));
        }
        let length = tool.description.chars().count();
        if length == 0 || length > MAX_DESCRIPTION || tool.description.contains(is_hidden) {
            return wrong(CATALOGUE, format!("{name}: a description has 1 to {MAX_DESCRIPTION} visible characters"));
        }
        if tool.input_schema.get("type").and_then(Value::as_str) != Some("object") {
            return wrong(CATALOGUE, format!("{name}: the input schema's type is not \"object\""));
        }
        for schema in [Some(&tool.input_schema), tool.output_schema.as_ref()].into_iter().flatten() {
            if !schema.is_object() || schema.to_string().len() > MAX_SCHEMA {
                return wrong(CATALOGUE, format!("{name}: a schema is an object of at most {MAX_SCHEMA} bytes"));
            }
            let mut longest = 0;
            each_pattern(schema, &mut |pattern| {
                patterns += 1;
                longest = pattern.len().max(longest);
            });
            if longest > MAX_PATTERN {
                return wrong(CATALOGUE, format!("{name}: a schema's pattern has at most {MAX_PATTERN} bytes"));
            }
            if patterns > MAX_PATTERNS {
                return wrong(
                    CATALOGUE,
                    format!("{name}: with its schemas there are more than {MAX_PATTERNS} patterns"),
                );
            }
        }
    }
    let listed: BTreeSet<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    if listed.len() != tools.len() {
        return wrong(CATALOGUE, "a tool is there twice");
    }
    let declared: BTreeSet<&str> = sections.manifest.tools.keys().map(String::as_str).collect();
    match declared.symmetric_difference(&listed).next() {
        Some(name) if listed.contains(name) => wrong(MANIFEST, format!("the tool {name} is exported, not declared")),
        Some(name) => wrong(MANIFEST, format!("the tool {name} is declared, not exported")),
        None => Ok(()),
    }
}

/// Every regular expression of a schema: at most what the keywords hold, and what looks the same.
fn each_pattern(schema: &Value, found: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(all) => {
            for (key, value) in all {
                match (key.as_str(), value) {
                    ("pattern", Value::String(pattern)) => found(pattern),
                    ("patternProperties", Value::Object(patterns)) => patterns.keys().for_each(|one| found(one)),
                    _ => {}
                }
                each_pattern(value, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| each_pattern(one, found)),
        _ => {}
    }
}

fn check_commands(files: &BTreeMap<String, String>) -> Result<(), PackError> {
    if files.len() > MAX_FILES {
        return wrong(COMMANDS, format!("{} files, more than {MAX_FILES}", files.len()));
    }
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']);
    let known = |path: &str| {
        let (folder, rest) = path.split_once('/').unwrap_or_default();
        (folder == "commands" && rest.ends_with(".md")) || (folder == "skills" && rest.contains('/'))
    };
    match files.keys().find(|path| !known(path) || !path.split('/').all(plain) || path.contains(is_hidden_in_line)) {
        Some(path) => {
            wrong(COMMANDS, format!("'{}': a file is named commands/NAME.md, or skills/NAME/FILE", path.escape_debug()))
        }
        None => Ok(()),
    }
}

/// One section at the top level of a component.
struct Section<'a> {
    id: u8,
    /// With its header.
    whole: &'a [u8],
    body: &'a [u8],
    offset: usize,
}

impl<'a> Section<'a> {
    fn custom_name(&self) -> Result<Option<&'a str>, PackError> {
        if self.id != 0 {
            return Ok(None);
        }
        BinaryReader::new(self.body, self.offset).read_string().map(Some).map_err(malformed)
    }

    fn custom_data(&self) -> Result<&'a [u8], PackError> {
        let mut reader = BinaryReader::new(self.body, self.offset);
        reader.read_string().map_err(malformed)?;
        Ok(&self.body[reader.current_position()..])
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> PackError {
    PackError::NotAComponent(error.to_string())
}

/// The sections one by one: a hostile file may have millions.
fn split(wasm: &[u8]) -> Result<impl Iterator<Item = Result<Section<'_>, PackError>>, PackError> {
    if !wasm.starts_with(COMPONENT) {
        let detail = match wasm.starts_with(b"\0asm") {
            true => "a core module; build it for a WASI target that makes components",
            false => "the file does not begin like one",
        };
        return Err(PackError::NotAComponent(detail.to_owned()));
    }
    let mut rest = BinaryReader::new(&wasm[COMPONENT.len()..], COMPONENT.len());
    let mut next = move || {
        let start = rest.original_position();
        let id = rest.read_u8()?;
        let size = rest.read_var_u32()?;
        let offset = rest.original_position();
        let body = rest.read_bytes(size as usize)?;
        let at_end = rest.eof();
        Ok((Section { id, whole: &wasm[start..rest.original_position()], body, offset }, at_end))
    };
    let mut done = wasm.len() == COMPONENT.len();
    Ok(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let (item, at_end) = match next() {
            Ok((section, at_end)) => (Ok(section), at_end),
            Err(error) => (Err(malformed(error)), true),
        };
        done = at_end;
        Some(item)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sections() -> Sections {
        let manifest = "name = \"p\"\nversion = \"0.1.0\"\ndescription = \"d\"\nwit = \"0.1\"\n[tools.t]\n";
        let tool = CatalogueTool {
            name: "t".into(),
            description: "Does it.".into(),
            input_schema: json!({"type": "object", "properties": {"b": {}, "a": {}}}),
            output_schema: None,
        };
        let commands = [("commands/a.md".into(), "Do it.".into())].into();
        Sections { manifest: Manifest::from_toml(manifest).unwrap(), catalogue: vec![tool], commands }
    }

    fn component(custom: &[(&str, &[u8])]) -> Vec<u8> {
        let mut component = COMPONENT.to_vec();
        for (name, data) in custom {
            component.push(0);
            CustomSection { name: (*name).into(), data: (*data).into() }.encode(&mut component);
        }
        component
    }

    #[test]
    fn what_is_packed_is_read_back_and_nothing_else_is_kept() {
        let old = component(&[("producers", b"x"), (MANIFEST, b"old")]);
        let packed = pack(&old, &sections()).unwrap();
        assert_eq!(read_sections(&packed), Ok(sections()));
        let keys: Vec<_> =
            sections().catalogue[0].input_schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["b", "a"], "the order is the author's");
        assert_eq!(pack(&packed, &sections()), Ok(packed.clone()), "packing again changes nothing");
        assert!(!packed.windows(9).any(|part| part == b"producers"));
    }

    #[test]
    fn a_manifest_has_the_oldest_version_that_says_all() {
        let version = |packed: &[u8]| {
            let text = String::from_utf8_lossy(packed);
            text.contains(r#"{"version":1,"manifest""#)
                .then_some(1)
                .or(text.contains(r#"{"version":2,"manifest""#).then_some(2))
        };
        assert_eq!(version(&pack(&component(&[]), &sections()).unwrap()), Some(1));
        let mut renaming = sections();
        renaming.manifest.tools.get_mut("t").unwrap().function = Some("read-file".into());
        let packed = pack(&component(&[]), &renaming).unwrap();
        assert_eq!((version(&packed), read_sections(&packed)), (Some(2), Ok(renaming)));
    }

    #[test]
    fn hostile_bytes_are_refused_by_name() {
        let check = |wasm: &[u8], said: &str| {
            let error = read_sections(wasm).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        };
        check(b"", "does not begin like one");
        check(b"\0asm\x01\0\0\0", "core module");
        check(COMPONENT, "not packed as a plugin");
        check(&[COMPONENT, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(), "not a WebAssembly component");
        check(&[COMPONENT, &[0, 1, 0x7f]].concat(), "not a WebAssembly component");
        check(&[COMPONENT, &[1, 0x80]].concat(), "not a WebAssembly component");
        check(&component(&[(MANIFEST, b"{}")]), "missing field `version`");
        check(&component(&[(MANIFEST, br#"{"version": 9}"#)]), "version 9, this Garth reads 1 to 2: update Garth");
        check(&component(&[(MANIFEST, b"{}"), (MANIFEST, b"{}")]), "is there twice");
        check(&component(&[(MANIFEST, &[b'['; 100_000])]), "section garth:manifest");
        check(&component(&[(MANIFEST, &vec![b' '; MAX_SECTION + 1])]), "more than 1048576");
        let packed = pack(&component(&[]), &Sections { commands: BTreeMap::new(), ..sections() }).unwrap();
        for length in 0..packed.len() {
            assert!(read_sections(&packed[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_catalogue_is_held_to_its_bounds() {
        let check = |change: fn(&mut CatalogueTool), said: &str| {
            let mut sections = sections();
            change(&mut sections.catalogue[0]);
            let error = pack(&component(&[]), &sections).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        };
        check(|tool| tool.name = "u".into(), "declared, not exported");
        check(|tool| tool.name = "a b".into(), "no name for a tool");
        check(|tool| tool.description = "x".repeat(MAX_DESCRIPTION + 1), "a description has");
        check(|tool| tool.description = "\u{1b}[2J".into(), "a description has");
        check(|tool| tool.input_schema = json!({"type": "array"}), "not \"object\"");
        check(|tool| tool.input_schema["title"] = "x".repeat(MAX_SCHEMA).into(), "a schema is");
        check(
            |tool| tool.input_schema["pattern"] = "x".repeat(MAX_PATTERN + 1).into(),
            "t: a schema's pattern has at most",
        );
        check(
            |tool| tool.input_schema["allOf"] = vec![json!({"pattern": "x"}); MAX_PATTERNS + 1].into(),
            "t: with its schemas there are more than 128 patterns",
        );
        check(|tool| tool.description = "Read\u{200b}s.".into(), "visible characters");
        check(|tool| tool.description = "Reads.\u{e0041}\u{e0042}".into(), "visible characters");
        for path in [
            "a.md",
            "commands/a.txt",
            "skills/a.md",
            "commands/../a.md",
            "/commands/a.md",
            "skills/.x/a",
            "commands/\u{1b}.md",
        ] {
            let commands = [(path.to_string(), String::new())].into();
            let error = pack(&component(&[]), &Sections { commands, ..sections() }).unwrap_err().to_string();
            assert!(error.contains("commands/NAME.md"), "{path}: {error}");
        }
        let mut twice = sections();
        twice.catalogue.push(twice.catalogue[0].clone());
        assert!(pack(&component(&[]), &twice).unwrap_err().to_string().contains("twice"));
    }
}
