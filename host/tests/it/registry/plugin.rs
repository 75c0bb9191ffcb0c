//! Plugin files for these tests: components in the text format that compile in no time, whose tools do nothing.

use garth::plugins::manifest::Manifest;
use garth::plugins::pack::{self, CatalogueTool, Sections};

use crate::plugin_file::told;

/// A tool by name, with its `capabilities` as an inline table of TOML.
pub type Tool<'a> = (&'a str, &'a str);

/// A packed plugin.
pub fn plugin(name: &str, version: &str, tools: &[Tool<'_>]) -> Vec<u8> {
    with_words(name, version, tools, "Does as it is told.", "Does as it is told.")
}

/// A plugin that describes its tools otherwise than its catalogue does.
pub fn liar(name: &str) -> Vec<u8> {
    with_words(name, "0.1.0", &[("lie", "{}")], "Does nothing.", "Does something else.")
}

/// `listed` is each tool's description in the catalogue, `told` what the component says when it is asked.
pub fn with_words(name: &str, version: &str, tools: &[Tool<'_>], listed: &str, told: &str) -> Vec<u8> {
    let mut manifest =
        format!("name = \"{name}\"\nversion = \"{version}\"\ndescription = \"Made for a test.\"\nwit = \"0.1\"\n");
    for (tool, capabilities) in tools {
        manifest.push_str(&format!("[tools.{tool}]\ncapabilities = {capabilities}\n"));
    }
    let tool = |(name, _): &Tool<'_>| CatalogueTool {
        name: (*name).into(),
        description: listed.into(),
        input_schema: serde_json::json!({"type": "object"}),
        output_schema: None,
    };
    let sections = Sections {
        manifest: Manifest::from_toml(&manifest).unwrap(),
        catalogue: tools.iter().map(tool).collect(),
        commands: Default::default(),
    };
    let names: Vec<&str> = tools.iter().map(|(name, _)| *name).collect();
    pack::pack(&component(&names, told), &sections).unwrap()
}

/// Answers `describe` with these tools.
fn component(tools: &[&str], description: &str) -> Vec<u8> {
    let tools = tools.iter().map(|tool| [*tool, description, "{\"type\": \"object\"}"].map(String::from));
    let data = told(0, &tools.collect::<Vec<_>>());
    wat::parse_str(include_str!("plugin.wat").replace("{memory}", &data)).unwrap()
}
