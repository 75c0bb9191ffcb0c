//! Plugins from an OCI registry that a script plays: the protocol's corners, and registries that lie.

use std::sync::{Arc, Mutex};

use garth::plugins::digest;
use serde_json::{Value, json};

use super::plugin::plugin;
use super::web::{Answer, Asked, Web};
use super::world::World;

const TOOLS: [(&str, &str); 1] = [("look", "{}")];
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

fn manifest(layer: &[u8]) -> Value {
    let empty = format!("sha256:{}", digest(b"{}"));
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": CONFIG, "digest": empty, "size": 2},
        "layers": [{"mediaType": "application/wasm", "digest": format!("sha256:{}", digest(layer)), "size": layer.len()}],
    })
}

/// A registry with one artifact, `weather:1`, which may be replaced.
struct Registry {
    web: Web,
    now: Arc<Mutex<(Value, Vec<u8>)>>,
}

impl Registry {
    fn new(layer: Vec<u8>) -> Registry {
        Registry::behind(layer, |_| None)
    }

    /// `first` may answer in its place.
    fn behind(layer: Vec<u8>, first: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Registry {
        let now = Arc::new(Mutex::new((manifest(&layer), layer)));
        let state = now.clone();
        let web =
            Web::plain(move |asked| first(asked).unwrap_or_else(|| Registry::answer(asked, &state.lock().unwrap())));
        Registry { web, now }
    }

    fn answer(asked: &Asked, (manifest, layer): &(Value, Vec<u8>)) -> Answer {
        let manifest = manifest.to_string().into_bytes();
        let by_digest = format!("/v2/tools/weather/manifests/sha256:{}", digest(&manifest));
        match asked.path.as_str() {
            "/v2/tools/weather/manifests/1" => Answer::of(200, manifest),
            path if path == by_digest => Answer::of(200, manifest),
            path if path.starts_with("/v2/tools/weather/blobs/") => Answer::of(200, layer.clone()),
            _ => Answer::of(404, r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no such thing"}]}"#),
        }
    }

    fn source(&self) -> String {
        format!("oci://{}/tools/weather:1", self.web.host())
    }

    fn publish(&self, layer: Vec<u8>) {
        *self.now.lock().unwrap() = (manifest(&layer), layer);
    }

    fn change(&self, change: impl Fn(&mut Value)) {
        change(&mut self.now.lock().unwrap().0);
    }
}

/// A component that carries no manifest has it in an annotation.
#[test]
fn a_manifest_travels_with_the_component() {
    let world = World::new();
    let component = r#"(component
        (core module $m (func (export "f") (result i32) (i32.const 7)))
        (core instance $i (instantiate $m))
        (func (export "lucky") (result u32) (canon lift (core func $i "f"))))"#;
    let registry = Registry::new(wat::parse_str(component).unwrap());
    let text = "name = \"weather\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n\
                [tools.lucky.capabilities]\nworkspace = \"read\"\n";
    registry.change(|manifest| manifest["annotations"] = json!({"garth.manifest": text}));
    world.refused(&["add", &registry.source()], 4, "lucky  reads the workspace");
    world.done(&["add", &registry.source(), "--yes"]);
    assert_eq!(world.project.read(".garth/plugins/weather.toml"), text);
    assert!(world.project.read("garth.lock").contains(&format!("manifest = \"{}\"", digest(text.as_bytes()))));
    std::fs::remove_dir_all(world.project.root().join(".garth/plugins")).unwrap();
    world.done(&["install"]);
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
    assert!(world.done(&["update"]).contains("is what its source has"));
    registry.change(|manifest| manifest["annotations"] = json!({"garth.manifest": text.replace("read", "write")}));
    world.refused(&["update"], 4, "+ lucky now also writes the workspace");
}

#[test]
fn a_tag_is_resolved_into_the_lock_and_looked_at_again_by_update() {
    let world = World::new();
    let registry = Registry::new(plugin("weather", "1.0.0", &TOOLS));
    world.done(&["add", &registry.source(), "--yes"]);
    let first =
        format!("{}@sha256:{}", registry.source(), digest(registry.now.lock().unwrap().0.to_string().as_bytes()));
    let lock = world.project.read("garth.lock");
    assert!(lock.contains(&format!("source = \"{first}\"")), "{lock}");
    assert!(world.done(&["update"]).contains("is what its source has"));

    registry.publish(plugin("weather", "2.0.0", &TOOLS));
    let other = World::new();
    other.project.write("garth.lock", &lock);
    other.refused(&["install", "--yes"], 1, "answered 404");
    world.refused(&["update"], 4, "weather 2.0.0");
    world.done(&["update", "--yes"]);
    assert!(world.done(&["list"]).contains("weather 2.0.0"));
    other.project.write("garth.lock", &world.project.read("garth.lock"));
    other.done(&["install", "--yes"]);
    assert_eq!(other.status("weather").0, "used");

    let by_digest = world.project.read("garth.lock").replace("weather:1@", "weather@");
    world.project.write("garth.lock", &by_digest);
    assert!(world.done(&["update"]).contains("named by its digest"));
}

#[test]
fn what_is_not_what_it_says_is_refused() {
    let bytes = plugin("weather", "1.0.0", &TOOLS);
    let refused = |change: &dyn Fn(&mut Value), said: &str| {
        let (world, registry) = (World::new(), Registry::new(bytes.clone()));
        registry.change(change);
        let text = world.refused(&["add", &registry.source(), "--yes"], 1, said);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(!world.has("garth.lock") && !world.has(".garth/plugins/weather.wasm"));
    };
    let other = format!("sha256:{}", "a".repeat(64));
    refused(&|it| it["layers"][0]["digest"] = other.clone().into(), "is not what was asked for");
    refused(&|it| it["layers"][0]["digest"] = "sha512:aa".into(), "no sha256");
    refused(&|it| it["layers"][0]["digest"] = "sha256:../../x".into(), "no sha256");
    refused(&|it| it["layers"][0]["size"] = 10.into(), "is larger than 10 bytes");
    refused(&|it| it["layers"][0]["size"] = (-1).into(), "is larger than");
    refused(&|it| it["layers"][0]["size"] = (1u64 << 40).into(), "is larger than");
    refused(
        &|it| it["layers"][0]["mediaType"] = "application/\u{1b}[2Jtar".into(),
        "its layer is 'application/\\u{1b}",
    );
    refused(&|it| it["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into(), "no Wasm artifact");
    refused(&|it| it["layers"] = json!([]), "it has 0 layers");
    refused(&|it| it["layers"] = json!([it["layers"][0], it["layers"][0]]), "it has 2 layers");
    refused(&|it| it["schemaVersion"] = 1.into(), "of another kind");
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []});
    refused(&|it| *it = index.clone(), "no manifest of a single artifact");
    refused(&|it| *it = "[".repeat(10_000).into(), "no manifest of a single artifact");
    // Downloaded from elsewhere than the registry: such addresses are not followed.
    let (world, registry) = (World::new(), Registry::new(bytes.clone()));
    registry.change(|it| it["layers"][0]["urls"] = json!(["http://127.0.0.1:1/x"]));
    world.done(&["add", &registry.source(), "--yes"]);
}

#[test]
fn a_manifest_has_the_digest_that_it_is_asked_by_and_that_it_claims() {
    let world = World::new();
    let bytes = plugin("weather", "1.0.0", &TOOLS);
    let served = manifest(&bytes).to_string();
    let registry = Registry::behind(bytes.clone(), move |asked| match asked.path.contains("/manifests/") {
        true if asked.path.ends_with("/2") => {
            Some(Answer::of(200, served.clone()).with("docker-content-digest", format!("sha256:{}", "b".repeat(64))))
        }
        true => Some(Answer::of(200, served.clone())),
        false => None,
    });
    let by_digest = format!("oci://{}/tools/weather@sha256:{}", registry.web.host(), "a".repeat(64));
    world.refused(&["add", &by_digest, "--yes"], 1, "the manifest of");
    let claimed = format!("oci://{}/tools/weather:2", registry.web.host());
    world.refused(&["add", &claimed, "--yes"], 1, "is not what was asked for");
}

/// Docker's `config.json` with a login for this registry.
fn log_in(world: &World, registry: &str) {
    let folder = world.home().join("home/.docker");
    std::fs::create_dir_all(&folder).unwrap();
    let json = json!({"auths": {registry: {"auth": "dXNlcjpwYXNz"}}});
    std::fs::write(folder.join("config.json"), json.to_string()).unwrap();
}

fn challenge(realm: &str) -> Answer {
    Answer::of(401, "").with("www-authenticate", format!("Bearer realm=\"{realm}\",service=\"reg\",scope=\"x\""))
}

#[test]
fn a_token_is_fetched_where_the_registry_says_and_used() {
    let world = World::new();
    let registry = Registry::behind(plugin("weather", "1.0.0", &TOOLS), |asked| {
        let host = asked.headers.get("host").cloned().unwrap_or_default();
        match (asked.path.starts_with("/token"), asked.headers.get("authorization").map(String::as_str)) {
            (true, Some("Basic dXNlcjpwYXNz")) => Some(Answer::of(200, r#"{"token": "sesame"}"#)),
            (true, _) => Some(Answer::of(401, "")),
            (false, Some("Bearer sesame")) => None,
            (false, _) => Some(challenge(&format!("http://{host}/token"))),
        }
    });
    let text =
        world.refused(&["add", &registry.source(), "--yes"], 1, "asks for a login that this machine does not have");
    assert!(text.contains("docker login localhost"), "{text}");
    log_in(&world, &registry.web.host());
    world.done(&["add", &registry.source(), "--yes"]);
    let token = registry.web.asked().into_iter().rfind(|asked| asked.path.starts_with("/token")).unwrap();
    assert_eq!(token.path, "/token?scope=repository%3Atools%2Fweather%3Apull&service=reg");
}

#[test]
fn a_login_is_never_told_to_strangers() {
    let stranger = Arc::new(Web::secure(|_| Answer::of(200, r#"{"token": "sesame"}"#)));
    let realm = format!("https://127.0.0.1:{}/token", stranger.address.port());
    let world = World::new();
    let registry = Registry::behind(plugin("weather", "1.0.0", &TOOLS), move |asked| {
        let known = asked.headers.get("authorization").is_some_and(|value| value == "Bearer sesame");
        (!known).then(|| challenge(&realm))
    });
    log_in(&world, &registry.web.host());
    world.done(&["add", &registry.source(), "--yes"]);
    let asked = stranger.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"), "a token without the login: {asked:?}");

    let refused = |answer: fn() -> Answer, said: &str| {
        let world = World::new();
        let registry = Registry::behind(Vec::new(), move |_| Some(answer()));
        log_in(&world, &registry.web.host());
        world.refused(&["add", &registry.source(), "--yes"], 1, said);
    };
    refused(|| challenge("http://192.0.2.1/token"), "at an address that is not https");
    refused(|| challenge("file:///etc/passwd"), "at an address that is not https");
    refused(|| challenge("nonsense"), "does not say where it is given");
    refused(|| Answer::of(401, "").with("www-authenticate", "Negotiate"), "asks for a login");
    refused(|| Answer::of(401, ""), "asks for a login");
    refused(|| Answer::of(403, ""), "asks for a login");
}

#[test]
fn a_token_that_no_header_can_carry_is_none() {
    for token in ["a\\nb", "", "\\u00e9", "a b"] {
        let world = World::new();
        let registry = Registry::behind(Vec::new(), move |asked| {
            let host = asked.headers.get("host").cloned().unwrap_or_default();
            Some(match asked.path.starts_with("/token") {
                true => Answer::of(200, format!("{{\"token\": \"{token}\"}}")),
                false => challenge(&format!("http://{host}/token")),
            })
        });
        world.refused(&["add", &registry.source(), "--yes"], 1, "gives no token");
    }
}

#[test]
fn a_layer_kept_elsewhere_is_fetched_without_the_login() {
    let bytes = plugin("weather", "1.0.0", &TOOLS);
    let served = bytes.clone();
    let store = Web::secure(move |_| Answer::of(200, served.clone()));
    let elsewhere = format!("https://{}/blob", store.host());
    let world = World::new();
    let registry = Registry::behind(bytes, move |asked| {
        let known = asked.headers.get("authorization").is_some_and(|value| value == "Basic dXNlcjpwYXNz");
        match (known, asked.path.contains("/blobs/")) {
            (false, _) => Some(Answer::of(401, "").with("www-authenticate", "Basic realm=\"x\"")),
            (true, true) => Some(Answer::of(307, "").with("location", elsewhere.clone())),
            (true, false) => None,
        }
    });
    log_in(&world, &registry.web.host());
    world.done(&["add", &registry.source(), "--yes"]);
    assert_eq!(store.asked().len(), 1);
    assert!(!store.asked()[0].headers.contains_key("authorization"));
}

#[test]
fn push_refuses_what_nobody_could_use() {
    let world = World::new();
    world.put("weather.wasm", &plugin("weather", "1.0.0", &TOOLS));
    world.put("other.wasm", b"\0asm\x0d\0\x01\0");
    world.refused(&["push", "other.wasm", "oci://localhost:1/weather:1"], 1, "exports neither");
    world.refused(&["push", "weather.wasm", "weather:1"], 1, "no place in a registry");
    world.refused(&["push", "weather.wasm", "oci://localhost:1/weather:1"], 1, "cannot be reached");
    let digest = format!("oci://localhost:1/weather@sha256:{}", "a".repeat(64));
    world.refused(&["push", "weather.wasm", &digest], 1, "name the tag");
    // A registry whose answers make no sense takes nothing down.
    let web = Web::plain(|asked| match asked.path.as_str() {
        "/v2/" => Answer::of(200, "{}"),
        _ => Answer::of(202, "").with("location", "\u{e9}:::not an address").with("range", "x"),
    });
    world.refused(&["push", "weather.wasm", &format!("oci://{}/weather:1", web.host())], 1, "did not take it");
}
