//! Reads an exercise of Exercism's, as Aider's polyglot benchmark keeps them: `.meta/config.json` says which files are the
//! solution, the tests and the example, `.docs` what is to be done. As in that benchmark the tests are not shown, what is
//! skipped in them is not skipped, and the build files are not the model's to change.

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
        check: &[&["cmake", "-DEXERCISM_RUN_ALL_TESTS=1", "-S", ".", "-B", "build"], &["cmake", "--build", "build"]],
        needs: &["cmake", "make", "c++"],
    },
    Language { ending: "java", name: "java", check: &[&["gradle", "--offline", "test"]], needs: &["java", "gradle"] },
];

pub fn read(folder: &Path, name: &str) -> Result<Task> {
    let all = tree::read(folder)?;
    let config = all.get(CONFIG).ok_or_else(|| anyhow!("{CONFIG} is no plain file"))?;
    let Config { files: Listed { solution, test, example } } =
        serde_json::from_slice(config).with_context(|| CONFIG.to_string())?;
    let [solution, test, example] = [("solution", solution), ("test", test), ("example", example)].map(known);
    let (solution, test, example) = (solution?, test?, example?);
    let tests: Files = test.iter().filter_map(|path| Some((path.clone(), all.get(path)?.clone()))).collect();
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
        check[0].extend(tests.keys().filter(|test| test.ends_with("_test.py")).cloned());
    }
    Ok(Task {
        name: name.to_owned(),
        language: language.name.to_owned(),
        prompts: vec![prompt(&all, &solution)?],
        reference: reference(&all, &example, &solution),
        laid_over: tests.iter().map(|(path, content)| (path.clone(), unskipped(path, content))).collect(),
        files: all
            .into_iter()
            .filter(|(path, _)| !ABOUT.iter().any(|about| path.starts_with(about)) && !tests.contains_key(path))
            .collect(),
        check,
        needs: language.needs.iter().map(|need| (*need).to_owned()).collect(),
        time: TIME,
    })
}

/// The paths, each checked to stay inside.
fn known((list, paths): (&str, Vec<String>)) -> Result<Vec<String>> {
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
/// the first. Empty where an example's place cannot be told.
fn reference(all: &Files, example: &[String], solution: &[String]) -> Vec<Files> {
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
    // Some Rust examples use crates that the exercise itself does not.
    if let Some(cargo) = all.get(".meta/Cargo-example.toml") {
        files.insert("Cargo.toml".into(), cargo.clone());
    }
    if files.is_empty() { Vec::new() } else { vec![files] }
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
mod tests {
    use super::*;

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

    #[test]
    fn an_example_finds_its_place() {
        let check = |example: &[&str], solution: &[&str], expected: &[&str]| {
            let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let all: Files = example.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
            let found = reference(&all, &strings(example), &strings(solution));
            let mut places = strings(expected);
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
