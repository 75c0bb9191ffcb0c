//! Paths and patterns of the workspace: one reading of a path, one meaning of a pattern, for rules, read-only files and
//! secrets alike. Text only; whoever opens a file checks what was really opened.
//!
//! A pattern reads like a line of `.gitignore`: without a `/` (or with one at its end only) it matches at any depth, with one it is
//! anchored at the workspace (`/README.md` is the file at the top); `*` stays within a name, `**` crosses; what matches
//! a folder matches everything below it, and `docs/**` is `docs`. There is no `!`.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use serde_json::Value;

/// A path relative to the workspace, without `.` and doubled or trailing `/`. The error is a predicate for the path:
/// "leaves the workspace by '..'".
pub fn normalise(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') {
        return Err("is absolute; write it relative to the workspace");
    }
    if path.chars().any(char::is_control) {
        return Err("contains a control character");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("contains '..'; write it without");
    }
    if parts.is_empty() {
        return Err("names nothing inside the workspace");
    }
    Ok(parts.join("/"))
}

/// The longest text that is taken for a path.
const LONGEST: usize = 1_024;

/// Paths of the workspace that a call's arguments may name: the strings of its fields, and those of their lists.
pub fn named_paths(arguments: &Value) -> impl Iterator<Item = String> {
    let values = arguments.as_object().into_iter().flat_map(|object| object.values());
    let texts = values.flat_map(|value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect::<Vec<_>>(),
    });
    texts.filter_map(named_path)
}

/// The path that a text may be.
pub fn named_path(text: &str) -> Option<String> {
    Some(text).filter(|text| text.len() <= LONGEST).and_then(|text| normalise(text).ok())
}

/// One set of all patterns, to be matched on normalised paths, for what is protected: case does not count, since on some
/// file systems `.GIT` is `.git`. The error names the pattern.
pub fn glob_set<S: AsRef<str>>(patterns: &[S]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        check_glob(pattern)?;
        for glob in expand(pattern) {
            set.add(build(&glob, Case::Any).map_err(|error| wrong(pattern, &error))?);
        }
    }
    set.build().map_err(|error| error.to_string())
}

/// Whether the pattern can be read; the error names it and says what is wrong.
pub fn check_glob(pattern: &str) -> Result<(), String> {
    if pattern.trim_matches('/').is_empty() {
        return Err(format!("the pattern '{pattern}' matches nothing; write for example \"*.pem\" or \"secrets/**\""));
    }
    if pattern.split('/').any(|part| part == ".." || part == ".") {
        return Err(format!("the pattern '{pattern}' contains '.' or '..'; patterns match inside the workspace only"));
    }
    if pattern.starts_with('!') {
        return Err(format!(
            "the pattern '{pattern}' begins with '!', which is not supported; remove patterns instead"
        ));
    }
    let readable = expand(pattern).iter().try_for_each(|glob| build(glob, Case::Exact).map(drop));
    readable.map_err(|error| wrong(pattern, &error))
}

/// Whether the pattern covers the normalised path. A pattern that cannot be read covers nothing; see [`check_glob`].
pub(super) fn covers(pattern: &str, path: &str) -> bool {
    matchers(pattern).is_ok_and(|globs| globs.iter().any(|glob| glob.is_match(path)))
}

/// As [`covers`], whatever the case of the letters: `agents.md` is `AGENTS.md` on some file systems.
pub(super) fn covers_any_case(patterns: &[&str], path: &str) -> bool {
    let mut globs = patterns.iter().flat_map(|pattern| expand(pattern));
    globs.any(|glob| build(&glob, Case::Any).is_ok_and(|glob| glob.compile_matcher().is_match(path)))
}

fn matchers(pattern: &str) -> Result<Vec<GlobMatcher>, String> {
    let globs = expand(pattern).into_iter().map(|glob| build(&glob, Case::Exact).map(|glob| glob.compile_matcher()));
    globs.collect::<Result<_, _>>().map_err(|error| wrong(pattern, &error))
}

fn wrong(pattern: &str, error: &globset::Error) -> String {
    format!("the pattern '{pattern}' cannot be read: {}", error.kind())
}

fn expand(pattern: &str) -> Vec<String> {
    let inner = pattern.trim_matches('/');
    let anchored = pattern.starts_with('/') || inner.contains('/');
    let folder = inner.strip_suffix("/**").unwrap_or(inner);
    let own = if anchored { folder.to_string() } else { format!("**/{folder}") };
    vec![format!("{own}/**"), own]
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Exact,
    Any,
}

fn build(glob: &str, case: Case) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).case_insensitive(case == Case::Any).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling_or_are_refused() {
        for (path, expected) in
            [("src/a.rs", "src/a.rs"), ("./src//a.rs", "src/a.rs"), ("src/", "src"), ("a/./b", "a/b")]
        {
            assert_eq!(normalise(path).as_deref(), Ok(expected));
        }
        for path in ["", ".", "./", "/", "/etc/passwd", "..", "a/../b", "../a", "a\0b", "a\nb"] {
            assert!(normalise(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn patterns_match_like_a_line_of_gitignore() {
        let cases = [
            (".env*", "src/.env.local", true),
            (".env*", ".env", true),
            (".env*", "src/env.rs", false),
            (".git", "vendor/x/.git/config", true),
            ("*.rs", "a/b.rs", true),
            ("/README.md", "README.md", true),
            ("/README.md", "docs/README.md", false),
            ("docs/*.md", "docs/a.md", true),
            ("docs/**", "docs", true),
            ("docs/**", "docs/a/b", true),
            ("docs/**", "a/docs", false),
            ("docs/*.md", "docs/deep/a.md", false),
            ("docs/", "src/docs/x", true),
            ("migrations/old", "migrations/old/1.sql", true),
            ("migrations/old", "x/migrations/old/1.sql", false),
            ("a/**", "a/b/c", true),
            ("a/**", "ab/c", false),
            ("{a,b}.txt", "x/b.txt", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(covers(pattern, path), expected, "{pattern} {path}");
            assert_eq!(glob_set(&[pattern]).unwrap().is_match(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_work_is_named() {
        for pattern in ["", "/", "a/../b", "!x", "a[", "{a"] {
            let error = check_glob(pattern).unwrap_err();
            assert!(error.contains(&format!("'{pattern}'")), "{error}");
            assert!(glob_set(&[pattern]).is_err());
        }
    }
}
