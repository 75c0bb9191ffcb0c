//! Who calls a definition, and what it calls. Names are all that is known of a call, so it may stand for several definitions:
//! those in the nearest place count, first the same file, then files that it imports, then its folder, then any of its family
//! of languages.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::error::Error;
use super::facts::{Kind, Mention};
use super::lookup::{Defined, Wanted, module_names, of_file};
use super::store::lines;
use super::{Asker, Graph};

const MOST_CALLERS: usize = 200;
const MOST_TARGETS: usize = 20;
/// Uses of one name that are looked at.
const MOST_USES: usize = 50_000;
/// A name that is defined so often says nothing about which one is meant.
const MOST_CANDIDATES: usize = 300;

/// Where a definition is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub line: u32,
    /// With its container.
    pub name: String,
    pub signature: String,
}

impl From<&Defined> for Place {
    fn from(row: &Defined) -> Place {
        Place { path: row.path.clone(), line: row.line, name: row.qualified(), signature: row.signature.clone() }
    }
}

/// A place that calls, or for a type names, what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub path: String,
    /// The definition that the call stands in, if any.
    pub within: Option<Place>,
    /// The first few, ascending.
    pub lines: Vec<u32>,
    pub count: u32,
    /// It may as well mean as many other definitions.
    pub others: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// The first few definitions that are meant.
    pub targets: Vec<Place>,
    /// By path and line.
    pub callers: Vec<Caller>,
    /// Further ones; where not all uses were looked at, at least one.
    pub more: usize,
}

/// A name that is called, and what it may stand for in this project; nothing: it comes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callee {
    pub name: String,
    pub lines: Vec<u32>,
    pub definitions: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callees {
    pub of: Place,
    /// In the order of their first line.
    pub callees: Vec<Callee>,
}

struct Used {
    file: i64,
    path: String,
    family: u8,
    within: i64,
    /// As they are kept.
    lines: Vec<u8>,
    count: u32,
}

