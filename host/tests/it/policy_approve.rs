//! What a command's file approves beforehand, as tables of what is approved and what is asked about all the same.

use garth::policy::{Action, Decision, Effect, Pattern, Preapproval, Request, Rule, Source, decide, decide_with};
use garth::protocol::ApprovalMode::{self, Ask, Auto, Never};

pub fn source(name: &str) -> Source {
    Source { command: format!("/{name}"), place: format!(".claude/commands/{name}.md") }
}

/// Claude's names as the reader of the files maps them; others mean themselves.
pub fn pattern(written: &str) -> Pattern {
    let (name, argument) = match written.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest).to_string())),
        None => (written, None),
    };
    let tools: &[&str] = match name {
        "Bash" => &["run", "run_tests"],
        "Edit" | "Write" => &["edit_file", "write_file", "apply_patch"],
        "Read" => &["read_file"],
        "WebFetch" => &[],
        other => &[other],
    };
    Pattern { written: written.into(), tools: tools.iter().map(|tool| tool.to_string()).collect(), argument }
}

pub fn patterns(written: &[&str]) -> Vec<Pattern> {
    written.iter().map(|written| pattern(written)).collect()
}

pub fn request(tool: &str, action: Action) -> Request {
    Request { tool: tool.into(), plugin: "plugin".into(), action }
}

pub fn line(text: &str) -> Request {
    request("run", Action::Run { argv: vec!["sh".into(), "-c".into(), text.into()] })
}

pub fn tests(words: &str) -> Request {
    request("run_tests", Action::Run { argv: words.split(' ').map(String::from).collect() })
}

pub fn write(paths: &[&str]) -> Request {
    request("edit_file", Action::Write { paths: paths.iter().map(|path| path.to_string()).collect() })
}

fn approval(written: &[&str]) -> Preapproval {
    Preapproval { source: source("commit"), patterns: patterns(written) }
}

#[track_caller]
fn check_lines(written: &[&str], approved: &[&str], asked: &[&str]) {
    for (lines, expected) in [(approved, true), (asked, false)] {
        for text in lines {
            assert_eq!(approval(written).approves(&line(text)), expected, "{written:?}: {text:?}");
        }
    }
}

#[test]
fn a_line_is_approved_when_every_command_in_it_is() {
    for written in ["Bash(git:*)", "Bash(git *)", "Bash( git :* )"] {
        check_lines(
            &[written],
            &[
                "git",
                "git status",
                "git add -A && git commit -m 'a message (with $marks)'",
                "git log | git shortlog; git status || git diff HEAD~1",
                "git add a\ngit push",
            ],
            &[
                "rm x",
                "gitk",
                "git-x",
                "./git status",
                "/usr/bin/git status",
                "git status && rm x",
                "git status; rm x",
                "git status | sh",
                "git status\nrm x",
                "git log $(rm x)",
                "git log `rm x`",
                "git log \"$(rm x)\"",
                "git log > x",
                "git log <(rm x)",
                "git log & rm x",
                "git log $X",
                "git add *",
                "git log # x",
                "X=y git log",
                "(git log)",
                "env git log",
                "sudo git log",
                "sh -c 'git log'",
                "xargs git log",
                "time git log",
                "exec git log",
                "eval git log",
                "echo git",
                "cd x && git log",
                "alias git=rm; git x",
                "git\u{a0}log",
                "",
            ],
        );
    }
    check_lines(&["Bash(git:*)", "Bash(cd:*)"], &["cd x && git log", "git log"], &["cd x && rm y", "cd $(rm y)"]);
    check_lines(
        &["Bash(git add:*)", "Bash(git commit:*)"],
        &["git add a && git commit -m x"],
        &["git", "git push", "git adds"],
    );
}

