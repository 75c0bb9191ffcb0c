//! Reads an exercise of Exercism's, as Aider's polyglot benchmark keeps them: `.meta/config.json` says which files are the
//! solution, the tests and the example, `.docs` what is to be done. As in that benchmark neither tests nor examples are shown,
//! what is skipped in the tests is not skipped, and all but the solution, build files too, is put back before the check.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;

use super::task::{Files, Task};
use super::tree;
use crate::policy;

pub const CONFIG: &str = ".meta/config.json";
/// Said before the tests have run.
const RULES: &str = include_str!("exercise.md");
/// Where exercises say what is to be done, in this order; only the second must be there.
const DOCS: [&str; 3] = [".docs/introduction.md", ".docs/instructions.md", ".docs/instructions.append.md"];
/// Folders that are about the exercise and not of it.
const ABOUT: [&str; 4] = [".meta/", ".docs/", ".approaches/", ".articles/"];
/// What some configurations call part of the solution, and the benchmark does not let a model change.
const BUILD: [&str; 2] = ["CMakeLists.txt", "Cargo.toml"];
/// The benchmark's own.
const TIME: Duration = Duration::from_secs(180);

#[derive(Debug, Deserialize)]
struct Config {
    files: Listed,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    solution: Vec<String>,
    test: Vec<String>,
    example: Vec<String>,
    /// What an editor on the web shows beside the solution; in Go that is where the cases of the tests are.
    editor: Vec<String>,
}

/// A language by the ending of its tests: its name, the check, and the programs that the check needs.
struct Language {
    ending: &'static str,
    name: &'static str,
    check: &'static [&'static [&'static str]],
    needs: &'static [&'static str],
}

const LANGUAGES: [Language; 6] = [
    Language {
        ending: "py",
        name: "python",
        // The exercises use `unittest`; the names of the tests follow.
        check: &[&["python3", "-m", "unittest"]],
        needs: &["python3"],
    },
    Language { ending: "rs", name: "rust", check: &[&["cargo", "test", "--", "--include-ignored"]], needs: &["cargo"] },
    Language { ending: "go", name: "go", check: &[&["go", "test", "./..."]], needs: &["go"] },
    // Its packages have to be on the machine: programs do not reach the network here.
    Language { ending: "js", name: "javascript", check: &[&["jest"]], needs: &["node", "jest"] },
    Language {
        ending: "cpp",
        name: "cpp",
        // A folder that no agent has made: settings that it left in its own would count.
        check: &[
            &["cmake", "-DEXERCISM_RUN_ALL_TESTS=1", "-S", ".", "-B", ".garth-check"],
            &["cmake", "--build", ".garth-check"],
        ],
        needs: &["cmake", "make", "c++"],
    },
    Language { ending: "java", name: "java", check: &[&["gradle", "--offline", "test"]], needs: &["java", "gradle"] },
];

/// `longest` is what a program may take.
pub fn read(folder: &Path, name: &str, longest: Duration) -> Result<Task> {
    let all = tree::read(folder)?;
    let config = all.get(CONFIG).ok_or_else(|| anyhow!("{CONFIG} is no plain file"))?;
    let Config { files: Listed { solution, test, example, editor } } =
        serde_json::from_slice(config).with_context(|| CONFIG.to_string())?;
    let (solution, test) = (known("solution", &solution)?, known("test", &test)?);
    let (example, editor) = (known("example", &example)?, known("editor", &editor)?);
    let test = test.iter().chain(editor.iter().filter(|path| path.ends_with("_test.go")));
    let tests: Files = test.filter_map(|path| Some((path.clone(), all.get(path)?.clone()))).collect();
    ensure!(!tests.is_empty(), "{CONFIG} names no tests that are there");
    let language = LANGUAGES
        .iter()
        .find(|language| tests.keys().any(|test| ending(test) == language.ending))
        .ok_or_else(|| anyhow!("its tests are in no language that is known here"))?;
    let solution: Vec<String> = solution.into_iter().filter(|path| !BUILD.contains(&path.as_str())).collect();
    ensure!(!solution.is_empty(), "{CONFIG} names no solution");
    let mut check: Vec<Vec<String>> =
        language.check.iter().map(|argv| argv.iter().map(|word| (*word).to_owned()).collect()).collect();
    if language.name == "python" {
        check[0].extend(tests.keys().filter(|test| ending(test) == "py").cloned());
    }
    let (prompts, reference) = (vec![prompt(&all, &solution)?], reference(&all, &example, &solution));
    let shown = |path: &String| {
        !ABOUT.iter().any(|about| path.starts_with(about)) && !tests.contains_key(path) && !example.contains(path)
    };
    let files: Files = all.into_iter().filter(|(path, _)| shown(path)).collect();
    let kept = files.iter().filter(|(path, _)| !solution.contains(path));
    let kept = kept.map(|(path, content)| (path.clone(), content.clone()));
    let laid_over = kept.chain(tests.iter().map(|(path, content)| (path.clone(), unskipped(path, content)))).collect();
    Ok(Task {
        name: name.to_owned(),
        language: language.name.to_owned(),
        prompts,
        files,
        laid_over,
        reference,
        check,
        needs: language.needs.iter().map(|need| (*need).to_owned()).collect(),
        time: TIME.min(longest),
    })
}

