use ring::Ring;

#[test]
fn the_oldest_comes_first() {
    let mut ring = Ring::new(3);
    assert!(ring.is_empty());
    for value in 1..=3 {
        assert_eq!(ring.push(value), None);
    }
    assert_eq!(ring.push(4), Some(1));
    assert_eq!(ring.len(), 3);
    assert_eq!([ring.pop(), ring.pop(), ring.pop(), ring.pop()], [Some(2), Some(3), Some(4), None]);
}

#[test]
fn it_goes_round_and_round() {
    let mut ring = Ring::new(2);
    for value in 0..100 {
        ring.push(value);
        if value % 3 == 0 {
            ring.pop();
        }
    }
    assert_eq!((ring.pop(), ring.len()), (Some(99), 0));
    ring.push(7);
    assert_eq!(ring.pop(), Some(7));
}

#[test]
fn nothing_is_kept_without_room() {
    let mut ring = Ring::new(0);
    assert_eq!(ring.push("a"), Some("a"));
    assert_eq!(ring.pop(), None);
}
