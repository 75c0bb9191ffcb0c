//! Five thousand commands and skills: how long until they are known, and until an edit of one is live through the watcher.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::report::Figure;
use crate::app::follow::follow;
use crate::commands::{Live, Roots, Setup, Subscription};
use crate::watch::Mode;

const FILES: usize = 5_000;
/// Times that everything is read.
const OPENS: usize = 7;
/// Edits that are measured, after a tenth as many that are not.
const EDITS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// Reading everything anew, and the time from the beginning of a write until the new version is in the catalogue.
pub async fn measure() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let project = root.join("project");
    let files = make(&project)?;
    let roots = Roots::find(&Setup::new(&project, &project, &root.join("config"), None));
    let before = memory();
    let live = Live::open(roots.clone(), &[]);
    let kept = memory().zip(before).map(|(after, before)| after - before);
    let mut cold = Vec::new();
    for _ in 0..OPENS {
        let start = Instant::now();
        let opened = Live::open(roots.clone(), &[]);
        cold.push(start.elapsed().as_secs_f64() * 1e3);
        ensure!(opened.current().entries().len() >= FILES, "files are missing: {:?}", opened.current().problems());
    }
    let _watch = follow(&live, Mode::Auto, |reason| eprintln!("changes are looked for once a second: {reason}"))?;
    let mut edits = edit(&live, &files).await?;
    let mut rescans = Vec::new();
    for _ in 0..OPENS {
        let start = Instant::now();
        live.rescan();
        rescans.push(start.elapsed().as_secs_f64() * 1e3);
    }
    for figures in [&mut cold, &mut edits, &mut rescans] {
        figures.sort_by(f64::total_cmp);
    }
    let mut figures = vec![
        Figure::at_most("commands: reading 5,000 files", cold[OPENS / 2], "ms", 250.0),
        Figure::at_most("commands: from write to live, p99 of 200", edits[EDITS * 99 / 100], "ms", 50.0),
        Figure::told("commands: from write to live, median", edits[EDITS / 2], "ms"),
        Figure::told("commands: looking at all files again", rescans[OPENS / 2], "ms"),
    ];
    figures.extend(kept.map(|kept| Figure::told("commands: memory of 5,000 files", kept, "MiB")));
    Ok(figures)
}

/// Commands, and one skill in five, of about 2 KB each.
fn make(project: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::with_capacity(FILES);
    for number in 0..FILES {
        let path = match number % 5 {
            0 => project.join(format!(".claude/skills/skill{number}/SKILL.md")),
            _ => project.join(format!(".claude/commands/group{}/command{number}.md", number / 100)),
        };
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        std::fs::write(&path, text(number, "first"))?;
        files.push(path);
    }
    Ok(files)
}

fn text(number: usize, version: &str) -> String {
    let line = "Read what $ARGUMENTS names, then `explain` it: what it does, who calls it, and what would break.\n";
    format!(
        "---\nname: skill{number}\ndescription: \"Explains part {number} of the code, {version} version: use it when asked \
         how something works.\"\nargument-hint: [file] | [symbol]\nallowed-tools: Read, Grep, Bash(git log:*)\nmodel: sonnet\n\
         ---\n\n# Explain\n\n{}\n```sh\ngit log --oneline -5\n```\n\n- one\n- two\n",
        line.repeat(17)
    )
}

/// Milliseconds of each edit.
async fn edit(live: &Live, files: &[PathBuf]) -> Result<Vec<f64>> {
    let mut heard = live.subscribe();
    let mut times = Vec::with_capacity(EDITS);
    for run in 0..EDITS + EDITS / 10 {
        let number = run * 7919 % files.len();
        let start = Instant::now();
        std::fs::write(&files[number], text(number, &format!("edit {run}")))?;
        let told = tokio::time::timeout(PATIENCE, heard.changed()).await.context("an edit was never told")?;
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        ensure!(told.changed.len() == 1 && is_live(&heard, run), "another change was told: {told:?}");
        if run >= EDITS / 10 {
            times.push(elapsed);
        }
    }
    Ok(times)
}

fn is_live(heard: &Subscription, run: usize) -> bool {
    let version = format!("edit {run} version");
    heard.seen().entries().iter().any(|entry| entry.description.contains(&version))
}

/// The memory in use by this process, in MiB, where the system tells.
fn memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
