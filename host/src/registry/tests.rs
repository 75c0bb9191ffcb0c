//! Sources as they are written, and what lies on this machine.

use proptest::prelude::*;

use super::*;

#[test]
fn sources_are_read_and_written_alike() {
    for text in [
        "plugins/weather.wasm",
        "/home/me/weather.wasm",
        "a b.wasm",
        "https://example.org/weather.wasm",
        "https://example.org:8443/weather.wasm?v=1",
        "oci://registry.example.org/someone/weather:1.0",
        "oci://localhost:5000/weather:1.0",
        "oci://registry.example.org/a/b/c@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "oci://registry.example.org/a/b:v1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let source = Source::parse(text).unwrap();
        assert_eq!(source.to_string(), text);
        assert_eq!(Source::parse(&source.to_string()).unwrap(), source);
    }
}

#[test]
fn what_is_no_source_says_what_to_write() {
    for (text, said) in [
        ("", "https://…"),
        ("a\nb", "https://…"),
        ("http://example.org/x.wasm", "only https"),
        ("ftp://example.org/x.wasm", "https://…"),
        ("https://", "empty host"),
        ("https://user:pass@example.org/x", "leave out the user"),
        ("https://user@example.org/x", "leave out the user"),
        ("https://example.org/x#y", "after #"),
        ("oci://weather:1", "oci://HOST/NAME:TAG"),
        ("oci://someone/weather:1", "oci://HOST/NAME:TAG"),
        ("oci://registry.example.org/weather", "names no tag"),
        ("oci://localhost:5000/weather", "names no tag"),
        ("oci://registry.example.org/Weather:1", "invalid reference format"),
        ("oci://registry.example.org/weather@sha512:aa", "oci://HOST/NAME:TAG"),
        ("oci://evil@registry.example.org/weather:1", "oci://HOST/NAME:TAG"),
        ("oci://registry.example.org/../../x:1", "oci://HOST/NAME:TAG"),
        ("oci://registry.example.org/a?b=c:1", "oci://HOST/NAME:TAG"),
    ] {
        let error = Source::parse(text).map(|source| format!("{source:?}")).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[tokio::test]
async fn files_are_bounded_and_regular() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 10, ..Limits::default() };
    let settings = Settings { folder: dir.path().into(), logins: None, limits };
    let get = async |name: &str, wanted: Wanted<'_>| fetch(&Source::File(name.into()), wanted, &settings).await;
    std::fs::write(dir.path().join("good"), "0123456789").unwrap();
    std::fs::write(dir.path().join("large"), "0123456789a").unwrap();
    let good = get("good", Wanted::default()).await.unwrap();
    assert_eq!((good.bytes.as_slice(), good.signature), (&b"0123456789"[..], None));
    let check = async |name: &str, wanted: Wanted<'_>, said: &str| {
        let error = get(name, wanted).await.unwrap_err().to_string();
        assert!(error.contains(said), "{name}: {error}");
    };
    let other = "a".repeat(64);
    check("good", Wanted { sha256: Some(&other), key: None }, "is not what was asked for").await;
    check("large", Wanted::default(), "larger than 10 bytes").await;
    check("missing", Wanted::default(), "No such file").await;
    check(".", Wanted::default(), "not a file").await;
    check("/dev/zero", Wanted::default(), "not a file").await;
    std::fs::create_dir(dir.path().join("good.minisig")).unwrap();
    check("good", Wanted::default(), "good.minisig: this is not a file").await;
}

/// Made by minisign 0.11 with a key of its own for this test; the library's own tests have the mathematics.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

proptest! {
    /// A signature comes from a server.
    #[test]
    fn no_signature_is_a_panic(text in "(untrusted comment: .{0,20}\n)?[A-Za-z0-9+/=\n: é]{0,300}(\ntrusted comment: .{0,20}\n[A-Za-z0-9+/=]{0,120})?") {
        prop_assert!(verify(b"bytes", &text, KEY).is_err());
    }

    #[test]
    fn no_source_is_a_panic(text in "(oci://|https://|http://)?\\PC{0,80}") {
        if let Ok(source) = Source::parse(&text) {
            prop_assert!(!source.to_string().contains('\n'));
        }
    }
}
