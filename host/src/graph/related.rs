//! What to read for a question: the files that matter for it with their most telling definitions, as many as fit a budget.
//! How files are ranked `rank` knows.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::error::Error;
use super::facts::Kind;
use super::rank::{Question, Ranked, Ranking};
use super::{Asker, Graph, lock, try_lock};

/// Definitions that are shown of one file.
const MOST_LINES: usize = 30;
/// Characters that a line takes beside its signature: number, indentation, the line's end.
const BESIDE: usize = 8;
const CHARACTERS_OF_A_TOKEN: usize = 4;

/// A file that matters, with the definitions that fitted, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedFile {
    pub path: String,
    pub lines: Vec<(u32, String)>,
}

/// The files that matter most come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Related {
    pub files: Vec<RelatedFile>,
    /// Further ones matter too, and did not fit.
    pub more: usize,
}

struct Line {
    file: usize,
    line: u32,
    signature: String,
    score: f32,
}

impl Graph {
    /// What to read for a question, with these files in play, in about so many tokens.
    pub fn related<'a>(
        &self,
        text: &str,
        files: &[String],
        tokens: usize,
        asker: impl Into<Asker<'a>>,
    ) -> Result<Related, Error> {
        let visible = asker.into().visible;
        // While this process writes, what others have written is seen the next time.
        let foreign = try_lock(&self.writer).and_then(|writer| writer.foreign());
        let mut remembered = lock(&self.ranking);
        if foreign.is_some() && foreign != remembered.foreign {
            remembered.ranking = None;
        }
        if remembered.ranking.is_none() {
            remembered.ranking = Some(self.ask(load)?);
            remembered.foreign = foreign;
        }
        let rank = |ranking: &Ranking| ranking.rank(Question { text, files }, visible);
        let ranked = remembered.ranking.as_ref().map(rank).unwrap_or_default();
        drop(remembered);
        let mut lines = Vec::new();
        for (index, file) in ranked.iter().enumerate() {
            lines.extend(self.ask(|connection| lines_of(connection, index, file))?);
        }
        lines.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.file, a.line).cmp(&(b.file, b.line))));
        let mut kept = fit(lines, &ranked, tokens.saturating_mul(CHARACTERS_OF_A_TOKEN));
        let all = ranked.len();
        let found = |(index, file): (usize, Ranked)| {
            let mut lines = kept.remove(&index)?;
            lines.sort();
            Some(RelatedFile { path: file.path, lines })
        };
        let files: Vec<RelatedFile> = ranked.into_iter().enumerate().filter_map(found).collect();
        Ok(Related { more: all - files.len(), files })
    }
}

/// The definitions of a file that may be shown: those that matter, or where it is known for nothing, its first ones.
fn lines_of(connection: &Connection, index: usize, file: &Ranked) -> rusqlite::Result<Vec<Line>> {
    const COLUMNS: &str = "SELECT d.line, d.signature, d.parent IS NULL FROM definitions d";
    let mut lines = Vec::new();
    let mut add = |rows: &mut rusqlite::Rows, score: f32| -> rusqlite::Result<()> {
        while let Some(row) = rows.next()? {
            // What is inside of something else says less.
            let share = if row.get(2)? { 1.0 } else { 0.5 };
            lines.push(Line { file: index, line: row.get(0)?, signature: row.get(1)?, score: score * share });
        }
        Ok(())
    };
    let mut named = connection.prepare_cached(&format!(
        "{COLUMNS} WHERE d.name = (SELECT id FROM names WHERE text = ?1) AND d.file = ?2 AND d.kind <> ?3 LIMIT 4"
    ))?;
    for (name, score) in &file.names {
        add(&mut named.query(params![name, file.id, Kind::Block as u8])?, score + file.score * 0.1)?;
    }
    if file.names.is_empty() {
        let mut first = connection.prepare_cached(&format!(
            "{COLUMNS} WHERE d.file = ?1 AND d.parent IS NULL AND d.kind <> ?2 ORDER BY d.place LIMIT 6"
        ))?;
        add(&mut first.query(params![file.id, Kind::Block as u8])?, file.score * 0.1)?;
    }
    Ok(lines)
}

/// The lines that fit, by file; a file costs its path once.
fn fit(lines: Vec<Line>, files: &[Ranked], characters: usize) -> HashMap<usize, Vec<(u32, String)>> {
    let (mut kept, mut room) = (HashMap::<usize, Vec<(u32, String)>>::new(), characters);
    for line in lines {
        let path = if kept.contains_key(&line.file) { 0 } else { files[line.file].path.len() + 2 };
        let cost = path + line.signature.len() + BESIDE;
        let full = kept.get(&line.file).is_some_and(|lines| lines.len() == MOST_LINES);
        if full || cost > room {
            continue;
        }
        room -= cost;
        kept.entry(line.file).or_default().push((line.line, line.signature));
    }
    kept
}

/// The ranking of all that is indexed.
fn load(connection: &Connection) -> rusqlite::Result<Ranking> {
    let mut names: HashMap<i64, String> = HashMap::new();
    let mut statement = connection.prepare("SELECT id, text FROM names")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        names.insert(row.get(0)?, row.get(1)?);
    }
    let mut uses: HashMap<i64, HashMap<&str, u32>> = HashMap::new();
    let mut statement = connection.prepare("SELECT file, name, count FROM uses")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(name) = names.get(&row.get(1)?) {
            *uses.entry(row.get(0)?).or_default().entry(name).or_default() += row.get::<_, u32>(2)?;
        }
    }
    let mut defined: HashMap<i64, HashSet<&str>> = HashMap::new();
    let mut statement = connection.prepare("SELECT file, name FROM definitions WHERE kind <> ?1")?;
    let mut rows = statement.query([Kind::Block as u8])?;
    while let Some(row) = rows.next()? {
        if let Some(name) = names.get(&row.get(1)?) {
            defined.entry(row.get(0)?).or_default().insert(name);
        }
    }
    let mut ranking = Ranking::default();
    let mut statement = connection.prepare("SELECT id, path, family, state FROM files WHERE state < 2 ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let mut uses = Vec::from_iter(uses.remove(&id).unwrap_or_default());
        let mut defined = Vec::from_iter(defined.remove(&id).unwrap_or_default());
        uses.sort_unstable();
        defined.sort_unstable();
        let path: String = row.get(1)?;
        ranking.add(id, &path, row.get(2)?, row.get::<_, u8>(3)? == 1, &uses, &defined);
    }
    Ok(ranking)
}