#[test]
fn a_pattern_says_which_words_and_whether_more_may_follow() {
    check_lines(
        &["Bash(npm run test)"],
        &["npm run test", " npm  run 'test' "],
        &["npm run test x", "npm run", "npm run test:unit"],
    );
    check_lines(
        &["Bash(npm run test:*)"],
        &["npm run test", "npm run test -- -q"],
        &["npm run tests", "npm run build"],
    );
    check_lines(&["Bash(pytest*)"], &["pytest", "pytest-3 x", "pytest -q"], &["py", "python -m pytest"]);
    check_lines(&["Bash(./scripts/*)"], &["./scripts/a.sh", "./scripts/b/c x"], &["./scripts/../x", "scripts/a.sh"]);
    check_lines(
        &["Bash(git * main)"],
        &["git checkout main"],
        &["git main", "git checkout main x", "git push -f main"],
    );
    check_lines(
        &["Bash(git commit -m \"x y\")"],
        &["git commit -m 'x y'"],
        &["git commit -m x y", "git commit -m 'x  y'"],
    );
    check_lines(&["Bash(find:*)"], &["find . -name x -exec rm y", "find . -delete"], &["find . -exec rm {} +", "rm x"]);
    check_lines(&["Bash(echo -e a)"], &["echo -e a"], &["echo -e b"]);
    // What says no program, or is no plain beginning of a command, approves nothing.
    for written in [
        "Bash()",
        "Bash(:*)",
        "Bash( :*)",
        "Bash(* --version)",
        "Bash($X:*)",
        "Bash(git && rm)",
        "Bash(g*t x)",
        "Bash(git> x)",
        "WebFetch",
        "Read",
    ] {
        check_lines(&[written], &[], &["git --version", "git", "git && rm", "git x", "x", "$X a"]);
    }
    for written in ["Bash", "Bash(*)"] {
        check_lines(&[written], &["rm -rf x", "a $(b) > c & d", "git -c x=y z"], &["a\0b"]);
    }
}

#[test]
fn what_makes_git_run_or_write_something_else_is_asked_about() {
    check_lines(
        &["Bash(git:*)"],
        &["git log --text", "git grep -n x", "git --no-pager log", "git branch -D x"],
        &[
            "git -c alias.x=y x",
            "git -c 'alias.x=!rm z' x",
            "git -C x log",
            "git --git-dir=x log",
            "git --exec-path=. log",
            "git log --output=x",
            "git log --outp x",
            "git diff --ext-diff",
            "git grep -Oless x",
            "git rebase -x rm",
            "git bisect run rm",
            "git submodule foreach rm",
            "git filter-branch x",
            "git config alias.x y",
            "git --no-pager bisect run rm",
            "git -p log",
        ],
    );
    check_lines(&["Bash(git bisect:*)"], &["git bisect run make"], &["git -c a=b bisect run make"]);
    check_lines(&["Bash(git log --output=x)"], &["git log --output=x"], &["git log --output=y"]);
    check_lines(&["Bash(/usr/bin/git:*)"], &["/usr/bin/git log"], &["/usr/bin/git -c a=b log", "git log"]);
}

#[test]
fn other_programs_than_the_shell_are_compared_as_they_are() {
    for (written, words, expected) in [
        ("Bash(cargo test:*)", "cargo test --color=never a|b", true),
        ("Bash(cargo:*)", "cargo test", true),
        ("Bash(cargo test)", "cargo test -q", false),
        ("Bash(./gradlew:*)", "sh ./gradlew test", false),
        ("Bash(git:*)", "cargo test", false),
        ("run(cargo:*)", "cargo test", false), // names the other tool
        ("Bash(sh:*)", "sh ./gradlew test", true),
    ] {
        assert_eq!(approval(&[written]).approves(&tests(words)), expected, "{written} {words}");
    }
    assert!(!approval(&["Bash(git:*)"]).approves(&request("run", Action::Run { argv: vec![] })));
}

