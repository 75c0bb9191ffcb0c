//! Where commands are found, what they are called, and who wins.

use std::os::unix::fs::symlink;

use garth::commands::{Carried, Family, Kind, Live, Origin, Roots, Setup, Source};

use super::world::{World, clashes, names, problems, write};

#[track_caller]
fn check(world: &World, expected: &[&str]) {
    let catalogue = world.live().current();
    assert_eq!(names(&catalogue), expected);
    assert_eq!(problems(&catalogue), [] as [String; 0]);
}

#[test]
fn every_habit_of_a_project_is_read() {
    let world = World::new().files(&[
        ".garth/commands/a.md",
        ".garth/skills/b/SKILL.md",
        ".claude/commands/c.md",
        ".claude/commands/git/commit.md",
        ".claude/commands/deep/er/x.md",
        ".claude/skills/d/SKILL.md",
        ".claude/skills/d/reference.md",
        ".claude/skills/group/e/SKILL.md",
        ".claude/agents/f.md",
        ".agents/skills/g/SKILL.md",
        ".opencode/commands/h.md",
        ".opencode/command/i.md",
        ".codex/prompts/j.md",
        ".gemini/commands/k.toml",
        ".gemini/commands/l.md",
        ".claude/commands/README.md",
        ".claude/commands/.hidden.md",
        ".claude/commands/notes.txt",
    ]);
    world.write(".gemini/commands/k.toml", "prompt = \"k\"\n");
    check(
        &world,
        &[
            "a command .garth/commands/a.md",
            "b skill .garth/skills/b/SKILL.md",
            "c command .claude/commands/c.md",
            "d skill .claude/skills/d/SKILL.md",
            "deep:er:x command .claude/commands/deep/er/x.md",
            "e skill .claude/skills/group/e/SKILL.md",
            "g skill .agents/skills/g/SKILL.md",
            "git:commit command .claude/commands/git/commit.md",
            "h command .opencode/commands/h.md",
            "i command .opencode/command/i.md",
            "j command .codex/prompts/j.md",
            "k command .gemini/commands/k.toml",
            "f agent .claude/agents/f.md",
        ],
    );
}

#[test]
fn the_users_own_come_after_the_projects() {
    let world = World::new().files(&[".claude/commands/x.md"]);
    for path in [
        "config/commands/x.md",
        "config/skills/s/SKILL.md",
        "home/.claude/commands/x.md",
        "home/.claude/commands/y.md",
        "home/.codex/prompts/z.md",
        "home/.config/opencode/commands/o.md",
        "home/.agents/skills/t/SKILL.md",
    ] {
        write(&world.at(path), "text");
    }
    let config = world.at("config").display().to_string();
    let expected = [
        "o command ~/.config/opencode/commands/o.md".to_string(),
        format!("s skill {config}/skills/s/SKILL.md"),
        "t skill ~/.agents/skills/t/SKILL.md".into(),
        "x command .claude/commands/x.md".into(),
        "y command ~/.claude/commands/y.md".into(),
        "z command ~/.codex/prompts/z.md".into(),
    ];
    let catalogue = world.live().current();
    assert_eq!(names(&catalogue), expected);
    assert_eq!(
        clashes(&catalogue),
        [format!("x: .claude/commands/x.md > {config}/commands/x.md, ~/.claude/commands/x.md")]
    );
    let origin = |name: &str| catalogue.find(name).unwrap().place.origin.clone();
    assert_eq!((origin("x"), origin("y"), origin("s")), (Origin::Project, Origin::User, Origin::User));
}

#[test]
fn nearer_folders_win_and_the_repository_ends_the_way_up() {
    let mut world =
        World::new().files(&["a/b/.claude/commands/x.md", "a/.claude/commands/x.md", ".claude/commands/x.md"]);
    write(&world.at("work/.claude/commands/outside.md"), "text");
    world.setup.cwd = world.path("a/b");
    let catalogue = world.live().current();
    assert_eq!(names(&catalogue), ["x command a/b/.claude/commands/x.md"]);
    assert_eq!(clashes(&catalogue), ["x: a/b/.claude/commands/x.md > a/.claude/commands/x.md, .claude/commands/x.md"]);
    world.setup.cwd = world.path("");
    check(&world, &["x command .claude/commands/x.md"]);
}

#[test]
fn a_command_and_a_skill_of_one_name_clash_and_an_agent_does_not() {
    let world = World::new().files(&[".claude/skills/x/SKILL.md", ".claude/commands/x.md", ".claude/agents/x.md"]);
    let catalogue = world.live().current();
    assert_eq!(clashes(&catalogue), ["x: .claude/commands/x.md > .claude/skills/x/SKILL.md"]);
    assert_eq!(catalogue.find("x").unwrap().place.kind, Kind::Command);
    assert_eq!(catalogue.agent("x").unwrap().place.kind, Kind::Agent);
    let summaries = catalogue.summaries();
    let brief: Vec<_> = summaries.iter().map(|one| (&*one.name, &*one.kind, one.typed, one.shadows.len())).collect();
    assert_eq!(brief, [("x", "command", true, 1), ("x", "agent", false, 0)]);
}

