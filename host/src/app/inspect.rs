//! Commands that show or change what is configured: `config`, `trust`, `prompt`, `sessions`.

use std::io::Write;

use anyhow::{Context as _, Result, bail};

use super::{Context, services};
use crate::terminal::{escape, one_line};
use crate::{agent, config, context};

/// `garth config show`
pub fn config(context: &Context) -> Result<()> {
    Ok(std::io::stdout().write_all(escape(&config::render(&context.loaded)).as_bytes())?)
}

/// `garth config path`
pub fn paths(context: &Context) -> Result<()> {
    let paths = &context.paths;
    let mut out = std::io::stdout();
    for (what, path) in [
        ("user configuration", paths.user_file()),
        ("project configuration", paths.project_file()),
        ("sessions of this project", paths.sessions()),
        ("state", paths.state.clone()),
        ("native-code cache", paths.cache.clone()),
    ] {
        writeln!(out, "{what:<26}{}", one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// `garth trust`: shows what is about to be trusted and trusts exactly this.
pub fn trust(context: &Context) -> Result<()> {
    let file = context.paths.project_file();
    let Some(content) = config::project_content(&context.paths)? else {
        bail!("there is nothing to trust: this project has no {}", file.display());
    };
    let mut out = std::io::stdout();
    writeln!(out, "{}\n{}", file.display(), escape(&String::from_utf8_lossy(&content)).trim_end())?;
    config::trust(&context.paths, &content)?;
    writeln!(out, "\nTrusted as it is now, for you, on this machine. When the file changes it is asked again.")?;
    writeln!(out, "To take it back: garth trust --revoke")?;
    Ok(())
}

/// `garth trust --revoke`
pub fn distrust(context: &Context) -> Result<()> {
    config::distrust(&context.paths)?;
    writeln!(std::io::stdout(), "The project's configuration is no longer trusted.")?;
    Ok(())
}

/// `garth prompt`: the system message, and what all of the fixed part takes.
pub async fn prompt(context: &Context) -> Result<()> {
    let plugins = context.plugins_in(&context.workspace)?;
    let runner = services::runner(&context.loaded.settings)?;
    let snapshot = agent::take_snapshot(&context.workspace, &runner).await;
    let fixed = context::system_prompt(&context::Snapshot::default());
    let full = context::system_prompt(&snapshot);
    let specs: Vec<_> = plugins.tools().iter().map(|tool| tool.spec.clone()).collect();
    let tools = context::tools_as_json(&specs);
    let (own, project) = (context::estimate(&fixed), context::estimate(&full) - context::estimate(&fixed));
    let mut out = std::io::stdout();
    if context.flags.json {
        let report = serde_json::json!({
            "system": full, "tools": specs,
            "tokens": {"instructions": own, "tools": context::estimate(&tools), "project": project},
        });
        writeln!(out, "{report}")?;
        return Ok(());
    }
    writeln!(out, "{}\n", escape(&full))?;
    writeln!(out, "Tokens, at four characters each:")?;
    writeln!(out, "{:>7}  Garth's instructions", own)?;
    writeln!(out, "{:>7}  {} tools", context::estimate(&tools), specs.len())?;
    writeln!(out, "{:>7}  this project", project)?;
    writeln!(out, "{:>7}  together", own + context::estimate(&tools) + project)?;
    Ok(())
}

/// `garth sessions`
pub fn sessions(context: &Context) -> Result<()> {
    let sessions = context.sessions().list().context("the sessions of this project cannot be listed")?;
    let mut out = std::io::stdout();
    if sessions.is_empty() {
        writeln!(out, "No sessions in {}.", context.workspace.display())?;
        return Ok(());
    }
    for session in &sessions {
        let task: String = one_line(&session.task).chars().take(70).collect();
        writeln!(
            out,
            "{}  {:>3} {}  {task}",
            session.id,
            session.turns,
            if session.turns == 1 { "turn " } else { "turns" }
        )?;
    }
    writeln!(out, "\nGo on with one: garth --resume latest, or garth --resume ID")?;
    Ok(())
}
