//! Plugin files as they are read: packed ones, components with plain functions, with a manifest beside them and without,
//! and those that are neither. Then `garth plugin inspect` and `doctor` as processes.

use std::process::Output;
use std::sync::Arc;

use garth::plugins::pack::{Sections, pack};
use garth::plugins::{FileError, Origin, PluginFile, Plugins, Setup};
use garth::policy::{Access, Capabilities, Grant, Limits, Workspace};
use garth::sandbox::{Protection, Sandbox, Settings};
use serde_json::{Value, json};
use wasm_encoder::{CustomSection, Encode as _};

use crate::agent::Project;
use crate::sandbox::guests;

fn origin(shown: &str) -> Origin {
    Origin::File { shown: shown.to_owned() }
}

/// A component with one function, and its documentation.
fn documented(docs: &str) -> Vec<u8> {
    let text = r#"(component
        (core module $m (func (export "f") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
        (core instance $i (instantiate $m))
        (func $add (param "a" u8) (param "b" s16) (result s32) (canon lift (core func $i "f")))
        (instance $math (export "add-up" (func $add)))
        (export "demo:calc/math@1.2.0" (instance $math)))"#;
    let mut wasm = wat::parse_str(text).unwrap();
    wasm.push(0);
    let data = [&[1], docs.as_bytes()].concat();
    CustomSection { name: "package-docs".into(), data: data.into() }.encode(&mut wasm);
    wasm
}

const DOCS: &str =
    r#"{"docs": "Calculates.\nSlowly.", "interfaces": {"math": {"funcs": {"add-up": {"docs": "Adds two numbers."}}}}}"#;

#[test]
fn a_component_without_a_manifest_is_a_plugin_that_may_touch_nothing() {
    let file = PluginFile::parse(documented(DOCS), origin("/x/Calc 2.wasm")).unwrap();
    let Sections { manifest, catalogue, commands } = &file.sections;
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("calc-2", "0.0.0"));
    assert_eq!(manifest.description, "Calculates.");
    assert!(manifest.tools["math_add_up"].capabilities.is_nothing() && commands.is_empty());
    assert_eq!((catalogue.len(), catalogue[0].name.as_str()), (1, "math_add_up"));
    assert_eq!(catalogue[0].description, "Adds two numbers.");
    assert_eq!(catalogue[0].input_schema["required"], json!(["a", "b"]));
    assert_eq!(file.digest(), garth::plugins::digest(&file.wasm));
    // Documentation that helps nobody costs nothing: the signature takes its place.
    for docs in
        ["", "{", r#"{"interfaces": {"math": {"funcs": {"add-up": {"docs": "\u001b\n"}}}}}"#, &"[".repeat(2 << 20)]
    {
        let file = PluginFile::parse(documented(docs), origin("calc.wasm")).unwrap();
        assert_eq!(file.sections.catalogue[0].description, "add-up(a: u8, b: s16) -> s32");
        assert_eq!(file.sections.manifest.description, "Functions of a component without a manifest.");
    }
}

#[test]
fn a_manifest_beside_it_says_what_it_may_touch() {
    let toml = "name = \"sums\"\nversion = \"1.0.0\"\ndescription = \"Sums.\"\nwit = \"0.1\"\n";
    let parse = |tools: &str| PluginFile::parse_with(documented(DOCS), origin("c.wasm"), &format!("{toml}{tools}"));
    let file = parse("[tools.math_add_up.capabilities]\nworkspace = \"read\"\n").unwrap();
    assert_eq!(file.sections.manifest.name, "sums");
    let ceiling = &file.sections.manifest.tools["math_add_up"].capabilities;
    assert_eq!(ceiling.workspace, Workspace::All(Access::Read));
    for (tools, said) in [
        ("[tools.add_up.capabilities]\n", "'add_up' is no tool of the component; its tools are math_add_up"),
        ("[tools.math_add_up.capabilities]\nworkspase = \"read\"\n", "unknown field `workspase`"),
        ("", "missing field `tools`"),
        ("[tools]\n", "1 to 64 are needed"),
    ] {
        let error = parse(tools).unwrap_err();
        assert!(matches!(error, FileError::Manifest(_)) && error.to_string().contains(said), "{error}");
    }
    // What was packed has a manifest of its own.
    let packed = pack(&documented(DOCS), &file.sections).unwrap();
    let file = PluginFile::parse_with(packed, origin("other.wasm"), "nonsense").unwrap();
    assert_eq!(file.sections.manifest.name, "sums");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calc.wasm");
    std::fs::write(&path, documented(DOCS)).unwrap();
    assert_eq!(PluginFile::open(&path).unwrap().sections.manifest.name, "calc");
    std::fs::write(path.with_extension("toml"), format!("{toml}[tools.math_add_up]\n")).unwrap();
    assert_eq!(PluginFile::open(&path).unwrap().sections.manifest.name, "sums");
}

#[test]
fn what_is_no_plugin_is_refused_in_words() {
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let many: String = (0..65).map(|at| format!("(export \"f{at}\" (func $f))")).collect();
    let many = wat(&format!("(component (import \"f\" (func $f)) {many})"));
    for (wasm, said) in [
        (wat("(component)"), "neither `garth:plugin/tools` nor functions"),
        (wat("(module)"), "core module"),
        (b"MZ".to_vec(), "does not begin like one"),
        (guests::fixtures().to_vec(), "garth plugin pack"),
        (many, "65 functions, and a plugin has at most 64 tools"),
    ] {
        let error = PluginFile::parse(wasm, origin("x.wasm")).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = PluginFile::open(&folder.path().join("a.wasm")).unwrap_err().to_string();
    assert!(missing.contains("a.wasm: there is no such file"), "{missing}");
    let not_plain = PluginFile::open(folder.path()).unwrap_err().to_string();
    assert!(not_plain.contains("not a plain file"), "{not_plain}");
}

/// Plugins made of one component with plain functions, with everything that `manifest` declares.
fn plugins(project: &Project, manifest: Option<&str>) -> Plugins {
    let wasm = guests::plain();
    let file = match manifest {
        Some(manifest) => PluginFile::parse_with(wasm, origin("plain.wasm"), manifest),
        None => PluginFile::parse(wasm, origin("plain.wasm")),
    };
    let keys = project.outside().join("keys");
    let setup = Setup {
        sandbox: Sandbox::new(Settings { cache_dir: None, key_dir: keys }).unwrap(),
        workspace: project.root().to_path_buf(),
        protection: Arc::new(Protection::none()),
        limits: Limits::default(),
        enabled: &|_| true,
        grant: &|_, _| Grant::default(),
        state: project.outside().join("plugin-state"),
    };
    Plugins::of(vec![file.unwrap()], setup).unwrap()
}

/// Answers nothing.
pub struct Silent;

#[async_trait::async_trait]
impl garth::sandbox::Host for Silent {
    async fn run_program(&self, _: garth::process::Command) -> Result<garth::process::Outcome, String> {
        Err("no".to_owned())
    }
    async fn permit_http(&self, _: garth::sandbox::HttpRequest) -> Result<Vec<garth::sandbox::Injected>, String> {
        Err("no".to_owned())
    }
    fn progress(&self, _: String, _: Option<f32>) {}
    fn log(&self, _: garth::protocol::Level, _: String) {}
}

#[tokio::test]
async fn its_functions_are_checked_and_called_like_any_tool() {
    let project = Project::new(&[("a.txt", "content")]);
    let read = json!({"path": "/workspace/a.txt"});
    let toml = "name = \"p\"\nversion = \"1.0.0\"\ndescription = \"P.\"\nwit = \"0.1\"\n\
                [tools.ends_read.capabilities]\nworkspace = \"read\"\n";
    for (manifest, readable) in [(None, false), (Some(toml), true)] {
        let plugins = plugins(&project, manifest);
        let tool = plugins.find("ends_read").unwrap();
        assert_eq!(tool.capabilities.is_nothing(), !readable);
        let complaint = tool.check(&json!({"file": "a"})).unwrap_err();
        assert!(complaint.contains("the arguments are path (string)"), "{complaint}");
        assert_eq!(tool.check(&read), Ok(()));
        let finished = plugins.call(tool, &read, tool.capabilities.clone(), Arc::new(Silent)).await;
        assert_eq!(finished.result.is_ok(), readable, "{:?}", finished.result);
        // A neighbour that the manifest does not name has nothing.
        assert_eq!(plugins.find("ends_write").unwrap().capabilities, Capabilities::default());
    }
}

/// `garth plugin ACTION FILE` on a file of the project.
fn garth(project: &Project, args: &[&str]) -> Output {
    let mut garth = project.garth(&[&["plugin"], args].concat());
    garth.env("GARTH_HOME", project.outside().join("home")).env("NO_COLOR", "1").output().unwrap()
}

/// The exit code and what is printed.
fn printed(project: &Project, args: &[&str]) -> (i32, String) {
    let output = garth(project, args);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    (output.status.code().unwrap(), text)
}

fn project() -> Project {
    let project = Project::new(&[]);
    let put = |name: &str, bytes: &[u8]| std::fs::write(project.root().join(name), bytes).unwrap();
    let hostile = r#"{"docs": "Calculates \u001b[2J.", "interfaces": {"math": {"funcs": {"add-up": {"docs": "Adds.\nGrant all? \u202eyes"}}}}}"#;
    put("calc.wasm", &documented(hostile));
    let manifest = "name = \"tables\"\nversion = \"0.3.0\"\ndescription = \"Reads and sends.\"\nwit = \"0.1\"\n\
        [tools.math_add_up.capabilities]\nworkspace = \"read\"\nstate = \"1MiB\"\n\
        http = [{ host = \"api.example.org\" }]\n[limits]\nmemory = \"64MiB\"\nlog_lines = 5\n";
    put("declared.wasm", &documented(DOCS));
    put("declared.toml", manifest.as_bytes());
    put("unpacked.wasm", guests::fixtures());
    put("module.wasm", b"\0asm\x01\0\0\0");
    let other = r#"(component (import "garth:plugin/log@0.2.0" (instance)) (import "wasi:keyvalue/store@0.2.0" (instance))
        (instance $i) (export "garth:plugin/tools@0.2.0" (instance $i)))"#;
    put("newer.wasm", &wat::parse_str(other).unwrap());
    let resource = r#"(component (type $r (resource (rep i32))) (export $e "thing" (type $r))
        (core module $m (func (export "f") (result i32) i32.const 1)) (core instance $i (instantiate $m))
        (func (export "[constructor]thing") (result (own $e)) (canon lift (core func $i "f"))))"#;
    put("resource.wasm", &wat::parse_str(resource).unwrap());
    project
}

