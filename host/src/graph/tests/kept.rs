//! The graph while a project is worked on: made when it is asked for, brought up to date behind questions, honest meanwhile.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::{Live, Watching, lock};
use super::Project;

const PATIENCE: Duration = Duration::from_secs(60);

fn live(project: &Project) -> (Live, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let told = said.clone();
    let say = Box::new(move |text| lock(&told).push(text));
    (Live::new(&project.root(), &file(project), PATIENCE, say), said)
}

fn file(project: &Project) -> PathBuf {
    project.dir.path().join("live/graph.db")
}

fn symbol(live: &Live, name: &str) -> Result<Vec<String>, String> {
    let found = live.ask(PATIENCE, &|| false, |graph| graph.symbol(name, None, &super::all))?;
    Ok(found.found.into_iter().map(|symbol| format!("{}:{}", symbol.path, symbol.line)).collect())
}

#[test]
fn the_first_question_makes_the_index_and_changes_are_taken_in() {
    let project = Project::new(&[("a.py", "def one():\n    pass\n")]);
    let (live, said) = live(&project);
    live.changed(vec![PathBuf::from("a.py")]);
    assert!(live.folders().is_empty() && live.missing().is_some(), "nothing is done before it is wanted");
    assert_eq!(symbol(&live, "one"), Ok(vec!["a.py:1".into()]));
    assert!(live.missing().is_none());
    let done = Arc::new(Mutex::new(0));
    let count = done.clone();
    live.when_done(move || *lock(&count) += 1);
    assert_eq!(*lock(&done), 1, "it is done already");
    project.write("lib/b.py", b"def two():\n    pass\n");
    live.changed(vec![PathBuf::from("lib/b.py")]);
    assert_eq!(symbol(&live, "two"), Ok(vec!["lib/b.py:1".into()]));
    assert_eq!(live.folders(), ["", "lib"]);
    assert!(lock(&said).is_empty(), "{:?}", lock(&said));
}

#[test]
fn where_nobody_tells_of_changes_questions_look_after_a_program_has_run() {
    let project = Project::new(&[("a.py", "def one():\n    pass\n")]);
    let (live, _) = live(&project);
    live.watching(Watching::All);
    assert_eq!(symbol(&live, "one"), Ok(vec!["a.py:1".into()]));
    project.write("b.py", b"def two():\n    pass\n");
    live.ran();
    assert_eq!((symbol(&live, "two"), live.missing()), (Ok(vec![]), None), "the watcher will tell");
    live.watching(Watching::NotAll);
    assert!(live.missing().unwrap().starts_with("a program has run"));
    assert_eq!(symbol(&live, "two"), Ok(vec!["b.py:1".into()]));
    assert_eq!(live.missing(), None);
}

#[test]
fn all_folders_in_which_code_may_come_are_known() {
    let project = Project::new(&[("crates/a/src/lib.rs", "fn one() {}\n"), (".gitignore", "/target\n")]);
    project.write("target/debug/x.rs", b"fn built() {}\n");
    project.write("docs/page.md", b"text");
    let (live, _) = live(&project);
    live.look();
    assert!(live.is_ready_within(PATIENCE));
    assert_eq!(live.folders(), ["", "crates", "crates/a", "crates/a/src", "docs"]);
    std::fs::rename(project.root().join("crates/a"), project.root().join("crates/z")).unwrap();
    live.changed(vec![PathBuf::from("crates/a"), PathBuf::from("crates/z")]);
    assert_eq!(symbol(&live, "one"), Ok(vec!["crates/z/src/lib.rs:1".into()]));
    assert_eq!(live.folders(), ["", "crates", "crates/z", "crates/z/src", "docs"]);
}

#[test]
fn who_is_not_patient_is_told_that_it_is_not_ready() {
    let project = Project::new(&[("a.py", "def one():\n    pass\n")]);
    let (live, _) = live(&project);
    let asked = live.ask(PATIENCE, &|| true, |graph| graph.symbol("one", None, &super::all));
    // The thread may have been as fast as that.
    assert!(asked.is_ok() || asked.unwrap_err().starts_with("the code is still being indexed; "));
}

#[test]
fn what_cannot_be_kept_is_said_to_both() {
    let project = Project::new(&[("a.py", "def one():\n    pass\n")]);
    std::fs::create_dir_all(file(&project).join("in the way")).unwrap();
    let (live, said) = live(&project);
    let told = symbol(&live, "one").unwrap_err();
    assert!(told.starts_with("the code cannot be indexed; ") && !told.contains("graph"), "{told}");
    assert!(lock(&said)[0].contains("cannot be used"), "{:?}", lock(&said));
}
