use calculator::{Error, compute};

#[test]
fn results() {
    for (line, result) in [
        ("1 + 2 * 3", 7),
        ("10 - 2 - 3", 5),
        ("20 / 2 / 5", 2),
        ("2 * 9 / 3 - 1 + 4", 9),
        ("7 / 2", 3),
        ("0 / 5", 0),
    ] {
        assert_eq!(compute(line), Ok(result), "{line}");
    }
}

#[test]
fn errors() {
    assert_eq!(compute("1 / 0"), Err(Error::DivisionByZero));
    assert_eq!(compute("1 -"), Err(Error::Unfinished));
    assert_eq!(compute("1 % 2"), Err(Error::Unreadable('%')));
}
