//! Commands that show or change what is configured: `config`, `trust`, `prompt`, `sessions`.

use std::io::{IsTerminal, Write};

use anyhow::{Context as _, Result, bail};

use super::{Context, catalogue, converse, graph, plugins, services};
use crate::config::{Paths, Trust};
use crate::model::Model;
use crate::protocol::{ToolSet, WindowPart};
use crate::secrets::Look;
use crate::terminal::{escape, one_line, plural, window_text};
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
        ("your model profiles", paths.profiles()),
        ("project configuration", paths.project_file()),
        ("sessions of this project", paths.sessions()),
        ("state", paths.state.clone()),
        ("native-code cache", paths.cache.clone()),
    ] {
        writeln!(out, "{what:<26}{}", one_line(&path.display().to_string()))?;
    }
    Ok(())
}

/// A file of the project that asks to do something without a question.
pub struct Asking {
    /// As people know it: `.claude/commands/commit.md`.
    pub shown: String,
    /// SHA-256 of the bytes that say so, lower-case hexadecimal.
    pub digest: String,
    /// As written: `Bash(git:*)`.
    pub approves: Vec<String>,
}

/// `garth trust`: shows what is about to be trusted, asks on a terminal, and trusts exactly this. A script has answered by
/// calling it.
pub fn trust(context: &Context, commands: &[Asking]) -> Result<()> {
    let file = context.paths.project_file();
    let content = config::project_content(&context.paths)?;
    if content.is_none() && commands.is_empty() {
        bail!(
            "there is nothing to trust: this project has no {}, and no command or skill of it asks for tools beforehand",
            file.display()
        );
    }
    let mut out = std::io::stdout();
    if let Some(content) = &content {
        writeln!(out, "{}\n{}\n", file.display(), escape(&String::from_utf8_lossy(content)).trim_end())?;
    }
    out.write_all(asking(&context.paths, commands).as_bytes())?;
    if std::io::stdin().is_terminal() && out.is_terminal() {
        write!(out, "Trust this? y(es) / n(o) ")?;
        out.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !is_yes(&answer) {
            writeln!(out, "Not trusted; all is as it was.")?;
            return Ok(());
        }
    }
    if let Some(content) = &content {
        config::trust(&context.paths, content)?;
    }
    if !commands.is_empty() {
        let seen: Vec<_> = commands.iter().map(|command| (command.shown.clone(), command.digest.clone())).collect();
        config::trust_commands(&context.paths, &seen)?;
    }
    writeln!(out, "Trusted as it is now, for you, on this machine. When a file changes it is asked again.")?;
    writeln!(out, "To take it back: garth trust --revoke")?;
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// What the commands ask for, a line each; empty where there are none.
fn asking(paths: &Paths, commands: &[Asking]) -> String {
    if commands.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("Commands and skills of this project, and what each may do without a question while it runs:\n");
    for command in commands {
        let note = match config::command_trust(paths, &command.shown, &command.digest) {
            Trust::Trusted => "  (trusted already)",
            Trust::Changed => "  (changed since you trusted it)",
            Trust::Unknown => "",
        };
        let approves: Vec<_> = command.approves.iter().map(|approves| one_line(approves)).collect();
        text.push_str(&format!("  {}: {}{note}\n", one_line(&command.shown), approves.join(", ")));
    }
    text.push_str("Read these files: their text instructs the model, and so chooses what is done with it.\n\n");
    text
}

/// `garth trust --revoke`
pub fn distrust(context: &Context) -> Result<()> {
    config::distrust(&context.paths)?;
    writeln!(std::io::stdout(), "The project's configuration and commands are no longer trusted.")?;
    Ok(())
}

/// What the model says of itself, as far as its server answers.
struct Asked {
    profile: String,
    weak: String,
    map: usize,
    set: ToolSet,
    reason: String,
    window: Option<usize>,
}

impl Default for Asked {
    fn default() -> Self {
        Asked {
            profile: "none: there is no connection to a model".into(),
            weak: String::new(),
            map: 0,
            set: ToolSet::Full,
            reason: "no model is known".into(),
            window: None,
        }
    }
}

impl Asked {
    async fn of(model: &dyn Model, context: &Context) -> Asked {
        let window = model.window().await.map(|tokens| tokens as usize);
        let parameters = model.parameters().await;
        let family = model.family();
        let setting = context.loaded.settings.tools.set;
        let facts = agent::Facts { setting, family: family.tools, parameters, window, name: model.name() };
        let (set, reason) = facts.choose();
        Asked {
            profile: context.profiles.of(model.name()).shown(),
            weak: family.weak,
            map: family.map,
            set,
            reason,
            window,
        }
    }
}

/// `garth prompt`: the system message, and what all of the fixed part takes.
pub async fn prompt(context: &Context) -> Result<()> {
    let plugins = plugins::now(context)?.current();
    let model = converse::connect(context)(context.loaded.settings.model.name.as_deref().unwrap_or_default());
    let asked = match &model {
        Ok(model) => Asked::of(model.as_ref(), context).await,
        Err(_) => Asked::default(),
    };
    let runner = services::runner(&context.loaded.settings)?;
    let mut snapshot = agent::take_snapshot(&context.workspace, &runner).await;
    snapshot.weak = asked.weak.clone();
    let map = agent::take_map(&graph::by_hand(context), plugins.protection(), asked.map).await;
    let redactor = services::secrets_in_use(&context.paths, &context.loaded.settings).redactor();
    snapshot.map = redactor.text(&map, Look::Known).into_owned();
    let fixed = context::system_prompt(&context::Snapshot { weak: asked.weak.clone(), ..Default::default() });
    let without_skills = context::system_prompt(&snapshot);
    let (set, reason) = (asked.set, &asked.reason);
    let window = asked.window.unwrap_or(services::agent_settings(&context.loaded.settings).window);
    let catalogue = catalogue::open_with(context, plugins::carried(&plugins)).current();
    snapshot.skills = agent::first_listing(&catalogue, window, &catalogue::usage_file(context));
    let full = context::system_prompt(&snapshot);
    let offered = plugins.tools().iter().filter(|tool| agent::set_offers(set, tool));
    let specs: Vec<_> = offered.map(|tool| tool.spec.clone()).chain(agent::host_tools()).collect();
    let tools = context::tools_as_json(&specs);
    let own = context::estimate(&fixed);
    let project = context::estimate(&without_skills) - own;
    let skills = context::estimate(&full) - own - project;
    let count = snapshot.skills.lines().count();
    let mut out = std::io::stdout();
    if context.flags.json {
        let report = serde_json::json!({
            "system": full, "tools": specs, "tool_set": set, "tool_set_because": reason, "profile": asked.profile,
            "tokens": {"instructions": own, "tools": context::estimate(&tools), "project": project, "skills": skills},
        });
        writeln!(out, "{report}")?;
        return Ok(());
    }
    writeln!(out, "{}\n", escape(&full))?;
    let hidden = plugins.tools().len() + agent::host_tools().len() - specs.len();
    writeln!(out, "Profile: {}", one_line(&asked.profile))?;
    writeln!(out, "Tools: the {} set ({}); {hidden} more are hidden", set.name(), one_line(reason))?;
    writeln!(out, "Tokens, as estimated, of a window of {window}:")?;
    let part = |name: &str, tokens: usize| WindowPart { name: name.into(), tokens: tokens as u64 };
    let mut parts = vec![
        part("Garth's instructions", own),
        part(&format!("{} tools", specs.len()), context::estimate(&tools)),
        part("this project", project),
    ];
    if count > 0 {
        parts.push(part(&format!("the list of {}", plural(count as u64, "skill")), skills));
    }
    out.write_all(window_text(context.style(&out), window as u64, &parts).as_bytes())?;
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
    writeln!(out, "Put back what one has changed: garth sessions restore ID")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_ask_for_is_shown_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let env = [("GARTH_HOME".to_string(), home.path().display().to_string())].into();
        let paths = Paths::find(&env, home.path()).unwrap();
        let command = |shown: &str, digest: &str, approves: &[&str]| Asking {
            shown: shown.into(),
            digest: digest.into(),
            approves: approves.iter().map(|pattern| pattern.to_string()).collect(),
        };
        let seen = [("kept.md", "1"), ("changed.md", "2")].map(|(file, digest)| (file.to_string(), digest.to_string()));
        config::trust_commands(&paths, &seen).unwrap();
        let commands = [
            command("new.md", "0", &["Bash(git add:*)", "Edit"]),
            command("kept.md", "1", &["Bash"]),
            command("changed.md", "3", &["Bash"]),
            command("a\nb.md", "4", &["Bash(\u{1b}[2Jgit:*)"]),
        ];
        insta::assert_snapshot!(asking(&paths, &commands), @r"
        Commands and skills of this project, and what each may do without a question while it runs:
          new.md: Bash(git add:*), Edit
          kept.md: Bash  (trusted already)
          changed.md: Bash  (changed since you trusted it)
          a\nb.md: Bash(\u{1b}[2Jgit:*)
        Read these files: their text instructs the model, and so chooses what is done with it.
        ");
        assert_eq!(asking(&paths, &[]), "");
    }

    #[test]
    fn only_a_yes_is_one() {
        for (answer, yes) in
            [("y\n", true), (" Yes\r\n", true), ("", false), ("\n", false), ("no\n", false), ("yn\n", false)]
        {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
