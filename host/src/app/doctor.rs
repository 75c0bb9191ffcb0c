//! `garth doctor`: what is there, what is missing, and what to do about it.

use std::io::Write;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::{Context, catalogue, models, plugins, services};
use crate::commands::Kind;
use crate::model;
use crate::plugins::Changes;
use crate::policy::Workspace;
use crate::process::{self, Access, Command, Runner, Tier};
use crate::terminal::{Role, Style, one_line, plural};

/// Programs that most projects need, and what is lost without them.
const TOOLCHAIN: [(&str, &str); 4] = [
    ("git", "the git tools, and git's state in the prompt; install git"),
    ("cargo", "run_tests in Rust projects, and the demo; install Rust with rustup"),
    ("python3", "run_tests in Python projects; install Python"),
    ("node", "run_tests in JavaScript projects; install Node.js"),
];

const KINDS: [(Kind, &str); 3] = [(Kind::Command, "command"), (Kind::Skill, "skill"), (Kind::Agent, "agent")];

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Fine,
    /// Something works less well.
    Less,
    /// Something that Garth needs does not work.
    Broken,
}

struct Report {
    style: Style,
    healthy: bool,
}

impl Report {
    fn line(&mut self, verdict: Verdict, what: &str, text: &str) -> std::io::Result<()> {
        let (role, mark) = match verdict {
            Verdict::Fine => (Role::Good, "ok  "),
            Verdict::Less => (Role::Warn, "note"),
            Verdict::Broken => (Role::Bad, "FAIL"),
        };
        self.healthy &= verdict != Verdict::Broken;
        writeln!(std::io::stdout(), "{}  {what:<14} {}", self.style.paint(role, mark), one_line(text))
    }
}

/// Prints the findings; `false` when something that Garth needs is broken.
pub async fn print(context: &Context) -> Result<bool> {
    let mut report = Report { style: context.style(&std::io::stdout()), healthy: true };
    configuration(context, &mut report)?;
    cache(context, &mut report)?;
    plugin_files(context, &mut report)?;
    commands(context, &mut report)?;
    let runner = services::runner(&context.loaded.settings)?;
    sandbox(&runner, &mut report)?;
    if runner.tier() != Tier::None {
        toolchain(context, &runner, &mut report).await?;
    }
    endpoints(context, &mut report).await?;
    Ok(report.healthy)
}

fn configuration(context: &Context, report: &mut Report) -> Result<()> {
    for file in [context.paths.user_file(), context.paths.project_file()] {
        let state = if file.exists() { "read" } else { "not there, which is fine" };
        report.line(Verdict::Fine, "configuration", &format!("{}: {state}", file.display()))?;
    }
    for notice in context.loaded.notices.iter().chain(&context.profiles.problems) {
        report.line(Verdict::Less, "configuration", notice)?;
    }
    match &context.loaded.settings.model.name {
        Some(name) => report.line(Verdict::Fine, "profile", &context.profiles.of(name).shown())?,
        None => report.line(Verdict::Fine, "profile", "chosen when the server has named its model (garth models)")?,
    }
    if let Err(error) = context.check_workspace() {
        report.line(Verdict::Less, "workspace", &error.to_string())?;
    }
    Ok(())
}

fn cache(context: &Context, report: &mut Report) -> Result<()> {
    match context.plugins_in(&context.workspace) {
        Ok(plugins) => {
            let text = match plugins.uncompiled() {
                0 => format!("{} tools, all compiled for this machine", plugins.tools().len()),
                missing => {
                    format!("{} tools; {missing} plugins will be compiled at the next start", plugins.tools().len())
                }
            };
            report.line(Verdict::Fine, "plugins", &text)?;
        }
        Err(error) => report.line(Verdict::Broken, "plugins", &format!("{error:#}"))?,
    }
    Ok(())
}

/// Plugin files that wait for the user's word, and those that cannot be used.
fn plugin_files(context: &Context, report: &mut Report) -> Result<()> {
    let Changes { waiting, problems, .. } = Changes::between(&[], &plugins::now(context)?.list());
    for line in waiting.iter().chain(&problems) {
        report.line(Verdict::Less, "plugins", line)?;
    }
    Ok(())
}

