use byte_size::parse;

#[test]
fn sizes() {
    for (text, bytes) in [
        ("0", 0),
        ("512", 512),
        (" 512B ", 512),
        ("4KiB", 4096),
        ("2 MiB", 2 << 20),
        ("1gib", 1 << 30),
        ("17179869183GiB", 17_179_869_183 << 30),
    ] {
        assert_eq!(parse(text), Some(bytes), "{text}");
    }
}

#[test]
fn none() {
    for text in ["", "KiB", "-1", "+1", "1.5MiB", "4KB", "1 2", "17179869184GiB", "99999999999999999999"] {
        assert_eq!(parse(text), None, "{text}");
    }
}
