//! The built-in commands and skills, the top-level `commands/`: each says what it is, narrows its tools, names only tools
//! and parameters that exist and that it leaves itself, and is short enough for a small model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use garth::commands::{Entry, Kind, Origin, Place, Syntax, parse};
use garth::plugins::builtin::BUILTIN;
use garth::plugins::pack::read_sections;
use garth::policy::{Access, Capabilities, Workspace};
use pulldown_cmark::{Event, Parser};

/// Characters; about 600 tokens.
const LONGEST_BODY: usize = 2_400;
/// Lists cut longer ones.
const LONGEST_DESCRIPTION: usize = 100;
/// Words in code that are no parameters.
const OTHER_WORDS: &[&str] = &["main", "testing", "unittest"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str, kind: Kind, name: &str) -> Entry {
    entry(path, kind, name, &std::fs::read(root().join(path)).unwrap())
}

fn entry(path: &str, kind: Kind, name: &str, content: &[u8]) -> Entry {
    let place = Place {
        kind,
        name: name.into(),
        path: path.into(),
        shown: path.into(),
        origin: Origin::Builtin,
        syntax: Syntax::Dollar,
    };
    parse(place, content).unwrap()
}

fn commands() -> Vec<Entry> {
    let files = std::fs::read_dir(root().join("commands")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.to_str()?.strip_suffix(".md")?.to_owned()))
        .filter(|n| n != "README")
        .collect();
    names.sort();
    names.iter().map(|name| read(&format!("commands/{name}.md"), Kind::Command, name)).collect()
}

fn skill() -> Entry {
    read("commands/skills/write-plugin/SKILL.md", Kind::Skill, "write-plugin")
}

struct Tool {
    capabilities: Capabilities,
    parameters: Vec<String>,
}

fn tools() -> BTreeMap<String, Tool> {
    let mut tools = BTreeMap::new();
    for sections in BUILTIN.iter().map(|plugin| read_sections(plugin.wasm).unwrap()) {
        for tool in sections.catalogue {
            let properties = tool.input_schema["properties"].as_object().unwrap();
            let parameters = properties.keys().cloned().collect();
            let capabilities = sections.manifest.tools[&tool.name].capabilities.clone();
            tools.insert(tool.name, Tool { capabilities, parameters });
        }
    }
    tools
}

/// The tools that an entry leaves itself.
fn left(entry: &Entry) -> Vec<&str> {
    let tools = entry.fields.tools.as_ref().unwrap_or_else(|| panic!("/{} narrows nothing", entry.place.name));
    tools.iter().map(|pattern| pattern.written.as_str()).collect()
}

/// What stands between backticks.
fn code(body: &str) -> Vec<String> {
    let spans = Parser::new(body).filter_map(|event| match event {
        Event::Code(code) => Some(code.to_string()),
        _ => None,
    });
    spans.collect()
}

#[test]
fn each_says_what_it_is_and_is_short() {
    let commands = commands();
    let names: Vec<&str> = commands.iter().map(|entry| entry.place.name.as_str()).collect();
    assert_eq!(names, ["commit", "explain", "fix", "init", "plan", "refactor", "review", "small", "test"]);
    for entry in commands.iter().chain([&skill()]) {
        let name = &entry.place.name;
        assert!(entry.description.chars().count() <= LONGEST_DESCRIPTION, "/{name}: {}", entry.description);
        assert_eq!(entry.diagnostics, [], "/{name}");
        assert_eq!(entry.fields.other, [], "/{name}");
        assert!(entry.fields.argument_hint.is_some() && entry.fields.complexity.is_some(), "/{name}");
        assert!(entry.fields.allowed_tools.is_empty(), "/{name}: what needs no question is the user's to say");
    }
    for entry in &commands {
        let (name, body) = (&entry.place.name, &entry.body);
        assert!(body.chars().count() <= LONGEST_BODY, "/{name}: {} characters", body.chars().count());
        assert_eq!(body.matches("$ARGUMENTS").count(), 1, "/{name}");
        assert!(body.contains("(nothing after the colon: ") && body.contains("nswer"), "/{name}");
    }
}

#[test]
fn every_built_in_tool_is_known_by_its_name() {
    let names: Vec<String> = tools().into_keys().collect();
    let text = format!("---\ndescription: x\ntools: {}\n---\nx\n", names.join(", "));
    assert_eq!(entry("all.md", Kind::Command, "all", text.as_bytes()).diagnostics, []);
}

#[test]
fn each_names_only_what_it_leaves_itself() {
    let known = tools();
    for entry in commands().iter().chain([&skill()]) {
        let (name, left) = (&entry.place.name, left(entry));
        for tool in &left {
            assert!(known.contains_key(*tool), "/{name}: there is no tool {tool}");
        }
        let parameters: Vec<&String> = left.iter().flat_map(|tool| &known[*tool].parameters).collect();
        for word in code(&entry.body) {
            let is_name = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if known.contains_key(&word) {
                assert!(left.contains(&word.as_str()), "/{name} names {word}, which it does not leave itself");
            } else if is_name && entry.place.kind == Kind::Command {
                let fits = parameters.contains(&&word) || OTHER_WORDS.contains(&word.as_str());
                assert!(fits, "/{name}: none of its tools has a parameter {word}");
            }
        }
    }
}

#[test]
fn what_only_reads_has_no_tool_that_could_more() {
    let known = tools();
    let reading: Vec<Entry> = commands().into_iter().filter(|entry| entry.body.contains("hange no file")).collect();
    let mut names: Vec<&str> = reading.iter().map(|entry| entry.place.name.as_str()).collect();
    names.retain(|name| *name != "commit"); // it writes to the repository, not to files
    assert_eq!(names, ["plan", "review"]);
    for name in ["explain", "plan", "review"] {
        let entry = read(&format!("commands/{name}.md"), Kind::Command, name);
        let grant = entry.fields.capabilities.clone().unwrap();
        assert_eq!(grant.workspace, Some(Workspace::All(Access::Read)), "/{name}");
        for tool in left(&entry) {
            let capabilities = &known[tool].capabilities;
            assert!(capabilities.reads_only(), "/{name}: {tool} can write");
            // What the restriction leaves of a tool's programs must still be all that the tool starts.
            assert_eq!(capabilities.granted(&grant).process, capabilities.process, "/{name}: {tool} could not run");
        }
    }
}

#[test]
fn a_commit_is_all_that_commit_can_do() {
    let (known, entry) = (tools(), read("commands/commit.md", Kind::Command, "commit"));
    for tool in left(&entry) {
        let capabilities = &known[tool].capabilities;
        assert!(capabilities.reads_only() || tool == "git_commit", "{tool}");
        let grant = entry.fields.capabilities.clone().unwrap();
        assert_eq!(capabilities.granted(&grant).process, capabilities.process, "{tool} could not run");
    }
}
