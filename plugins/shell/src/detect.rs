//! Which command runs a project's tests: told by the files in its folder. The order decides where several fit; the
//! command lines are those that the manifest allows.

use garth_plugin::workspace::Path;
use garth_plugin::{Error, failed, invalid};

/// How a runner takes a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// As the last word.
    Last,
    /// Behind this option.
    Option(&'static str),
    /// Glued to this.
    Glued(&'static str),
    /// It takes none.
    None,
}

/// What kind of output to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    Cargo,
    Go,
    Pytest,
    Unittest,
    Node,
    Other,
}

struct Rule {
    runner: Runner,
    fits: fn(&Folder) -> bool,
    words: &'static [&'static str],
    filter: Filter,
}

const RULES: &[Rule] = &[
    rule(Runner::Cargo, |f| f.has("Cargo.toml"), &["cargo", "test", "--color=never"], Filter::Last),
    rule(Runner::Go, |f| f.has("go.mod"), &["go", "test", "./..."], Filter::Option("-run")),
    rule(Runner::Node, |f| f.says("package.json", "\"test\""), &["npm", "test"], Filter::Option("--")),
    rule(Runner::Other, |f| f.has("deno.json") || f.has("deno.jsonc"), &["deno", "test"], Filter::Option("--filter")),
    rule(
        Runner::Other,
        |f| f.has("pom.xml") && f.has("mvnw"),
        &["sh", "./mvnw", "--batch-mode", "test"],
        Filter::Glued("-Dtest="),
    ),
    rule(Runner::Other, |f| f.has("pom.xml"), &["mvn", "--batch-mode", "test"], Filter::Glued("-Dtest=")),
    rule(Runner::Other, |f| f.has("gradlew"), &["sh", "./gradlew", "test"], Filter::Option("--tests")),
    rule(
        Runner::Other,
        |f| f.has("build.gradle") || f.has("build.gradle.kts"),
        &["gradle", "test"],
        Filter::Option("--tests"),
    ),
    rule(Runner::Other, |f| f.ends(&[".sln", ".csproj", ".fsproj"]), &["dotnet", "test"], Filter::Option("--filter")),
    rule(Runner::Other, |f| f.has("mix.exs"), &["mix", "test"], Filter::Last),
    rule(Runner::Other, |f| f.has(".rspec"), &["bundle", "exec", "rspec"], Filter::Option("--example")),
    rule(Runner::Pytest, Folder::uses_pytest, &["python3", "-m", "pytest", "--color=no"], Filter::Option("-k")),
    rule(Runner::Unittest, Folder::has_python_tests, &["python3", "-m", "unittest"], Filter::Option("-k")),
    rule(Runner::Node, Folder::has_node_tests, &["node", "--test"], Filter::Option("--test-name-pattern")),
    rule(Runner::Other, |f| f.has_target("test"), &["make", "test"], Filter::None),
    rule(Runner::Other, |f| f.has_target("check"), &["make", "check"], Filter::None),
];

const fn rule(runner: Runner, fits: fn(&Folder) -> bool, words: &'static [&'static str], filter: Filter) -> Rule {
    Rule { runner, fits, words, filter }
}

/// The runner and its command line for the project in `path`.
pub fn detect(path: &Path, filter: Option<&str>) -> Result<(Runner, Vec<String>), Error> {
    let folder = Folder::read(path)?;
    let Some(rule) = RULES.iter().find(|rule| (rule.fits)(&folder)) else {
        return Err(failed(format!(
            "nothing in {} tells how to run its tests (no Cargo.toml, package.json, pyproject.toml, go.mod, Makefile …); \
             give the directory of the project, or use the tool run",
            path.name()
        )));
    };
    let mut words: Vec<String> = rule.words.iter().map(|word| (*word).to_owned()).collect();
    if let Some(filter) = filter.map(str::trim).filter(|filter| !filter.is_empty()) {
        if filter.starts_with('-') || filter.contains(char::is_control) {
            return Err(invalid(format!("filter '{filter}' is not the name of a test")));
        }
        match rule.filter {
            Filter::Last => words.push(filter.to_owned()),
            Filter::Option(option) => words.extend([option.to_owned(), filter.to_owned()]),
            Filter::Glued(option) => words.push(format!("{option}{filter}")),
            Filter::None => return Err(invalid(format!("{} takes no filter", rule.words.join(" ")))),
        }
    }
    Ok((rule.runner, words))
}

