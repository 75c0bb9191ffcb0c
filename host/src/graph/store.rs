//! The graph on disk: one SQLite database for each project, for its owner alone. It is a cache: one that is damaged, or of
//! another format, is made anew, and that is said. What the rows mean for a query others know.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use sha2::{Digest as _, Sha256};

use super::content::Skipped;
use super::error::Error;
use super::facts::Facts;
use super::languages::LANGUAGES;
use super::walk::Candidate;
use super::{PATIENCE_BEHIND, extract};
use crate::private;

/// `Grth` in a database's header says that it is ours, and [`format`] which format it has.
pub const APPLICATION: i32 = 0x4772_7468;
const SCHEMA: &str = include_str!("schema.sql");
const OTHER: &str = "another version of Garth has made it";
/// In `files.state`; beyond these, the numbers of [`Skipped`].
const INDEXED: u8 = 0;
const GENERATED: u8 = 1;

/// An open database.
pub struct Store {
    file: PathBuf,
    pub connection: Connection,
    damaged: Option<String>,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    New,
    Kept,
    /// There was one that could not be used, for this reason.
    Rebuilt(String),
}

/// A file as it was when it was last looked at.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: i64,
    pub size: u64,
    pub modified: i64,
    pub digest: [u8; 32],
    pub state: State,
}

/// What is kept of a file.
pub enum Content {
    Indexed { facts: Facts, generated: bool },
    Skipped(Skipped),
}

/// How a file is indexed, as its row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Indexed,
    Generated,
    Skipped(Skipped),
}

impl State {
    pub fn from_number(number: u8) -> State {
        match number {
            INDEXED => State::Indexed,
            GENERATED => State::Generated,
            other => State::Skipped(Skipped::from_number(other).unwrap_or(Skipped::Unreadable)),
        }
    }
}

impl Store {
    /// Opens the database of the project at `root`, or makes it; one that cannot be used is removed and made anew.
    pub fn open(file: &Path, root: &Path) -> Result<(Store, Opened), Error> {
        // Two that begin at once would else each remove what the other has begun.
        let _alone = file.parent().and_then(|folder| alone_in(folder).ok());
        let there = std::fs::symlink_metadata(file).is_ok_and(|metadata| metadata.len() > 0);
        if !there {
            return Ok((Store::create(file, root)?, Opened::New));
        }
        let reason = match Store::attach(file) {
            Ok(Some(store)) => return Ok((store, Opened::Kept)),
            Ok(None) => OTHER.to_string(),
            Err(error) if is_busy(&error) => return Err(Error::Busy { file: file.to_path_buf() }),
            Err(error) => error.to_string(),
        };
        Ok((Store::create(file, root)?, Opened::Rebuilt(reason)))
    }

    /// A second connection to a database that is open.
    pub fn again(&self) -> Result<Store, Error> {
        let fail = |reason: String| Error::Store { file: self.file.clone(), reason };
        Store::attach(&self.file).map_err(|error| self.error(error))?.ok_or_else(|| fail(OTHER.to_string()))
    }

    /// An empty one in the place of whatever is there.
    pub fn create(file: &Path, root: &Path) -> Result<Store, Error> {
        let fail = |reason: String| Error::Store { file: file.to_path_buf(), reason };
        remove(file).map_err(|error| fail(error.to_string()))?;
        // SQLite gives the files beside it the same permissions.
        private::append(file, b"").map_err(|error| fail(error.to_string()))?;
        let connection = connect(file).map_err(|error| fail(error.to_string()))?;
        let made = connection.pragma_update(None, "application_id", APPLICATION).and_then(|()| {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.execute("INSERT INTO project VALUES (?1)", [root.to_str()])?;
            transaction.pragma_update(None, "user_version", format())?;
            transaction.commit()
        });
        made.map_err(|error| fail(error.to_string()))?;
        Ok(Store { file: file.to_path_buf(), connection, damaged: None })
    }

