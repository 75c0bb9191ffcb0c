//! The built-in commands and skills, the top-level `commands/`: each says what it is, narrows its tools, names only tools
//! and parameters that exist and that it leaves itself, and is short enough for a small model. What the skill about
//! plugins says is held to this repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use garth::commands::{Entry, Kind, Origin, Place, Syntax, parse};
use garth::plugins::builtin::BUILTIN;
use garth::plugins::manifest::Manifest;
use garth::plugins::pack::read_sections;
use garth::policy::{Access, Capabilities, Workspace};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

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
    let place = Place {
        kind,
        name: name.into(),
        path: path.into(),
        shown: path.into(),
        origin: Origin::Builtin,
        syntax: Syntax::Dollar,
    };
    parse(place, &std::fs::read(root().join(path)).unwrap()).unwrap()
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

/// What stands between backticks, and the blocks of code with their languages.
fn code(body: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut spans, mut blocks, mut open) = (Vec::new(), Vec::new(), false);
    for event in Parser::new(body) {
        match event {
            Event::Code(code) => spans.push(code.to_string()),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                blocks.push((info.to_string(), String::new()));
                open = true;
            }
            Event::Text(text) if open => blocks.last_mut().unwrap().1.push_str(&text),
            Event::End(TagEnd::CodeBlock) => open = false,
            _ => {}
        }
    }
    (spans, blocks)
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
fn each_names_only_what_it_leaves_itself() {
    let known = tools();
    for entry in commands().iter().chain([&skill()]) {
        let (name, left) = (&entry.place.name, left(entry));
        for tool in &left {
            assert!(known.contains_key(*tool), "/{name}: there is no tool {tool}");
        }
        let parameters: Vec<&String> = left.iter().flat_map(|tool| &known[*tool].parameters).collect();
        for word in code(&entry.body).0 {
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

#[test]
fn the_skill_about_plugins_is_true() {
    let entry = skill();
    let (spans, blocks) = code(&entry.body);
    let in_repository = |word: &&String| {
        ["plugins/", "host/", "wit/"].iter().any(|folder| word.starts_with(folder)) && !word.contains("plugins/count")
    };
    let paths: Vec<&String> = spans.iter().filter(in_repository).collect();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "there is no {path}");
    }

    let block = |language: &str, with: &str| {
        let found = blocks.iter().find(|(info, text)| info == language && text.contains(with));
        found.unwrap_or_else(|| panic!("no {language} with {with}")).1.clone()
    };
    let manifest = Manifest::from_toml(&block("toml", "wit =")).unwrap();
    assert_eq!(manifest.tools.keys().collect::<Vec<_>>(), ["count_lines"]);
    assert!(block("rust", "impl Tool").contains("const NAME: &'static str = \"count_lines\";"));

    // The crate's manifest is that of a plugin that is there, but for names and what it needs besides.
    let crate_manifest: toml::Table = block("toml", "[package]").parse().unwrap();
    let plan: toml::Table = std::fs::read_to_string(root().join("plugins/plan/Cargo.toml")).unwrap().parse().unwrap();
    for (section, keys) in crate_manifest.iter().map(|(section, keys)| (section, keys.as_table().unwrap())) {
        for (key, value) in keys.iter().filter(|(key, _)| *key != "name") {
            assert_eq!(plan[section].get(key), Some(value), "[{section}] {key}");
        }
    }

    // Where a new plugin has to be named.
    for (file, word) in
        [("Cargo.toml", "members"), ("host/Cargo.toml", "[build-dependencies]"), ("host/build.rs", "PLUGINS")]
    {
        assert!(std::fs::read_to_string(root().join(file)).unwrap().contains(word), "{file}: {word}");
        assert!(entry.body.contains(file) && entry.body.contains(word), "{file}: {word}");
    }
}
