//! Answers by name: a file's outline, and a symbol's definitions with their code. The code is read from the file as it is
//! now; where that is not what was indexed, the file is indexed first, and where that cannot be done at once, nothing is said of
//! it: old places in a new file are worse than none.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::extract::LONGEST_NAME;
use super::facts::Kind;
use super::languages::LANGUAGES;
use super::store::State;
use super::{Asker, Graph, content};

/// Definitions of one name that are shown with their code.
const MOST_SYMBOLS: usize = 20;
/// Definitions of one name that are looked at.
pub const MOST_DEFINITIONS: usize = 10_000;
/// Bytes of code in one answer; the first definition may have more.
const MOST_CODE: usize = 256 << 10;
const MOST_NEAR: usize = 8;

/// The shape of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub path: String,
    pub lines: Vec<Line>,
}

/// One definition, with how many are around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub depth: usize,
    pub kind: Kind,
    pub line: u32,
    pub last: u32,
    pub signature: String,
}

/// A definition with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub path: String,
    /// With its container: `Graph.open`.
    pub name: String,
    pub kind: Kind,
    /// Where the code begins, comments and attributes above it included.
    pub line: u32,
    pub last: u32,
    pub code: String,
}

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// The most telling first.
    pub found: Vec<Symbol>,
    /// Further ones, without their code.
    pub more: usize,
    /// Where there is none: names that look like it.
    pub near: Vec<String>,
}

/// A definition as it is kept, with the file that it is in.
#[derive(Clone, Debug)]
pub struct Defined {
    pub file: i64,
    pub path: String,
    pub family: u8,
    pub place: u32,
    pub name: String,
    pub kind: Kind,
    pub parent: Option<u32>,
    /// What is written with it, or the name of what is around it.
    pub container: Option<String>,
    pub line: u32,
    pub last: u32,
    pub signature: String,
    /// Of the file that was indexed.
    pub digest: [u8; 32],
}

impl Defined {
    pub fn qualified(&self) -> String {
        match &self.container {
            Some(container) => format!("{container}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A name as people write it: `Graph::open`, `graph.open`, `open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub container: Option<&'a str>,
    /// A file, or a folder that it is in.
    pub path: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    pub fn new(name: &'a str, path: Option<&'a str>) -> Wanted<'a> {
        let name = name.trim().trim_end_matches("()").trim_end_matches('!');
        let mut parts = name.rsplit([':', '.', '#', '\\', '/', '>']).map(|part| part.trim_end_matches('-'));
        let last = parts.next().filter(|last| !last.is_empty()).unwrap_or(name);
        Wanted {
            name: last,
            container: parts.find(|part| !part.is_empty()),
            path: path.filter(|path| !path.is_empty()),
        }
    }

    pub fn fits(&self, row: &Defined) -> bool {
        let below = |path: &str| {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            row.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || path.is_empty())
        };
        let holds = |container: &str| {
            row.container.as_deref().is_some_and(|one| one.rsplit([':', '.', '\\']).next() == Some(container))
                || module_names(&row.path).any(|one| one == container)
        };
        self.path.is_none_or(below) && self.container.is_none_or(holds)
    }
}

/// What a file is called as a module: its stem and its folder.
pub fn module_names(path: &str) -> impl Iterator<Item = &str> {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    std::iter::once(stem).chain(parts.next())
}

const SELECT: &str = "SELECT d.file, f.path, f.family, d.place, n.text, d.kind, d.parent,
        COALESCE(d.scope, (SELECT pn.text FROM definitions p JOIN names pn ON pn.id = p.name
                           WHERE p.file = d.file AND p.place = d.parent)),
        d.line, d.last, d.signature, f.digest
     FROM definitions d JOIN files f ON f.id = d.file JOIN names n ON n.id = d.name";

fn row(row: &Row) -> rusqlite::Result<Defined> {
    let kind: u8 = row.get(5)?;
    Ok(Defined {
        file: row.get(0)?,
        path: row.get(1)?,
        family: row.get(2)?,
        place: row.get(3)?,
        name: row.get(4)?,
        kind: Kind::from_number(kind).ok_or(rusqlite::Error::IntegralValueOutOfRange(5, kind.into()))?,
        parent: row.get(6)?,
        container: row.get(7)?,
        line: row.get(8)?,
        last: row.get(9)?,
        signature: row.get(10)?,
        digest: row.get(11)?,
    })
}

/// All definitions of a name, those that say most first: with a body, then by path.
pub fn definitions(connection: &Connection, name: &str, most: usize) -> rusqlite::Result<Vec<Defined>> {
    let sql = format!("{SELECT} WHERE d.name = (SELECT id FROM names WHERE text = ?1) LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![name, most as i64], row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let vague = |kind: Kind| matches!(kind, Kind::Block | Kind::Declaration);
    rows.sort_by(|a, b| (vague(a.kind), &a.path, a.line).cmp(&(vague(b.kind), &b.path, b.line)));
    Ok(rows)
}

/// All definitions of a file, in its order.
pub fn of_file(connection: &Connection, file: i64) -> rusqlite::Result<Vec<Defined>> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE d.file = ?1 ORDER BY d.place"))?;
    statement.query_map([file], row)?.collect()
}

pub fn file(connection: &Connection, path: &str) -> rusqlite::Result<Option<(i64, State, [u8; 32])>> {
    let mut statement = connection.prepare_cached("SELECT id, state, digest FROM files WHERE path = ?1")?;
    statement.query_row([path], |row| Ok((row.get(0)?, State::from_number(row.get(1)?), row.get(2)?))).optional()
}

/// A file as it is now.
struct Current {
    digest: [u8; 32],
    text: Option<String>,
}

/// The files that an answer was looked up in, each read once.
type Files = BTreeMap<String, Option<Current>>;

impl Graph {
    /// What a file defines, in its order.
    pub fn outline<'a>(&self, path: &str, asker: impl Into<Asker<'a>>) -> Result<Outline, Error> {
        let path = path.trim_start_matches("./");
        let not = |reason| Error::NotIndexed { path: path.into(), reason };
        if !asker.into().sees(path) {
            return Err(not("it is hidden from tools"));
        }
        self.freshen(path)?;
        let mut found = self.outlined(path)?;
        if found.is_none() {
            self.reread(path)?;
            found = self.outlined(path)?;
        }
        let rows = found.ok_or_else(|| Error::Changed { path: path.into() })?;
        let mut depths: Vec<usize> = Vec::with_capacity(rows.len());
        for row in &rows {
            let around = row.parent.and_then(|parent| depths.get(parent as usize));
            depths.push(around.map_or(0, |depth| depth + 1));
        }
        let line = |(row, depth): (Defined, usize)| Line {
            depth,
            kind: row.kind,
            line: row.line,
            last: row.last,
            signature: row.signature,
        };
        Ok(Outline { path: path.into(), lines: rows.into_iter().zip(depths).map(line).collect() })
    }

