//! Other processes: a second session in the project, databases of projects that are gone.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::super::{Error, Graph, Opened, lock, tidy};
use super::{Project, all};

#[test]
fn what_another_session_has_indexed_is_related_too() {
    let project = Project::new(&[("old.rs", "fn old() {}\n")]);
    let first = |text: &str| project.graph.related(text, &[], 500, &all).unwrap().files[0].path.clone();
    assert_eq!(first("quokka"), "old.rs");
    let (other, opened) = Graph::open(&project.root(), &project.database()).unwrap();
    assert_eq!(opened, Opened::Kept);
    project.write("new.rs", b"fn quokka() {}\n");
    assert_eq!(other.update(&["new.rs".into()]).unwrap().indexed, 1);
    assert_eq!(project.update(&["new.rs"]).indexed, 0);
    assert_eq!(first("quokka"), "new.rs");
}

#[test]
fn the_database_is_free_while_files_are_read() {
    let project = Project::new(&[]);
    (0..3).for_each(|number| project.write(&format!("f{number}.rs"), b"fn one() {}\n"));
    let (file, alone) = (project.database(), Mutex::new(()));
    let looks = || {
        let _alone = lock(&alone);
        let other = rusqlite::Connection::open(&file).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
        false
    };
    assert_eq!(project.graph.refresh(&looks).unwrap().indexed, 3);
}

#[test]
fn a_session_that_writes_is_no_damage_and_holds_no_question_up() {
    let project = Project::new(&[("a.rs", "fn one() {}\n")]);
    let other = rusqlite::Connection::open(project.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    project.write("a.rs", b"\nfn one() {}\n");
    let asked = project.graph.symbol("one", None, &all);
    assert!(matches!(asked, Err(Error::Changed { .. })), "{asked:?}");
    lock(&project.graph.writer).wait_for_others(Duration::ZERO).unwrap();
    let busy = project.graph.update(&["a.rs".into()]).unwrap_err();
    assert!(busy.to_string().contains("another Garth") && !busy.to_string().contains("remove"), "{busy}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(project.places("one"), ["a.rs:2"]);
}

#[test]
fn sessions_that_begin_at_once_have_one_database() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Graph::open(dir.path(), &dir.path().join("cache/graph.db")).unwrap();
    let opened: Vec<(Graph, Opened)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|(_, opened)| *opened == Opened::New).count(), 1);
    assert!(opened.iter().all(|(_, opened)| !matches!(opened, Opened::Rebuilt(_))));
}

#[test]
fn databases_of_projects_that_are_gone_are_removed_unless_somebody_has_them_open() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let root = dir.path().join(name);
        std::fs::create_dir(&root).unwrap();
        Graph::open(&root, &dir.path().join(format!("graph/{name}.db"))).unwrap().0
    };
    let (_here, _open) = (open("here"), open("open"));
    drop((open("gone"), open("kept")));
    ["open", "gone"].iter().for_each(|name| std::fs::remove_dir(dir.path().join(name)).unwrap());
    let folder = dir.path().join("graph");
    std::fs::write(folder.join("mine.db"), "not a database").unwrap();
    std::fs::write(folder.join("gone.txt"), "").unwrap();
    tidy::tidy(&folder.join("here.db"));
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    let mut left: Vec<String> = folder.read_dir().unwrap().map(|entry| name(&entry.unwrap().path())).collect();
    left.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm") || name.starts_with("gone"));
    left.sort();
    assert_eq!(left, ["gone.txt", "here.db", "kept.db", "mine.db", "open.db"]);
}
