//! A component with plain functions as a plugin: its catalogue comes from the types of its functions, its manifest from
//! a TOML text beside it, and without one it may touch nothing. Nothing is compiled or run.

use std::collections::BTreeMap;

use super::manifest::{MAX_NAME, MAX_TOOLS, Manifest, ManifestError, WIT};
use super::pack::{self, CatalogueTool, Sections};
use super::{FileError, Names, Origin};
use crate::policy::PartialLimits;
use crate::protocol::is_hidden_in_line;
use crate::sandbox::{Function, Interface, Kind, LeftOut};

/// Characters of a description that was not written for this.
const MAX_DESCRIPTION: usize = 200;

/// What the file would say about itself, had it been packed. `None` when it is to be packed: its tools are known only
/// to itself.
pub fn sections(wasm: &[u8], origin: &Origin, manifest: Option<&str>) -> Result<Option<Sections>, FileError> {
    let interface = Interface::read(wasm)?;
    let Kind::Plain { functions, left_out } = &interface.kind else { return Ok(None) };
    if let Some(problem) = unusable(functions, left_out) {
        return Err(FileError::NoTools(problem));
    }
    let (manifest, names) = match manifest {
        Some(text) => written(text, functions)?,
        None => (made(origin, &interface, functions), Names::default()),
    };
    let tool = |function: &Function| CatalogueTool {
        name: names.public(&function.tool).to_owned(),
        description: function.description.clone(),
        input_schema: function.input_schema(),
        output_schema: function.output_schema(),
    };
    let catalogue = functions.iter().map(tool).collect();
    let sections = Sections { manifest, catalogue, commands: BTreeMap::new() };
    pack::check(&sections)?;
    Ok(Some(sections))
}

fn unusable(functions: &[Function], left_out: &[LeftOut]) -> Option<String> {
    match (functions.len(), left_out.first()) {
        (0, None) => Some("the component exports neither `garth:plugin/tools` nor functions".to_owned()),
        (0, Some(LeftOut { name, reason })) => {
            Some(format!("the component exports no function that could be a tool: `{name}`: {reason}"))
        }
        (1..=MAX_TOOLS, _) => None,
        (count, _) => Some(format!(
            "the component exports {count} functions, and a plugin has at most {MAX_TOOLS} tools; split it"
        )),
    }
}

/// The manifest beside the component. A function that it does not name may touch nothing.
fn written(text: &str, functions: &[Function]) -> Result<(Manifest, Names), FileError> {
    let mut manifest = Manifest::from_toml(text)?;
    let names = Names::of_functions(&manifest, functions)?;
    let own = || functions.iter().map(|function| function.tool.as_str());
    let is_own = |name: &str| own().any(|own| own == name);
    let unknown = manifest.tools.iter().find(|(name, tool)| tool.function.is_none() && !is_own(name));
    if let Some((name, _)) = unknown {
        let all: Vec<&str> = own().collect();
        let said = format!(
            "tools: '{name}' is no tool of the component; its tools are {}; a tool by another name has a line `function`",
            all.join(", ")
        );
        return Err(ManifestError(said).into());
    }
    if let Some((one, other, public)) = names.clash(own()) {
        let said = format!(
            "tools: '{one}' and '{other}' would both be called '{public}'; give each of them a name, with a line `function`"
        );
        return Err(ManifestError(said).into());
    }
    for own in own() {
        manifest.tools.entry(names.public(own).to_owned()).or_default();
    }
    manifest.check()?;
    Ok((manifest, names))
}

fn made(origin: &Origin, interface: &Interface, functions: &[Function]) -> Manifest {
    let line = |docs: &str| docs.lines().find(|line| !line.trim().is_empty()).map(clean);
    let docs = interface.docs.as_deref().and_then(line).filter(|line| !line.is_empty());
    Manifest {
        name: of_origin(origin),
        version: "0.0.0".to_owned(),
        description: docs.unwrap_or_else(|| "Functions of a component without a manifest.".to_owned()),
        wit: WIT.to_owned(),
        tools: functions.iter().map(|function| (function.tool.clone(), Default::default())).collect(),
        limits: PartialLimits::default(),
    }
}

fn clean(line: &str) -> String {
    line.trim().chars().filter(|c| !is_hidden_in_line(*c)).take(MAX_DESCRIPTION).collect()
}

fn of_origin(origin: &Origin) -> String {
    let shown = match origin {
        Origin::File { shown } => shown.as_str(),
        Origin::Builtin => "",
    };
    let file = shown.rsplit(['/', '\\']).next().unwrap_or_default();
    name(file.strip_suffix(".wasm").unwrap_or(file))
}

/// A file's name without its end as the name of a plugin: `Fetch RS` is `fetch-rs`.
pub(super) fn name(stem: &str) -> String {
    let letter = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_' => c,
        _ => '-',
    };
    let name: String = stem.chars().map(letter).skip_while(|c| !c.is_ascii_lowercase()).take(MAX_NAME).collect();
    match name.trim_end_matches(['-', '_']) {
        "" => "plugin".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_plugin_a_name() {
        for (shown, expected) in [
            ("filesystem.wasm", "filesystem"),
            (".garth/plugins/fetch_rs.wasm", "fetch_rs"),
            ("/tmp/Fetch RS.wasm", "fetch-rs"),
            ("C:\\plugins\\a.plugin.wasm", "a-plugin"),
            ("7-zip.wasm", "zip"),
            ("\u{1b}[2J.wasm", "j"),
            ("日本.wasm", "plugin"),
            ("", "plugin"),
            (&"x".repeat(300), &"x".repeat(64)),
        ] {
            let origin = Origin::File { shown: shown.to_owned() };
            assert_eq!(of_origin(&origin), expected, "{shown:?}");
        }
    }
}