/// Whether the project in `path` has its Python tests run by pytest.
pub fn uses_pytest(path: &Path) -> bool {
    Folder::read(path).is_ok_and(|folder| folder.uses_pytest())
}

struct Folder {
    path: Path,
    names: Vec<String>,
    /// Names in the folders where tests usually are.
    tests: Vec<String>,
}

impl Folder {
    fn read(path: &Path) -> Result<Folder, Error> {
        let list = |path: &Path| -> std::io::Result<Vec<String>> {
            let entries = std::fs::read_dir(path.on_disk())?;
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        let names = list(path).map_err(|error| Error::file("list", path.name(), &error))?;
        let tests = ["test", "tests"].iter().filter_map(|name| list(&path.join(name)).ok()).flatten().collect();
        Ok(Folder { path: path.clone(), names, tests })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|found| found == name)
    }

    fn ends(&self, endings: &[&str]) -> bool {
        self.names.iter().any(|name| endings.iter().any(|ending| name.ends_with(ending)))
    }

    fn content(&self, name: &str) -> String {
        let bytes = if self.has(name) { self.path.join(name).read(1 << 20).unwrap_or_default() } else { Vec::new() };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn says(&self, name: &str, word: &str) -> bool {
        self.content(name).contains(word)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().chain(&self.tests).map(String::as_str)
    }

    fn has_python_tests(&self) -> bool {
        self.all().any(|name| name.ends_with(".py") && (name.starts_with("test") || name.ends_with("_test.py")))
    }

    fn uses_pytest(&self) -> bool {
        let set_up = ["pytest.ini", "conftest.py"].iter().any(|name| self.all().any(|found| found == *name));
        let named = ["pyproject.toml", "setup.cfg", "tox.ini", "requirements.txt", "requirements-dev.txt"];
        set_up || named.iter().any(|name| self.says(name, "pytest"))
    }

    fn has_node_tests(&self) -> bool {
        let endings = [".test.js", ".test.mjs", ".test.cjs", ".test.ts", "-test.js", "_test.js", "test.js", "test.mjs"];
        self.all().any(|name| endings.iter().any(|ending| name.ends_with(ending)))
    }

    fn has_target(&self, target: &str) -> bool {
        ["GNUmakefile", "makefile", "Makefile"].iter().any(|name| {
            let text = self.content(name);
            text.lines().any(|line| line.strip_prefix(target).is_some_and(|rest| rest.trim_start().starts_with(':')))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use garth_plugin::testing::Scratch;

    fn check(files: &[(&str, &str)], filter: Option<&str>, expected: &str) {
        let _scratch = Scratch::new(files);
        let words = match detect(&Path::parse("").unwrap(), filter) {
            Ok((_, words)) => words.join(" "),
            Err(error) => error.to_string(),
        };
        assert!(words.starts_with(expected), "{files:?}: {words}");
    }

    #[test]
    fn the_files_tell_the_command() {
        check(&[("Cargo.toml", ""), ("Makefile", "test:\n")], None, "cargo test --color=never");
        check(&[("Cargo.toml", "")], Some("adds"), "cargo test --color=never adds");
        check(&[("go.mod", "")], Some("TestX"), "go test ./... -run TestX");
        check(&[("package.json", r#"{"scripts": {"test": "jest"}}"#)], Some("x"), "npm test -- x");
        check(&[("package.json", "{}"), ("sum.test.js", "")], None, "node --test");
        check(&[("pyproject.toml", "[tool.pytest.ini_options]")], Some("a"), "python3 -m pytest --color=no -k a");
        check(&[("tests/test_a.py", "")], None, "python3 -m unittest");
        check(&[("pom.xml", "")], Some("A"), "mvn --batch-mode test -Dtest=A");
        check(&[("gradlew", ""), ("build.gradle", "")], None, "sh ./gradlew test");
        check(&[("Makefile", "all:\n\ntest: all\n\t./t\n")], None, "make test");
        check(&[("Makefile", "testing:\ncheck :\n")], None, "make check");
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        check(&[("README.md", "")], None, "nothing in . tells how to run its tests");
        check(&[("Cargo.toml", "")], Some("--config=x"), "filter '--config=x' is not the name of a test");
        check(&[("Makefile", "test:\n")], Some("x"), "make test takes no filter");
    }

    #[test]
    fn every_command_is_one_that_the_manifest_allows() {
        let manifest = include_str!("../plugin.toml");
        for rule in RULES {
            let quoted = rule.words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            assert!(manifest.contains(&format!("[{quoted}]")), "{quoted}");
        }
    }
}
