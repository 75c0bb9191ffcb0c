//! Files that come, change, move and go; what git ignores; a graph that is kept, damaged, or of another version.

use std::time::{Duration, SystemTime};

use super::super::{Error, Graph, Opened, Report, lock};
use super::{Project, all, with_lacks};

fn counts(report: &Report) -> (usize, usize, usize) {
    (report.indexed, report.unchanged, report.removed)
}

#[test]
fn only_what_changed_is_read_again() {
    let project =
        Project::new(&[("a.rs", "fn one() {}\n"), ("b.rs", "fn two() {}\n"), ("c/d.py", "def three(): pass\n")]);
    assert_eq!(counts(&project.refresh()), (0, 3, 0));
    project.write("a.rs", b"\nfn one() { two(); }\n");
    assert_eq!(counts(&project.update(&["a.rs"])), (1, 0, 0));
    assert_eq!(project.places("one"), ["a.rs:2"]);
    assert_eq!(project.callers("two", None), ["a.rs in one"]);
    // Written anew with the same content.
    project.write("a.rs", b"\nfn one() { two(); }\n");
    assert_eq!(counts(&project.update(&["a.rs"])), (0, 1, 0));
    project.write("c/e.py", b"def four(): three()\n");
    assert_eq!(counts(&project.update(&["c"])), (1, 1, 0));
    assert_eq!(counts(&project.update(&["c/e.py", "c/gone.py", "../outside", "/etc"])), (0, 1, 0));
}

#[test]
fn what_goes_or_moves_is_forgotten_where_it_was() {
    let project = Project::new(&[
        ("a/one.rs", "fn one() {}\n"),
        ("a/two.rs", "fn two() { one(); }\n"),
        ("ab.rs", "fn ab() {}\n"),
    ]);
    let related = |text: &str| {
        let related = project.graph.related(text, &[], 200, &all).unwrap();
        related.files.into_iter().map(|file| file.path).collect::<Vec<_>>()
    };
    assert_eq!(related("one")[0], "a/one.rs");
    std::fs::rename(project.root().join("a/one.rs"), project.root().join("a/three.rs")).unwrap();
    assert_eq!(counts(&project.update(&["a/one.rs", "a/three.rs"])), (1, 0, 1));
    assert_eq!(project.places("one"), ["a/three.rs:1"]);
    assert_eq!(related("one")[0], "a/three.rs");
    std::fs::remove_dir_all(project.root().join("a")).unwrap();
    assert_eq!(counts(&project.update(&["a"])), (0, 0, 2));
    assert_eq!(project.places("one"), Vec::<String>::new());
    assert_eq!(related("one"), ["ab.rs"]);
    assert!(project.callers("one", None).is_empty());
    assert_eq!(counts(&project.refresh()), (0, 1, 0));
}

#[test]
fn what_git_ignores_is_left_out_also_when_that_changes() {
    let project = Project::new(&[
        (".gitignore", "/target\n*.tmp.rs\n"),
        ("target/a.rs", "fn built() {}\n"),
        ("src/x.tmp.rs", "fn temporary() {}\n"),
        ("src/.gitignore", "local.rs\n"),
        ("src/local.rs", "fn local() {}\n"),
        ("src/kept.rs", "fn kept() {}\n"),
        (".git/hooks/a.py", "def hook(): pass\n"),
        (".github/a.py", "def action(): pass\n"),
    ]);
    assert_eq!(counts(&project.refresh()), (0, 2, 0));
    assert_eq!(counts(&project.update(&["src/local.rs", "target", "target/a.rs", ".git"])), (0, 0, 0));
    project.write("src/.gitignore", b"kept.rs\n");
    assert_eq!(counts(&project.update(&["src/.gitignore"])), (1, 0, 1));
    assert_eq!((project.places("local").len(), project.places("kept").len()), (1, 0));
}

#[test]
fn a_question_sees_the_file_as_it_is_now() {
    let project = Project::new(&[("a.rs", "fn one() {}\n")]);
    project.write("a.rs", b"// moved\n\n\nfn one() { /* new */ }\n");
    let symbols = project.graph.symbol("one", None, &all).unwrap();
    assert_eq!((symbols.found[0].line, &*symbols.found[0].code), (4, "fn one() { /* new */ }"));
    project.write("a.rs", b"fn two() {}\n");
    assert!(project.graph.symbol("one", None, &all).unwrap().found.is_empty());
    assert_eq!(project.graph.outline("a.rs", &all).unwrap().lines[0].signature, "fn two()");
    project.write("new.rs", b"fn new() {}\n");
    assert_eq!(project.graph.outline("new.rs", &all).unwrap().lines.len(), 1);
}

