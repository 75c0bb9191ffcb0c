use words::{by_letter, longer};

#[test]
fn groups() {
    let groups = by_letter("bee ant bat ant cat bee");
    let shown: Vec<_> = groups.into_iter().collect();
    assert_eq!(shown, [('a', vec!["ant"]), ('b', vec!["bee", "bat"]), ('c', vec!["cat"])]);
    assert!(by_letter(" ").is_empty());
}

#[test]
fn the_longer() {
    assert_eq!(longer("ab", "cd"), "ab");
    assert_eq!(longer("ab", "cde"), "cde");
}