impl Graph {
    /// Who calls the definitions of a name; for a type, who names it.
    pub fn callers<'a>(&self, name: &str, within: Option<&str>, asker: impl Into<Asker<'a>>) -> Result<Callers, Error> {
        let (wanted, asker) = (Wanted::new(name, within), asker.into());
        let all = self.wanted(&Wanted { container: None, path: None, ..wanted }, asker)?;
        let targets: Vec<&Defined> = all.iter().filter(|row| wanted.fits(row) && row.kind != Kind::Block).collect();
        let types = targets.iter().any(|row| !row.kind.is_callable());
        let uses = self.ask(|connection| uses_of(connection, wanted.name, types))?;
        let unseen = uses.len() == MOST_USES;
        if unseen {
            (asker.lacks)(format!("{} is used so often that only {MOST_USES} places were looked at", wanted.name));
        }
        let aims: HashSet<(i64, u32)> = targets.iter().map(|row| (row.file, row.place)).collect();
        // Of a name that is everybody's, each use may be meant, and which one nobody could tell.
        let everything = wanted.container.is_none() && wanted.path.is_none();
        let any = (everything && all.len() > MOST_CANDIDATES).then(|| all.len() - 1);
        let nearest = Nearest::new(&all);
        // By file: how many others are meant as well, if what is asked for is meant there at all.
        let mut meant: HashMap<i64, Option<usize>> = HashMap::new();
        let (mut found, mut more) = (Vec::new(), 0);
        for used in uses {
            let others = match meant.get(&used.file) {
                Some(known) => *known,
                None => {
                    asker.waits()?;
                    let others = match any {
                        _ if !asker.sees(&used.path) => None,
                        Some(others) => Some(others),
                        None => {
                            let meant = nearest.of(&Source::new(self, used.file, &used.path, used.family))?;
                            let hits = meant.iter().filter(|row| aims.contains(&(row.file, row.place))).count();
                            (hits > 0).then(|| meant.len() - hits)
                        }
                    };
                    *meant.entry(used.file).or_insert(others)
                }
            };
            match others {
                Some(others) if found.len() < MOST_CALLERS => found.push((used, others)),
                Some(_) => more += 1,
                None => {}
            }
        }
        let mut files: HashMap<i64, Vec<Defined>> = HashMap::new();
        let mut callers = Vec::with_capacity(found.len());
        for (used, others) in found {
            let rows = match files.entry(used.file) {
                std::collections::hash_map::Entry::Occupied(rows) => rows.into_mut(),
                std::collections::hash_map::Entry::Vacant(free) => {
                    asker.waits()?;
                    free.insert(self.ask(|connection| of_file(connection, used.file))?)
                }
            };
            let within = usize::try_from(used.within).ok().and_then(|place| rows.get(place)).map(Place::from);
            let Used { path, lines: packed, count, .. } = used;
            callers.push(Caller { path, within, lines: lines(&packed), count, others });
        }
        callers.sort_by(|a, b| (&a.path, &a.lines).cmp(&(&b.path, &b.lines)));
        let targets = targets.into_iter().take(MOST_TARGETS).map(Place::from).collect();
        Ok(Callers { targets, callers, more: more.max(usize::from(unseen)) })
    }

    /// What each definition of a name calls.
    pub fn callees<'a>(
        &self,
        name: &str,
        within: Option<&str>,
        asker: impl Into<Asker<'a>>,
    ) -> Result<Vec<Callees>, Error> {
        let asker = asker.into();
        let mut of = self.wanted(&Wanted::new(name, within), asker)?;
        of.retain(|row| !matches!(row.kind, Kind::Block | Kind::Declaration));
        if of.len() > MOST_TARGETS {
            (asker.lacks)(format!("{} definitions have that name; these are the first {MOST_TARGETS}", of.len()));
            of.truncate(MOST_TARGETS);
        }
        of.iter().map(|row| self.callees_of(row, asker)).collect()
    }

    fn callees_of(&self, of: &Defined, asker: Asker) -> Result<Callees, Error> {
        asker.waits()?;
        let rows = self.ask(|connection| of_file(connection, of.file))?;
        // What stands around another one comes before it.
        let mut inside = vec![false; rows.len()];
        for (place, row) in rows.iter().enumerate() {
            let around = row.parent.map(|parent| parent as usize).filter(|parent| *parent < place);
            inside[place] = place == of.place as usize || around.is_some_and(|parent| inside[parent]);
        }
        let mut called: HashMap<String, Vec<u32>> = HashMap::new();
        for (name, within, lines) in self.ask(|connection| calls_in(connection, of.file))? {
            if usize::try_from(within).is_ok_and(|place| inside.get(place) == Some(&true)) {
                called.entry(name).or_default().extend(lines);
            }
        }
        let mut callees = Vec::with_capacity(called.len());
        let source = Source::new(self, of.file, &of.path, of.family);
        for (name, mut lines) in called {
            lines.sort_unstable();
            lines.dedup();
            let mut all = self.defined(&name, asker)?;
            all.retain(|row| asker.sees(&row.path));
            let definitions = Nearest::new(&all).of(&source)?.iter().copied().map(Place::from).collect();
            callees.push(Callee { name, lines, definitions });
        }
        callees.sort_by(|a, b| (a.lines.first(), &a.name).cmp(&(b.lines.first(), &b.name)));
        Ok(Callees { of: of.into(), callees })
    }
}

/// A file that mentions something.
struct Source<'a> {
    graph: &'a Graph,
    file: i64,
    path: &'a str,
    family: u8,
    /// Of its imports; read when they are first wanted, since there may be many.
    words: OnceCell<HashSet<String>>,
}

impl<'a> Source<'a> {
    fn new(graph: &'a Graph, file: i64, path: &'a str, family: u8) -> Source<'a> {
        Source { graph, file, path, family, words: OnceCell::new() }
    }

    fn words(&self) -> Result<&HashSet<String>, Error> {
        if let Some(words) = self.words.get() {
            return Ok(words);
        }
        let words = self.graph.ask(|connection| words_of(connection, self.file))?;
        Ok(self.words.get_or_init(|| words))
    }
}

