//! The user's word from the command line: accepting a file that lies there, granting and taking back, and why a call would
//! be denied.

use serde_json::{Value, json};

use super::plugin::plugin;
use super::world::{World, without_digests};
use crate::server::{Reply, Server};

const LOOK: (&str, &str) = ("look", r#"{ workspace = "read" }"#);
const NOTE: (&str, &str) = ("note", r#"{ workspace = "write", state = "1MiB" }"#);
const TELL: (&str, &str) = (
    "tell",
    r#"{ http = [{ host = "api.example.org", methods = ["GET", "POST"] }], secrets = [{ name = "key", host = "api.example.org", header = "authorization" }] }"#,
);
const FILE: &str = ".garth/plugins/notes.wasm";

fn world() -> World {
    let world = World::new();
    world.put(FILE, &plugin("notes", "1.0.0", &[LOOK, NOTE, TELL]));
    world
}

#[test]
fn a_file_that_lies_there_is_accepted_exactly_as_it_is() {
    let world = world();
    let asked = world.refused(&["accept", "notes"], 4, "--yes accepts it");
    assert!(asked.contains("notes 1.0.0") && asked.contains("look") && asked.contains("SHA-256"), "{asked}");
    assert_ne!(world.status("notes").0, "used");
    let done = world.done(&["accept", "notes", "--yes"]);
    assert!(done.contains("Accepted 'notes' exactly as it is"), "{done}");
    assert_eq!(world.status("notes").0, "used");
    assert!(world.done(&["accept", "notes"]).contains("already"));
    // Another content needs another word, which shows what it can do more.
    world.put(FILE, &plugin("notes", "1.1.0", &[LOOK, NOTE, TELL, ("wipe", r#"{ workspace = "write" }"#)]));
    assert_ne!(world.status("notes").0, "used");
    let asked = world.refused(&["accept", "notes"], 4, "+ wipe is new: writes the workspace");
    assert!(asked.contains("Compared with the version"), "{asked}");
    world.done(&["accept", "notes", "--yes"]);
    assert_eq!(world.status("notes").0, "used");
}

#[test]
fn what_cannot_be_used_is_not_accepted() {
    let world = World::new();
    let refused = |name: &str, said: &str| world.refused(&["accept", name, "--yes"], 1, said);
    refused("notes", "there is no such file");
    refused("../notes", "there is no such file");
    world.put(FILE, b"no plugin");
    refused("notes", "not a WebAssembly component");
    world.put(FILE, &plugin("other", "1.0.0", &[LOOK]));
    refused("notes", "name the file other.wasm");
    world.put(".garth/plugins/files.wasm", &plugin("files", "1.0.0", &[LOOK]));
    refused("files", "the name of a built-in plugin");
    world.put(FILE, &plugin("notes", "1.0.0", &[("read_file", "{}")]));
    refused("notes", "has the name of a tool of the built-in plugin 'files'");
    world.put(FILE, &super::plugin::liar("notes"));
    refused("notes", "other things of its tools");
    // The lock names other bytes.
    world.put("notes.wasm", &plugin("notes", "1.0.0", &[LOOK]));
    std::fs::remove_file(world.project.root().join(FILE)).unwrap();
    world.done(&["add", "notes.wasm", "--yes"]);
    world.put(FILE, &plugin("notes", "1.0.1", &[LOOK]));
    refused("notes", "garth.lock names");
}

#[test]
fn only_the_accepted_bytes_are_called_with_what_was_granted() {
    let world = world();
    let called = |said: &str| world.refused(&["call", "notes", "look"], 1, said);
    called("'notes' is not called: you have not accepted it; run `garth plugin accept notes`");
    world.done(&["accept", "notes", "--yes"]);
    world.done(&["grant", "notes", "--all"]);
    let granted = |args: &[&str]| world.garth(&[&["call"], args].concat()).err;
    assert!(granted(&["notes", "look"]).contains("granted: reads the workspace"), "{}", granted(&["notes", "look"]));
    // Of a path, nothing of that counts.
    assert!(!granted(&[&format!("./{FILE}"), "look"]).contains("reads the workspace"));
    world.put(FILE, &plugin("notes", "6.6.6", &[LOOK, NOTE, TELL]));
    called("'notes' is not called: it is not the version that you accepted; run `garth plugin accept notes`");
    // What others say of the same file.
    let (status, reason) = world.status("notes");
    assert_eq!((status.as_str(), &reason[..44]), ("waits", "it is not the version that you accepted; `ga"));
    assert!(world.done(&["why", "look"]).contains("✗ file           it is not the version that you accepted"));
    let given = world.done(&["grant", "notes", "--tool", "look", "--workspace", "read"]);
    assert!(
        given.contains("is not used: it is not the version that you accepted; run `garth plugin accept notes`"),
        "{given}"
    );
    // Another plugin's tool has the name in another spelling.
    world.put(FILE, &plugin("notes", "1.0.0", &[LOOK, NOTE, TELL]));
    world.put(".garth/plugins/other.wasm", &plugin("other", "1.0.0", &[("LOOK", "{}")]));
    world.refused(&["accept", "other", "--yes"], 1, "has the name of a tool of the plugin 'notes'");
}

#[test]
fn a_manifest_beside_the_file_is_part_of_what_was_accepted() {
    let world = World::new();
    let manifest = |more: &str| {
        let head = "name = \"plain\"\nversion = \"1.0.0\"\ndescription = \"Counts.\"\nwit = \"0.1\"\n[tools.seven]\n";
        world.put(".garth/plugins/plain.toml", format!("{head}{more}").as_bytes());
    };
    let wasm = wat::parse_str(
        "(component (core module $m (func (export \"f\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $m))
           (func (export \"seven\") (result u32) (canon lift (core func $i \"f\"))))",
    );
    world.put(".garth/plugins/plain.wasm", &wasm.unwrap());
    manifest("");
    world.done(&["accept", "plain", "--yes"]);
    assert!(world.done(&["why", "seven"]).contains("✓ file           accepted exactly as it is"));
    manifest("capabilities = { workspace = \"write\" }\n");
    let changed = "its manifest is not the one that you accepted";
    assert!(world.status("plain").1.starts_with(changed), "{:?}", world.status("plain"));
    assert!(world.done(&["why", "seven"]).contains(&format!("✗ file           {changed}")));
    world.refused(&["call", "plain", "seven"], 1, changed);
    manifest(&format!("# {}\n", "x".repeat(300 << 10)));
    world.refused(&["accept", "plain", "--yes"], 1, "larger than 256 KiB");
    assert_eq!(world.status("plain").0, "problem");
}

#[test]
fn grants_are_given_listed_and_taken_back() {
    let world = world();
    let given = world.done(&["grant", "notes", "--workspace", "read"]);
    insta::assert_snapshot!(given, @r"
    Granted to 'notes' (this project's) in this project:
      look  reads the workspace
      note  reads the workspace
    Still asked for when it is used:
      note  writes the workspace, keeps up to 1MiB of its own
      tell  sends GET/POST api.example.org, uses the secret key at api.example.org (header authorization)
    The file itself is not used: you have not accepted it; run `garth plugin accept notes`.
    ");
    world.done(&["accept", "notes", "--yes"]);
    let given = world.done(&["grant", "notes", "--tool", "tell", "--http", "GET api.example.org", "--secret", "key"]);
    assert!(given.contains("Still asked for when it is used:\n") && !given.contains("accept"), "{given}");
    insta::assert_snapshot!(world.done(&["grants"]), @r"
    notes (this project's)
      look  reads the workspace (in this project)
      note  reads the workspace (in this project)
      tell  sends GET api.example.org, uses the secret key at api.example.org (header authorization) (in this project)
    ");
    let listed = &world.json(&["grants", "notes"])[0]["grants"];
    assert_eq!(
        (&listed[0]["tool"], &listed[0]["of"], &listed[0]["by"], &listed[0]["place"]),
        (&"look".into(), &"project".into(), &"user".into(), &"project".into())
    );
    assert!(world.done(&["grants", "other"]).starts_with("Nothing is granted to 'other'."));
    let taken = world.done(&["revoke", "notes", "--tool", "note"]);
    assert!(taken.contains("Taken back from 'note' of 'notes' in this project"), "{taken}");
    // A conversation that runs may have something of its own.
    let taken = world.done(&["revoke", "notes", "--tool", "note"]);
    assert!(taken.starts_with("Nothing was granted to 'note' of 'notes' in this project for longer than"), "{taken}");
    world.refused(&["revoke", "notes", "--tool", "nota"], 1, "nothing is granted to 'nota' of 'notes'");
    world.refused(&["revoke", "nota"], 1, "nothing is granted to 'nota'");
    world.done(&["revoke", "notes"]);
    assert!(world.done(&["grants"]).starts_with("Nothing is granted."));
    world.done(&["grant", "notes", "--all"]);
    assert_eq!(world.json(&["grants"])[0]["grants"].as_array().unwrap().len(), 3);
    assert_eq!(world.status("notes").0, "used", "and its bytes stay accepted");
}

#[test]
fn nothing_is_granted_that_is_not_declared() {
    let world = world();
    let refused = |args: &[&str], said: &str| {
        world.refused(&[&["grant", "notes"], args].concat(), 1, said);
    };
    refused(
        &["--tool", "look", "--workspace", "write"],
        "not declared: writes the workspace; it declares at most: reads",
    );
    refused(&["--process", "rm"], "no tool of it declares: runs rm");
    refused(&["--http", "evil.example.org"], "no tool of it declares: sends evil.example.org");
    refused(&["--http", "*"], "each host is granted by its name");
    refused(&["--tool", "none", "--all"], "has no tool 'none'; its tools are look, note, tell");
    refused(&["--all", "--user"], "is this project's plugin");
    world.refused(&["grant", "none", "--all"], 1, "there is no plugin 'none'");
    world.refused(&["grant", "files", "--all"], 1, "the built-in plugin 'files' has what it declares");
    assert!(world.done(&["grants"]).starts_with("Nothing is granted."));
    world.put(".garth/plugins/any.wasm", &plugin("any", "1.0.0", &[("get", r#"{ http = [{ host = "*" }] }"#)]));
    world.refused(&["grant", "any", "--all"], 1, "servers are granted each by its name: --http HOST");
    let given = world.done(&["grant", "any", "--http", "docs.example.org"]);
    assert!(given.contains("get  sends GET/HEAD docs.example.org"), "{given}");
}

#[test]
fn why_names_every_step_and_what_would_change_it() {
    let world = world();
    world.put(
        ".garth/config.toml",
        b"[plugins.files.tools.read_file]\nworkspace = [{ path = \"docs\", access = \"read\" }]\n",
    );
    insta::assert_snapshot!(without_digests(&world.done(&["why", "note", r#"{"path": "a.txt"}"#])), @r#"
    note, of the plugin notes 1.0.0
      ✗ file           you have not accepted it
      ✓ arguments      they fit the tool's schema
      ✓ declares       writes the workspace, keeps up to 1MiB of its own
      ✓ configuration  leaves all of that
      ? grants         not granted yet: writes the workspace, keeps up to 1MiB of its own
      ? rules          writing files needs approval
    It is denied.
    To allow it (file): run `garth plugin accept notes`
    To allow it (grants): run `garth plugin grant notes --tool note --workspace write --state 1MiB`
    To allow it (rules): add { effect = "allow", tool = "note", plugin = "notes", path = "/a.txt" } to approval.rules in your configuration or use --approval auto
    "#);
    let says = |args: &[&str], parts: &[&str]| {
        let text = world.done(&[&["why"], args].concat());
        parts.iter().for_each(|part| assert!(text.contains(part), "{args:?}: {part}\n{text}"));
    };
    says(
        &["tell", r#"{"url": "https://evil.example.org/x"}"#],
        &["✗ declares", "GET evil.example.org:443 is not declared"],
    );
    says(
        &["tell", r#"{"url": "https://api.example.org/x"}"#],
        &["? grants", "--http 'GET,POST api.example.org' --secret key`"],
    );
    says(
        &["read_file", r#"{"path": "src/a.rs"}"#],
        &["✗ configuration", "the file 'src/a.rs' is not left", "workspace, project ("],
    );
    says(&["read_file", r#"{"path": "docs/a.md"}"#], &["It is allowed, as far as can be told"]);
    says(&["grep", r#"{"pattern": "x", "path": "../x"}"#], &["It is denied", "contains '..'"]);
    says(&["write_file", r#"{"path": ".git/config", "content": ""}"#], &["✗ rules", "never written by a tool"]);
    says(&["write_file", r#"{"path": 7}"#], &["✗ arguments"]);
    says(&["skill"], &["Garth's own tool"]);
    let found = &world.json(&["why", "read_file"])[0];
    assert_eq!((&found["verdict"], &found["plugin"]), (&"allowed".into(), &"files".into()));
    world.refused(&["why", "none"], 1, "no plugin has a tool 'none'");
    world.refused(&["why", "grep", "[]"], 1, "JSON object");
    world.refused(&["why", "grep", "{"], 1, "not JSON");
    world.refused(&["why"], 1, "no call of this project in the audit was denied");
}

#[test]
fn from_a_denied_call_to_a_granted_one_and_back() {
    let world = world();
    world.done(&["accept", "notes", "--yes"]);
    let call = |tool: &str| {
        let server = Server::openai(vec![Reply::call(tool, json!({})), Reply::text("That was it.")]);
        let ran = world.project.run_at_home(&server, &world.home(), &[], "do it");
        let (status, text) = ran.results()[0];
        (ran.code, status.to_string(), text.to_string())
    };
    let command = "garth plugin grant notes --tool look --workspace read";
    let (code, status, text) = call("look");
    assert_eq!((code, status.as_str()), (4, "denied"), "{text}");
    assert!(text.contains(command) && text.contains("no terminal to ask on"), "{text}");
    let why = world.done(&["why"]);
    let parts = [
        "The last call that was denied in this project:",
        "the audit keeps only a digest",
        "look (notes 1.0.0, sha256",
        "✓ file",
        "? grants",
        command,
    ];
    parts.iter().for_each(|part| assert!(why.contains(part), "{part}\n{why}"));
    world.done(&command.split(' ').skip(2).collect::<Vec<_>>());
    assert_eq!(call("look").1, "ok");
    // What another tool of the plugin has is not its own.
    assert_eq!(call("note").1, "denied");
    world.done(&["revoke", "notes"]);
    assert_eq!(call("look").1, "denied");
    call("no_such_tool");

    let audit = |args: &[&str]| {
        let mut garth = world.project.garth(&[&["audit"], args].concat());
        let output = garth.env("GARTH_HOME", world.home()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let outcomes = |text: &str| -> Vec<String> {
        let calls = text.lines().filter(|line| !line.starts_with(' '));
        calls.map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let all = ["denied look", "ok look", "denied note", "denied look", "invalid no_such_tool"];
    assert_eq!(outcomes(&audit(&[])), all);
    assert_eq!(outcomes(&audit(&["--denied"])), ["denied look", "denied note", "denied look"]);
    assert_eq!(outcomes(&audit(&["--plugin", "notes", "--last", "2"])), ["denied note", "denied look"]);
    let json: Vec<Value> = audit(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((json.len(), &json[1]["capabilities"]["workspace"]), (5, &"read".into()));
    assert_eq!(json[1]["plugin"]["sha256"].as_str().unwrap().len(), 64);
    assert!(json[0]["reason"].as_str().unwrap().contains(command), "{}", json[0]);
}
