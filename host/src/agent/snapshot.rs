//! What the workspace looks like when a context begins: layout, the project's instructions, git's state.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::files;
use crate::context::Snapshot;
use crate::policy::{self, Workspace};
use crate::process::{Access, Command, Runner};

/// The most lines of the layout.
const LINES: usize = 60;
/// The most entries shown of one folder below the root.
const ENTRIES: usize = 12;
/// Files with the project's own instructions, the first that exists counts.
const INSTRUCTIONS: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];
/// Folders whose content says nothing about the project.
const OPAQUE: [&str; 8] = [".git", "target", "node_modules", "__pycache__", ".venv", "venv", "dist", "build"];

/// Looks at the workspace. What cannot be read leaves its part empty.
pub async fn take(workspace: &Path, runner: &Runner) -> Snapshot {
    let instructions = INSTRUCTIONS.iter().find_map(|name| {
        // A link may lead to the other of the two, and nowhere else: the text goes to the model unasked.
        let real = files::relative(workspace, name).ok().filter(|real| INSTRUCTIONS.contains(&real.as_str()))?;
        let content = files::read(workspace, &real).ok()??;
        Some((name.to_string(), String::from_utf8_lossy(&content).into_owned()))
    });
    Snapshot { layout: layout(workspace), instructions, git: git(workspace, runner).await, ..Snapshot::default() }
}

/// Two levels, folders first, names as they are but for control characters.
fn layout(workspace: &Path) -> String {
    let mut text = String::new();
    let mut lines = 0;
    for (name, folder) in entries(workspace) {
        let below =
            if folder && !OPAQUE.contains(&name.as_str()) { entries(&workspace.join(&name)) } else { Vec::new() };
        let mut children: Vec<String> = below
            .iter()
            .take(ENTRIES)
            .map(|(name, folder)| if *folder { format!("{name}/") } else { name.clone() })
            .collect();
        if below.len() > ENTRIES {
            children.push(format!("… {} more", below.len() - ENTRIES));
        }
        lines += 1;
        if lines > LINES {
            text.push_str("…\n");
            break;
        }
        let slash = if folder { "/" } else { "" };
        let _ = match children.is_empty() {
            true => writeln!(text, "{name}{slash}"),
            false => writeln!(text, "{name}/: {}", children.join(" ")),
        };
    }
    text
}

/// Names and whether they are folders, sorted; links are neither followed nor shown as folders.
fn entries(folder: &Path) -> Vec<(String, bool)> {
    let Ok(read) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<(String, bool)> = read
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().replace(char::is_control, "?");
            (name, entry.file_type().is_ok_and(|kind| kind.is_dir()))
        })
        .filter(|(name, _)| name != ".git")
        .collect();
    entries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    entries
}

async fn git(workspace: &Path, runner: &Runner) -> Option<String> {
    if !workspace.join(".git").exists() {
        return None;
    }
    let command = Command {
        program: "git".into(),
        args: ["status", "--porcelain=v1", "--branch"].map(String::from).to_vec(),
        timeout: Some(Duration::from_secs(5)),
        ..Command::default()
    };
    let access = Access {
        workspace: workspace.to_path_buf(),
        files: Workspace::All(policy::Access::Read),
        secrets: false,
        git: true,
        network: false,
    };
    let outcome = runner.run(&command, &access, CancellationToken::new()).await.ok()?;
    if outcome.exit_code != Some(0) {
        return None;
    }
    let mut lines = outcome.stdout.lines();
    let branch = lines.next()?.trim_start_matches("## ").to_string();
    let changed: Vec<&str> = lines.collect();
    let mut text = format!("branch {branch}");
    match changed.len() {
        0 => text.push_str(", clean"),
        count => {
            let _ = write!(text, ", {count} changed:");
            changed.iter().take(ENTRIES).for_each(|line| text.push_str(&format!("\n{line}")));
        }
    }
    Some(text.replace(|c: char| c.is_control() && c != '\n', "?"))
}
