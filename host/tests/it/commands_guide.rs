//! The author's guide, `commands/README.md`, held to the code: each file in it is written into a project, each command is
//! run by the real binary, and what comes out is what stands there. Its tables of fields and placeholders are tried row
//! by row. The built-in commands beside it are in `commands_builtin.rs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use garth::commands::{Call, Entry, Fields, Kind, Origin, Part, Place, Severity, Syntax, parse, template};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

const GUIDE: &str = include_str!("../../../commands/README.md");

/// A fenced block of the guide.
enum Block {
    /// `md file=PATH`: a file, below the project's root.
    File { path: String, text: String },
    /// `console`: commands behind `$ `, each with what it prints.
    Console(Vec<Step>),
}

struct Step {
    command: String,
    /// Standard output, and a last line `[exit code N]` where N is not 0.
    expected: String,
}

fn blocks(guide: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<(String, String)>);
    for event in Parser::new(guide) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => open = Some((info.to_string(), String::new())),
            Event::Text(text) => {
                if let Some((_, inside)) = &mut open {
                    inside.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((info, text)) = open.take() {
                    blocks.extend(block(&info, text));
                }
            }
            _ => {}
        }
    }
    blocks
}

fn block(info: &str, text: String) -> Option<Block> {
    let path = info.split_whitespace().find_map(|word| word.strip_prefix("file="));
    match (path, info) {
        (Some(path), _) => Some(Block::File { path: path.to_owned(), text }),
        (None, "console") => Some(Block::Console(steps(&text))),
        (None, _) => None,
    }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), expected: String::new() }),
            (None, Some(step)) => step.expected.push_str(&format!("{line}\n")),
            (None, None) => panic!("a console block begins with a command, not with {line:?}"),
        }
    }
    steps
}

/// A project without anything of the tester's.
struct World {
    _folder: tempfile::TempDir,
    project: PathBuf,
    home: PathBuf,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let world = World { _folder: folder, project: root.join("project"), home: root.join("home") };
        std::fs::create_dir_all(world.project.join(".garth")).unwrap(); // marks the root
        std::fs::create_dir(&world.home).unwrap();
        world
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.project.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// What the line prints, and what it says on standard error.
    fn run(&self, line: &str) -> (String, String) {
        let words = shell_words::split(line).unwrap();
        let (program, args) = words.split_first().unwrap();
        assert_eq!(program, "garth", "the guide's examples run garth alone");
        let mut garth = Command::new(env!("CARGO_BIN_EXE_garth"));
        garth.args(args).current_dir(&self.project).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        // The compiled plugins of the other tests lie there too.
        let garth_home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("garth-home");
        std::fs::create_dir_all(&garth_home).unwrap();
        let output = garth.env("HOME", &self.home).env("GARTH_HOME", garth_home).stdin(Stdio::null()).output().unwrap();
        let mut stdout = String::from_utf8(output.stdout).unwrap();
        if !output.status.success() {
            stdout.push_str(&format!("[exit code {}]\n", output.status.code().unwrap_or(-1)));
        }
        (stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn every_example_does_what_the_guide_says() {
    let (world, mut files, mut runs, mut wrong) = (World::new(), 0, 0, String::new());
    for block in blocks(GUIDE) {
        match block {
            Block::File { path, text } => {
                world.write(&path, &text);
                files += 1;
            }
            Block::Console(steps) => {
                for Step { command, expected } in steps {
                    let (printed, errors) = world.run(&command);
                    runs += 1;
                    // Empty lines around a prompt are not worth a line of the guide.
                    if printed.trim_matches('\n') != expected.trim_matches('\n') {
                        wrong.push_str(&format!("$ {command}\n{printed}--- the guide says:\n{expected}"));
                        wrong.push_str(&format!("--- on standard error:\n{errors}\n"));
                    }
                }
            }
        }
    }
    assert!(files >= 10 && runs >= 8, "the guide's blocks were not found: {files} files, {runs} commands");
    assert!(wrong.is_empty(), "{wrong}");
}

/// A cell of a table: the pieces of code in it; where there are none, its text.
type Cell = Vec<String>;

/// The rows of the guide's table whose first column is called so.
fn table(first: &str) -> Vec<Vec<Cell>> {
    let (mut rows, mut row, mut wanted) = (Vec::new(), Vec::<Cell>::new(), false);
    let (mut text, mut code) = (String::new(), Cell::new());
    for event in Parser::new_ext(GUIDE, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::TableCell) => text.clear(),
            Event::Code(piece) => code.push(piece.to_string()),
            Event::Text(piece) => text.push_str(&piece),
            Event::End(TagEnd::TableCell) => {
                let code = std::mem::take(&mut code);
                row.push(if code.is_empty() { vec![text.clone()] } else { code });
            }
            Event::End(TagEnd::TableHead) => wanted = std::mem::take(&mut row)[0][0] == first,
            Event::End(TagEnd::TableRow) => rows.extend(wanted.then_some(std::mem::take(&mut row))),
            Event::Start(Tag::Table(_) | Tag::TableRow | Tag::Paragraph) => (row, code) = (Vec::new(), Cell::new()),
            _ => {}
        }
    }
    assert!(!rows.is_empty(), "the guide has no table that begins with '{first}'");
    rows
}

fn entry(text: &str, syntax: Syntax) -> Entry {
    let (kind, file) = match syntax {
        Syntax::Dollar => (Kind::Skill, ".claude/skills/release/SKILL.md"),
        Syntax::Braces => (Kind::Command, ".gemini/commands/release.toml"),
    };
    let place = Place {
        kind,
        name: "release".into(),
        path: Path::new("/project").join(file),
        shown: file.into(),
        origin: Origin::User,
        syntax,
    };
    parse(place, text.as_bytes()).unwrap()
}

/// All that a file can say. A new field does not compile here before it has its name, and with it its row in the guide.
fn field_names(fields: Fields) -> Vec<&'static str> {
    let Fields {
        name: _,
        when_to_use: _,
        argument_hint: _,
        arguments: _,
        disable_model_invocation: _,
        user_invocable: _,
        allowed_tools: _,
        disallowed_tools: _,
        tools: _,
        capabilities: _,
        model: _,
        effort: _,
        complexity: _,
        fork: _,
        agent: _,
        paths: _,
        shell: _,
        hooks: _,
        metadata: _,
        license: _,
        compatibility: _,
        other: _,
    } = fields;
    let names = "name description when_to_use argument-hint arguments disable-model-invocation user-invocable allowed-tools \
                 disallowed-tools tools capabilities model effort complexity context subtask agent paths shell hooks metadata \
                 license compatibility";
    names.split_whitespace().collect()
}

