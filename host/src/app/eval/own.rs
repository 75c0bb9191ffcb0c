//! Garth's own layout of a task, which `host/eval/README.md` describes: `task.toml`, `files/`, and perhaps `check/` and
//! `reference/`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::task::{Files, Task};
use super::tree;
use crate::policy;
use crate::protocol::Span;

pub const FILE: &str = "task.toml";
/// Bytes of `task.toml`.
const LARGEST: u64 = 64 << 10;
/// For a check that does not say.
const TIME: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    language: String,
    prompts: Vec<String>,
    check: Vec<String>,
    /// Beside the check's program.
    #[serde(default)]
    needs: Vec<String>,
    /// Paths below `files/` that are put back before the check.
    #[serde(default)]
    tests: Vec<String>,
    time: Option<Span>,
}

/// `longest` is what a program may take.
pub fn read(folder: &Path, name: &str, longest: Duration) -> Result<Task> {
    let file = folder.join(FILE);
    let metadata = file.symlink_metadata().with_context(|| format!("{FILE} cannot be read"))?;
    ensure!(metadata.is_file(), "{FILE} is no plain file");
    ensure!(metadata.len() <= LARGEST, "{FILE} has {} bytes, and may have {LARGEST}", metadata.len());
    let text = std::fs::read_to_string(&file).with_context(|| format!("{FILE} cannot be read"))?;
    let written: Written = toml::from_str(&text).with_context(|| FILE.to_string())?;
    let Written { language, prompts, check, mut needs, tests, time } = written;
    ensure!(
        !prompts.is_empty() && prompts.iter().all(|prompt| !prompt.trim().is_empty()),
        "{FILE}: `prompts` says nothing"
    );
    let Some(program) = check.first() else { bail!("{FILE}: `check` names no program") };
    ensure!(!check.iter().any(|word| word.contains('\0')), "{FILE}: a word of `check` has a NUL in it");
    needs.insert(0, program.clone());
    needs.dedup();
    for program in &needs {
        let bare = !program.is_empty() && !program.contains(['/', '\0']) && program != "." && program != "..";
        ensure!(bare, "{FILE}: {program:?} is not the bare name of a program");
    }
    let files = tree::read(&folder.join("files"))?;
    let mut laid_over = tree::read(&folder.join("check"))?;
    for test in tests {
        let path = policy::normalise(&test).map_err(|wrong| anyhow::anyhow!("{FILE}: `tests`: {test} {wrong}"))?;
        let Some(content) = files.get(&path) else { bail!("{FILE}: `tests` names {path}, which is not below files/") };
        laid_over.insert(path, content.clone());
    }
    let reference = reference(&tree::read(&folder.join("reference"))?, prompts.len())?;
    let time = time.map_or(TIME.min(longest), |time| time.0);
    ensure!(
        time <= longest,
        "{FILE}: `time` is {} s, and a program may take {} s: raise `process.time` in your own configuration",
        time.as_secs_f64(),
        longest.as_secs_f64()
    );
    Ok(Task { name: name.to_owned(), language, prompts, files, laid_over, reference, check: vec![check], needs, time })
}

/// With one prompt the folder itself, else a folder for each, from `1` on.
fn reference(all: &Files, prompts: usize) -> Result<Vec<Files>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    if prompts == 1 {
        return Ok(vec![all.clone()]);
    }
    let mut steps = vec![Files::new(); prompts];
    for (path, content) in all {
        let (step, rest) = path.split_once('/').unwrap_or((path, ""));
        let place = step.parse::<usize>().ok().and_then(|number| steps.get_mut(number.checked_sub(1)?));
        match place {
            Some(place) if !rest.is_empty() => place.insert(rest.to_owned(), content.clone()),
            _ => bail!("reference/{path}: with {prompts} prompts, its files are in reference/1 to reference/{prompts}"),
        };
    }
    Ok(steps)
}