#[test]
fn the_same_time_and_size_do_not_hide_a_change_from_a_question() {
    let project = Project::new(&[]);
    let write = |text: &str| {
        project.write("a.rs", text.as_bytes());
        let file = std::fs::File::options().write(true).open(project.root().join("a.rs")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    };
    write("fn one() {}\n// two\n");
    project.refresh();
    write("// two\nfn one() {}\n");
    assert_eq!(counts(&project.refresh()), (0, 1, 0));
    assert_eq!(project.places("one"), ["a.rs:1"]);
    assert_eq!(project.graph.symbol("one", None, &all).unwrap().found[0].code, "// two\nfn one() {}");
    write("fn one() {}\n// two\n");
    assert_eq!(project.graph.outline("a.rs", &all).unwrap().lines[0].line, 1);
}

#[test]
fn what_cannot_be_indexed_at_once_is_left_out_and_that_is_said() {
    let project = Project::new(&[("a.rs", "fn one() {}\nfn two() {}\n"), ("b.rs", "fn one() {}\n")]);
    project.write("a.rs", b"// moved\n\nfn one() {}\n");
    let busy = lock(&project.graph.writer);
    let (found, lacks) = with_lacks(|asker| project.graph.symbol("one", None, asker).unwrap());
    assert_eq!(found.found.iter().map(|symbol| &*symbol.path).collect::<Vec<_>>(), ["b.rs"]);
    assert_eq!(lacks, ["'a.rs' has changed since it was indexed: ask again in a moment, or read the file"]);
    let is_changed = |error: Error| matches!(error, Error::Changed { path } if path == "a.rs");
    assert!(is_changed(project.graph.symbol("two", None, &all).unwrap_err()));
    assert!(is_changed(project.graph.outline("a.rs", &all).unwrap_err()));
    drop(busy);
    assert_eq!(project.places("one"), ["a.rs:3", "b.rs:1"]);
    assert_eq!(project.graph.outline("a.rs", &all).unwrap().lines[0].line, 3);
}

#[test]
fn what_took_too_long_is_tried_again_once_in_each_session() {
    let Project { dir, graph } = Project::new(&[("a.rs", "fn one() {}\n")]);
    drop(graph);
    let (root, file) = (dir.path().join("project"), dir.path().join("cache/graph.db"));
    let give_up = || {
        let database = rusqlite::Connection::open(&file).unwrap();
        database.execute_batch("UPDATE files SET state = 5; DELETE FROM definitions").unwrap();
    };
    give_up();
    let (graph, _) = Graph::open(&root, &file).unwrap();
    assert!(graph.outline("a.rs", &all).unwrap_err().to_string().ends_with("takes too long to read"));
    assert_eq!(counts(&graph.refresh(&|| false).unwrap()), (1, 0, 0));
    assert_eq!(graph.outline("a.rs", &all).unwrap().lines.len(), 1);
    give_up();
    assert_eq!(counts(&graph.refresh(&|| false).unwrap()), (0, 1, 0));
}

#[test]
fn a_graph_is_kept_from_one_time_to_the_next_for_its_owner_alone() {
    let Project { dir, graph } = Project::new(&[("a.rs", "fn one() {}\n")]);
    drop(graph);
    let (root, file) = (dir.path().join("project"), dir.path().join("cache/graph.db"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&dir.path().join("cache"))), (0o600, 0o700));
    }
    let (graph, opened) = Graph::open(&root, &file).unwrap();
    assert_eq!(opened, Opened::Kept);
    assert_eq!(graph.symbol("one", None, &all).unwrap().found.len(), 1);
    assert_eq!(counts(&graph.refresh(&|| false).unwrap()), (0, 1, 0));
}

