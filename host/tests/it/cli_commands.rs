//! `garth commands` as a process: what it prints about a project's files and the user's, what it writes and what it
//! refuses, and its exit codes. Names and texts of files are hostile.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::agent::Project;

/// A project with files of every kind, some of them odd.
fn project() -> Project {
    let project = Project::new(&[
        (
            ".claude/commands/review.md",
            "---\ndescription: Reviews the diff.\nargument-hint: \"[path]\"\nallowed-tools: Read, Bash(git diff:*)\n\
             tools: [read_file, grep]\n---\nReview $1.\n\n!`git diff --stat`\n",
        ),
        (".claude/commands/git/amend.md", "Amend the last commit: $ARGUMENTS\n"),
        (".garth/commands/model.md", "Cannot be reached.\n"),
        (
            ".claude/skills/pdf/SKILL.md",
            "---\nname: pdf\ndescription: Reads tables from PDF files.\nuser-invocable: false\n---\nOpen it.\n",
        ),
        (
            ".claude/agents/critic.md",
            "---\nname: critic\ndescription: Finds faults.\ntools: Read, Grep\n---\nBe strict.\n",
        ),
        (".gemini/commands/broken.toml", "description = \"No prompt\"\nprompt = \"\"\"\nnever ends\n"),
    ]);
    let user = project.outside().join("home/config/commands");
    std::fs::create_dir_all(&user).unwrap();
    std::fs::write(user.join("review.md"), "Mine.\n").unwrap();
    project
}