    /// `None`: its format is another one. Fails where this is no database that can be used.
    fn attach(file: &Path) -> rusqlite::Result<Option<Store>> {
        let connection = connect(file)?;
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let ours = (number("application_id")?, number("user_version")?) == (APPLICATION, format());
        Ok(ours.then(|| Store { file: file.to_path_buf(), connection, damaged: None }))
    }

    /// What an error of SQLite means for who uses the graph.
    pub fn error(&self, error: rusqlite::Error) -> Error {
        let (file, reason) = (self.file.clone(), error.to_string());
        if is_busy(&error) {
            return Error::Busy { file };
        }
        let damaged = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => {
                let codes = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase, ErrorCode::TypeMismatch];
                codes.contains(&failure.code) || reason.contains("no such")
            }
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::IntegralValueOutOfRange(..) => true,
            _ => false,
        };
        if damaged { Error::Damaged { file, reason } } else { Error::Store { file, reason } }
    }

    /// The same, and remembers that it is damaged.
    pub fn failed(&mut self, error: rusqlite::Error) -> Error {
        let error = self.error(error);
        if let Error::Damaged { reason, .. } = &error {
            self.damaged = Some(reason.clone());
        }
        error
    }

    /// Why a query failed that found it damaged.
    pub fn is_damaged(&self) -> Option<String> {
        self.damaged.clone()
    }

    /// How long another process that is writing is waited for.
    pub fn wait_for_others(&self, most: Duration) -> Result<(), Error> {
        self.connection.busy_timeout(most).map_err(|error| self.error(error))
    }

    /// A number that changes when another connection has changed the database, and not when this one has.
    pub fn foreign(&self) -> Option<i64> {
        self.connection.pragma_query_value(None, "data_version", |row| row.get(0)).ok()
    }

    /// Lets go of the file.
    pub fn close(&mut self) {
        if let Ok(none) = Connection::open_in_memory() {
            self.connection = none;
        }
    }

    /// All files that were looked at.
    pub fn known(&self) -> rusqlite::Result<HashMap<String, Known>> {
        let mut statement = self.connection.prepare("SELECT path, id, size, modified, digest, state FROM files")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, known(row, 1)?)))?;
        rows.collect()
    }

    /// Those at or below one path.
    pub fn known_at(&self, path: &str) -> rusqlite::Result<Vec<(String, Known)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT path, id, size, modified, digest, state FROM files
             WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')",
        )?;
        let rows = statement.query_map([path], |row| Ok((row.get(0)?, known(row, 1)?)))?;
        rows.collect()
    }
}

fn known(row: &rusqlite::Row, from: usize) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(from)?,
        size: row.get::<_, i64>(from + 1)?.unsigned_abs(),
        modified: row.get(from + 2)?,
        digest: row.get(from + 3)?,
        state: State::from_number(row.get(from + 4)?),
    })
}

/// The number of what is in a database: of its schema, and of all that decides what is found in a file.
fn format() -> i32 {
    static FORMAT: OnceLock<i32> = OnceLock::new();
    *FORMAT.get_or_init(|| {
        let mut digest = Sha256::new();
        digest.update(SCHEMA);
        digest.update(extract::FINDS.to_le_bytes());
        LANGUAGES.iter().for_each(|language| language.identify(&mut |part| digest.update(part)));
        let digest: [u8; 32] = digest.finalize().into();
        i32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
    })
}

/// The database and the files that SQLite puts beside it.
pub fn remove(file: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut path = file.as_os_str().to_owned();
        path.push(ending);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Held until it is dropped. Not every system locks folders.
fn alone_in(folder: &Path) -> std::io::Result<File> {
    private::create_dir(folder)?;
    let folder = File::open(folder)?;
    folder.lock()?;
    Ok(folder)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(PATIENCE_BEHIND)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a power failure leaves behind is found damaged and made anew.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -32_000)?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Writes within one transaction.
pub struct Writer<'a> {
    transaction: Transaction<'a>,
    names: &'a mut HashMap<String, i64>,
}

