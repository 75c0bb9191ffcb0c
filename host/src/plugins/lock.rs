//! `garth.lock`: which plugins a project asks for, in git, so that a team sees in a review what changes. One exact content
//! for each name, and what it may ever touch. It is written by people who are not trusted here: what it asks to be granted
//! counts on a machine only once its user has accepted that content.

mod brief;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PluginFile;
use super::consent::ByTool;
use super::manifest::{MAX_NAME, Manifest, ToolManifest, WIT};
use crate::policy::Capabilities;
use crate::protocol::is_hidden_in_line;

/// The name of the file, at the root of a project and in the user's configuration.
pub const LOCK: &str = "garth.lock";
/// The version of the format.
const VERSION: u32 = 1;
/// Bytes; hundreds of plugins are a tenth of it.
const LONGEST: u64 = 1 << 20;
const MOST: usize = 256;
/// Bytes of a source.
const LONGEST_SOURCE: usize = 2_048;

/// What becomes of a file that people have edited.
const MEND: &str = "mend it, or take it from git again; `garth plugin verify` then says what does not fit it";
const CONFLICT: &str = "a merge is not resolved here: keep one side, or the entries of both, and take the marks out; \
                        `garth plugin verify` then says which files do not fit it, `garth plugin install` brings what it names, \
                        and what is new waits for `garth plugin accept NAME`";

const ABOUT: &str = "\
# Plugins and their exact content, written by `garth plugin add`, `update`, `remove`, `grant`. It belongs into git.
# A plugin is used on a machine once its user has accepted it there; only then what `grants` asks for counts.
";

/// What a lock file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the plugin's name.
    pub plugins: BTreeMap<String, Locked>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Where it comes from, as it is given to `garth plugin add`; a tag of a registry with the digest that it stood for.
    pub source: String,
    pub version: String,
    /// SHA-256 of the plugin file, in lower-case hexadecimal.
    pub sha256: String,
    /// The same of the manifest beside it, which counts for a component that carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// The contract that it was built for.
    pub wit: String,
    /// The minisign public key that has signed it, and has to sign every later version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// What its manifest declares, by tool.
    #[serde(serialize_with = "brief::by_tool")]
    pub ceiling: ByTool,
    /// What the project would like to be granted, by tool: never more than the ceiling.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", serialize_with = "brief::by_tool")]
    pub grants: ByTool,
}

/// Why a lock file cannot be read or written. Nothing in it counts then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockError {
    pub path: PathBuf,
    /// Counts from 1; 0 where no line is to blame.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.reason),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.reason),
        }
    }
}

impl std::error::Error for LockError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    plugins: BTreeMap<String, Locked>,
}

impl Lock {
    /// Reads a lock file; one that is missing is empty.
    pub fn read(path: &Path) -> Result<Lock, LockError> {
        let wrong = |line, reason: String| LockError { path: path.to_path_buf(), line, reason };
        let Some(text) = text(path).map_err(|reason| wrong(0, reason))? else { return Ok(Lock::default()) };
        Lock::parse(&text).map_err(|(line, reason)| wrong(line, reason))
    }

    /// Writes it as a whole or not at all, always the same bytes for the same content.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let wrong = |reason: String| LockError { path: path.to_path_buf(), line: 0, reason };
        let text = self.text().map_err(wrong)?;
        let cannot = |error: std::io::Error| wrong(format!("it cannot be written: {error}"));
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(cannot)?;
        let mut builder = tempfile::Builder::new();
        // Others who share the checkout read it; the default would be the owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut temporary = builder.prefix(".garth.lock.").tempfile_in(dir).map_err(cannot)?;
        temporary.write_all(text.as_bytes()).map_err(cannot)?;
        temporary.as_file().sync_all().map_err(cannot)?;
        temporary.persist(path).map(drop).map_err(|error| cannot(error.error))
    }

    fn parse(text: &str) -> Result<Lock, (usize, String)> {
        if let Some(line) = conflict(text) {
            return Err((line, CONFLICT.into()));
        }
        let written: Written = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
            (line, format!("{}; {MEND}", error.message()))
        })?;
        if written.version != VERSION {
            let advice =
                if written.version > VERSION { "update Garth" } else { "write it anew with `garth plugin add`" };
            let said = format!("its version is {}, this Garth reads {VERSION}: {advice}", written.version);
            return Err((line_of(text, "version"), said));
        }
        let lock = Lock { plugins: written.plugins };
        lock.check()
            .map_err(|(name, reason)| (line_of(text, &format!("[plugins.{name}]")), format!("{reason}; {MEND}")))?;
        Ok(lock)
    }

    fn text(&self) -> Result<String, String> {
        self.check().map_err(|(_, reason)| reason)?;
        let written = Written { version: VERSION, plugins: self.plugins.clone() };
        let text = toml::to_string(&written).map_err(|error| error.to_string())?;
        Ok(format!("{ABOUT}\n{text}"))
    }

    /// `Err`: of which plugin, and why.
    fn check(&self) -> Result<(), (String, String)> {
        if self.plugins.len() > MOST {
            return Err((String::new(), format!("{} plugins, more than {MOST}", self.plugins.len())));
        }
        let one = |(name, locked): (&String, &Locked)| {
            let of = |reason| (name.clone(), format!("plugins.{}: {reason}", name.escape_debug()));
            locked.check(name).map_err(of)
        };
        self.plugins.iter().try_for_each(one)
    }
}

