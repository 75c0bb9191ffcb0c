//! Takes away the databases of projects that no longer exist, beside the one that is in use. What a database is of, it says
//! itself; one that does not, that somebody has open, or that is not ours, stays.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::store::{APPLICATION, remove};

/// Whether nobody needs the database any more. A project counts as gone only where the system says that nothing is there.
pub fn tidy(file: &Path) {
    let Some(entries) = file.parent().and_then(|folder| folder.read_dir().ok()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_other = path != file && path.extension().is_some_and(|ending| ending == "db");
        if is_other && entry.file_type().is_ok_and(|kind| kind.is_file()) && is_left(&path).unwrap_or(false) {
            // What cannot be removed is looked at again the next time.
            let _ = remove(&path);
        }
    }
}

fn is_left(file: &Path) -> rusqlite::Result<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION {
        return Ok(false);
    }
    let root: Option<String> = connection.query_row("SELECT root FROM project", [], |row| row.get(0))?;
    let is_gone =
        |root: String| Path::new(&root).symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if !root.is_some_and(is_gone) {
        return Ok(false);
    }
    // Only who is alone with a database can take it out of its mode.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    Ok(mode == "delete")
}