/// What there is, what cannot be used, and whether changes will be seen at once.
fn commands(context: &Context, report: &mut Report) -> Result<()> {
    let live = catalogue::open(context)?;
    let current = live.current();
    let counts = KINDS.map(|(kind, word)| {
        let count = current.entries().iter().filter(|entry| entry.place.kind == kind).count();
        plural(count as u64, word)
    });
    report.line(Verdict::Fine, "commands", &counts.join(", "))?;
    let problems = current.problems().len() as u64;
    if problems > 0 {
        let text = format!("{} cannot be used; 'garth commands' says why", plural(problems, "file"));
        report.line(Verdict::Less, "commands", &text)?;
    }
    match catalogue::polls(context, &live) {
        None => report.line(Verdict::Fine, "commands", "changes are seen at once")?,
        Some(reason) => report.line(Verdict::Less, "commands", &reason)?,
    }
    Ok(())
}

fn sandbox(runner: &Runner, report: &mut Report) -> Result<()> {
    let tier = runner.tier();
    let verdict = match tier {
        Tier::Full => Verdict::Fine,
        Tier::Landlock => Verdict::Less,
        Tier::None => Verdict::Broken,
    };
    report.line(verdict, "programs", &format!("sandbox tier: {}", tier.name()))?;
    for line in process::explain(tier) {
        report.line(if line.starts_with("in force") { Verdict::Fine } else { verdict }, "", line)?;
    }
    Ok(())
}

/// Asks each program for its version, inside the sandbox: that it works there is what counts.
async fn toolchain(context: &Context, runner: &Runner, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let access = Access {
        workspace: folder.path().canonicalize()?,
        files: Workspace::All(crate::policy::Access::Read),
        secrets: false,
        git: false,
        network: false,
    };
    for (program, loss) in TOOLCHAIN {
        let command = Command { program: program.into(), args: vec!["--version".into()], ..Command::default() };
        match runner.run(&command, &access, CancellationToken::new()).await {
            Ok(outcome) if outcome.exit_code == Some(0) => {
                report.line(Verdict::Fine, program, outcome.stdout.lines().next().unwrap_or_default())?;
            }
            Ok(outcome) => {
                let why = outcome.stderr.lines().next().unwrap_or("it ended without a word").to_string();
                report.line(
                    Verdict::Less,
                    program,
                    &format!("does not start in the sandbox ({why}); without it: {loss}"),
                )?;
            }
            Err(error) => report.line(Verdict::Less, program, &format!("{error}; without it: {loss}"))?,
        }
    }
    let settings = &context.loaded.settings.process;
    if settings.allow_unsandboxed {
        report.line(
            Verdict::Less,
            "programs",
            "process.allow_unsandboxed is set: where the sandbox fails, they run without",
        )?;
    }
    Ok(())
}

async fn endpoints(context: &Context, report: &mut Report) -> Result<()> {
    let wanted = context.loaded.settings.model.name.clone();
    for (number, (name, endpoint)) in models::endpoints(context).into_iter().enumerate() {
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(error) => {
                report.line(Verdict::Broken, &name, &error)?;
                continue;
            }
        };
        let probe = model::probe(&endpoint).await;
        let (verdict, text) = match (&probe.error, probe.reachable) {
            (_, true) if probe.models.is_empty() => (Verdict::Less, format!("{} answers, but has no model", probe.url)),
            (_, true) => {
                (Verdict::Fine, format!("{} answers, {} models (garth models)", probe.url, probe.models.len()))
            }
            (error, false) => {
                (Verdict::Less, error.clone().unwrap_or_else(|| format!("{} does not answer", probe.url)))
            }
        };
        report.line(verdict, &name, &text)?;
        if let (0, true, Some(wanted)) = (number, probe.reachable, &wanted)
            && probe.model(wanted).is_none()
        {
            report.line(
                Verdict::Less,
                &name,
                &format!("the server does not offer '{wanted}', which model.name asks for"),
            )?;
        }
    }
    Ok(())
}
