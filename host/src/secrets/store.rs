//! The file in which secrets are kept: `{"name": "value"}`, readable by its owner only, replaced as a whole. It is read
//! again whenever it is needed, so that what `garth secret` changes holds at once in conversations that run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Redactor;
use crate::private;

/// Characters of a name, and of a value: what servers take in a header.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 8 << 10;
/// Bytes of the file that are read.
const LARGEST_FILE: u64 = 4 << 20;

/// What is kept for a name. It has no `Display`, its `Debug` says nothing, and it does not serialise.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(String);

/// A handle; clones share what they have seen.
#[derive(Clone)]
pub struct Store {
    file: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

/// All values since the process began: one that was removed meanwhile must not show up either.
#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    values: Vec<(String, Value)>,
    redactor: Arc<Redactor>,
}

/// Tells whether the file has changed.
type Stamp = (u64, Option<SystemTime>, u64);

/// Why a secret cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("'{}' cannot be the name of a secret: use 1 to 64 letters, digits, - and _", .0.escape_debug())]
    Name(String),
    #[error("the value {0}")]
    Value(&'static str),
    #[error(
        "{0}: others can read or write this file, so it is not used; run 'chmod 600' on it, and replace the secrets that \
         they may have seen"
    )]
    Open(PathBuf),
    #[error("{0}: {1}; mend the file or remove it, and set the secrets again")]
    Damaged(PathBuf, String),
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

impl Value {
    /// One newline at the end is dropped, the one of `echo` and of files.
    pub fn new(text: impl AsRef<str>) -> Result<Value, StoreError> {
        let text = text.as_ref();
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let wrong = |what| Err(StoreError::Value(what));
        match text {
            "" => wrong("is empty; nothing was kept"),
            _ if text.len() > LONGEST_VALUE => wrong("has more than 8 KiB, which no server takes in a header"),
            _ if text.trim() != text => wrong("begins or ends with white space; leave it out"),
            _ if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => {
                wrong("has more than one line, or characters that no header can carry; write printable ASCII")
            }
            _ => Ok(Value(text.to_owned())),
        }
    }

    /// Only for the header that carries it, and for what looks for it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is long enough to be told from ordinary text, so that it can be taken out of results.
    pub fn is_redactable(&self) -> bool {
        self.0.len() >= Redactor::SHORTEST
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Store {
    /// The store in this file, which need not exist.
    pub fn open(file: impl Into<PathBuf>) -> Store {
        Store { file: file.into(), seen: Arc::default() }
    }

    /// Whether this can be the name of a secret.
    pub fn check_name(name: &str) -> Result<(), StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) {
            true => Ok(()),
            false => Err(StoreError::Name(name.chars().take(LONGEST_NAME).collect())),
        }
    }

    pub fn get(&self, name: &str) -> Result<Option<Value>, StoreError> {
        Ok(self.read()?.remove(name))
    }

    /// In the order of the alphabet.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.read()?.into_keys().collect())
    }

    /// Says whether there was one of that name, which is replaced.
    pub fn set(&self, name: &str, value: Value) -> Result<bool, StoreError> {
        Store::check_name(name)?;
        self.change(|values| values.insert(name.to_owned(), value).is_some())
    }

    /// Says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool, StoreError> {
        self.change(|values| values.remove(name).is_some())
    }

    /// Takes out of texts every value that the store has, or had since this process began. A file that cannot be read
    /// changes nothing: [`Store::get`] says so to whoever wants a secret.
    pub fn redactor(&self) -> Arc<Redactor> {
        let stamp = std::fs::metadata(&self.file).ok().map(|metadata| stamp(&metadata));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp.is_some()
            && stamp != seen.stamp
            && let Ok(values) = self.read()
        {
            seen.stamp = stamp;
            seen.know(values);
        }
        seen.redactor.clone()
    }

    /// Takes these out as well: secrets that are kept elsewhere.
    pub fn also_redact(&self, values: impl IntoIterator<Item = (String, Value)>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).know(values);
    }

    /// Two processes that set secrets at the same time take turns.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Value>) -> T) -> Result<T, StoreError> {
        let failed = |error| StoreError::Io(self.file.clone(), error);
        let folder = self.file.parent().unwrap_or(Path::new("."));
        private::create_dir(folder).map_err(failed)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("secrets.lock"));
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut values = self.read()?;
        let changed = change(&mut values);
        let plain: BTreeMap<&str, &str> = values.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let json = serde_json::to_vec_pretty(&plain).map_err(|error| failed(error.into()))?;
        private::write(&self.file, &json).map_err(failed)?;
        Ok(changed)
    }

    fn read(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        let failed = |error| StoreError::Io(self.file.clone(), error);
        let file = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            file => file.map_err(failed)?,
        };
        if !is_private(&file.metadata().map_err(failed)?) {
            return Err(StoreError::Open(self.file.clone()));
        }
        let mut text = String::new();
        file.take(LARGEST_FILE).read_to_string(&mut text).map_err(failed)?;
        // What the parser says of a value may quote it.
        let damaged = |what: &str| StoreError::Damaged(self.file.clone(), what.into());
        let plain: BTreeMap<String, String> = serde_json::from_str(&text)
            .map_err(|error| damaged(&format!("it is not an object of strings (line {})", error.line())))?;
        let checked = |(name, value): (String, String)| {
            Store::check_name(&name).map_err(|error| damaged(&error.to_string()))?;
            let value = Value::new(value).map_err(|error| damaged(&format!("{name}: {error}")))?;
            Ok((name, value))
        };
        plain.into_iter().map(checked).collect()
    }
}