/// Counts from 1; 0 where no line begins so.
fn line_of(text: &str, begins: &str) -> usize {
    text.lines().position(|line| line.starts_with(begins)).map_or(0, |index| index + 1)
}

/// Where git has left both sides of a merge.
fn conflict(text: &str) -> Option<usize> {
    let marks = |line: &str| ["<<<<<<< ", "||||||| ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    text.lines().position(|line| marks(line) || line == "=======").map(|index| index + 1)
}

impl Locked {
    /// The entry of a file that was read. `source` is what [`Locked::source`] says; grants are left open.
    pub fn of(file: &PluginFile, source: String, signed_by: Option<String>) -> Locked {
        let manifest = &file.sections.manifest;
        Locked {
            source,
            version: manifest.version.clone(),
            sha256: file.digest().to_string(),
            manifest: file.manifest.clone(),
            wit: manifest.wit.clone(),
            signed_by,
            ceiling: super::ceiling(file),
            grants: ByTool::new(),
        }
    }

    /// Whether the file, and the manifest beside it that counts, are what it names byte by byte.
    pub fn is_of(&self, file: &PluginFile) -> bool {
        self.sha256 == file.digest() && self.manifest == file.manifest
    }

    /// What is asked to be granted, cut down to a ceiling that was read from the file itself.
    pub fn grants_within(&self, ceiling: &ByTool) -> ByTool {
        let within =
            |(tool, asked): (&String, &Capabilities)| Some((tool.clone(), ceiling.get(tool)?.intersect(asked)));
        self.grants.iter().filter_map(within).filter(|(_, capabilities)| !capabilities.is_nothing()).collect()
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let line =
            |text: &str, longest: usize| (1..=longest).contains(&text.len()) && !text.contains(is_hidden_in_line);
        if !line(&self.source, LONGEST_SOURCE) {
            return Err(format!("source: one line of at most {LONGEST_SOURCE} bytes"));
        }
        if !is_sha256(&self.sha256) {
            return Err("sha256: 64 digits and letters a to f".into());
        }
        if !self.manifest.as_deref().is_none_or(is_sha256) {
            return Err("manifest: 64 digits and letters a to f".into());
        }
        if !line(&self.wit, MAX_NAME) {
            return Err(format!("wit: one line of at most {MAX_NAME} bytes"));
        }
        let key =
            |key: &String| line(key, 128) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if !self.signed_by.iter().all(key) {
            return Err("signed_by: a minisign public key, in base64".into());
        }
        // What holds for a manifest holds here: names, bounds, what nobody may ask for.
        self.as_manifest(name, &self.ceiling).check().map_err(|error| error.to_string())?;
        if self.grants.is_empty() {
            return Ok(());
        }
        if let Some(tool) = self.grants.keys().find(|tool| !self.ceiling.contains_key(*tool)) {
            return Err(format!("grants: '{}' is no tool of its ceiling", tool.escape_debug()));
        }
        if self.grants.values().flat_map(|asked| &asked.http).any(|access| access.host == "*") {
            return Err("grants: http: name the hosts; `*` stands in ceilings only".into());
        }
        self.as_manifest(name, &self.grants).check().map_err(|error| format!("grants: {error}"))
    }

    fn as_manifest(&self, name: &str, tools: &ByTool) -> Manifest {
        let tool = |(name, capabilities): (&String, &Capabilities)| {
            (name.clone(), ToolManifest { capabilities: capabilities.clone(), ..ToolManifest::default() })
        };
        Manifest {
            name: name.to_string(),
            version: self.version.clone(),
            description: LOCK.into(),
            wit: WIT.into(),
            tools: tools.iter().map(tool).collect(),
            limits: Default::default(),
        }
    }
}

/// 64 digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Only of a regular file: what a project puts in its place must not stop Garth.
fn text(path: &Path) -> Result<Option<String>, String> {
    let cannot = |error: std::io::Error| format!("it cannot be read: {error}");
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(cannot(error)),
        Ok(metadata) if !metadata.is_file() => return Err("this is not a file; remove it".into()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LONGEST {
        return Err("this is longer than 1 MiB, which no lock file is".into());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| "a byte in it is not UTF-8; take it from git again".into())
}

#[cfg(test)]
mod tests;
