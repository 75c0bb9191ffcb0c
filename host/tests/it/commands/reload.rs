//! What changes in the catalogue when files change, told by hand; the watcher has its own tests.

use std::path::PathBuf;
use std::time::Duration;

use garth::commands::{Changes, Live};

use super::world::World;

/// `+added ~changed -removed !problem`.
fn brief(changes: Option<Changes>) -> String {
    let Some(changes) = changes else { return String::new() };
    let names = |sign: &str, names: &[String]| names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>();
    let problems: Vec<String> = changes.problems.iter().map(|one| one.shown.clone()).collect();
    [names("+", &changes.added), names("~", &changes.changed), names("-", &changes.removed), names("!", &problems)]
        .concat()
        .join(" ")
}

/// Does something to the project, tells these paths of it, and expects changes.
#[track_caller]
fn step(world: &World, live: &Live, paths: &[&str], expected: &str, work: impl FnOnce(&World)) {
    work(world);
    let paths: Vec<PathBuf> = paths.iter().map(|path| world.path(path)).collect();
    assert_eq!(brief(live.reload(&paths)), expected);
    assert_eq!(live.rescan(), None, "looking at everything finds what the paths did not tell");
}

fn remove(path: &str) -> impl FnOnce(&World) {
    let path = path.to_string();
    move |world| {
        let path = world.path(&path);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
}

fn rename(from: &str, to: &str) -> impl FnOnce(&World) {
    let (from, to) = (from.to_string(), to.to_string());
    move |world| {
        std::fs::create_dir_all(world.path(&to).parent().unwrap()).unwrap();
        std::fs::rename(world.path(&from), world.path(&to)).unwrap();
    }
}

fn write(path: &str, text: impl Into<Vec<u8>>) -> impl FnOnce(&World) {
    let (path, text) = (path.to_string(), text.into());
    move |world| world.write(&path, text)
}

#[test]
fn files_come_change_and_go() {
    let world = World::new().files(&[".claude/commands/a.md", ".claude/commands/git/b.md"]);
    let live = world.live();
    step(&world, &live, &[".claude/commands/c.md"], "+c", write(".claude/commands/c.md", "text"));
    step(&world, &live, &[".claude/commands/a.md"], "~a", write(".claude/commands/a.md", "other"));
    step(&world, &live, &[".claude/commands/a.md"], "", write(".claude/commands/a.md", "other"));
    step(&world, &live, &[".claude/commands/c.md"], "-c", remove(".claude/commands/c.md"));
    step(&world, &live, &[".claude/commands/x.txt"], "", write(".claude/commands/x.txt", "text"));
    step(&world, &live, &["src/main.rs", "/nowhere/x.md"], "", write("src/main.rs", "text"));
    let both = [".claude/commands/a.md", ".claude/commands/renamed.md"];
    step(&world, &live, &both, "+renamed -a", rename(both[0], both[1]));
    // An editor that writes through a temporary file.
    let temporary = [".claude/commands/.renamed.md.swp", ".claude/commands/renamed.md"];
    write(temporary[0], "new")(&world);
    step(&world, &live, &temporary, "~renamed", rename(temporary[0], temporary[1]));
}

#[test]
fn folders_come_move_and_go() {
    let world = World::new().files(&[".claude/commands/git/a.md", ".claude/commands/git/b.md", "parts/x/SKILL.md"]);
    let live = world.live();
    let both = [".claude/commands/git", ".claude/commands/vcs"];
    step(&world, &live, &both, "+vcs:a +vcs:b -git:a -git:b", rename(both[0], both[1]));
    step(&world, &live, &[".claude/commands/vcs"], "-vcs:a -vcs:b", remove(".claude/commands/vcs"));
    // A root that did not exist, moved to its place as a whole.
    step(&world, &live, &[".agents"], "+x", rename("parts", ".agents/skills"));
    let both = [".agents/skills/x", ".agents/skills/y"];
    step(&world, &live, &both, "+y -x", rename(both[0], both[1]));
}

#[test]
fn a_folder_becomes_a_skill_and_ceases_to_be_one() {
    let world = World::new().files(&[".claude/skills/group/a/SKILL.md", ".claude/skills/group/b/SKILL.md"]);
    let live = world.live();
    let file = ".claude/skills/group/SKILL.md";
    step(&world, &live, &[file], "+group -a -b", write(file, "text"));
    step(&world, &live, &[file], "+a +b -group", remove(file));
    step(&world, &live, &[".claude/skills"], "-a -b", remove(".claude/skills"));
    step(&world, &live, &[".claude/skills"], "+new", write(".claude/skills/new/SKILL.md", "text"));
}

#[test]
fn a_thousand_files_of_another_branch() {
    let name = |number: usize| format!(".claude/commands/f{}/c{number}.md", number % 10);
    let paths: Vec<String> = (0..1000).map(name).collect();
    let world = World::new().files(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let live = world.live();
    assert_eq!(live.current().entries().len(), 1000);
    for path in paths.iter().step_by(2) {
        world.write(path, "another branch");
    }
    for path in paths.iter().skip(1).step_by(4) {
        std::fs::remove_file(world.path(path)).unwrap();
    }
    let all: Vec<PathBuf> = paths.iter().map(|path| world.path(path)).collect();
    let changes = live.reload(&all).unwrap();
    assert_eq!((changes.added.len(), changes.changed.len(), changes.removed.len()), (0, 500, 250));
    assert_eq!(live.current().entries().len(), 750);
}

#[test]
fn the_winner_changes_when_files_come_and_go() {
    let world = World::new().files(&[".claude/commands/x.md"]);
    let live = world.live();
    step(&world, &live, &[".garth"], "~x", write(".garth/commands/x.md", "nearer"));
    assert_eq!(live.current().find("x").unwrap().place.shown, ".garth/commands/x.md");
    step(&world, &live, &[".garth/commands/x.md"], "~x", remove(".garth/commands/x.md"));
    assert!(live.current().clashes().is_empty());
}

#[test]
fn the_last_good_version_stays_while_a_file_is_broken() {
    let world = World::new().files(&[".claude/commands/x.md"]);
    let live = world.live();
    let file = ".claude/commands/x.md";
    let digest = || live.current().find("x").unwrap().digest.clone();
    let good = digest();
    let large = vec![b'x'; (1 << 20) + 1];
    step(&world, &live, &[file], "!.claude/commands/x.md", write(file, large));
    assert_eq!(digest(), good);
    // Told once.
    assert_eq!(live.reload(&[world.path(file)]), None);
    step(&world, &live, &[file], "~x", write(file, "mended"));
    assert!(live.current().problems().is_empty());
    let large = vec![b'x'; (1 << 20) + 1];
    step(&world, &live, &[file], "!.claude/commands/x.md", write(file, large));
    step(&world, &live, &[file], "-x", remove(file));
    assert!(live.current().problems().is_empty());
}

#[test]
fn what_looks_half_written_waits() {
    let file = ".claude/commands/x.md";
    for (half, in_the_end) in [
        ("", "!.claude/commands/x.md"),
        ("\u{feff} \n", "!.claude/commands/x.md"),
        ("---\ndescription: the end is missi", "~x"),
    ] {
        let world = World::new().files(&[file]);
        let live = world.live();
        let good = live.current().find("x").unwrap().digest.clone();
        step(&world, &live, &[file], "", write(file, half));
        assert!(live.unsettled().is_some_and(|left| left <= Duration::from_secs(1)), "{half:?}");
        step(&world, &live, &[file], "~x", write(file, "---\ndescription: whole\n---\nbody\n"));
        assert_eq!(live.unsettled(), None);
        assert_ne!(live.current().find("x").unwrap().digest, good);

        step(&world, &live, &[file], "", write(file, half));
        assert_eq!(live.settle(), None);
        std::thread::sleep(live.unsettled().unwrap() + Duration::from_millis(5));
        assert_eq!(brief(live.settle()), in_the_end, "{half:?}");
        assert_eq!((live.unsettled(), live.settle()), (None, None));
        assert!(live.current().find("x").is_some());
        assert_eq!(live.reload(&[world.path(file)]), None);
    }
    // What was never more than that is taken as it is.
    let world = World::new();
    world.write(file, "");
    assert_eq!(world.live().unsettled(), None);
}

#[tokio::test]
async fn a_subscriber_hears_everything_however_late_it_asks() {
    let world = World::new().files(&[".claude/commands/a.md", ".claude/commands/b.md"]);
    let live = world.live();
    let mut subscription = live.subscribe();
    assert_eq!(subscription.take(), None);
    let snapshot = live.current();
    for (path, text) in [("a", "one"), ("a", "two"), ("c", "new")] {
        let path = format!(".claude/commands/{path}.md");
        world.write(&path, text);
        live.reload(&[world.path(&path)]);
    }
    std::fs::remove_file(world.path(".claude/commands/b.md")).unwrap();
    live.reload(&[world.path(".claude/commands/b.md")]);
    assert_eq!(brief(Some(subscription.changed().await)), "+c ~a -b");
    assert_eq!(subscription.take(), None);
    // Whoever has an older snapshot keeps it.
    assert!(snapshot.find("b").is_some() && snapshot.find("c").is_none());
    let waiting = tokio::time::timeout(Duration::from_millis(20), subscription.changed()).await;
    assert!(waiting.is_err());
    world.write(".claude/commands/d.md", "text");
    let path = world.path(".claude/commands/d.md");
    let (changes, _) = tokio::join!(subscription.changed(), async { live.reload(&[path]) });
    assert_eq!(brief(Some(changes)), "+d");
}
