//! The file that counts uses: for its owner, bounded, and never in the way.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use garth::commands::{Usage, Used};

fn record(file: &Path, name: &str, second: u64) -> Usage {
    Usage::record(file, name, UNIX_EPOCH + Duration::from_secs(second)).unwrap()
}

#[test]
fn uses_are_counted_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state/skills.json");
    assert_eq!(Usage::load(&file), Usage::default());
    record(&file, "a", 1);
    record(&file, "b", 2);
    let usage = record(&file, "a", 3);
    assert_eq!(usage, Usage::load(&file));
    assert_eq!(
        (usage.of("a"), usage.of("b"), usage.of("c")),
        (Used { count: 2, last: 3 }, Used { count: 1, last: 2 }, Used::default())
    );
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_damaged_file_costs_the_counts_and_nothing_else() {
    for text in ["", "{", "[]", r#"{"version": 1, "skills": {"a": {"count": -1}}}"#, "\u{0}\u{1}", r#"{"skills": 3}"#] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("skills.json");
        std::fs::write(&file, text).unwrap();
        assert_eq!(Usage::load(&file), Usage::default(), "{text}");
        assert_eq!(record(&file, "a", 1).of("a").count, 1, "{text}");
        assert_eq!(Usage::load(&file).of("a").count, 1);
    }
    // What a newer Garth wrote is not for this one to replace.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("skills.json");
    let newer = r#"{"version": 2, "skills": {}}"#;
    std::fs::write(&file, newer).unwrap();
    assert_eq!(record(&file, "a", 1), Usage::default());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), newer);
}

#[test]
fn it_does_not_grow_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("skills.json");
    let skills: Vec<String> = (0..1000).map(|n| format!(r#""s{n}": {{"count": 9, "last": {}}}"#, n + 10)).collect();
    std::fs::write(&file, format!(r#"{{"version": 1, "skills": {{{}}}}}"#, skills.join(","))).unwrap();
    let usage = record(&file, "new", 1);
    assert_eq!((usage.of("new").count, usage.of("s0").count, usage.of("s1").count), (1, 0, 9));
    record(&file, &"x".repeat(10_000), 2);
    assert!(file.metadata().unwrap().len() < 100_000);
}
