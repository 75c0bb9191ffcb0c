//! The languages, as data: which files are theirs, which grammar reads them, and which queries say what they declare and
//! mention. A new language is a row here and a file in `queries/`; the engine knows none of them.

use std::sync::OnceLock;

use tree_sitter::{Language as Grammar, Query};

use super::facts::{Kind, Mention};

/// One language. Names are only looked up among languages of one family.
pub struct Language {
    pub name: &'static str,
    pub family: Family,
    extensions: &'static [&'static str],
    /// Programs of a `#!` line, without version.
    programs: &'static [&'static str],
    grammar: fn() -> Grammar,
    queries: &'static [&'static str],
    reader: OnceLock<Option<Reader>>,
}

/// Languages that share their definitions. The numbers are kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    Rust = 1,
    Python,
    Ecmascript,
    Go,
    Java,
    C,
    CSharp,
    Ruby,
    Php,
    Shell,
}

/// A grammar with its query, ready for use.
pub struct Reader {
    pub grammar: Grammar,
    pub query: Query,
    /// By the number of the capture.
    pub roles: Vec<Role>,
}

/// What a capture of a query stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Definition(Kind),
    Name,
    Scope,
    /// What is left out of the signature.
    Body,
    Mention(Mention),
    Import,
    /// Only for a predicate.
    Helper,
}

macro_rules! language {
    ($name:literal, $family:ident, $extensions:expr, $programs:expr, $grammar:expr, [$($query:literal),+]) => {
        Language {
            name: $name,
            family: Family::$family,
            extensions: &$extensions,
            programs: &$programs,
            grammar: || $grammar.into(),
            queries: &[$(include_str!(concat!("queries/", $query, ".scm"))),+],
            reader: OnceLock::new(),
        }
    };
}

pub static LANGUAGES: [Language; 13] = [
    language!("Rust", Rust, ["rs"], [], tree_sitter_rust::LANGUAGE, ["rust"]),
    language!("Python", Python, ["py", "pyi", "pyw"], ["python"], tree_sitter_python::LANGUAGE, ["python"]),
    language!(
        "JavaScript",
        Ecmascript,
        ["js", "mjs", "cjs", "jsx"],
        ["node"],
        tree_sitter_javascript::LANGUAGE,
        ["ecmascript", "javascript", "jsx"]
    ),
    language!(
        "TypeScript",
        Ecmascript,
        ["ts", "mts", "cts"],
        ["deno", "bun"],
        tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        ["ecmascript", "typescript"]
    ),
    language!(
        "TSX",
        Ecmascript,
        ["tsx"],
        [],
        tree_sitter_typescript::LANGUAGE_TSX,
        ["ecmascript", "typescript", "jsx"]
    ),
    language!("Go", Go, ["go"], [], tree_sitter_go::LANGUAGE, ["go"]),
    language!("Java", Java, ["java"], [], tree_sitter_java::LANGUAGE, ["java"]),
    language!("C", C, ["c"], [], tree_sitter_c::LANGUAGE, ["c"]),
    // A header may be either's; C++'s grammar reads nearly all of C.
    language!(
        "C++",
        C,
        ["cc", "cpp", "cxx", "c++", "h", "hh", "hpp", "hxx", "inl"],
        [],
        tree_sitter_cpp::LANGUAGE,
        ["c", "cpp"]
    ),
    language!("C#", CSharp, ["cs"], [], tree_sitter_c_sharp::LANGUAGE, ["c_sharp"]),
    language!("Ruby", Ruby, ["rb", "rake", "gemspec"], ["ruby"], tree_sitter_ruby::LANGUAGE, ["ruby"]),
    language!("PHP", Php, ["php"], ["php"], tree_sitter_php::LANGUAGE_PHP, ["php"]),
    language!("Bash", Shell, ["sh", "bash"], ["sh", "bash", "dash"], tree_sitter_bash::LANGUAGE, ["bash"]),
];

