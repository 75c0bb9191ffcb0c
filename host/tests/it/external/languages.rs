//! Plugins in all three languages, from `garth plugin new` to an installed, granted, called tool; the guide's parts for Python
//! and JavaScript; and the examples in them. `PLUGIN_TOOLS_VENV` and `PLUGIN_TOOLS_NODE` name the folders where `.ci/run` has
//! installed componentize-py (a virtual environment) and componentize-js (with `node_modules`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use garth::plugins::{PluginFile, Plugins, Setup};
use garth::policy::{Capabilities, Grant, Limits};
use garth::sandbox::{CallError, Protection, Sandbox, Settings};
use serde_json::json;

use crate::authoring::{World, follow};
use crate::plugin_files::Silent;
use crate::plugins_guide::GUIDE;

/// Puts a link to the language's tools into a plugin's folder, where its author would have installed them.
fn install(world: &World, language: &str, folder: &str) {
    let tools = |variable: &str, below: &str| -> PathBuf {
        let set = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set; .ci/run does that"));
        let path = Path::new(&set).join(below).canonicalize();
        path.unwrap_or_else(|error| panic!("{variable}={}: {error}", set.display()))
    };
    let (from, to) = match language {
        "python" => (tools("PLUGIN_TOOLS_VENV", "."), ".venv"),
        "js" => (tools("PLUGIN_TOOLS_NODE", "node_modules"), "node_modules"),
        _ => return world.lock_versions(folder),
    };
    std::os::unix::fs::symlink(from, world.project.join(folder).join(to)).unwrap();
}

/// The whole way.
fn check(language: &str) {
    let mut world = World::new();
    world.done(&format!("garth plugin new word-count --lang {language}"));
    install(&world, language, "word-count");
    world.done("cd word-count");
    if language == "rust" {
        world.done("cargo test");
    }
    world.done("garth plugin build");
    world.done("garth plugin test");
    world.write("notes.txt", "one two\nthree\n");
    let ask = r#"garth plugin call word-count word_count '{"path": "notes.txt"}'"#;
    world.done("garth plugin add word-count.wasm --yes");
    let ran = world.run(ask);
    assert!(ran.code != 0 && !ran.stdout.contains("3 words"), "not granted yet: {}{}", ran.stdout, ran.stderr);
    world.done("garth plugin grant word-count --workspace read");
    let printed = world.done(ask);
    assert!(printed.contains("2 lines, 3 words"), "{printed}");
    world.done("garth plugin revoke word-count");
    assert!(world.run(ask).code != 0, "revoked");
}

#[test]
fn a_plugin_in_rust_goes_from_new_to_called() {
    check("rust");
}

#[test]
fn a_plugin_in_python_goes_from_new_to_called() {
    check("python");
}

#[test]
fn a_plugin_in_javascript_goes_from_new_to_called() {
    check("js");
}

#[test]
fn the_guide_is_right_about_python_and_javascript() {
    for language in ["python", "js"] {
        let mut world = World::new();
        let runs = follow(GUIDE, language, &mut world, |world, line| {
            if let Some(name) = line.strip_prefix("garth plugin new ").and_then(|rest| rest.split(' ').next()) {
                install(world, language, name);
            }
        });
        assert!(runs >= 4, "only {runs} commands were found");
    }
}

#[test]
fn the_examples_do_what_their_cases_say() {
    for language in ["python", "js"] {
        let mut world = World::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins/examples").join(language);
        // Elsewhere, so that nothing is left in the repository; without `wit`, since the contract is the binary's own.
        copy(&example, &world.project.join("example"));
        install(&world, language, "example");
        world.done("garth plugin build example");
        world.done("garth plugin test example");
        calls_that_do_not_fit_are_refused(&world.project.join("example"));
    }
}

/// By the plugin itself: the host, which checks arguments before any call, is passed by.
fn calls_that_do_not_fit_are_refused(example: &Path) {
    let built = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let mut files = std::fs::read_dir(example).unwrap().map(|entry| entry.unwrap().path());
    let file = PluginFile::open(&files.find(built).unwrap()).unwrap();
    let settings = Settings { cache_dir: None, key_dir: example.join("keys") };
    let setup = Setup {
        sandbox: Sandbox::new(settings).unwrap(),
        workspace: example.to_path_buf(),
        protection: Arc::new(Protection::none()),
        limits: Limits::default(),
        enabled: &|_| true,
        grant: &|_, _| Grant::default(),
        state: example.join("state"),
    };
    let plugins = Plugins::of(vec![file], setup).unwrap();
    let tool = plugins.tools().first().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for arguments in [json!({}), json!({"other": 1}), json!([]), json!("path"), json!(null)] {
        let call = plugins.call(tool, &arguments, Capabilities::default(), Arc::new(Silent));
        let result = runtime.block_on(call).result;
        assert!(matches!(result, Err(CallError::InvalidInput(_))), "{}: {arguments}: {result:?}", tool.spec.name);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "node_modules" || entry.file_name() == ".venv" => {}
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}
