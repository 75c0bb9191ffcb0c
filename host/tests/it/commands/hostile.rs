//! Folders that are made to harm: bounded, never a panic, never a wait, and one file takes no others with it.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use garth::commands;

use super::world::{World, names, problems, write};

/// What stands in `.claude/commands` beside a good file, and how the problem reads; none for files that are usable.
#[track_caller]
fn check(expected: Option<&str>, make: impl FnOnce(&World)) {
    let world = World::new().files(&[".claude/commands/good.md"]);
    make(&world);
    let live = world.live();
    let catalogue = live.current();
    assert!(catalogue.find("good").is_some());
    let found = problems(&catalogue);
    match expected {
        Some(expected) => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
        None => assert_eq!((found.len(), catalogue.entries().len()), (0, 2), "{found:?}"),
    }
    assert_eq!(live.rescan(), None);
}

#[test]
fn files_that_are_none_are_said_and_left_alone() {
    let at = |world: &World, name: &str| world.path(".claude/commands").join(name);
    check(Some("x.md:0: is not a regular file"), |world| {
        rustix::fs::mkfifoat(rustix::fs::CWD, at(world, "x.md"), rustix::fs::Mode::RWXU).unwrap();
    });
    check(Some("x.md:0: is not a regular file"), |world| {
        std::os::unix::fs::symlink("/dev/zero", at(world, "x.md")).unwrap();
        let from_home = world.at("home/.claude/commands");
        std::fs::create_dir_all(from_home.parent().unwrap()).unwrap();
        std::fs::rename(world.path(".claude/commands"), &from_home).unwrap();
    });
    check(Some("x.md:0: is not a regular file"), |world| {
        std::os::unix::net::UnixListener::bind(at(world, "x.md")).unwrap();
    });
    check(Some("x.md:0: is larger than 1 MiB"), |world| {
        std::fs::File::create(at(world, "x.md")).unwrap().set_len(1 << 40).unwrap();
    });
    check(Some("skills:0: is not a folder"), |world| world.write(".claude/skills", "text"));
    // A folder that is called like a file is a folder.
    check(None, |world| world.write(".claude/commands/x.md/y.md", "text"));
}

#[test]
fn what_may_not_be_read_is_said() {
    let root = rustix::process::geteuid().is_root();
    for (path, expected) in
        [(".claude/commands/x.md", "x.md:0: cannot be read"), (".claude/commands/x", "x:0: cannot be looked into")]
    {
        // Nothing is closed to root.
        check((!root).then_some(expected), |world| {
            let file = if path.ends_with("md") { path.to_string() } else { format!("{path}/y.md") };
            world.write(&file, "text");
            std::fs::set_permissions(world.path(path), PermissionsExt::from_mode(0o0)).unwrap();
        });
    }
}

#[test]
fn any_name_is_usable() {
    let world = World::new();
    let folder = world.path(".claude/commands");
    std::fs::create_dir_all(&folder).unwrap();
    let odd = ["with space", "UPPER", "ünïcode-✓", "a.b.c", "a:b", "new\nline", "\u{1b}[31mred", "..", "-rf", "💥"];
    for name in odd {
        std::fs::write(folder.join(format!("{name}.md")), "text").unwrap();
    }
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.md")), "text").unwrap();
    let catalogue = world.live().current();
    // What begins with a dot is hidden.
    for name in odd.iter().filter(|name| **name != "..") {
        assert!(catalogue.find(name).is_some(), "{name:?}");
    }
    assert!(catalogue.find("\u{fffd}\u{fffd}").is_some());
    assert_eq!(catalogue.entries().len(), odd.len());
}

#[test]
fn depth_and_numbers_are_bounded() {
    let deep = "d/".repeat(30);
    check(Some("lies deeper than 16 folders"), |world| world.write(&format!(".claude/commands/{deep}x.md"), "text"));

    let world = World::new().files(&[".agents/skills/fine/SKILL.md"]);
    let folder = world.path(".claude/commands/many");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..100_000 {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.join(format!("{number}.md")),
            rustix::fs::FileType::RegularFile,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
    }
    let start = Instant::now();
    let live = world.live();
    let catalogue = live.current();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert!(catalogue.find("fine").is_some() && catalogue.entries().len() <= 20_001);
    let found = problems(&catalogue);
    assert!(found.len() == 1 && found[0].contains("50000 entries"), "{found:?}");
}

#[test]
fn problems_are_bounded_too() {
    let world = World::new().files(&[".agents/skills/fine/SKILL.md"]);
    let folder = world.path(".claude/commands");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..500 {
        std::os::unix::fs::symlink("nowhere", folder.join(format!("{number}.md"))).unwrap();
    }
    assert_eq!(world.live().current().problems().len(), 100);
}

#[test]
fn a_large_file_under_many_names_fills_no_memory() {
    let world = World::new();
    world.write("big.md", "x\n".repeat(1 << 19));
    let folder = world.path(".claude/commands");
    std::fs::create_dir_all(&folder).unwrap();
    for number in 0..100 {
        std::os::unix::fs::symlink("../../big.md", folder.join(format!("{number:03}.md"))).unwrap();
    }
    let live = world.live();
    let found = problems(&live.current());
    assert_eq!(live.current().entries().len(), 64);
    assert!(found.len() == 1 && found[0].contains("064.md") && found[0].contains("64 MiB"), "{found:?}");
    assert_eq!(live.rescan(), None);
}

#[test]
fn a_circle_of_links_ends() {
    let world = World::new().files(&["a/x.md", "b/y.md"]);
    let link = |target: &str, path: &str| std::os::unix::fs::symlink(world.path(target), world.path(path)).unwrap();
    link("a", "b/to_a");
    link("b", "a/to_b");
    std::fs::create_dir_all(world.path(".claude/commands")).unwrap();
    link("a", ".claude/commands/a");
    link("b", ".claude/commands/b");
    link("loop.md", ".claude/commands/loop.md");
    let live = world.live();
    let found = names(&live.current());
    assert_eq!(found, ["a:x command .claude/commands/a/x.md", "b:y command .claude/commands/b/y.md"]);
    assert_eq!(live.rescan(), None);
}

#[test]
fn a_whole_folder_can_be_looked_through() {
    let world = World::new().files(&[
        "one/commands/git/a.md",
        "one/skills/b/SKILL.md",
        "one/agents/c.md",
        "loose.md",
        "README.md",
        "docs/d.md",
        "two/.gemini/commands/e.toml",
        "Cargo.toml",
        ".git/f.md",
    ]);
    std::os::unix::fs::symlink("..", world.path("one/up")).unwrap();
    write(&world.at("elsewhere/g.md"), "text");
    std::os::unix::fs::symlink(world.at("elsewhere"), world.path("one/out")).unwrap();
    std::os::unix::fs::symlink(world.at("elsewhere/g.md"), world.path("one/g.md")).unwrap();
    let (places, found) = commands::folder(&world.path(""));
    let mut names: Vec<String> =
        places.iter().map(|place| format!("{:?} {} {}", place.kind, place.name, place.shown)).collect();
    names.sort();
    let expected = [
        "Agent c one/agents/c.md",
        "Command d docs/d.md",
        "Command e two/.gemini/commands/e.toml",
        "Command git:a one/commands/git/a.md",
        "Command loose loose.md",
        "Skill b one/skills/b/SKILL.md",
    ];
    assert_eq!(names, expected);
    assert!(found.len() == 1 && found[0].shown == "one/g.md", "{found:?}");
}
