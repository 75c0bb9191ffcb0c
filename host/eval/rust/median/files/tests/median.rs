use median::median;

#[test]
fn odd() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[5.0]), Some(5.0));
}

#[test]
fn even() {
    assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
}

#[test]
fn empty() {
    assert_eq!(median(&[]), None);
}
