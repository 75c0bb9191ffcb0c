//! A real registry server, Debian's `docker-registry`, on loopback: what is pushed is what is pulled.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use minisign::KeyPair;
use serde_json::Value;

use super::plugin::plugin;
use super::world::World;

/// The server; it ends with the test.
struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    fn start(folder: &Path, more: &str) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{more}",
            folder.join("data").display()
        );
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("config.yml"), config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.join("config.yml")).stdout(Stdio::null()).stderr(Stdio::piped());
        let process = command.spawn().expect("docker-registry is needed: apt-get install docker-registry");
        let mut registry = Registry { process, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > Duration::from_secs(20) {
                let _ = registry.process.kill();
                let mut said = String::new();
                registry.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("docker-registry does not answer: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        registry
    }

    fn reference(&self, tag: &str) -> String {
        format!("oci://localhost:{}/tools/weather:{tag}", self.port)
    }

    /// The manifest of a tag, as the registry has it.
    fn manifest(&self, tag: &str) -> Value {
        use std::io::Write;
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let accept = "application/vnd.oci.image.manifest.v1+json";
        write!(stream, "GET /v2/tools/weather/manifests/{tag} HTTP/1.0\r\nhost: localhost\r\naccept: {accept}\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let world = World::new();
    let registry = Registry::start(&world.project.outside().join("registry"), "");
    let release = |version: &str| world.put("made/weather.wasm", &plugin("weather", version, &[("look", "{}")]));
    release("1.0.0");
    let sent = world.json(&["push", "made/weather.wasm", &registry.reference("1")]);
    let again = world.json(&["push", "made/weather.wasm", &registry.reference("1")]);
    assert_eq!(sent, again, "the same file is the same artifact");
    let source = sent[0]["source"].as_str().unwrap();
    assert!(source.starts_with(&format!("{}@sha256:", registry.reference("1"))), "{source}");

    let manifest = registry.manifest("1");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], format!("sha256:{}", sent[0]["sha256"].as_str().unwrap()));

    world.done(&["add", &registry.reference("1"), "--yes"]);
    assert!(world.project.read("garth.lock").contains(source), "the tag is resolved");
    assert!(world.done(&["verify"]).contains("nothing is wrong"));

    release("1.1.0");
    world.json(&["push", "made/weather.wasm", &registry.reference("1")]);
    let other = World::new();
    other.project.write("garth.lock", &world.project.read("garth.lock"));
    other.done(&["install", "--yes"]);
    assert!(other.done(&["list"]).contains("weather 1.0.0"), "the lock's digest, although the tag has moved");
    world.done(&["update", "--yes"]);
    assert!(world.done(&["list"]).contains("weather 1.1.0"));
    world.done(&["remove", "weather"]);
    world.done(&["add", source, "--yes"]);
    assert!(world.done(&["list"]).contains("weather 1.0.0"));
    world.refused(&["add", &registry.reference("2"), "--yes"], 1, "answered 404");
}

#[test]
fn a_signature_travels_with_the_file() {
    let world = World::new();
    let registry = Registry::start(&world.project.outside().join("registry"), "");
    let keys = KeyPair::generate_unencrypted_keypair().unwrap();
    let bytes = plugin("weather", "1.0.0", &[("look", "{}")]);
    let signature = minisign::sign(Some(&keys.pk), &keys.sk, bytes.as_slice(), None, None).unwrap().into_string();
    world.put("made/weather.wasm", &bytes);
    world.json(&["push", "made/weather.wasm", &registry.reference("unsigned")]);
    world.put("made/weather.wasm.minisig", signature.as_bytes());
    world.json(&["push", "made/weather.wasm", &registry.reference("signed")]);
    let key = keys.pk.to_base64();
    let add = |tag: &str| ["add".to_string(), registry.reference(tag), "--yes".into(), "--key".into(), key.clone()];
    let unsigned = add("unsigned");
    world.refused(&unsigned.each_ref().map(String::as_str), 1, "is not signed, and has to be");
    let signed = add("signed");
    world.done(&signed.each_ref().map(String::as_str));
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
}

#[test]
fn a_manifest_travels_with_the_component() {
    let world = World::new();
    let registry = Registry::start(&world.project.outside().join("registry"), "");
    let component = r#"(component
        (core module $m (func (export "f") (result i32) (i32.const 7)))
        (core instance $i (instantiate $m))
        (func (export "lucky") (result u32) (canon lift (core func $i "f"))))"#;
    world.put("made/lucky.wasm", &wat::parse_str(component).unwrap());
    let text = "name = \"lucky\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n\
                [tools.lucky.capabilities]\nworkspace = \"read\"\n";
    world.put("made/lucky.toml", text.as_bytes());
    world.json(&["push", "made/lucky.wasm", &registry.reference("1")]);
    world.done(&["add", &registry.reference("1"), "--yes"]);
    assert_eq!(world.project.read(".garth/plugins/lucky.toml"), text);
    assert!(world.done(&["verify"]).contains("nothing is wrong"));
}

#[test]
fn a_login_is_used_for_what_needs_one() {
    let world = World::new();
    let folder = world.project.outside().join("registry");
    std::fs::create_dir_all(&folder).unwrap();
    // `user` with the password `pass`, by bcrypt.
    let line = "user:$2b$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K\n";
    std::fs::write(folder.join("users"), line).unwrap();
    let auth = format!("auth:\n  htpasswd:\n    realm: tests\n    path: {}\n", folder.join("users").display());
    let registry = Registry::start(&folder, &auth);
    world.put("made/weather.wasm", &plugin("weather", "1.0.0", &[("look", "{}")]));
    world.refused(&["push", "made/weather.wasm", &registry.reference("1")], 1, "asks for a login");
    let docker = world.home().join("home/.docker");
    std::fs::create_dir_all(&docker).unwrap();
    let json = serde_json::json!({"auths": {format!("localhost:{}", registry.port): {"auth": "dXNlcjpwYXNz"}}});
    std::fs::write(docker.join("config.json"), json.to_string()).unwrap();
    world.json(&["push", "made/weather.wasm", &registry.reference("1")]);
    world.done(&["add", &registry.reference("1"), "--yes"]);
    std::fs::remove_file(docker.join("config.json")).unwrap();
    world.refused(&["add", &registry.reference("1"), "--yes"], 1, "docker login localhost");
}
