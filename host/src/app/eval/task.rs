//! A task: what the agent is told, the files that it finds, and how its work is judged. Plain data, whatever layout of
//! folders it was read from.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Contents by path, relative with `/`, without `.` and `..`.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its folder's path below the one that was named, with `/`; unique.
    pub name: String,
    pub language: String,
    /// What is said, one after the other; at least one.
    pub prompts: Vec<String>,
    /// What the agent finds.
    pub files: Files,
    /// Laid over its work before the check: tests as they should be, and those that it should not see.
    pub laid_over: Files,
    /// What a good agent writes after each prompt; empty where nobody has written that down.
    pub reference: Vec<Files>,
    /// Argument vectors; the work is good when all of them exit with 0.
    pub check: Vec<Vec<String>>,
    /// Programs without which it makes no sense.
    pub needs: Vec<String>,
    /// For each command of the check.
    pub time: Duration,
}

impl Task {
    /// The last part of the name: what the scratch copy's folder is called, since build files may ask for that.
    pub fn folder(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Of all that decides what the task is, in lower-case hexadecimal: results of another task of its name do not count.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(&self.time.as_millis().to_le_bytes());
        for words in [&self.prompts].into_iter().chain(&self.check) {
            part(&(words.len() as u64).to_le_bytes());
            words.iter().for_each(|word| part(word.as_bytes()));
        }
        for files in [&self.files, &self.laid_over].into_iter().chain(&self.reference) {
            part(&(files.len() as u64).to_le_bytes());
            for (path, content) in files {
                part(path.as_bytes());
                part(content);
            }
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