#[test]
fn files_are_approved_by_pattern_and_instructions_never() {
    for (written, paths, expected) in [
        (&["Edit(src/**)"][..], &["src/a.rs"][..], true),
        (&["Edit(./src/**)"], &["./src//a.rs"], true),
        (&["Edit(src/**)"], &["src/a.rs", "docs/b.md"], false),
        (&["Edit(src/**)", "Write(docs/*.md)"], &["src/a.rs", "docs/b.md"], true),
        (&["Write(docs/*.md)"], &["docs/x/b.md"], false),
        (&["Write(*.md)"], &["docs/x/b.md"], true),
        (&["Write(/README.md)"], &["docs/README.md"], false),
        (&["Edit"], &["anything", "at/all"], true),
        (&["Edit(*)"], &["anything"], true),
        (&["Edit(**)"], &["anything", "at/all"], true),
        (&["Edit(//src/**)"], &["src/a.rs"], false),
        (&["Edit(~/src/**)"], &["src/a.rs"], false),
        (&["Edit(../src/**)"], &["src/a.rs"], false),
        (&["Edit(!src)"], &["src/a.rs"], false),
        (&["Edit(a[)"], &["a["], false),
        (&["Edit()"], &["a"], false),
        (&["Read(src/**)"], &["src/a.rs"], false),
        (&["Bash"], &["src/a.rs"], false),
        (&["Edit"], &["AGENTS.md"], false),
        (&["Edit"], &["src/a.rs", ".claude/commands/x.md"], false),
        (&["Edit(.claude/**)"], &[".claude/commands/x.md"], false),
        (&["Edit"], &["./claude.md"], false),
        (&["Edit"], &["src/../x"], false),
        (&["Edit"], &["/etc/passwd"], false),
        (&["Edit"], &[".git/config"], false),
        (&["Edit"], &[".garth/config.toml"], false),
        (&["Edit"], &[], false),
    ] {
        assert_eq!(approval(written).approves(&write(paths)), expected, "{written:?} {paths:?}");
    }
    assert!(!approval(&["Edit", "Bash"]).approves(&request("edit_file", Action::Unknown)), "it may be anything");
    assert!(approval(&["Read"]).approves(&request("read_file", Action::Read)));
    assert!(!approval(&["Read"]).approves(&request("glob", Action::Read)));
}

fn decided(written: &[&str], rules: &[&str], mode: ApprovalMode, request: &Request) -> Decision {
    let rules: Vec<Rule> = rules.iter().map(|json| serde_json::from_str(json).unwrap()).collect();
    decide_with(request, &rules, &[approval(&["WebFetch"]), approval(written)], mode)
}

#[test]
fn an_approval_beforehand_is_the_weakest_of_all() {
    let git = &["Bash(git:*)", "Edit(src/**)"][..];
    for mode in [Ask, Auto, Never] {
        for request in [line("git log"), write(&["src/x"])] {
            let decision = decided(git, &[], mode, &request);
            assert_eq!(decision.effect, Effect::Allow);
            assert_eq!(decision.reason, "allowed beforehand by /commit (.claude/commands/commit.md)");
            for effect in ["ask", "deny"] {
                let rule = format!(r#"{{"effect": "{effect}", "tool": "{}"}}"#, request.tool);
                assert_ne!(decided(git, &[&rule], mode, &request).effect, Effect::Allow, "{rule} {mode:?}");
            }
        }
        for path in ["AGENTS.md", ".git/config", "../x"] {
            assert_ne!(decided(&["Edit"], &[], mode, &write(&[path])).effect, Effect::Allow, "{path}");
        }
        let push = r#"{"effect": "deny", "argv": ["git", "push"]}"#;
        assert_eq!(decided(git, &[push], mode, &line("git add x && git push")).effect, Effect::Deny);
    }
    // What it does not cover is decided as ever, in the same words.
    for request in [line("git log > x"), write(&["docs/x"]), request("x", Action::Unknown), request("x", Action::Read)]
    {
        for mode in [Ask, Auto, Never] {
            assert_eq!(decided(git, &[], mode, &request), decide(&request, &[], mode));
        }
    }
    assert_eq!(
        decided(&["read_file"], &[], Ask, &request("read_file", Action::Read)).reason,
        "reading needs no approval"
    );
}