#[test]
fn every_field_has_a_row_and_each_example_is_understood() {
    let rows = table("field");
    let mut named: Vec<&str> = rows.iter().map(|row| row[0][0].as_str()).collect();
    let mut expected = field_names(Fields::default());
    named.sort_unstable();
    expected.sort_unstable();
    assert_eq!(named, expected);
    for row in &rows {
        let (field, example) = (&row[0][0], &row[3][0]);
        let named = if field == "name" { "" } else { "name: release\n" };
        let described = if field == "description" { "" } else { "description: Releases.\n" };
        let entry = entry(&format!("---\n{named}{described}{field}: {example}\n---\n\nbody\n"), Syntax::Dollar);
        let odd: Vec<_> = entry.diagnostics.iter().filter(|said| said.severity > Severity::Info).collect();
        assert!(odd.is_empty() && entry.fields.other.is_empty(), "{field}: {odd:?}");
        let plain = Fields { name: Some("release".into()), ..Fields::default() };
        let says_something = entry.fields != plain || matches!(field.as_str(), "name" | "description");
        assert!(says_something, "`{field}: {example}` changes nothing");
    }
}

#[test]
fn every_placeholder_becomes_what_the_guide_says() {
    let rows = table("written");
    for row in &rows {
        let [written, arguments, becomes] = [&row[0][0], &row[1][0], &row[2][0]];
        let syntax = if written.contains("{{") { Syntax::Braces } else { Syntax::Dollar };
        let front = if written.contains("$from") { "arguments: [from, to]\n" } else { "" };
        let text = match syntax {
            Syntax::Dollar => format!("---\nname: release\ndescription: x\n{front}---\n{written}\n"),
            Syntax::Braces => format!("prompt = \"{written}\"\n"),
        };
        let entry = entry(&text, syntax);
        let call = Call { arguments, project: "/project", session: "s1" };
        let template = template(&entry, &call);
        let nothing_to_run = template.parts.iter().all(|part| matches!(part, Part::Text { .. }));
        assert!(nothing_to_run, "{written}: runs or reads something");
        let text = template.finish(Vec::<String>::new()).text;
        // The table has room for one line only.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(&text, becomes, "{written} with {arguments}");
    }
    assert!(rows.len() >= 14, "{} placeholders", rows.len());
}

#[test]
fn every_tool_means_what_the_guide_says() {
    for row in table("Claude's tool") {
        let expected: &[String] = if row[1] == ["none"] { &[] } else { &row[1] };
        for name in &row[0] {
            let entry = entry(&format!("---\nname: release\ndescription: x\ntools: {name}\n---\nx\n"), Syntax::Dollar);
            let tools = entry.fields.tools.unwrap();
            assert_eq!(tools.len(), 1, "{name}");
            assert_eq!(tools[0].tools, expected, "{name}");
        }
    }
}