/// Which definitions of one name a mention in a file stands for.
struct Nearest<'a> {
    files: HashMap<i64, Vec<&'a Defined>>,
    /// By the name of a file or its folder.
    modules: HashMap<&'a str, Vec<&'a Defined>>,
    folders: HashMap<&'a str, Vec<&'a Defined>>,
    families: HashMap<u8, Vec<&'a Defined>>,
}

impl<'a> Nearest<'a> {
    fn new(all: &'a [Defined]) -> Nearest<'a> {
        let (files, modules, folders, families) = Default::default();
        let mut nearest = Nearest { files, modules, folders, families };
        for row in all.iter().filter(|row| row.kind != Kind::Block) {
            nearest.files.entry(row.file).or_default().push(row);
            nearest.folders.entry(folder(&row.path)).or_default().push(row);
            nearest.families.entry(row.family).or_default().push(row);
            for name in module_names(&row.path).filter(|name| name.len() > 1) {
                nearest.modules.entry(name).or_default().push(row);
            }
        }
        nearest
    }

    fn of(&self, source: &Source) -> Result<Cow<'_, [&'a Defined]>, Error> {
        let Source { file, path, family, .. } = *source;
        let kin = self.families.get(&family).map(Vec::as_slice).unwrap_or_default();
        if let Some(here) = self.files.get(&file) {
            return Ok(here.into());
        }
        if kin.len() < 2 {
            return Ok(kin.into());
        }
        let words = source.words()?;
        // Whichever are fewer are gone through.
        let named: Vec<&Vec<&Defined>> = match words.len() < self.modules.len() {
            true => words.iter().filter_map(|word| self.modules.get(word.as_str())).collect(),
            false => self.modules.iter().filter(|(name, _)| words.contains(**name)).map(|(_, rows)| rows).collect(),
        };
        let named = named.into_iter().flatten().copied();
        let mut used: Vec<&Defined> = named.filter(|row| row.family == family).collect();
        used.sort_by_key(|row| (&row.path, row.line));
        used.dedup_by_key(|row| (row.file, row.place));
        if !used.is_empty() {
            return Ok(used.into());
        }
        let near = self.folders.get(folder(path)).into_iter().flatten().copied();
        let near: Vec<&Defined> = near.filter(|row| row.family == family).collect();
        Ok(if near.is_empty() { kin.into() } else { near.into() })
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn uses_of(connection: &Connection, name: &str, types: bool) -> rusqlite::Result<Vec<Used>> {
    let mut statement = connection.prepare_cached(
        "SELECT u.file, f.path, f.family, u.within, u.lines, u.count FROM uses u JOIN files f ON f.id = u.file
         WHERE u.name = (SELECT id FROM names WHERE text = ?1) AND u.mention <= ?2 LIMIT ?3",
    )?;
    let highest = if types { Mention::Type } else { Mention::Call };
    let rows = statement.query_map(params![name, highest as u8, MOST_USES as i64], |row| {
        Ok(Used {
            file: row.get(0)?,
            path: row.get(1)?,
            family: row.get(2)?,
            within: row.get(3)?,
            lines: row.get(4)?,
            count: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Name, place of the definition around it, lines.
type Call = (String, i64, Vec<u32>);

fn calls_in(connection: &Connection, file: i64) -> rusqlite::Result<Vec<Call>> {
    let mut statement = connection.prepare_cached(
        "SELECT n.text, u.within, u.lines FROM uses u JOIN names n ON n.id = u.name
         WHERE u.file = ?1 AND u.mention = ?2 AND u.within >= 0",
    )?;
    let rows = statement.query_map(params![file, Mention::Call as u8], |row| {
        Ok((row.get(0)?, row.get(1)?, lines(&row.get::<_, Vec<u8>>(2)?)))
    })?;
    rows.collect()
}

/// The words of a file's imports.
fn words_of(connection: &Connection, file: i64) -> rusqlite::Result<HashSet<String>> {
    let mut statement = connection.prepare_cached("SELECT text FROM imports WHERE file = ?1")?;
    let mut rows = statement.query([file])?;
    let mut words = HashSet::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str()?;
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            if !words.contains(word) {
                words.insert(word.to_string());
            }
        }
    }
    Ok(words)
}
