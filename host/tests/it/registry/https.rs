//! Plugins from an https address: what the server may answer, and what it may not.

use std::path::PathBuf;
use std::time::Duration;

use garth::plugins::digest;
use garth::registry::{self, Limits, Settings, Source, Wanted};
use minisign::KeyPair;

use super::plugin::plugin;
use super::web::{Answer, Web};
use super::world::World;

const TOOLS: [(&str, &str); 1] = [("look", "{}")];

#[test]
fn an_address_needs_the_digest_that_its_author_publishes() {
    let world = World::new();
    let bytes = plugin("weather", "1.0.0", &TOOLS);
    let (sha256, served) = (digest(&bytes), bytes.clone());
    let web = Web::secure(move |_| Answer::of(200, served.clone()));
    let url = format!("https://{}/weather.wasm", web.host());
    world.refused(&["add", &url, "--yes"], 1, "name the SHA-256 that its author publishes with --sha256");
    assert!(web.asked().is_empty(), "nothing is asked before that");
    world.refused(&["add", &url, "--yes", "--sha256", &"a".repeat(64)], 1, "is not what was asked for: its SHA-256 is");
    world.refused(&["add", &url, "--yes", "--sha256", "abc"], 1, "64 digits");
    world.done(&["add", &url, "--yes", "--sha256", &sha256.to_uppercase()]);
    assert_eq!(world.status("weather").0, "used");
    assert!(web.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));

    // Another machine, with the same lock file.
    let other = World::new();
    other.project.write("garth.lock", &world.project.read("garth.lock"));
    assert_eq!(other.status("weather").0, "missing");
    other.done(&["install", "--yes"]);
    assert_eq!(other.status("weather").0, "used");
    assert!(other.done(&["update"]).contains("nothing vouches for a newer version"));
}

#[test]
fn a_key_vouches_for_an_address_and_its_updates() {
    let world = World::new();
    let keys = KeyPair::generate_unencrypted_keypair().unwrap();
    let releases = ["1.0.0", "1.1.0"].map(|version| {
        let bytes = plugin("weather", version, &TOOLS);
        let signed = minisign::sign(Some(&keys.pk), &keys.sk, bytes.as_slice(), None, None).unwrap().into_string();
        (bytes, signed)
    });
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let web = Web::secure(move |request| {
        let (bytes, signed) = &releases[asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) / 2];
        match request.path.as_str() {
            "/weather.wasm?v=1" => Answer::of(200, bytes.clone()),
            "/weather.wasm.minisig?v=1" => Answer::of(200, signed.as_bytes()),
            _ => Answer::of(404, ""),
        }
    });
    let url = format!("https://{}/weather.wasm?v=1", web.host());
    world.done(&["add", &url, "--yes", "--key", &keys.pk.to_base64()]);
    world.done(&["update", "--yes"]);
    assert!(world.done(&["list"]).contains("weather 1.1.0"));
}

#[test]
fn nothing_leads_away_from_https() {
    let world = World::new();
    let plain = Web::plain(|_| Answer::of(200, "x"));
    let target = format!("http://{}/weather.wasm", plain.host());
    let bytes = plugin("weather", "1.0.0", &TOOLS);
    let sha256 = digest(&bytes);
    let web = Web::secure(move |asked| match asked.path.as_str() {
        "/good" => Answer::of(302, "").with("location", "/file"),
        "/file" => Answer::of(200, bytes.clone()),
        "/plain" => Answer::of(302, "").with("location", target.clone()),
        "/script" => Answer::of(301, "").with("location", "javascript:alert(1)"),
        "/loop" => Answer::of(307, "").with("location", "/loop"),
        "/missing" => Answer::of(404, "no\u{1b}[2J such\nthing"),
        _ => Answer::of(500, ""),
    });
    let add = |path: &str| ["add".to_string(), format!("https://{}{path}", web.host()), "--yes".into()];
    let refused = |path: &str, said: &str| {
        let args = add(path);
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--sha256", &sha256]).collect();
        let text = world.refused(&args, 1, said);
        assert!(!text.contains('\u{1b}') && text.lines().count() == 1, "{text:?}");
    };
    refused("/plain", "and only https is followed");
    refused("/script", "and only https is followed");
    refused("/loop", "too many times");
    refused("/missing", "answered 404: no\\u{1b}[2J such thing");
    assert!(plain.asked().is_empty());
    let args = add("/good");
    world.done(&[&args[0], &args[1], "--yes", "--sha256", &sha256]);

    let unknown = world.project.garth(&["plugin", "add", &args[1], "--sha256", &sha256]).output().unwrap();
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("certificate") && said.contains("cannot be reached"), "an unknown authority: {said}");
}

/// What the command line has no patience for is tried through the library, with limits that a test can wait for.
#[tokio::test]
async fn no_answer_is_too_long_or_too_slow() {
    let web = Web::plain(|asked| match asked.path.as_str() {
        path if path.ends_with("/manifests/endless") => Answer { endless: true, ..Answer::of(200, "") },
        path if path.ends_with("/manifests/announced") => {
            Answer { stuck: true, ..Answer::of(200, "x") }.with("content-length", "99999999")
        }
        _ => Answer { stuck: true, ..Answer::of(200, "x") },
    });
    let limits = Limits { bytes: 1_000, idle: Duration::from_millis(400), whole: Duration::from_secs(3) };
    let settings = Settings { folder: PathBuf::from("/"), logins: None, limits };
    for (tag, said) in [("endless", "is larger than"), ("announced", "is larger than"), ("stuck", "cannot be reached")]
    {
        let source = Source::parse(&format!("oci://{}/weather:{tag}", web.host())).unwrap();
        let started = std::time::Instant::now();
        let error = registry::fetch(&source, Wanted::default(), &settings).await.unwrap_err().to_string();
        assert!(error.contains(said), "{tag}: {error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{tag}");
    }
}