    /// `None`: the file is not as it was indexed.
    fn outlined(&self, path: &str) -> Result<Option<Vec<Defined>>, Error> {
        let known = self.ask(|connection| file(connection, path))?;
        let (id, state, digest) = known.ok_or_else(|| Error::Unknown { path: path.into(), languages: languages() })?;
        if let State::Skipped(skipped) = state {
            return Err(Error::NotIndexed { path: path.into(), reason: skipped.reason() });
        }
        let rows = self.ask(|connection| of_file(connection, id))?;
        let indexed = rows.first().map_or(digest, |row| row.digest);
        Ok(self.read(path).is_some_and(|file| file.digest == indexed).then_some(rows))
    }

    /// The definitions of a name, which may have its container before it (`Graph::open`), with their code.
    pub fn symbol<'a>(&self, name: &str, within: Option<&str>, asker: impl Into<Asker<'a>>) -> Result<Symbols, Error> {
        let (wanted, asker) = (Wanted::new(name, within), asker.into());
        let (mut symbols, mut changed) = self.symbols(&wanted, asker)?;
        if !changed.is_empty() {
            for path in &changed {
                asker.waits()?;
                self.reread(path)?;
            }
            (symbols, changed) = self.symbols(&wanted, asker)?;
        }
        match (changed.first(), symbols.found.is_empty()) {
            (Some(path), true) => return Err(Error::Changed { path: path.clone() }),
            (None, true) => symbols.near = self.near(wanted.name, asker)?,
            (_, false) => {}
        }
        for path in changed {
            (asker.lacks)(Error::Changed { path }.to_string());
        }
        Ok(symbols)
    }

    /// What is found, and the files that are not as they were indexed: of those nothing is.
    fn symbols(&self, wanted: &Wanted, asker: Asker) -> Result<(Symbols, Vec<String>), Error> {
        let rows = self.wanted(wanted, asker)?;
        // `impl` blocks are long, and what is in them has names of its own.
        let only_blocks = rows.iter().all(|row| row.kind == Kind::Block);
        let rows: Vec<Defined> = rows.into_iter().filter(|row| only_blocks || row.kind != Kind::Block).collect();
        let mut symbols = Symbols { more: rows.len().saturating_sub(MOST_SYMBOLS), ..Symbols::default() };
        let (mut files, mut changed, mut bytes) = (Files::new(), Vec::new(), 0);
        for (at, row) in rows.iter().enumerate().take(MOST_SYMBOLS) {
            asker.waits()?;
            let file = files.entry(row.path.clone()).or_insert_with(|| self.read(&row.path));
            let Some(Current { text, .. }) = file.as_ref().filter(|file| file.digest == row.digest) else {
                if !changed.contains(&row.path) {
                    changed.push(row.path.clone());
                }
                continue;
            };
            let Some(symbol) = text.as_ref().map(|text| code(row, text)) else { continue };
            bytes += symbol.code.len();
            if bytes > MOST_CODE && !symbols.found.is_empty() {
                symbols.more = rows.len() - at;
                break;
            }
            symbols.found.push(symbol);
        }
        Ok((symbols, changed))
    }

    pub(super) fn wanted(&self, wanted: &Wanted, asker: Asker) -> Result<Vec<Defined>, Error> {
        let mut rows = self.defined(wanted.name, asker)?;
        rows.retain(|row| wanted.fits(row) && asker.sees(&row.path));
        Ok(rows)
    }

    /// All definitions of a name, seen or not.
    pub(super) fn defined(&self, name: &str, asker: Asker) -> Result<Vec<Defined>, Error> {
        asker.waits()?;
        let rows = self.ask(|connection| definitions(connection, name, MOST_DEFINITIONS))?;
        if rows.len() == MOST_DEFINITIONS {
            (asker.lacks)(format!("{name} is defined so often that only {MOST_DEFINITIONS} of them were looked at"));
        }
        Ok(rows)
    }

    /// `None`: it is not there, or nothing that may be read.
    fn read(&self, path: &str) -> Option<Current> {
        let bytes = content::read(&self.root, path).ok()?;
        let digest = Sha256::digest(&bytes).into();
        let text = content::text(&bytes).is_ok().then(|| String::from_utf8(bytes).ok()).flatten();
        Some(Current { digest, text })
    }

    /// Defined names that contain this one, or are it in other letters.
    fn near(&self, name: &str, asker: Asker) -> Result<Vec<String>, Error> {
        if name.len() > LONGEST_NAME {
            return Ok(Vec::new());
        }
        let pattern = format!("%{}%", name.replace(['\\', '%', '_'], "_"));
        let mut found = self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT n.text, f.path FROM names n JOIN definitions d ON d.name = n.id JOIN files f ON f.id = d.file
                 WHERE n.text LIKE ?1 LIMIT 500",
            )?;
            let rows =
                statement.query_map([pattern], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        found.retain(|(_, path)| asker.sees(path));
        let mut names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names.dedup();
        names.truncate(MOST_NEAR);
        Ok(names)
    }
}