#[test]
fn a_database_that_cannot_be_used_is_made_anew_and_that_is_said() {
    for (spoil, reason) in [
        (
            &b"this is no database at all, whatever its name may say about it, and it is long enough"[..],
            "not a database",
        ),
        (b"short", "not a database"),
    ] {
        let Project { dir, graph } = Project::new(&[("a.rs", "fn one() {}\n")]);
        drop(graph);
        let (root, file) = (dir.path().join("project"), dir.path().join("cache/graph.db"));
        std::fs::write(&file, spoil).unwrap();
        let (graph, opened) = Graph::open(&root, &file).unwrap();
        assert!(matches!(&opened, Opened::Rebuilt(why) if why.contains(reason)), "{opened:?}");
        assert_eq!(counts(&graph.refresh(&|| false).unwrap()), (1, 0, 0));
        assert_eq!(graph.symbol("one", None, &all).unwrap().found.len(), 1);
    }
}

#[test]
fn one_of_another_format_is_made_anew() {
    let Project { dir, graph } = Project::new(&[("a.rs", "fn one() {}\n")]);
    drop(graph);
    let (root, file) = (dir.path().join("project"), dir.path().join("cache/graph.db"));
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let (_, opened) = Graph::open(&root, &file).unwrap();
    assert!(matches!(&opened, Opened::Rebuilt(why) if why.contains("another version")), "{opened:?}");
}

#[test]
fn damage_that_is_found_later_is_repaired_by_the_next_look() {
    let project = Project::new(&[("a.rs", "fn one() {}\n")]);
    let other = rusqlite::Connection::open(project.database()).unwrap();
    other.execute_batch("DROP TABLE definitions").unwrap();
    let error = project.graph.symbol("one", None, &all).unwrap_err();
    assert!(error.to_string().contains("made anew"), "{error}");
    let report = project.refresh();
    assert!(report.rebuilt.is_some() && report.indexed == 1, "{report:?}");
    assert_eq!(project.places("one"), ["a.rs:1"]);
    assert_eq!(project.refresh().rebuilt, None);
}

#[test]
fn pages_that_are_overwritten_do_no_harm() {
    let many: Vec<(String, String)> = (0..200)
        .map(|number| (format!("f{number}.rs"), format!("fn one_{number}() {{ two_{number}(); }}\n")))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, text)| (&**path, &**text)).collect();
    let Project { dir, graph } = Project::new(&many);
    drop(graph);
    let (root, file) = (dir.path().join("project"), dir.path().join("cache/graph.db"));
    let whole = std::fs::read(&file).unwrap();
    for start in [100, 4_096, 8_192, 20_000, whole.len() / 2, whole.len() - 5_000] {
        let mut spoilt = whole.clone();
        spoilt[start..start + 4_096].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 31 % 251) as u8);
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(dir.path().join(format!("cache/graph.db{ending}")));
        }
        std::fs::write(&file, &spoilt).unwrap();
        let (graph, _) = Graph::open(&root, &file).unwrap();
        // Whatever these say, they end, and the project can be looked at until it is whole again.
        let _ = graph.symbol("one_7", None, &all);
        let _ = graph.callers("two_7", None, &all);
        let _ = graph.related("one", &[], 100, &all);
        let _ = graph.refresh(&|| false);
    }
}

#[test]
fn indexing_can_be_cancelled_and_goes_on_later() {
    let project = Project::new(&[]);
    (0..50).for_each(|number| project.write(&format!("f{number}.rs"), b"fn one() {}\n"));
    let cancelled = project.graph.refresh(&|| true).unwrap_err();
    assert_eq!(cancelled.to_string(), "indexing was cancelled");
    assert_eq!(counts(&project.refresh()), (50, 0, 0));
}

#[test]
fn changes_reach_the_ranking_be_they_few_or_many() {
    let project = Project::new(&[("old.rs", "fn old() {}\n")]);
    let first = |text: &str| project.graph.related(text, &[], 500, &all).unwrap().files[0].path.clone();
    assert_eq!(first("anything"), "old.rs");
    project.write("few.rs", b"fn quokka() {}\n");
    project.refresh();
    assert_eq!(first("quokka"), "few.rs");
    (0..100).for_each(|number| {
        project.write(&format!("many/f{number}.rs"), format!("fn wombat_{number}() {{}}\n").as_bytes())
    });
    project.refresh();
    assert_eq!(first("wombat_77"), "many/f77.rs");
    std::fs::remove_dir_all(project.root().join("many")).unwrap();
    std::fs::remove_file(project.root().join("few.rs")).unwrap();
    project.refresh();
    assert_eq!(first("wombat_77 quokka"), "old.rs");
}