#[test]
fn what_a_front_end_keeps_is_not_taken() {
    let world =
        World::new().files(&[".claude/commands/help.md", ".claude/commands/a/help.md", ".garth/commands/help.md"]);
    let catalogue = world.live().current();
    assert_eq!(names(&catalogue), ["a:help command .claude/commands/a/help.md"]);
    assert_eq!(clashes(&catalogue), ["help: (reserved) > .garth/commands/help.md, .claude/commands/help.md"]);
    assert!(catalogue.find("help").is_none());
    let said = problems(&catalogue);
    assert_eq!(
        said,
        [".garth", ".claude"].map(|folder| {
            format!("{folder}/commands/help.md:0: /help is the conversation's own; give it another name")
        })
    );
}

#[test]
fn the_order_is_the_users() {
    let files = [".claude/commands/x.md", ".garth/commands/x.md", ".codex/prompts/y.md"];
    let world = World::new().files(&files).families(&[Family::Claude, Family::Garth]);
    write(&world.at("config/commands/x.md"), "text");
    check(&world, &["x command .claude/commands/x.md"]);
    let setup = Setup { order: vec![Source::User, Source::Project], ..world.setup.clone() };
    let catalogue = Live::open(Roots::find(&setup), &[]).current();
    assert_eq!(catalogue.find("x").unwrap().place.origin, Origin::User);
    let setup = Setup { order: vec![Source::Builtin], ..world.setup.clone() };
    let catalogue = Live::open(Roots::find(&setup), &[]).current();
    assert!(catalogue.entries().iter().all(|entry| entry.place.origin == Origin::Builtin));
    assert_eq!(problems(&catalogue), [] as [String; 0]);
}

