//! Reads the case files of a folder: `*.toml`, in the order of their names, all of them or a word about the first that
//! cannot be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::format::Case;

/// Bytes of one case file.
const MAX_FILE: u64 = 4 << 20;
const MAX_CASES: usize = 1_000;

/// One case file.
#[derive(Debug)]
pub struct File {
    /// Its name without `.toml`.
    pub name: String,
    pub path: PathBuf,
    pub cases: Vec<Case>,
}

/// The case files of the folder. None is an error: whoever asks for tests wants to hear that there are none.
pub fn read(folder: &Path) -> Result<Vec<File>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{}: the cases of a plugin are tests/*.toml in its folder", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|extension| extension == "toml") && !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        bail!("{}: there is no case; write one as tests/NAME.toml", folder.display());
    }
    paths.into_iter().map(one).collect()
}

fn one(path: PathBuf) -> Result<File> {
    let shown = || path.display().to_string();
    if path.metadata().with_context(shown)?.len() > MAX_FILE {
        bail!("{}: more than {} MiB; split it", path.display(), MAX_FILE >> 20);
    }
    let text = std::fs::read_to_string(&path).with_context(shown)?;
    let cases = parse(&text).with_context(shown)?;
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(File { name, path, cases })
}

fn parse(text: &str) -> Result<Vec<Case>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Cases {
        #[serde(rename = "case")]
        cases: Vec<Case>,
    }
    let Cases { mut cases } = toml::from_str(text)?;
    cases.iter_mut().enumerate().for_each(|(index, case)| case.index = index);
    if cases.is_empty() || cases.len() > MAX_CASES {
        bail!("1 to {MAX_CASES} cases are needed, found {}", cases.len());
    }
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(&case.name)) {
        Some(twice) => bail!("the case '{}' is there twice", twice.name),
        None => Ok(cases),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    const GOOD: &str = r#"
        [[case]]
        name = "it works"
        tool = "t"
        arguments = { a = [1, 2.5], b = { c = true } }
        files = { "a.txt" = "x", "b/" = "", "c" = { hex = "00 ff" }, "d" = { repeat = "y\n", times = 3 }, "e" = { link = "a.txt" } }
        git = true
        grants = { workspace = "read", state = "1MiB" }
        limits = { memory = "8MiB" }
        programs = [{ run = ["git", "log"], stdout = "x" }]
        http = [{ path = "/", body = "hello" }]
        expect.contains = ["x", "y"]
        expect.files."a.txt" = { contains = "x" }
        [[case]]
        name = "in steps"
        grants = "none"
        [[case.step]]
        tool = "t"
        arguments = '{"a": null}'
        expect = { error = "denied", denials = ["workspace"] }
        [[case.step]]
        tool = "u"
    "#;

    #[test]
    fn a_case_is_read() {
        let cases = parse(GOOD).unwrap();
        assert_eq!((cases.len(), cases[0].steps.len(), cases[1].steps.len()), (2, 1, 2));
        assert_eq!(cases[0].steps[0].arguments, serde_json::json!({"a": [1, 2.5], "b": {"c": true}}));
        assert_eq!(cases[1].steps[0].arguments, serde_json::json!({"a": null}));
        assert!(cases[1].steps[1].expect.is_empty() && !cases[1].steps[0].expect.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |from: &str, to: &str, said: &str| {
            assert!(GOOD.contains(from), "{from}");
            let error = format!("{:#}", parse(&GOOD.replacen(from, to, 1)).unwrap_err());
            assert!(error.contains(said), "{to}: {error}");
        };
        check("git = true", "gut = true", "unknown field `gut`");
        check("tool = \"t\"", "", "'it works': it has no `tool`");
        check("in steps", "it works", "'it works' is there twice");
        check("in steps", "", "a name is one line");
        check("\"a.txt\" =", "\"../a.txt\" =", "contains '..'");
        check("\"a.txt\" =", "\"/etc/passwd\" =", "is absolute");
        check("\"a.txt\" =", "\"x/.Git/config\" =", "git = true");
        check("00 ff", "0", "pairs of hexadecimal digits");
        check("\"b/\" = \"\"", "\"b/\" = \"x\"", "it is a folder");
        check("times = 3", "times = 99999999999", "64 MiB");
        check("times = 3", "tines = 3", "a text, or one of");
        check("grants = \"none\"", "grants = \"some\"", "\"all\", \"none\" or capabilities");
        check("workspace = \"read\"", "workspce = \"read\"", "unknown field `workspce`");
        check("memory =", "memori =", "unknown field `memori`");
        check("run = [\"git\", \"log\"]", "run = []", "names no program");
        check("error = \"denied\"", "error = \"refused\"", "unknown variant `refused`");
        check("error = \"denied\"", "error = \"denied\", limit = \"time\"", "leave `error` out");
        check("error = \"denied\"", "text = \"x\", text_file = \"y\"", "not both");
        check("error = \"denied\"", "text_file = \"../y\"", "contains '..'");
        check("error = \"denied\"", "matches = \"(\"", "no regular expression");
        check("'{\"a\": null}'", "'{'", "JSON in a text");
        check("[[case.step]]", "[[case.stop]]", "unknown field `stop`");
        let both = GOOD.replace("grants = \"none\"", "grants = \"none\"\ntool = \"t\"");
        assert!(format!("{:#}", parse(&both).unwrap_err()).contains("`tool` in the steps"));
        assert!(parse("").is_err() && parse("case = []").is_err());
    }
}
