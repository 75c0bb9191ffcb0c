//! What the tests of the author's path share: a project with its own home, in which lines of a shell are run as somebody would
//! type them, and the blocks of the author's guide.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A project, and a home without anything of the tester's.
pub struct World {
    _folder: tempfile::TempDir,
    pub project: PathBuf,
    home: PathBuf,
    /// Where the next line is run.
    pub folder: PathBuf,
}

/// How a line ended.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl World {
    pub fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (project, home) = (root.join("project"), root.join("home"));
        std::fs::create_dir_all(project.join(".garth")).unwrap(); // marks the root
        std::fs::create_dir(&home).unwrap();
        World { _folder: folder, folder: project.clone(), project, home }
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.project.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// A crate's versions as they are in this repository, so that nothing has to be fetched.
    pub fn lock_versions(&self, folder: &str) {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("Cargo.lock");
        std::fs::copy(lock, self.project.join(folder).join("Cargo.lock")).unwrap();
    }

    /// Runs one line: `cd FOLDER`, or a program with its arguments.
    pub fn run(&mut self, line: &str) -> Ran {
        let words = shell_words::split(line).unwrap();
        let (program, args) = words.split_first().unwrap();
        if program == "cd" {
            self.folder = self.folder.join(&args[0]).canonicalize().unwrap();
            return Ran { stdout: String::new(), stderr: String::new(), code: 0 };
        }
        let output = self.command(program).args(args).output().unwrap();
        Ran {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The same, where all has to go well. What was printed.
    #[track_caller]
    pub fn done(&mut self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    pub fn command(&self, program: &str) -> Command {
        let program = if program == "garth" { env!("CARGO_BIN_EXE_garth") } else { program };
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).env("GARTH_HOME", &self.home);
        // Compilers find their own things in the tester's home; cargo builds in one place for all tests, with what is there.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
        command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS", "VIRTUAL_ENV"]
        {
            command.env_remove(name);
        }
        command
    }
}

/// Whether `text` is what `pattern` says. `…` stands for anything in a line; a line of it alone, for any lines.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let pattern = pattern.trim_matches('\n');
    let pieces: Vec<&str> = pattern.split('…').collect();
    let text = text.trim_matches('\n');
    let (Some((first, rest)), true) = (pieces.split_first(), pieces.len() > 1) else { return text == pattern };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    for (index, piece) in rest.iter().enumerate() {
        let at = if index + 1 == rest.len() {
            left.ends_with(piece).then(|| left.len() - piece.len())
        } else {
            left.find(piece)
        };
        let Some(at) = at else { return false };
        left = &left[at + piece.len()..];
    }
    true
}

/// A fenced block of the guide that does something.
pub enum Block {
    /// `… file=PATH`: a file, below the project's root.
    File { path: String, text: String },
    /// `console`: commands behind `$ `, each with what it prints.
    Console(Vec<(String, String)>),
}

/// The blocks of one language: those that name it, or, for `rust`, those that name none.
pub fn blocks(guide: &str, language: &str) -> Vec<Block> {
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
                    blocks.push(block(&info, text, language));
                }
            }
            _ => {}
        }
    }
    blocks.into_iter().flatten().collect()
}

fn block(info: &str, text: String, language: &str) -> Option<Block> {
    let words: Vec<&str> = info.split_whitespace().collect();
    let (kind, words) = words.split_first()?;
    let of = words.iter().find(|word| !word.contains('=')).unwrap_or(&"rust");
    match words.iter().find_map(|word| word.strip_prefix("file=")) {
        _ if *of != language => None,
        Some(path) => Some(Block::File { path: path.to_owned(), text }),
        None if *kind == "console" => Some(Block::Console(steps(&text))),
        None => panic!("the block '{info}' is neither a file nor run; indent it, if it is only to be read"),
    }
}

fn steps(text: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), String::new())),
            (None, Some((_, expected))) => expected.push_str(&format!("{line}\n")),
            (None, None) => panic!("a console block begins with a command, not with {line:?}"),
        }
    }
    steps
}

/// Does what the guide says, in order; `after` each line, with the line. How many commands were run.
pub fn follow(guide: &str, language: &str, world: &mut World, mut after: impl FnMut(&World, &str)) -> usize {
    let (mut runs, mut wrong) = (0, String::new());
    for block in blocks(guide, language) {
        match block {
            Block::File { path, text } => world.write(&path, &text),
            Block::Console(steps) => {
                for (line, expected) in steps {
                    let ran = world.run(&line);
                    runs += 1;
                    if ran.code != 0 || !is_like(&ran.stdout, &expected) {
                        wrong.push_str(&format!("$ {line}\n{}[exit code {}]\n", ran.stdout, ran.code));
                        wrong.push_str(&format!(
                            "--- the guide says:\n{expected}--- on standard error:\n{}\n",
                            ran.stderr
                        ));
                    }
                    after(world, &line);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    runs
}
