//! Plugin files that no compiler makes: a component written by hand whose tools all answer with one text, packed with any
//! manifest.

use garth::plugins::manifest::Manifest;
use garth::plugins::pack::{self, CatalogueTool, Sections};
use serde_json::json;

/// Where in a component's memory its description begins: behind what `call` gets and answers.
const TOLD: usize = 16_384;

/// A plugin before it is packed.
pub struct Made {
    pub name: &'static str,
    pub version: &'static str,
    pub tools: &'static [&'static str],
    /// TOML after `capabilities = `.
    pub capabilities: &'static str,
    /// What each call answers.
    pub answer: &'static str,
    /// A command that it carries: path and text.
    pub command: Option<(&'static str, &'static str)>,
}

impl Default for Made {
    fn default() -> Made {
        Made { name: "lint", version: "0.1.0", tools: &["lint"], capabilities: "{}", answer: "one", command: None }
    }
}

impl Made {
    pub fn file(&self) -> Vec<u8> {
        pack::pack(&self.component(), &self.sections()).unwrap()
    }

    pub fn component(&self) -> Vec<u8> {
        let bytes = self.answer.bytes().enumerate();
        let text: String =
            bytes.map(|(at, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))\n", 1_024 + at)).collect();
        let body = format!(
            "{text}(i32.store (i32.const 4) (i32.const 1024)) (i32.store (i32.const 8) (i32.const {}))",
            self.answer.len()
        );
        let tools = self.sections().catalogue.into_iter();
        let tools: Vec<[String; 3]> =
            tools.map(|tool| [tool.name, tool.description, tool.input_schema.to_string()]).collect();
        let silent = "(func (export \"describe\") (result i32) (i32.const 0))";
        let describes = format!(
            "(func (export \"describe\") (result i32) (i32.const {TOLD})) (data (i32.const {TOLD}) \"{}\")",
            told(TOLD, &tools)
        );
        let text = include_str!("sandbox/hostile.wat").replace("{body}", &body).replace("{more}", "");
        assert!(text.contains(silent));
        wat::parse_str(text.replace(silent, &describes)).unwrap()
    }

    fn sections(&self) -> Sections {
        let Made { name, version, tools, capabilities, command, .. } = self;
        let head =
            format!("name = \"{name}\"\nversion = \"{version}\"\ndescription = \"Made by hand.\"\nwit = \"0.1\"\n");
        let tool_of = |tool: &&str| format!("[tools.{tool}]\ncapabilities = {capabilities}\n");
        let manifest = head + &tools.iter().map(tool_of).collect::<String>();
        let tool = |tool: &&str| CatalogueTool {
            name: tool.to_string(),
            description: format!("Does {tool}."),
            input_schema: json!({
                "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"],
                "additionalProperties": false
            }),
            output_schema: None,
        };
        Sections {
            manifest: Manifest::from_toml(&manifest).unwrap(),
            catalogue: tools.iter().map(tool).collect(),
            commands: command.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect(),
        }
    }
}

/// What `describe` answers with, as data in the text format for the memory from `at` on: name, description and schema of
/// each tool. First the list's address and length, then 36 bytes for each tool (three strings by address and length, and an
/// option that is none), then the strings.
pub fn told(at: usize, tools: &[[String; 3]]) -> String {
    let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let start = at + 8 + 36 * tools.len();
    let mut strings: Vec<u8> = Vec::new();
    let mut memory = [word(at + 8), word(tools.len())].concat();
    for tool in tools {
        for text in tool {
            memory.extend(word(start + strings.len()));
            memory.extend(word(text.len()));
            strings.extend_from_slice(text.as_bytes());
        }
        memory.extend([0; 12]);
    }
    memory.extend(strings);
    memory.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
