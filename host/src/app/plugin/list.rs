//! `garth plugin list`: every plugin with what each tool may touch, and why those that are not used are not. Nothing is
//! compiled or run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::installed::{Found, Installed};
use super::named::{self, Named, enabled};
use crate::app::plugins::{now, roots};
use crate::app::{Context, services};
use crate::cli::Exit;
use crate::plugins::pack::{self, Sections};
use crate::plugins::{self, Consents, Holder, Live, Locked, Misnamed, PluginFile, Spot, Stray, Verdict, builtin};
use crate::policy::Capabilities;
use crate::terminal::{escape_json, one_line};

/// One plugin; the object that `--json` prints.
#[derive(Serialize)]
struct Line {
    name: String,
    version: String,
    /// `built in`, `dev`, `project`, `user`.
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    sha256: String,
    /// `used`, `off`, `waits`, `hidden`, `missing`, `problem`.
    status: &'static str,
    /// Why it is not used, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    tools: Vec<ToolLine>,
}

#[derive(Serialize)]
struct ToolLine {
    name: String,
    /// What its manifest declares.
    ceiling: Capabilities,
    /// What of that it has without a question; of a built-in one without network, all.
    granted: Capabilities,
}

pub fn print(context: &Context) -> Result<u8> {
    let mut lines = builtins(context)?;
    let live = now(context)?;
    lines.extend(developed(context, &live));
    let mut misnamed = Misnamed::default();
    misnamed.look(&roots(context));
    for at in Installed::all(context)? {
        lines.extend(installed(&at, &live));
        lines.extend(misnamed.strays().iter().filter(|stray| stray.place == at.place).map(Line::stray));
    }
    let mut out = std::io::stdout();
    match context.flags.json {
        true => lines.iter().try_for_each(|line| -> Result<()> {
            Ok(writeln!(out, "{}", escape_json(&serde_json::to_string(line)?))?)
        })?,
        false => out.write_all(text(&lines).as_bytes())?,
    }
    Ok(Exit::Done.code())
}

fn builtins(context: &Context) -> Result<Vec<Line>> {
    let consents = services::consents(&context.paths);
    let line = |file: &'static builtin::Builtin| -> Result<Line> {
        let PluginFile { sections, .. } = builtin::read(file)?;
        let granted = |tool: &str, ceiling: &Capabilities| {
            let network = ceiling.intersect(&consents.granted(Holder::Builtin, file.name, tool));
            Capabilities { http: network.http, secrets: network.secrets, ..ceiling.clone() }
        };
        Ok(Line {
            name: file.name.into(),
            place: "built in".into(),
            file: None,
            source: None,
            sha256: file.sha256.into(),
            status: if enabled(context, file.name) { "used" } else { "off" },
            reason: None,
            version: sections.manifest.version.clone(),
            tools: tools(&sections, granted),
        })
    };
    builtin::BUILTIN.iter().map(line).collect()
}

/// What `garth plugin dev` has built here and is not done with. Such files need no acceptance.
fn developed(context: &Context, live: &Live) -> Vec<Line> {
    let (roots, consents) = (roots(context), services::consents(&context.paths));
    let line = |name: String| {
        let line = Line { file: Some(roots.file(Spot::Dev, &name).display().to_string()), ..Line::bare(&name, "dev") };
        match named::at(context, Some(Spot::Dev), &name) {
            Ok(Some(Named { file, .. })) => line.of(live, Spot::Dev, &file, &consents),
            Ok(None) => line,
            Err(error) => Line { reason: Some(format!("{error:#}")), ..line },
        }
    };
    roots.names(Spot::Dev).unwrap_or_default().into_iter().map(line).collect()
}

impl Line {
    /// A plugin of which nothing is known.
    fn bare(name: &str, place: &str) -> Line {
        Line {
            name: name.into(),
            version: String::new(),
            place: place.into(),
            file: None,
            source: None,
            sha256: String::new(),
            status: "problem",
            reason: None,
            tools: Vec::new(),
        }
    }

    /// A file that no plugin can be in.
    fn stray(stray: &Stray) -> Line {
        let file = stray.shown.rsplit('/').next().unwrap_or_default();
        let reason = Some(stray.reason.clone());
        Line { file: Some(stray.shown.clone()), reason, ..Line::bare(file, &stray.place.to_string()) }
    }