impl Language {
    /// By the extension of a path.
    pub fn of_path(path: &str) -> Option<&'static Language> {
        let name = path.rsplit('/').next()?;
        let (_, extension) = name.rsplit_once('.')?;
        LANGUAGES.iter().find(|language| language.extensions.iter().any(|one| extension.eq_ignore_ascii_case(one)))
    }

    /// By the first line of a file that has no extension.
    pub fn of_first_line(content: &[u8]) -> Option<&'static Language> {
        let line = content.strip_prefix(b"#!")?;
        let line = &line[..line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len()).min(200)];
        let line = std::str::from_utf8(line).ok()?;
        let mut words = line.split_ascii_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
        let program = words.find(|word| *word != "env" && !word.starts_with('-') && !word.contains('='))?;
        let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        LANGUAGES.iter().find(|language| language.programs.contains(&program))
    }

    /// Tells all that decides what is found in a file, the version of the grammar included.
    pub fn identify(&self, part: &mut dyn FnMut(&[u8])) {
        let grammar = (self.grammar)();
        let sizes =
            [grammar.abi_version(), grammar.node_kind_count(), grammar.field_count(), grammar.parse_state_count()];
        let metadata = grammar.metadata().map(|one| [one.major_version, one.minor_version, one.patch_version]);
        let texts = [self.name].into_iter().chain(self.extensions.iter().copied()).chain(self.programs.iter().copied());
        texts.chain(self.queries.iter().copied()).for_each(|text| {
            part(text.as_bytes());
            part(&[0]);
        });
        sizes.iter().for_each(|size| part(&size.to_le_bytes()));
        part(&metadata.unwrap_or_default());
        part(&[self.family as u8]);
    }

    /// Made at the first use, since a large grammar's query takes a while. None: the grammar and the query do not fit
    /// together, which a test excludes.
    pub fn reader(&self) -> Option<&Reader> {
        self.reader.get_or_init(|| self.make_reader().ok()).as_ref()
    }

    fn make_reader(&self) -> Result<Reader, String> {
        let grammar = (self.grammar)();
        let query = Query::new(&grammar, &self.queries.concat()).map_err(|error| error.to_string())?;
        let roles = query.capture_names().iter().map(|name| role(name)).collect::<Result<_, _>>()?;
        Ok(Reader { grammar, query, roles })
    }
}

fn role(capture: &str) -> Result<Role, String> {
    match capture {
        "name" => Ok(Role::Name),
        "scope" => Ok(Role::Scope),
        "body" => Ok(Role::Body),
        "call" => Ok(Role::Mention(Mention::Call)),
        "type" => Ok(Role::Mention(Mention::Type)),
        "import" => Ok(Role::Import),
        helper if helper.starts_with('_') => Ok(Role::Helper),
        other => other
            .strip_prefix("definition.")
            .and_then(Kind::named)
            .map(Role::Definition)
            .ok_or_else(|| format!("the query names a capture @{other} that the engine does not know")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_fits_its_grammar() {
        for language in &LANGUAGES {
            if let Err(error) = language.make_reader() {
                panic!("{}: {error}", language.name);
            }
        }
    }

    #[test]
    fn files_are_known_by_their_extension_or_their_first_line() {
        for (path, first, expected) in [
            ("src/a.rs", "", Some("Rust")),
            ("A.PY", "", Some("Python")),
            ("x.d.ts", "", Some("TypeScript")),
            ("x.tsx", "", Some("TSX")),
            ("x.h", "", Some("C++")),
            ("Makefile", "", None),
            ("rs", "", None),
            ("run", "#!/bin/sh\nx", Some("Bash")),
            ("run", "#!/usr/bin/env -S A=b python3.12 -u\n", Some("Python")),
            ("run", "#!/usr/bin/env\n", None),
            ("run", "# not that", None),
        ] {
            let found = Language::of_path(path).or_else(|| Language::of_first_line(first.as_bytes()));
            assert_eq!(found.map(|language| language.name), expected, "{path} {first}");
        }
    }
}