impl<'a> Writer<'a> {
    /// `names` remembers from one to the next what numbers names have.
    pub fn begin(connection: &'a mut Connection, names: &'a mut HashMap<String, i64>) -> rusqlite::Result<Writer<'a>> {
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        Ok(Writer { transaction, names })
    }

    pub fn commit(self) -> rusqlite::Result<()> {
        self.transaction.commit()
    }

    /// The number of the file, which it keeps as long as its path is known.
    pub fn put(&mut self, file: &Candidate, digest: &[u8; 32], content: &Content) -> rusqlite::Result<i64> {
        let state = match content {
            Content::Indexed { generated: false, .. } => INDEXED,
            Content::Indexed { generated: true, .. } => GENERATED,
            Content::Skipped(skipped) => *skipped as u8,
        };
        let id = self
            .transaction
            .prepare_cached(
                "INSERT INTO files (path, size, modified, digest, family, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (path) DO UPDATE SET size = ?2, modified = ?3, digest = ?4, family = ?5, state = ?6
                 RETURNING id",
            )?
            .query_row(
                params![file.path, signed(file.size), file.modified, digest, file.language.family as u8, state],
                |row| row.get::<_, i64>(0),
            )?;
        self.clear(id)?;
        if let Content::Indexed { facts, .. } = content {
            self.put_facts(id, facts)?;
        }
        Ok(id)
    }

    fn put_facts(&mut self, id: i64, facts: &Facts) -> rusqlite::Result<()> {
        for (place, one) in facts.definitions.iter().enumerate() {
            let name = self.name(&one.name)?;
            self.transaction
                .prepare_cached("INSERT INTO definitions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
                .execute(params![
                    id,
                    place as i64,
                    name,
                    one.kind as u8,
                    one.parent,
                    one.scope,
                    one.line,
                    one.last,
                    one.signature
                ])?;
        }
        for one in &facts.uses {
            let name = self.name(&one.name)?;
            let within = one.within.map_or(-1, i64::from);
            let lines: Vec<u8> = one.lines.iter().flat_map(|line| line.to_le_bytes()).collect();
            self.transaction
                .prepare_cached("INSERT OR REPLACE INTO uses VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![id, within, name, one.mention as u8, one.count, lines])?;
        }
        for (place, one) in facts.imports.iter().enumerate() {
            self.transaction.prepare_cached("INSERT INTO imports VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                id,
                place as i64,
                one.line,
                one.text
            ])?;
        }
        Ok(())
    }

    /// A file whose content is as it was, looked at again.
    pub fn touch(&mut self, id: i64, size: u64, modified: i64) -> rusqlite::Result<()> {
        let sql = "UPDATE files SET size = ?2, modified = ?3 WHERE id = ?1";
        self.transaction.prepare_cached(sql)?.execute(params![id, signed(size), modified]).map(drop)
    }

    pub fn remove(&mut self, id: i64) -> rusqlite::Result<()> {
        self.clear(id)?;
        self.transaction.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([id]).map(drop)
    }

    fn clear(&mut self, id: i64) -> rusqlite::Result<()> {
        for sql in [
            "DELETE FROM definitions WHERE file = ?1",
            "DELETE FROM uses WHERE file = ?1",
            "DELETE FROM imports WHERE file = ?1",
        ] {
            self.transaction.prepare_cached(sql)?.execute([id])?;
        }
        Ok(())
    }

    fn name(&mut self, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.get(text) {
            return Ok(*id);
        }
        let found = self.transaction.prepare_cached("SELECT id FROM names WHERE text = ?1")?;
        let id = { found }.query_row([text], |row| row.get(0)).optional()?;
        let id = match id {
            Some(id) => id,
            None => {
                self.transaction.prepare_cached("INSERT INTO names (text) VALUES (?1)")?.execute([text])?;
                self.transaction.last_insert_rowid()
            }
        };
        self.names.insert(text.to_string(), id);
        Ok(id)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The lines of a row of `uses`.
pub fn lines(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|line| u32::from_le_bytes(*line)).collect()
}