    /// The same with what its file says, and with what a session makes of it.
    fn of(self, live: &Live, spot: Spot, file: &PluginFile, consents: &Consents) -> Line {
        let verdict = live.verdict(spot, file);
        let (status, reason) = match &verdict {
            Verdict::Usable => ("used", None),
            Verdict::Waits(_) => ("waits", Some(verdict.reason(spot, &self.name))),
            Verdict::Wrong(_) => ("problem", Some(verdict.reason(spot, &self.name))),
            Verdict::Off => ("off", None),
            Verdict::Hidden => ("hidden", Some(verdict.reason(spot, &self.name))),
        };
        let reason = match (reason, spot) {
            (Some(why), Spot::Installed(place)) if status == "waits" => {
                let accept = format!("garth plugin accept {}{}", self.name, plugins::flag(place));
                Some(format!("{why}; `{accept}` shows it and asks"))
            }
            (reason, _) => reason,
        };
        let granted =
            |tool: &str, ceiling: &Capabilities| ceiling.intersect(&consents.granted(spot.into(), &self.name, tool));
        Line {
            version: file.sections.manifest.version.clone(),
            sha256: file.digest().to_string(),
            tools: tools(&file.sections, granted),
            status,
            reason,
            ..self
        }
    }
}

fn tools(sections: &Sections, granted: impl Fn(&str, &Capabilities) -> Capabilities) -> Vec<ToolLine> {
    let line = |tool: &pack::CatalogueTool| {
        let ceiling = sections.manifest.tools.get(&tool.name).map(|tool| tool.capabilities.clone()).unwrap_or_default();
        ToolLine { name: tool.name.clone(), granted: granted(&tool.name, &ceiling), ceiling }
    };
    sections.catalogue.iter().map(line).collect()
}

fn installed(at: &Installed<'_>, live: &Live) -> Vec<Line> {
    let lock = at.lock().unwrap_or_default();
    let (mut names, problem) = match at.names() {
        Ok(names) => (names, None),
        Err(reason) => (BTreeSet::new(), Some(reason.to_string())),
    };
    names.extend(lock.plugins.keys().cloned());
    let folder = problem.map(|reason| Line { reason: Some(reason), ..Line::bare("plugins", &at.place.to_string()) });
    folder.into_iter().chain(names.iter().map(|name| line(at, live, name, lock.plugins.get(name)))).collect()
}

fn line(at: &Installed<'_>, live: &Live, name: &str, locked: Option<&Locked>) -> Line {
    let line = Line {
        version: locked.map(|locked| locked.version.clone()).unwrap_or_default(),
        file: Some(at.shown(&at.file(name))),
        source: locked.map(|locked| locked.source.clone()),
        sha256: locked.map(|locked| locked.sha256.clone()).unwrap_or_default(),
        ..Line::bare(name, &at.place.to_string())
    };
    match at.read(name) {
        Found::Plugin(file) => line.of(live, at.spot(), &file, &at.consents),
        Found::Nothing => {
            let reason = Some("`garth plugin install` brings it".into());
            Line { status: "missing", reason, file: None, ..line }
        }
        Found::Wrong(reason) => Line { reason: Some(reason), ..line },
    }
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut place = "";
    for line in lines {
        if line.place != place {
            place = &line.place;
            let heading = match place {
                "dev" => "\nBuilt by `garth plugin dev` as they are saved",
                "project" => "\nThis project's",
                "user" => "\nYours, in all projects",
                _ => "Built in",
            };
            let _ = writeln!(text, "{heading}");
        }
        let status = if line.status == "used" { String::new() } else { format!("  ({})", line.status) };
        let _ = writeln!(text, "  {} {}{status}", one_line(&line.name), one_line(&line.version));
        for tool in &line.tools {
            let _ = writeln!(text, "    {:<20} {}", tool.name, one_line(&may(tool)));
        }
        if let Some(reason) = &line.reason {
            let _ = writeln!(text, "    {}", one_line(reason));
        }
    }
    text
}

fn may(tool: &ToolLine) -> String {
    let (granted, asks) = (tool.granted.describe(), tool.ceiling.beyond(&tool.granted));
    match (tool.granted.is_nothing(), asks.is_nothing()) {
        (_, true) => granted,
        (true, false) => format!("asks first: {}", asks.describe()),
        (false, false) => format!("{granted}; asks first: {}", asks.describe()),
    }
}