/// The code of a definition, in the text of its file as it was indexed.
fn code(row: &Defined, text: &str) -> Symbol {
    let lines: Vec<&str> = text.lines().collect();
    let first = (row.line as usize).saturating_sub(1).min(lines.len());
    let last = (row.last as usize).clamp(first, lines.len());
    let above = lines[..first].iter().rev().take_while(|line| belongs_to_next(line)).count();
    Symbol {
        path: row.path.clone(),
        name: row.qualified(),
        kind: row.kind,
        line: row.line.saturating_sub(u32::try_from(above).unwrap_or(0)),
        last: row.last,
        code: lines[first - above..last].join("\n"),
    }
}

/// For people and models to read.
fn languages() -> String {
    LANGUAGES.iter().map(|language| language.name).collect::<Vec<_>>().join(", ")
}

/// Comments, attributes and decorators stand above what they are about, in all of the languages.
fn belongs_to_next(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "/*", "*", "#[", "@", "# ", "##", "template"].iter().any(|start| line.starts_with(start)) || line == "#"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for (written, name, container) in [
            ("open", "open", None),
            ("Graph::open", "open", Some("Graph")),
            ("crate::graph::Graph::open", "open", Some("Graph")),
            ("graph.open()", "open", Some("graph")),
            ("this->open", "open", Some("this")),
            ("App\\Models\\User", "User", Some("Models")),
            ("User#name", "name", Some("User")),
            ("println!", "println", None),
            ("", "", None),
            ("::", "::", None),
        ] {
            let wanted = Wanted::new(written, None);
            assert_eq!((wanted.name, wanted.container), (name, container), "{written}");
        }
    }
}