#[test]
fn inspect_shows_everything_and_runs_nothing() {
    let project = project();
    for (file, code) in [("calc", 0), ("declared", 0), ("newer", 1), ("resource", 1), ("module", 1)] {
        let (exit, text) = printed(&project, &["inspect", &format!("{file}.wasm")]);
        assert_eq!(exit, code, "{text}");
        let digest = garth::plugins::digest(&std::fs::read(project.root().join(format!("{file}.wasm"))).unwrap());
        insta::assert_snapshot!(format!("plugin_inspect_{file}"), text.replace(&digest, "DIGEST"));
    }
    let (exit, text) = printed(&project, &["inspect", "unpacked.wasm"]);
    assert!(exit == 1 && text.contains("garth:plugin/process@0.1.0") && text.contains("garth plugin pack"), "{text}");
    let (_, text) = printed(&project, &["inspect", "declared.wasm", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["kind"], &value["problem"]), (&json!("plain"), &Value::Null));
    assert_eq!(value["plugin"]["tools"][0]["input_schema"]["properties"]["a"]["maximum"], 255);
    assert_eq!(value["plugin"]["capabilities"]["http"][0]["host"], "api.example.org");
    assert_eq!(value["plugin"]["limits"], json!({"memory": "64MiB", "log_lines": 5}));
    let missing = garth(&project, &["inspect", "none.wasm"]);
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(missing.status.code() == Some(1) && said.contains("none.wasm"), "{said}");
}

#[test]
fn doctor_says_all_that_is_wrong_and_what_to_do() {
    let project = project();
    for (file, code) in [("calc", 0), ("declared", 0), ("newer", 1), ("resource", 1), ("module", 1), ("unpacked", 1)] {
        let (exit, text) = printed(&project, &["doctor", &format!("{file}.wasm")]);
        assert_eq!(exit, code, "{text}");
        insta::assert_snapshot!(format!("plugin_doctor_{file}"), text);
    }
    let (_, text) = printed(&project, &["doctor", "newer.wasm", "--json"]);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["usable"], false);
    assert!(value["problems"].as_array().unwrap().len() >= 3, "{value}");
}