#[test]
fn directories_of_the_configuration_hold_folders_or_are_one() {
    let mut world = World::new();
    for path in ["team/commands/a.md", "team/skills/b/SKILL.md", "other/commands/c.md", "other/loose.md"] {
        write(&world.at(path), "text");
    }
    world.setup.directories = vec![world.at("team"), world.at("other/commands"), world.at("missing")];
    let names: Vec<String> = world.live().current().entries().iter().map(|entry| entry.place.name.clone()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn claude_plugins_have_their_name_before_their_commands() {
    let mut world = World::new().files(&[
        "plugins/one/commands/a.md",
        "plugins/one/skills/b/SKILL.md",
        "plugins/one/agents/c.md",
        "plugins/one/more/d.md",
        "plugins/plain/commands/not.md",
        ".claude/plugins/two/commands/e.md",
        ".claude/plugins/bare/skills/f/SKILL.md",
    ]);
    world.write(
        "plugins/one/.claude-plugin/plugin.json",
        r#"{"name": "first", "commands": ["./more", "../../.claude"]}"#,
    );
    world.write(".claude/plugins/two/.claude-plugin/plugin.json", "{");
    world.write(".claude/plugins/bare/plugin.json", r#"{"name": "bare"}"#);
    write(&world.at("plugins/far/deep/p/.claude-plugin/plugin.json"), r#"{"name": "far"}"#);
    write(&world.at("plugins/far/deep/p/commands/g.md"), "text");
    world.setup.plugins = vec![world.at("plugins")];
    let catalogue = world.live().current();
    let names: Vec<String> = catalogue.entries().iter().map(|entry| entry.place.name.clone()).collect();
    assert_eq!(names, ["bare:f", "first:a", "first:b", "first:d", "two:e", "first:c"]);
    let wrong = problems(&catalogue);
    assert!(
        wrong.len() == 1 && wrong[0].starts_with(".claude/plugins/two/.claude-plugin/plugin.json:1: "),
        "{wrong:?}"
    );

    world.setup.plugins = vec![world.at("plugins/far")];
    let catalogue = world.live().current();
    assert_eq!(catalogue.find("far:g").unwrap().place.origin, Origin::Plugin("far".into()));
}

#[test]
fn claude_plugins_of_the_user_are_those_that_are_installed() {
    let world = World::new();
    for plugin in ["cache/shop/yes/1.0", "marketplaces/shop/no"] {
        let at = world.at(&format!("home/.claude/plugins/{plugin}"));
        write(&at.join("commands/x.md"), "text");
        let name = plugin.split('/').nth(2).unwrap();
        write(&at.join(".claude-plugin/plugin.json"), format!(r#"{{"name": "{name}"}}"#));
    }
    let live = world.live();
    let names = |live: &Live| -> Vec<String> {
        live.current().entries().iter().map(|entry| entry.place.name.clone()).collect()
    };
    assert_eq!(names(&live), ["no:x", "yes:x"]);
    let path = world.at("home/.claude/plugins/cache/shop/yes/1.0");
    let list = format!(r#"{{"version": 2, "plugins": {{"yes@shop": [{{"installPath": {path:?}}}]}}}}"#);
    let file = world.at("home/.claude/plugins/installed_plugins.json");
    write(&file, list);
    let changes = live.reload(&[file]).unwrap();
    assert_eq!((names(&live), changes.removed), (vec!["yes:x".to_string()], vec!["no:x".to_string()]));
}

#[test]
fn plugins_may_carry_files() {
    let mut world = World::new();
    let files =
        ["commands/a.md", "commands/b/c.md", "skills/d/SKILL.md", "skills/d/more.md", "README.md", "agents/e.md"];
    let files = files.map(|path| (path.to_string(), format!("text of {path}").into_bytes())).into();
    world.setup.carried = vec![Carried { plugin: "git".into(), files }];
    let catalogue = world.live().current();
    let expected = ["git:a", "git:b:c", "git:d", "git:e"];
    let names: Vec<String> = catalogue.entries().iter().map(|entry| entry.place.name.clone()).collect();
    assert_eq!(names, expected);
    let entry = catalogue.find("git:a").unwrap();
    assert_eq!(
        (&*entry.place.shown, &entry.place.origin),
        ("commands/a.md in the plugin git", &Origin::Plugin("git".into()))
    );
}

#[test]
fn nested_folders_count_once_a_tool_was_there() {
    let world = World::new().files(&[
        "sub/deep/.claude/skills/x/SKILL.md",
        "sub/deep/src/file.rs",
        "node_modules/bad/.claude/skills/evil/SKILL.md",
        "node_modules/bad/index.js",
    ]);
    write(&world.at("work/.claude/commands/outside.md"), "text");
    let live = world.live();
    check(&world, &[]);
    for path in ["node_modules/bad/index.js", "sub/other/file.rs", "../file.rs", "missing.rs"] {
        assert_eq!(live.touch(&world.path(path)), None, "{path}");
    }
    assert_eq!(live.touch(&world.path("sub/deep/src/file.rs")).unwrap().added, ["x"]);
    assert_eq!(live.touch(&world.path("sub/deep/src/file.rs")), None);
    assert_eq!(live.current().find("x").unwrap().place.origin, Origin::Project);
}

#[test]
fn symbolic_links_are_followed_once_and_not_out_of_a_project() {
    let world = World::new().files(&[
        "common/skills/s/SKILL.md",
        "common/commands/a.md",
        "real/x.md",
        ".claude/commands/own.md",
    ]);
    write(&world.at("elsewhere/secret.md"), "text");
    write(&world.at("elsewhere/folder/x.md"), "text");
    let link = |target: &str, path: &str| {
        std::fs::create_dir_all(world.path(path).parent().unwrap()).unwrap();
        symlink(target, world.path(path)).unwrap();
    };
    link("../common/skills", ".claude/skills");
    link("../../real", ".claude/commands/linked");
    link("../../real/x.md", ".claude/commands/file.md");
    link("../../../../elsewhere/secret.md", ".claude/commands/out.md");
    link("../../../../elsewhere/folder", ".claude/commands/outside");
    link("nowhere.md", ".claude/commands/dangling.md");
    world.write(".env", "KEY=1");
    link("../../.env", ".claude/commands/env.md");
    link("..", ".claude/commands/up");
    link(".", ".claude/commands/same");
    link("../common", "real/second");
    let catalogue = world.live().current();
    let names: Vec<String> = catalogue.entries().iter().map(|entry| entry.place.name.clone()).collect();
    assert_eq!(names, ["file", "linked:x", "own", "s"]);
    let mut wrong: Vec<String> = problems(&catalogue).iter().map(|one| one.split(':').next().unwrap().into()).collect();
    wrong.sort();
    let expected = ["dangling.md", "env.md", "linked/second", "out.md", "same", "up"]
        .map(|name| format!(".claude/commands/{name}"));
    assert_eq!(wrong, expected);

    // The same file by two ways is no clash.
    let world = World::new().files(&["common/x/SKILL.md"]);
    for folder in [".claude", ".agents"] {
        std::fs::create_dir_all(world.path(folder)).unwrap();
        symlink(world.path("common"), world.path(folder).join("skills")).unwrap();
    }
    let catalogue = world.live().current();
    assert_eq!((catalogue.entries().len(), catalogue.clashes().len()), (1, 0));

    // The user's own links lead anywhere.
    let world = World::new();
    write(&world.at("dotfiles/x.md"), "text");
    std::fs::create_dir_all(world.at("home/.claude")).unwrap();
    symlink(world.at("dotfiles"), world.at("home/.claude/commands")).unwrap();
    check(&world, &["x command ~/.claude/commands/x.md"]);
}

#[test]
fn near_names_are_found() {
    let world = World::new().files(&[
        ".claude/commands/git/commit.md",
        ".claude/commands/review.md",
        ".claude/commands/review-all.md",
        ".claude/skills/pdf-forms/SKILL.md",
    ]);
    let catalogue = world.live().current();
    for (wanted, expected) in [
        ("commit", &["git:commit"][..]),
        ("/reviw", &["review"]),
        ("Review", &["review", "review-all"]),
        ("pdf", &["pdf-forms"]),
        ("forms", &["pdf-forms"]),
        ("unrelated", &[]),
        ("", &[]),
        (&"x".repeat(100_000), &[]),
    ] {
        assert_eq!(catalogue.nearest(wanted), expected, "{wanted:.20}");
    }
}
