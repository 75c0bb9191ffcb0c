//! `garth plugin test`: runs a plugin's cases in the sandbox and tells how each went and what it took. What a case is and
//! how it is run is `plugins::cases`'; here it is found, printed and, with `--update`, written back.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::json;

use super::build;
use super::target::{self, Target};
use crate::app::{Context, services};
use crate::cli::Exit;
use crate::config::Settings;
use crate::plugins::PluginFile;
use crate::plugins::cases::{self, Bench, File, Report, StepReport};
use crate::policy::Limits;
use crate::sandbox::Protection;
use crate::terminal::{Role, Style, escape, escape_json, one_line, plural};

/// What is done with results that differ.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Compare,
    Update,
}

pub async fn run(
    context: &Context,
    target: Option<&Path>,
    cases: Option<&Path>,
    update: bool,
    filter: Option<&str>,
) -> Result<u8> {
    let mode = if update { Mode::Update } else { Mode::Compare };
    let named = target.map_or(".".into(), |target| target.to_string_lossy());
    let folder = context.cwd.join(&*named);
    if folder.join("plugin.toml").is_file() {
        build::refresh(context, &folder).await?;
    }
    let target = target::find(context, &named)?;
    let mut files = cases::read(&cases_of(context, &target, cases)?)?;
    if let Some(part) = filter {
        files.iter_mut().for_each(|file| file.cases.retain(|case| case.name.contains(part)));
        files.retain(|file| !file.cases.is_empty());
        if files.is_empty() {
            bail!("no case's name contains '{part}'");
        }
    }
    let bench = bench(context, &target)?;
    let mut tally = Tally::default();
    for file in &files {
        one(context, &bench, &target.file, file, mode, &mut tally).await?;
    }
    if !context.flags.json {
        writeln!(std::io::stdout(), "{}", tally.text())?;
    }
    Ok(if tally.failed == 0 { Exit::Done.code() } else { Exit::Failed.code() })
}

fn cases_of(context: &Context, target: &Target, cases: Option<&Path>) -> Result<PathBuf> {
    match (cases, &target.folder) {
        (Some(cases), _) => Ok(context.cwd.join(cases)),
        (None, Some(folder)) => Ok(folder.join("tests")),
        (None, None) => bail!("name the folder of its cases with --cases DIR"),
    }
}

/// The same on every machine: what a user has configured for his own work does not count in a case. Only what is made in a
/// folder here, and so the user's own work, runs programs as the configuration says.
fn bench(context: &Context, target: &Target) -> Result<Bench> {
    let programs = match target.folder {
        Some(_) => services::runner(&context.loaded.settings)?,
        None => services::runner(&Settings::default())?,
    };
    let files = Settings::default().files;
    let protection = Protection::new(&files.all_readonly(), &files.secrets)
        .map_err(|error| anyhow!("the patterns of protected files: {error}"))?;
    Ok(Bench {
        sandbox: services::sandbox(&context.paths)?,
        runner: Some(programs),
        protection: Arc::new(protection),
        limits: Limits::default(),
    })
}

#[derive(Default)]
struct Tally {
    cases: u64,
    failed: u64,
    /// Steps that `--update` wrote anew.
    updated: u64,
}

impl Tally {
    fn text(&self) -> String {
        let cases = plural(self.cases, "case");
        let updated = if self.updated == 0 { String::new() } else { format!(", {} written anew", self.updated) };
        match self.failed {
            0 => format!("{cases} passed{updated}"),
            failed => format!("{cases}, {failed} failed{updated}"),
        }
    }
}

async fn one(
    context: &Context,
    bench: &Bench,
    plugin: &PluginFile,
    file: &File,
    mode: Mode,
    tally: &mut Tally,
) -> Result<()> {
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let mut reports = Vec::new();
    for case in &file.cases {
        let report = bench.run(plugin, case, folder).await;
        let fixed = mode == Mode::Update && !report.stays_wrong();
        tally.cases += 1;
        tally.failed += u64::from(!report.passed() && !fixed);
        let line = match context.flags.json {
            true => as_json(file, &report),
            false => text(file, &report, mode, context.style(&std::io::stdout())),
        };
        writeln!(std::io::stdout(), "{line}")?;
        reports.push(report);
    }
    if mode == Mode::Update {
        let updated = cases::update(file, &reports).context("the results could not be written back")?;
        tally.updated += updated as u64;
    }
    Ok(())
}

fn text(file: &File, report: &Report, mode: Mode, style: Style) -> String {
    let (role, mark) = match (report.passed(), mode == Mode::Update && !report.stays_wrong()) {
        (true, _) => (Role::Good, "ok  "),
        (false, true) => (Role::Warn, "new "),
        (false, false) => (Role::Bad, "FAIL"),
    };
    let name = format!("{}: {}", file.name, report.name);
    let mut text = format!("{}  {:<56} {}", style.paint(role, mark), one_line(&name), usage(&report.steps));
    let steps = report.steps.len();
    for (number, step) in report.steps.iter().enumerate() {
        let place = if steps > 1 { format!("step {}: ", number + 1) } else { String::new() };
        for difference in &step.differences {
            text.push_str(&indented(&format!("{place}{}: {}", step.tool, difference.text)));
        }
    }
    if let Some(problem) = &report.problem {
        let place = if steps > 0 { format!("step {}: ", steps + 1) } else { String::new() };
        text.push_str(&indented(&format!("{place}{problem}")));
    }
    text
}

/// On lines of their own below the case.
fn indented(text: &str) -> String {
    escape(text).lines().map(|line| format!("\n      {line}")).collect()
}

/// Of all steps together; memory is that of the largest.
fn usage(steps: &[StepReport]) -> String {
    let sum = |of: fn(&StepReport) -> u64| steps.iter().map(of).sum::<u64>();
    let time = |of: fn(&StepReport) -> Duration| milliseconds(steps.iter().map(of).sum());
    format!(
        "{} ms, cpu {} ms, {}, {}, output {}",
        time(|step| step.wall),
        time(|step| step.cpu),
        size(steps.iter().map(|step| step.memory).max().unwrap_or(0)),
        plural(sum(|step| step.host_calls), "host call"),
        size(sum(|step| step.output)),
    )
}

fn as_json(file: &File, report: &Report) -> String {
    let step = |step: &StepReport| {
        json!({
            "tool": step.tool,
            "differences": step.differences.iter().map(|difference| &difference.text).collect::<Vec<_>>(),
            "wall_us": micros(step.wall),
            "cpu_us": micros(step.cpu),
            "memory": step.memory,
            "host_calls": step.host_calls,
            "output": step.output,
            "written": step.written,
        })
    };
    let line = json!({
        "file": file.name,
        "case": report.name,
        "passed": report.passed(),
        "problem": report.problem,
        "steps": report.steps.iter().map(step).collect::<Vec<_>>(),
    });
    escape_json(&line.to_string()).into_owned()
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.0}") }
}

/// `640 B`, `1.1 MiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
