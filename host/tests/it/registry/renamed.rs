//! Tools that the manifest calls otherwise than their component: from a clash with a built-in one to a call by the agent, with
//! every command on the way showing the manifest's name.

use serde_json::{Value, json};

use super::plugin::plugin;
use super::world::World;
use crate::agent::Project;
use crate::plugins_guide::GUIDE;
use crate::sandbox::guests;
use crate::server::{Reply, Server};

/// As it stands in the author's guide.
const MANIFEST: &str = "name = \"plain\"\nversion = \"1.0.0\"\ndescription = \"Reads files, and shouts.\"\nwit = \"0.1\"\n\n\
    [tools.fs_read]\nfunction = \"read\"\ncapabilities.workspace = \"read\"\n\n\
    [tools.say_loud]\nfunction = \"shout-out\"\n";

const CASES: &str = "[[case]]\nname = \"a file is read by the tool's own name\"\nfiles = { \"a.txt\" = \"one\" }\n\
    tool = \"fs_read\"\narguments = { path = \"/workspace/a.txt\" }\nexpect = { text = \"one\" }\n\n\
    [[case]]\nname = \"and not by the function's\"\ntool = \"fs_read\"\narguments = { file = \"x\" }\n\
    expect = { error = \"invalid\" }\n";

/// `garth` in the project, with the folders that all tests share, so that nothing is compiled twice.
#[track_caller]
fn done(project: &Project, args: &[&str]) -> String {
    let output = project.garth(args).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{args:?}\n{out}{err}");
    out
}

#[test]
fn an_installed_tool_is_called_by_its_new_name_everywhere() {
    let project = Project::new(&[("a.txt", "content"), ("plain.toml", MANIFEST), ("cases/a.toml", CASES)]);
    std::fs::write(project.root().join("plain.wasm"), guests::plain()).unwrap();
    let tests = done(&project, &["plugin", "test", "plain.wasm", "--cases", "cases"]);
    assert!(tests.contains("2 cases passed"), "{tests}");
    let doctor = done(&project, &["plugin", "doctor", "plain.wasm"]);
    assert!(doctor.contains("it can be used"), "{doctor}");
    done(&project, &["plugin", "add", "plain.wasm", "--yes"]);
    done(&project, &["plugin", "grant", "plain", "--all"]);
    done(&project, &["plugin", "verify"]);
    let lock = project.read("garth.lock");
    assert!(lock.contains("fs_read") && lock.contains("say_loud") && !lock.contains("ends_read"), "{lock}");
    for plugin in ["plain", "plain.wasm", ".garth/plugins/plain.wasm"] {
        let inspected = done(&project, &["plugin", "inspect", plugin]);
        assert!(inspected.contains("  fs_read  (the component's read)\n"), "{inspected}");
        let value: Value = serde_json::from_str(&done(&project, &["plugin", "inspect", plugin, "--json"])).unwrap();
        let tools = value["plugin"]["tools"].as_array().unwrap();
        let named = |name: &str| tools.iter().find(|tool| tool["name"] == name);
        assert_eq!(named("fs_read").unwrap()["function"], "read");
        assert!(named("ends_read").is_none() && named("ends_write").is_some(), "{value}");
    }
    assert!(done(&project, &["plugin", "doctor", "plain"]).contains("it can be used"));
    let read = r#"{"path": "/workspace/a.txt"}"#;
    assert!(done(&project, &["plugin", "call", "plain", "fs_read", read]).contains("content"));

    let server = Server::openai(vec![
        Reply::call("fs_read", json!({"path": "/workspace/a.txt"})),
        Reply::call("say_loud", json!({"text": "hello"})),
        Reply::call("ends_read", json!({"path": "/workspace/a.txt"})),
        Reply::text("Done."),
    ]);
    let ran = project.run(&server, crate::server::Dialect::OpenAi, &[], "read it");
    let results = ran.expect(0).results();
    assert_eq!((results[0], results[1].0), (("ok", "content"), "ok"), "{results:?}");
    assert!(results[2].0 == "invalid" && results[2].1.contains("there is no tool named 'ends_read'"), "{results:?}");
    let tools = server.requests()[0].json()["tools"].to_string();
    assert!(tools.contains("\"fs_read\"") && !tools.contains("ends_read"), "{tools}");
    let audit = done(&project, &["audit", "--plugin", "plain", "--json"]);
    let audited: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let here = audited.iter().filter(|entry| entry["project"] == json!(project.root()));
    let names: Vec<&str> = here.filter_map(|entry| entry["tool"].as_str()).collect();
    assert!(names.contains(&"fs_read") && names.contains(&"say_loud") && !names.contains(&"ends_read"), "{names:?}");
}

#[test]
fn the_guide_shows_the_manifest_that_is_tried_here() {
    let indented: String =
        MANIFEST.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") }).collect();
    assert!(GUIDE.contains(&indented), "{indented}");
}

/// Two functions, of which one has the name of a built-in tool.
fn functions() -> Vec<u8> {
    let text = r#"(component
        (core module $m (func (export "f") (param i32) (result i32) local.get 0))
        (core instance $i (instantiate $m))
        (func $f (param "a" u8) (result u8) (canon lift (core func $i "f")))
        (export "read-file" (func $f)) (export "twice" (func $f)))"#;
    wat::parse_str(text).unwrap()
}