/// The paths, each checked to stay inside.
fn known(list: &str, paths: &[String]) -> Result<Vec<String>> {
    let path = |path: &String| policy::normalise(path).map_err(|wrong| anyhow!("{CONFIG}: {list}: {path} {wrong}"));
    paths.iter().map(path).collect()
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn prompt(all: &Files, solution: &[String]) -> Result<String> {
    let mut parts = Vec::new();
    for path in DOCS {
        match all.get(path) {
            Some(text) => parts.push(std::str::from_utf8(text).with_context(|| format!("{path} is no text"))?.trim()),
            None if path == DOCS[1] => bail!("{path} is missing"),
            None => {}
        }
    }
    let rules = RULES.replace("{files}", &solution.join(", "));
    parts.push(rules.trim());
    Ok(parts.join("\n\n"))
}

/// What the example's files are called in the solution: by their names, else by the only one with their ending, else beside
/// the first. Empty where an example's place cannot be told, or where it uses what no answer may.
fn reference(all: &Files, example: &[String], solution: &[String]) -> Vec<Files> {
    if needs_more_crates(all) {
        return Vec::new();
    }
    let mut files = Files::new();
    for path in example {
        let Some(content) = all.get(path) else { return Vec::new() };
        let alike: Vec<&String> = solution.iter().filter(|file| ending(file) == ending(path)).collect();
        let named = solution.iter().find(|file| file_name(file) == file_name(path));
        let place = match (named, alike.as_slice()) {
            (Some(file), _) => file.clone(),
            (None, [file]) if file_name(path).starts_with("example.") || example.len() == 1 => (*file).clone(),
            (None, [first, ..]) => match first.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{}", file_name(path)),
                None => file_name(path).to_owned(),
            },
            (None, []) => return Vec::new(),
        };
        files.insert(place, content.clone());
    }
    if files.is_empty() { Vec::new() } else { vec![files] }
}

/// Some Rust examples use crates that the exercise itself does not, and say so in a `Cargo.toml` of their own.
fn needs_more_crates(all: &Files) -> bool {
    const EXAMPLE: &str = ".meta/Cargo-example.toml";
    let crates = |path: &str| {
        let text = all.get(path).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        let table: toml::Table = toml::from_str(text).unwrap_or_default();
        table.get("dependencies").and_then(|crates| crates.as_table().cloned()).unwrap_or_default()
    };
    all.contains_key(EXAMPLE) && crates(EXAMPLE) != crates("Cargo.toml")
}

/// With the tests that learners switch on one by one; other languages take all by an argument.
fn unskipped(path: &str, content: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(content) else { return content.to_vec() };
    match ending(path) {
        "js" => without_x(text).into_bytes(),
        "java" => without_disabled(text).into_bytes(),
        _ => content.to_vec(),
    }
}

/// `xtest(` becomes `test(`.
fn without_x(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("xtest(") {
        let before = rest[..at].chars().next_back().or(out.chars().next_back());
        let word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        out.push_str(&rest[..at]);
        out.push_str(if word { "xtest(" } else { "test(" });
        rest = &rest[at + "xtest(".len()..];
    }
    out + rest
}