/// `garth commands …` with folders of the user's own, without the built-in commands.
fn commands(project: &Project, args: &[&str]) -> Output {
    let mut garth = project.garth(&[&["commands"], args].concat());
    garth.env("GARTH_HOME", project.outside().join("home")).env("GARTH_COMMANDS__ORDER", "project,user");
    garth.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it prints when all is well.
fn printed(project: &Project, args: &[&str]) -> String {
    let output = commands(project, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    steady(project, &text(&output.stdout))
}

/// Without the folders of this run.
fn steady(project: &Project, text: &str) -> String {
    text.replace(project.outside().to_str().unwrap(), "OUTSIDE").replace(project.root().to_str().unwrap(), "PROJECT")
}

#[test]
fn the_list_says_what_there_is_who_lost_and_what_is_wrong() {
    let project = project();
    insta::assert_snapshot!("commands_list", printed(&project, &["list"]));
    assert_eq!(printed(&project, &[]), printed(&project, &["list"]));
    let json: Value = serde_json::from_str(&printed(&project, &["list", "--json"])).unwrap();
    let names: Vec<_> = json["commands"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["git:amend", "pdf", "review", "critic"]);
    let clashes = json["clashes"].as_array().unwrap();
    assert_eq!(clashes.len(), 2, "{clashes:?}");
    assert_eq!((&clashes[0]["name"], &clashes[0]["reserved"]), (&"model".into(), &true.into()));
    assert_eq!((&clashes[1]["name"], &clashes[1]["winner"]), (&"review".into(), &".claude/commands/review.md".into()));
    assert_eq!(json["problems"][0]["file"], ".gemini/commands/broken.toml");
}

#[test]
fn show_tells_all_that_was_understood() {
    let project = project();
    insta::assert_snapshot!("commands_show", printed(&project, &["show", "/review"]));
    insta::assert_snapshot!("commands_show_skill", printed(&project, &["show", "pdf"]));
    let json: Value = serde_json::from_str(&printed(&project, &["show", "review", "--json"])).unwrap();
    assert_eq!(json["approves"], serde_json::json!(["Read", "Bash(git diff:*)"]));
    assert_eq!((&json["trusted"], &json["origin"]), (&false.into(), &"project".into()));

    let mut trust = project.garth(&["trust"]);
    trust.env("GARTH_HOME", project.outside().join("home")).env("GARTH_COMMANDS__ORDER", "project,user");
    let trusted = trust.output().unwrap();
    let shown = text(&trusted.stdout);
    assert!(shown.contains(".claude/commands/review.md") && shown.contains("Bash(git diff:*)"), "{shown}");
    let show = || serde_json::from_str::<Value>(&printed(&project, &["show", "review", "--json"])).unwrap();
    assert_eq!(show()["trusted"], true);
    project.write(".claude/commands/review.md", "---\nallowed-tools: Bash\n---\nOther bytes.\n");
    assert_eq!(show()["trusted"], false, "another content is not trusted");

    let output = commands(&project, &["show", "reveiw"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("there is no command /reveiw; did you mean /review?"), "{said}");
    assert!(!said.contains("makes it a task"), "nothing here is one: {said}");
}

#[test]
fn new_writes_a_file_that_works_and_never_overwrites() {
    let project = project();
    let out = printed(&project, &["new", "db:migrate"]);
    assert!(out.contains("Wrote PROJECT/.garth/commands/db/migrate.md"), "{out}");
    assert!(out.contains("/db:migrate"), "{out}");
    let json: Value = serde_json::from_str(&printed(&project, &["show", "db:migrate", "--json"])).unwrap();
    assert_eq!((&json["kind"], &json["diagnostics"]), (&"command".into(), &serde_json::json!([])));
    printed(&project, &["new", "tables", "--skill", "--user"]);
    let json: Value = serde_json::from_str(&printed(&project, &["show", "tables", "--json"])).unwrap();
    assert_eq!((&json["kind"], &json["origin"]), (&"skill".into(), &"user".into()));
    let out = printed(&project, &["new", "review", "--user", "--skill"]);
    assert!(out.contains("/review still calls .claude/commands/review.md, which comes first"), "{out}");

    let refused = |args: &[&str], code: i32, reason: &str| {
        let output = commands(&project, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(reason), "{said}");
    };
    project.write(".garth/commands/db/migrate.md", "mine");
    refused(&["new", "db:migrate"], 1, "is there already, and stays as it is");
    assert_eq!(project.read(".garth/commands/db/migrate.md"), "mine");
    refused(&["new", "../../x"], 2, "letters, digits, - and _");
    refused(&["new", "model"], 2, "the conversation's own");
    refused(&["expand", "model"], 2, "the conversation's own: start garth, and type it there");
    std::os::unix::fs::symlink(project.outside(), project.root().join(".garth/commands/out")).unwrap();
    refused(&["new", "out:x"], 1, "leads out of");
    assert!(!project.outside().join("x.md").exists());
}

#[test]
fn check_reads_any_folder_and_fails_only_for_what_cannot_be_used() {
    let project = project();
    let folder = project.outside().join("some-repository");
    copy(project.root(), &folder);
    let files: &[(&str, &[u8])] = &[
        ("README.md", b"No command."),
        ("docs/hint.md", b"---\nargument-hint: [a] | [b]\nallowed-tools: Bash(git:*), Nonsense\n---\nDo it.\n"),
        ("plain.md", b"First paragraph,\nin two lines.\n\nMore.\n"),
        ("crlf.md", b"\xef\xbb\xbf---\r\ndescription: With a mark\r\n---\r\nBody\r\n"),
        ("binary.md", b"\x00\xff\xfe\x00"),
        ("empty.md", b""),
    ];
    for (name, bytes) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let folder = folder.to_str().unwrap();
    let output = commands(&project, &["check", folder]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    insta::assert_snapshot!("commands_check", steady(&project, &text(&output.stdout)));
    let output = commands(&project, &["check", folder, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("commands_check_json", text(&output.stdout));
    for line in text(&output.stdout).lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "kind", "name", "description", "argument_hint", "tools", "diagnostics"]);
    }
    assert!(text(&output.stderr).contains("cannot be used"), "{}", text(&output.stderr));
    let good = printed(&project, &["check", ".claude"]);
    assert!(good.ends_with("0 cannot be used\n"), "{good}");
    assert_eq!(commands(&project, &["check", "nowhere"]).status.code(), Some(1));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[test]
fn hostile_names_and_texts_do_not_reach_the_terminal() {
    let hostile = "x\u{1b}[2J\u{202e}y\u{200b}\nz";
    let project = Project::new(&[]);
    let text_of = |description: &str| {
        format!("---\ndescription: \"{description}\"\nargument-hint: \"\\e[1m{hostile}\"\n---\n\u{9b}31m\n")
    };
    project.write(&format!(".claude/commands/{hostile}.md"), &text_of("a\\u001b]0;t\\u0007b"));
    project.write(".claude/commands/plain.md", &text_of("c\\u202ed"));
    project.write(&format!(".gemini/commands/{hostile}.toml"), "= nothing");
    project.write(&format!(".claude/skills/{hostile}/SKILL.md"), &text_of("e"));
    let name = format!("/{hostile}");
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["show", "plain"],
        &["show", &name],
        &["check", "."],
        &["show", "\u{1b}[2J"],
    ] {
        let output = commands(&project, args);
        let shown = text(&output.stdout) + &text(&output.stderr);
        let steers = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
        assert!(!shown.contains(steers), "{args:?}: {shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with('z')), "{args:?}: a name broke the line: {shown}");
    }
}

#[test]
fn expand_prints_the_exact_prompt_by_the_loops_own_rules() {
    let project = Project::new(&[
        (".claude/commands/greet.md", "Say $1 to $2.\n"),
        (".claude/commands/look.md", "It is:\n\n!`echo here; echo $((6*7))`\n\nRead @note.txt.\n"),
        (".claude/commands/fork.md", "---\ncontext: fork\n---\nAlone.\n"),
        ("note.txt", "the note\n"),
    ]);
    let expand = |args: &[&str]| {
        let output = project.garth(&[&["commands", "expand"], args].concat()).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(expand(&["greet", "good day", "it's me"]).1, "Say good day to it's me.\n");
    assert_eq!(expand(&["/greet", "hello 'you all'"]).1, "Say hello to you all.\n");
    let (code, out, err) = expand(&["look"]);
    assert_eq!((code, out.as_str()), (4, ""), "nobody can be asked: {err}");
    assert!(err.contains("● run") && err.contains("no terminal"), "{err}");
    let (code, out, err) = expand(&["look", "--approval", "auto"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("It is:\n\nhere\n42\n") && out.contains("the note"), "{out}");
    assert!(err.contains("/look: .claude/commands/look.md") && err.contains("● run"), "{err}");
    let (code, out, _) = expand(&["greet", "a", "b", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, json["prompt"].as_str().unwrap().trim_end()), (0, "Say a to b."));
    let prompt = json["prompt"].as_str().unwrap();
    let spans: Vec<_> = json["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| {
            let at = |key: &str| usize::try_from(span[key].as_u64().unwrap()).unwrap();
            (span["source"].as_str().unwrap(), &prompt[at("start")..at("end")])
        })
        .collect();
    assert_eq!(spans[..4], [("body", "Say "), ("argument", "a"), ("body", " to "), ("argument", "b")]);
    assert_eq!(expand(&["fork"]).1.trim_end(), "Alone.");
    let (code, out, err) = expand(&["greeet"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("did you mean /greet?"), "{err}");
    let sessions = text(&project.garth(&["sessions"]).output().unwrap().stdout);
    assert!(sessions.starts_with("No sessions"), "an expansion leaves none: {sessions}");
}

#[test]
fn a_task_that_looks_like_a_command_is_one_or_an_error() {
    let project = Project::new(&[(".claude/commands/greet.md", "Say hello.\n"), ("script.json", SCRIPT)]);
    let run = |task: &str| {
        let output = project.garth(&["run", "--provider", "scripted", "--url", "script.json", task]).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = run("/greet");
    assert_eq!((code, out.as_str()), (0, "Understood.\n"), "{err}");
    let (code, _, err) = run("/gret now");
    assert_eq!(code, 2);
    assert!(err.contains("there is no command /gret; did you mean /greet?"), "{err}");
    assert_eq!(run("/zzzzzz").0, 2);
    for task in ["/etc/hosts is wrong", " /gret is what I mean", "// why", "/tmp, and all below it"] {
        let (code, out, err) = run(task);
        assert_eq!((code, out.as_str()), (0, "Understood.\n"), "{task}: {err}");
    }
}

const SCRIPT: &str = r#"{"turns": [{"text": "Understood."}]}"#;