impl Seen {
    fn know(&mut self, values: impl IntoIterator<Item = (String, Value)>) {
        for (name, value) in values {
            if !self.values.iter().any(|(_, known)| *known == value) {
                self.values.push((name, value));
            }
        }
        self.redactor = Arc::new(Redactor::new(self.values.iter().map(|(name, value)| (name.as_str(), value))));
    }
}

#[cfg(unix)]
fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok(), std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok(), 0)
}

/// Whether it is a plain file that nobody but its owner can read or write.
#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.is_file() && metadata.permissions().mode() & 0o077 == 0
}

/// Elsewhere the folder of the user's state is what protects it.
#[cfg(not(unix))]
fn is_private(metadata: &Metadata) -> bool {
    metadata.is_file()
}

#[cfg(test)]
mod tests {
    use super::super::Look;
    use super::*;

    fn value(text: &str) -> Value {
        Value::new(text).unwrap()
    }

    #[test]
    fn what_is_set_is_there_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/secrets.json");
        let store = Store::open(&file);
        assert_eq!(store.names().unwrap(), [""; 0]);
        assert!(!store.set("b", value("first value")).unwrap());
        assert!(store.set("b", value("second value\n")).unwrap());
        assert!(!store.set("a", value("x")).unwrap());
        assert_eq!(store.names().unwrap(), ["a", "b"]);
        let again = Store::open(&file);
        assert_eq!(again.get("b").unwrap(), Some(value("second value")));
        assert!(again.remove("b").unwrap() && !again.remove("b").unwrap());
        assert_eq!(store.get("b").unwrap(), None);
    }

    #[test]
    fn nothing_prints_a_value() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("secrets.json"));
        store.set("key", value("hunter2hunter2")).unwrap();
        store.redactor();
        let (had, missing) = (store.get("key"), Value::new(""));
        assert_eq!(format!("{had:?} {missing:?}"), "Ok(Some([secret])) Err(Value(\"is empty; nothing was kept\"))");
        assert!(!format!("{store:?}").contains("hunter2"));
        std::fs::write(folder.path().join("secrets.json"), "{\"key\": [\"hunter2hunter2\"]}").unwrap();
        let said = store.get("key").unwrap_err().to_string();
        assert!(said.contains("not an object of strings (line 1)") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn names_and_values_are_checked() {
        let long = "n".repeat(65);
        for name in ["", "a b", "../x", "é", "a\u{1b}[2J", long.as_str()] {
            let said = Store::check_name(name).unwrap_err().to_string();
            assert!(said.contains("1 to 64 letters") && !said.contains('\u{1b}'), "{said}");
        }
        Store::check_name("github-api_2").unwrap();
        let check = |text: &str, said: &str| {
            let error = Value::new(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        };
        check("", "is empty");
        check("\n", "is empty");
        check("a\r\nx-evil: 1", "more than one line");
        check("a\0b", "no header can carry");
        check("schlüssel", "printable ASCII");
        check(" a", "white space");
        check(&"x".repeat(8193), "8 KiB");
        assert_eq!(value("a b\r\n").expose(), "a b");
        assert!(!value("1234567").is_redactable() && value("12345678").is_redactable());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone_or_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let store = Store::open(&file);
        store.set("key", value("a value")).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(store.get("key"), Err(StoreError::Open(_))));
        assert!(store.set("other", value("a value")).unwrap_err().to_string().contains("chmod 600"));
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        store.get("key").unwrap_err();
    }

    #[test]
    fn a_value_stays_out_of_sight_after_it_was_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (here, elsewhere) = (Store::open(folder.path().join("s")), Store::open(folder.path().join("s")));
        let seen = |text: &str| here.redactor().text(text, Look::Known).into_owned();
        assert_eq!(seen("first-value"), "first-value");
        elsewhere.set("key", value("first-value")).unwrap();
        assert_eq!(seen("first-value"), "[secret key]");
        elsewhere.set("key", value("other-value!")).unwrap();
        assert_eq!(seen("first-value, other-value!"), "[secret key], [secret key]");
        elsewhere.remove("key").unwrap();
        assert_eq!(seen("first-value, other-value!"), "[secret key], [secret key]");
        here.also_redact([("model".to_owned(), value("third-value"))]);
        assert_eq!(seen("third-value first-value"), "[secret model] [secret key]");
    }
}