/// `@Disabled("…")` goes, with the white space behind it up to the next line.
fn without_disabled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("@Disabled(") {
        let Some(end) = rest[at..].find(')').map(|end| at + end + 1) else { break };
        let gap = rest[end..].len() - rest[end..].trim_start().len();
        let line = rest[end..end + gap].rfind('\n').map(|newline| end + newline + 1);
        out.push_str(&rest[..at]);
        match line {
            Some(line) => rest = &rest[line..],
            None => {
                out.push_str(&rest[at..end]);
                rest = &rest[end..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn skipped_tests_are_switched_on() {
        let check = |path: &str, text: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&unskipped(path, text.as_bytes())), expected);
        };
        check("a.spec.js", "test('a');\n  xtest('b');xtest(1)\n", "test('a');\n  test('b');test(1)\n");
        check("a.spec.js", "maxtest(1); xtests(2)", "maxtest(1); xtests(2)");
        check("A.java", "  @Disabled(\"Remove\")\n  @Test\n  void a() {}", "    @Test\n  void a() {}");
        check("A.java", "@Disabled(\"never ends", "@Disabled(\"never ends");
        check("a.py", "@Disabled(\"x\")\nxtest(", "@Disabled(\"x\")\nxtest(");
    }

    /// What the model finds, what is laid over its work, and the check's words.
    fn exercise(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>, Vec<Vec<String>>) {
        let folder = tempfile::tempdir().unwrap();
        let files = files.iter().chain(&[(".docs/instructions.md", "Do it.")]);
        let files = files.map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        tree::write(folder.path(), &files.collect()).unwrap();
        let task = read(folder.path(), "x", Duration::from_secs(600)).unwrap();
        (task.files.into_keys().collect(), task.laid_over.into_keys().collect(), task.check)
    }

    #[test]
    fn neither_tests_nor_examples_are_shown_and_all_but_the_solution_is_put_back() {
        let check = |listed: &str, files: &[&str], found: &[&str], laid_over: &[&str]| {
            let config = format!(r#"{{"files": {listed}}}"#);
            let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, "")).chain([(CONFIG, &*config)]).collect();
            let (shown, over, _) = exercise(&files);
            assert_eq!((shown, over), (words(found), words(laid_over)), "{listed}");
        };
        check(
            r#"{"solution": ["a.go"], "test": ["a_test.go"], "editor": ["cases_test.go", "b.go"]}"#,
            &["a.go", "a_test.go", ".meta/example.go", "cases_test.go", "b.go", "go.mod"],
            &["a.go", "b.go", "go.mod"],
            &["a_test.go", "b.go", "cases_test.go", "go.mod"],
        );
        check(
            r#"{"solution": ["a.py"], "test": ["a_test.py"], "example": ["example.py"]}"#,
            &["a.py", "a_test.py", "example.py"],
            &["a.py"],
            &["a_test.py"],
        );
        check(
            r#"{"solution": ["src/lib.rs", "Cargo.toml"], "test": ["tests/a.rs"], "example": [".meta/example.rs"]}"#,
            &["src/lib.rs", "Cargo.toml", "tests/a.rs", ".meta/example.rs"],
            &["Cargo.toml", "src/lib.rs"],
            &["Cargo.toml", "tests/a.rs"],
        );
    }

    #[test]
    fn a_check_of_python_names_all_tests() {
        let check = |test: &str, expected: &[&str]| {
            let config = format!(r#"{{"files": {{"solution": ["a.py"], "test": {test}}}}}"#);
            let files = [(CONFIG, &*config), ("a.py", ""), ("a_test.py", ""), ("test_a.py", ""), ("data.json", "")];
            let (_, _, found) = exercise(&files);
            assert_eq!(found, [[words(&["python3", "-m", "unittest"]), words(expected)].concat()]);
        };
        check(r#"["a_test.py"]"#, &["a_test.py"]);
        check(r#"["test_a.py"]"#, &["test_a.py"]);
        check(r#"["test_a.py", "data.json", "a_test.py"]"#, &["a_test.py", "test_a.py"]);
    }

    #[test]
    fn an_example_with_crates_of_its_own_is_no_reference() {
        let check = |cargo: &str, example: Option<&str>, expected: bool| {
            let bytes = |text: &str| text.as_bytes().to_vec();
            let mut all: Files =
                [(".meta/example.rs".to_owned(), Vec::new()), ("Cargo.toml".to_owned(), bytes(cargo))].into();
            all.extend(example.map(|text| (".meta/Cargo-example.toml".to_owned(), bytes(text))));
            let found = reference(&all, &words(&[".meta/example.rs"]), &words(&["src/lib.rs"]));
            assert_eq!(!found.is_empty(), expected, "{cargo} {example:?}");
        };
        let plain = "[package]\nname = \"a\"\n";
        let with = |crates: &str| format!("{plain}[dependencies]\n{crates}");
        check(plain, None, true);
        check(plain, Some(plain), true);
        let (none, rand) = (with(""), with("rand = \"0.8\"\n"));
        check(plain, Some(&none), true);
        check(plain, Some(&rand), false);
        check(&rand, Some(&rand), true);
    }

    #[test]
    fn an_example_finds_its_place() {
        let check = |example: &[&str], solution: &[&str], expected: &[&str]| {
            let all: Files = example.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
            let found = reference(&all, &words(example), &words(solution));
            let mut places = words(expected);
            places.sort();
            let found: Vec<String> = found.iter().flat_map(|files| files.keys().cloned()).collect();
            assert_eq!(found, places);
        };
        check(&[".meta/example.py"], &["bowling.py"], &["bowling.py"]);
        check(&[".meta/proof.ci.js"], &["bowling.js"], &["bowling.js"]);
        check(&[".meta/example.cpp", ".meta/example.h"], &["a.cpp", "a.h"], &["a.cpp", "a.h"]);
        check(&[".meta/example.h"], &["a.cpp", "a.h"], &["a.h"]);
        let java = [".meta/src/reference/java/Game.java", ".meta/src/reference/java/Frame.java"];
        check(&java, &["src/main/java/Game.java"], &["src/main/java/Game.java", "src/main/java/Frame.java"]);
        check(&[".meta/example.zig"], &["bowling.py"], &[]);
    }
}
