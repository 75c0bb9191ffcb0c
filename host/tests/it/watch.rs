//! The watcher with the catalogue behind it, on real files: what is done to the files is live soon after.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use garth::app::follow::follow;
use garth::commands::Live;
use garth::watch::{self, Answer, Folders, Mode, Report, Watch};

use super::commands::world::{World, write};

/// Far more than it takes on an idle machine; `garth bench commands` measures that.
const SOON: Duration = Duration::from_secs(5);

struct Followed {
    world: World,
    live: Live,
    said: Arc<Mutex<Vec<String>>>,
    _watch: Watch,
}

fn followed(world: World, mode: Mode) -> Followed {
    let live = world.live();
    let said = Arc::new(Mutex::new(Vec::new()));
    let saying = said.clone();
    let watch = follow(&live, mode, move |text| saying.lock().unwrap().push(text)).unwrap();
    Followed { world, live, said, _watch: watch }
}

impl Followed {
    /// Every command and skill by name, with the first line of its body.
    fn now(&self) -> Vec<String> {
        let line = |body: &str| body.trim().lines().next().unwrap_or_default().to_string();
        self.live
            .current()
            .entries()
            .iter()
            .map(|entry| format!("{}={}", entry.place.name, line(&entry.body)))
            .collect()
    }

    /// Does something and waits until this is the catalogue.
    #[track_caller]
    fn step(&self, expected: &[&str], work: impl FnOnce(&World)) {
        work(&self.world);
        let start = Instant::now();
        while self.now() != expected {
            assert!(start.elapsed() < SOON, "{:?} instead of {expected:?}", self.now());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn rename(world: &World, from: &str, to: &str) {
    std::fs::create_dir_all(world.path(to).parent().unwrap()).unwrap();
    std::fs::rename(world.path(from), world.path(to)).unwrap();
}

fn remove(path: &Path) {
    if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
}

/// One life of a project's commands.
fn life(mode: Mode) {
    let here = followed(World::new(), mode);
    // Nothing is there yet, and what comes comes step by step.
    here.step(&["a=one"], |world| world.write(".claude/commands/a.md", "one"));
    here.step(&["a=two"], |world| world.write(".claude/commands/a.md", "two"));
    here.step(&["a=two", "x:b=b", "x:y:c=c"], |world| {
        world.write(".claude/commands/x/b.md", "b");
        world.write(".claude/commands/x/y/c.md", "c");
    });
    here.step(&["a=two", "z:b=b", "z:y:c=c"], |world| rename(world, ".claude/commands/x", ".claude/commands/z"));
    here.step(&["a=two", "z:b=new", "z:y:c=c"], |world| world.write(".claude/commands/z/b.md", "new"));
    // Through a temporary file, and with a backup.
    here.step(&["a=three", "z:b=new", "z:y:c=c"], |world| {
        world.write(".claude/commands/.a.tmp", "three");
        rename(world, ".claude/commands/.a.tmp", ".claude/commands/a.md");
    });
    here.step(&["a=four", "z:b=new", "z:y:c=c"], |world| {
        rename(world, ".claude/commands/a.md", ".claude/commands/a.md~");
        world.write(".claude/commands/a.md", "four");
    });
    here.step(&["a=four"], |world| remove(&world.path(".claude/commands/z")));
    // Gone and there again: the same path, other folders.
    here.step(&["b=again"], |world| {
        remove(&world.path(".claude"));
        world.write(".claude/commands/b.md", "again");
    });
    here.step(&["b=still"], |world| world.write(".claude/commands/b.md", "still"));
    here.step(&["b=moved"], |world| {
        rename(world, ".claude", "old");
        rename(world, "old", ".claude");
        world.write(".claude/commands/b.md", "moved");
    });
    here.step(&["b=moved", "s=skill"], |world| world.write(".agents/skills/s/SKILL.md", "skill"));
    here.step(&["b=moved", "s=skill", "u=user"], |world| write(&world.at("home/.codex/prompts/u.md"), "user"));
    here.step(&["b=moved", "p:q=plugin", "s=skill", "u=user"], |world| {
        world.write("plugins/p/commands/q.md", "plugin");
        world.write("plugins/p/.claude-plugin/plugin.json", r#"{"name": "p"}"#);
    });
    here.step(&["b=moved", "s=skill", "u=user"], |world| remove(&world.path("plugins")));
}

#[test]
fn changes_are_live_soon() {
    life(Mode::Auto);
}

#[test]
fn changes_are_found_by_looking_where_nothing_tells() {
    life(Mode::Poll);
}

#[test]
fn roots_behind_links_are_watched_where_they_lead() {
    let world = World::new();
    world.write("one/a.md", "one");
    world.write("two/a.md", "two");
    world.write("one/sub/b.md", "b");
    std::fs::create_dir_all(world.path(".claude")).unwrap();
    symlink("../one", world.path(".claude/commands")).unwrap();
    // The same folder by two ways.
    std::fs::create_dir_all(world.path(".codex")).unwrap();
    symlink("../one/sub", world.path(".codex/prompts")).unwrap();
    let here = followed(world, Mode::Auto);
    here.step(&["a=1", "b=b", "sub:b=b"], |world| world.write("one/a.md", "1"));
    here.step(&["a=1", "b=B", "sub:b=B"], |world| world.write("one/sub/b.md", "B"));
    here.step(&["a=two", "b=B"], |world| {
        remove(&world.path(".claude/commands"));
        symlink("../two", world.path(".claude/commands")).unwrap();
    });
    here.step(&["a=2", "b=B"], |world| world.write("two/a.md", "2"));
}

#[test]
fn touched_folders_are_watched_too() {
    let world = World::new();
    world.write("sub/.claude/skills/x/SKILL.md", "one");
    let here = followed(world, Mode::Auto);
    here.step(&["x=one"], |world| drop(here.live.touch(&world.path("sub/file.rs"))));
    here.step(&["x=two"], |world| world.write("sub/.claude/skills/x/SKILL.md", "two"));
}

#[test]
fn half_written_files_settle_without_another_event() {
    let world = World::new();
    world.write(".claude/commands/a.md", "---\ndescription: d\n---\none");
    let here = followed(world, Mode::Auto);
    here.step(&["a=one"], |world| world.write(".claude/commands/a.md", ""));
    let start = Instant::now();
    while here.live.current().problems().is_empty() {
        assert!(start.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(start.elapsed() > Duration::from_millis(700), "{:?}", start.elapsed());
    here.step(&["a=two"], |world| world.write(".claude/commands/a.md", "two"));
    assert!(here.live.current().problems().is_empty() && here.said.lock().unwrap().is_empty());
}

#[test]
fn a_switch_of_branches_ends_in_the_right_state() {
    let world = World::new();
    for number in 0..1000 {
        world.write(&format!(".claude/commands/f{}/c{number}.md", number % 20), "main");
    }
    let here = followed(world, Mode::Auto);
    let mut heard = here.live.subscribe();
    for number in 0..1000 {
        let old = here.world.path(&format!(".claude/commands/f{}/c{number}.md", number % 20));
        match number % 3 {
            0 => std::fs::remove_file(old).unwrap(),
            1 => write(&old, "branch"),
            _ => {
                std::fs::remove_file(old).unwrap();
                here.world.write(&format!(".claude/commands/g{}/c{number}.md", number % 30), "branch");
            }
        }
    }
    let start = Instant::now();
    while here.now().len() != 666 || here.now().iter().any(|entry| !entry.ends_with("=branch")) {
        assert!(start.elapsed() < SOON, "{}", here.now().len());
        std::thread::sleep(Duration::from_millis(2));
    }
    let changes = heard.take().unwrap();
    assert_eq!((changes.added.len(), changes.changed.len(), changes.removed.len()), (333, 333, 667));
}

/// What the sink is told for changes in one folder, of which only `names` matter (all, for none).
fn reports(names: &[&str], work: impl FnOnce(&Path)) -> Vec<Report> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let folders: Folders = [(root.clone(), names.iter().map(Into::into).collect())].into();
    let (sender, receiver) = mpsc::channel();
    let watch = watch::start(Arc::new(folders), Mode::Auto, move |report| {
        if let Report::Changed(paths) = &report {
            // Looking at files is no change.
            paths.iter().for_each(|path| drop(std::fs::read(path)));
        }
        let _ = sender.send(report);
        Answer::default()
    })
    .unwrap();
    assert_eq!(receiver.recv_timeout(SOON), Ok(Report::Rescan));
    work(&root);
    let first = receiver.recv_timeout(Duration::from_millis(400));
    let rest = std::iter::from_fn(|| receiver.recv_timeout(Duration::from_millis(200)).ok());
    let reports: Vec<Report> = first.into_iter().chain(rest).collect();
    drop(watch);
    assert!(receiver.try_recv().is_err());
    let short = |path: &Path| path.strip_prefix(&root).unwrap().to_path_buf();
    let relative = |report| match report {
        Report::Changed(paths) => Report::Changed(paths.iter().map(|path| short(path)).collect()),
        other => other,
    };
    reports.into_iter().map(relative).collect()
}

#[test]
fn a_burst_is_one_report_and_reading_is_none() {
    let both = |root: &Path| {
        for name in ["a", "b"] {
            std::fs::write(root.join(name), "text").unwrap();
            std::fs::write(root.join(name), "other").unwrap();
        }
    };
    let paths = |names: &[&str]| vec![Report::Changed(names.iter().map(Into::into).collect())];
    assert_eq!(reports(&[], both), paths(&["a", "b"]));
    assert_eq!(reports(&["b"], both), paths(&["b"]));
    assert_eq!(reports(&["c"], both), []);
    assert_eq!(reports(&[], |root| drop(std::fs::read_dir(root))), []);
}

#[test]
fn a_flood_reports_now_and_then() {
    let told = reports(&[], |root| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(400) {
            std::fs::write(root.join("a"), "text").unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    assert!((3..=20).contains(&told.len()), "{}", told.len());
}

#[test]
fn it_ends_when_it_is_dropped() {
    let world = World::new().files(&[".claude/commands/a.md"]);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let watch = watch::start(world.live().folders(), Mode::Poll, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Answer::default()
    })
    .unwrap();
    let waker = watch.waker();
    let start = Instant::now();
    drop(watch);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let before = calls.load(Ordering::Relaxed);
    waker();
    std::thread::sleep(Duration::from_millis(50));
    // The sink is gone with the thread.
    assert_eq!((Arc::strong_count(&calls), calls.load(Ordering::Relaxed)), (1, before));
}