/// What an error or `doctor` says is to be written.
fn manifest(said: &str) -> String {
    let (_, lines) =
        said.split_once("\n\n").unwrap_or_else(|| said.split_once("name = ").map(|(_, rest)| ("", rest)).unwrap());
    lines.to_owned()
}

#[test]
fn what_is_said_of_a_clash_is_what_mends_it() {
    let world = World::new();
    world.put("fs.wasm", &functions());
    let said = world.refused(&["add", "fs.wasm", "--yes"], 1, "has the name of a tool of the built-in plugin 'files'");
    insta::assert_snapshot!("plugin_clash_functions", said);
    let doctor = world.garth(&["doctor", "fs.wasm"]);
    assert!(doctor.code == 1 && doctor.out.contains("[tools.fs_read_file]"), "{}", doctor.out);
    world.put("fs.toml", manifest(&said).as_bytes());
    assert!(world.done(&["doctor", "fs.wasm"]).contains("it can be used"));
    world.done(&["add", "fs.wasm", "--yes"]);
    assert_eq!(world.status("fs"), ("used".into(), String::new()));
    assert!(world.done(&["call", "fs", "fs_read_file", "{\"a\": 7}"]).contains('7'));

    // One of the contract, packed by somebody else.
    world.put("look.wasm", &plugin("look", "1.0.0", &[("grep", r#"{ workspace = "read" }"#), ("see", "{}")]));
    let said = world.refused(&["add", "look.wasm", "--yes"], 1, "garth plugin pack look.wasm --manifest plugin.toml");
    insta::assert_snapshot!("plugin_clash_packed", said);
    world.put("plugin.toml", manifest(&said).as_bytes());
    world.done(&["pack", "look.wasm"]);
    world.done(&["add", "look.plugin.wasm", "--yes"]);
    let list = world.json(&["list"]);
    let look = list.iter().find(|line| line["name"] == "look").unwrap();
    assert_eq!((&look["status"], &look["tools"][0]["name"]), (&json!("used"), &json!("look_grep")), "{look}");
    assert_eq!(look["tools"][0]["ceiling"]["workspace"], "read");
    // Plain functions, packed, and packed again under other names.
    world.put("plugin.toml", manifest_of("fs2", "[tools.one]\nfunction = \"read-file\"\n[tools.twice]\n").as_bytes());
    world.done(&["pack", "fs.wasm", "--output", "fs2.wasm"]);
    assert!(world.done(&["call", "fs2.wasm", "one", "{\"a\": 8}"]).contains('8'));
    world.put("plugin.toml", manifest_of("fs3", "[tools.two]\nfunction = \"read_file\"\n[tools.twice]\n").as_bytes());
    world.done(&["pack", "fs2.wasm", "--output", "fs3.wasm"]);
    assert!(world.done(&["call", "fs3.wasm", "two", "{\"a\": 9}"]).contains('9'));
    let said = "its tool 'twice' has the name of a tool of the plugin 'fs', which `garth plugin remove fs` takes away";
    world.refused(&["add", "fs3.wasm", "--yes"], 1, said);
}

fn manifest_of(name: &str, tools: &str) -> String {
    format!("name = \"{name}\"\nversion = \"1.0.0\"\ndescription = \"d\"\nwit = \"0.1\"\n{tools}")
}

#[test]
fn a_name_is_for_one_tool_and_a_tool_has_one_name() {
    let world = World::new();
    world.put("fs.wasm", &functions());
    for (tools, said) in [
        ("[tools.a]\nfunction = \"read\"\n", "has no function 'read'"),
        ("[tools.a]\nfunction = \"twice\"\n[tools.b]\nfunction = \"twice\"\n", "both the component's 'twice'"),
        ("[tools.a]\nfunction = \"read-file\"\n[tools.b]\nfunction = \"read_file\"\n", "both the function 'read-file'"),
        ("[tools.twice]\nfunction = \"read-file\"\n", "'read_file' and 'twice' would both be called 'twice'"),
        ("[tools.c]\n", "'c' is no tool of the component; its tools are read_file, twice"),
    ] {
        world.put("fs.toml", manifest_of("fs", tools).as_bytes());
        world.refused(&["add", "fs.wasm", "--yes"], 1, said);
    }
    world.put(
        "fs.toml",
        manifest_of("fs", "[tools.twice]\nfunction = \"read-file\"\n[tools.x]\nfunction = \"twice\"\n").as_bytes(),
    );
    world.done(&["add", "fs.wasm", "--yes"]);
    let names: Vec<Value> = world.json(&["list"]).pop().unwrap()["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(names, ["twice", "x"]);
    world.put("plugin.toml", manifest_of("fs", "[tools.fs_x]\nfunction = \"nothing\"\n").as_bytes());
    world.put("x.wasm", &plugin("x", "1.0.0", &[("look", "{}")]));
    world.refused(&["pack", "x.wasm"], 1, "does not declare the tool 'look'");
}
