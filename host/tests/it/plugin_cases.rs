//! The built-in plugins' own cases, `plugins/*/tests/*.toml`, run by the code behind `garth plugin test`; and that code
//! itself: what differs is told, and `--update` writes what came out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use garth::config::Settings;
use garth::plugins::builtin::{BUILTIN, read};
use garth::plugins::cases::{self, Bench};
use garth::policy::Limits;
use garth::process::{self, Runner};
use garth::sandbox::{self, Protection, Sandbox};

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugins")
}

fn bench() -> Bench {
    let files = Settings::default().files;
    let protection = Protection::new(&files.all_readonly(), &files.secrets).unwrap();
    // Compiled code that other tests of this run can use as well.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    let settings = sandbox::Settings { cache_dir: Some(cache.join("native")), key_dir: cache.join("keys") };
    let runner = process::Settings { helper: env!("CARGO_BIN_EXE_garth").into(), ..process::Settings::default() };
    Bench {
        sandbox: Sandbox::new(settings).unwrap(),
        runner: Some(Runner::new(runner)),
        protection: Arc::new(protection),
        limits: Limits::default(),
    }
}

#[tokio::test]
async fn the_built_in_plugins_do_what_their_cases_say() {
    let bench = bench();
    let (mut count, mut wrong) = (0, Vec::new());
    for builtin in BUILTIN {
        let plugin = read(builtin).unwrap();
        for file in cases::read(&plugins().join(builtin.name).join("tests")).unwrap() {
            for case in &file.cases {
                let report = bench.run(&plugin, case, file.path.parent().unwrap()).await;
                let differences = report.steps.iter().flat_map(|step| &step.differences);
                let differences = differences.map(|difference| difference.text.clone());
                let place = format!("{}/{}: {}", builtin.name, file.name, report.name);
                wrong.extend(differences.chain(report.problem.clone()).map(|text| format!("{place}: {text}")));
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 30, "only {count} cases were found");
}

/// `garth plugin test` as a process, with a folder of cases. Standard output and the exit code.
fn garth(folder: &Path, cases: &str, more: &[&str]) -> (String, i32) {
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    std::fs::write(folder.join("tests/cases.toml"), cases).unwrap();
    garth_again(folder, more)
}

fn garth_again(folder: &Path, more: &[&str]) -> (String, i32) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("garth-home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_garth"));
    command.args(["plugin", "test", "files", "--cases", "tests"]).args(more).current_dir(folder);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", &home).env("GARTH_HOME", &home);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (text, output.status.code().unwrap())
}

const WRONG: &str = r#"# A comment that stays.
[[case]]
name = "wrong text"
tool = "read_file"
arguments = { path = "a.txt" }
files."a.txt" = "one\n"
expect.text = "1\ttwo\n"   # what is here goes

[[case]]
name = "nothing expected"
[[case.step]]
tool = "read_file"
arguments = { path = "none" }
[[case.step]]
tool = "list_dir"
arguments = { path = "." }
expect = { error = "failed" }

[[case]]
name = "a statement about the text"
tool = "read_file"
arguments = { path = "\u001b[2J" }
expect = { contains = "three", error = "failed" }
"#;

#[test]
fn what_differs_is_told_and_update_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (told, code) = garth(folder.path(), WRONG, &[]);
    assert_eq!(code, 1, "{told}");
    for said in [
        "FAIL  cases: wrong text",
        "read_file: text differs in line 1\n      expected \"1\\ttwo\"\n      found    \"1\\tone\"",
        "step 1: read_file: nothing is expected; write `expect`, or run with --update. Found the error 'failed':",
        "step 2: list_dir: expected the error 'failed', found a result:",
        "the text does not contain \"three\":",
        "3 cases, 3 failed",
    ] {
        assert!(told.contains(said), "{said}\n--- in:\n{told}");
    }
    assert!(!told.contains('\u{1b}'), "{told}");

    let (told, code) = garth_again(folder.path(), &["--update"]);
    assert!(code == 1 && told.contains("3 cases, 1 failed, 3 written anew"), "{told}");
    let written = std::fs::read_to_string(folder.path().join("tests/cases.toml")).unwrap();
    assert!(
        written.contains("# A comment that stays.") && written.contains("arguments = { path = \"none\" }"),
        "{written}"
    );
    let (told, code) = garth_again(folder.path(), &["--filter", "wr"]);
    assert!(code == 0 && told.contains("1 case passed"), "{told}");
    let (told, code) = garth_again(folder.path(), &["--filter", "nothing expected", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &line["passed"], line["steps"].as_array().unwrap().len()), (0, &true.into(), 2), "{told}");
    assert!(line["steps"][1]["host_calls"].as_u64().unwrap() > 0, "{line}");
    let (told, code) = garth_again(folder.path(), &["--filter", "no such"]);
    assert!(code != 0 && told.contains("no case's name contains 'no such'"), "{told}");
}

#[test]
fn a_case_cannot_reach_out_of_its_scratch_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "hidden text").unwrap();
    let out = outside.display().to_string();
    let case = |more: &str| {
        format!(
            "[[case]]\nname = \"out\"\ntool = \"list_dir\"\narguments = {{ path = \".\" }}\nexpect.contains = \"\"\n{more}\n"
        )
    };
    let check = |more: String, said: &str| {
        let (told, code) = garth(folder.path(), &case(&more), &[]);
        assert!(code == 1 && told.contains(said) && !told.contains("hidden text"), "{more}: {told}");
        let (told, _) = garth_again(folder.path(), &["--update"]);
        assert!(!told.contains("hidden text"), "{more}: {told}");
    };
    check(format!("files = {{ a = {{ link = \"{out}\" }}, \"a/new\" = \"x\" }}"), "'a' on the way is no folder");
    check(format!("files = {{ a = {{ link = \"{out}\" }} }}\nexpect.files.\"a/secret\" = \"x\""), "nothing is there");
    check(format!("files = {{ a = {{ link = \"{out}/secret\" }} }}\nexpect.files.a = \"x\""), "it is a link to");
    std::os::unix::fs::symlink(&outside, folder.path().join("tests/golden")).unwrap();
    check("expect.text_file = \"golden/secret\"".into(), "leads out of the folder");
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "hidden text");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}
