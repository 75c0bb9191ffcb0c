//! What the user sees before a plugin file may be used: who it says it is, where it comes from, and what it could ever do.
//! One text for all who ask. Everything in it that is the plugin's own words is escaped and cut; capabilities are never cut.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};

use crate::cli::Exit;
use crate::plugins::pack::Sections;
use crate::plugins::{Accepted, ByTool, Consents, Holder, Locked, Place, PluginFile, READABLE, ceiling};
use crate::policy::Capabilities;
use crate::terminal::{escape, one_line};

/// Characters of a description.
const WORDS: usize = 120;

/// What is to be accepted.
pub struct Asking<'a> {
    pub file: &'a PluginFile,
    /// Where it is, or will be, as people write it.
    pub shown: &'a str,
    pub source: Option<&'a str>,
    /// The key whose signature was checked.
    pub signed_by: Option<&'a str>,
    /// What was accepted of it until now.
    pub before: Option<&'a Before>,
    /// What is granted at once, since the lock file asks for it.
    pub grants: &'a ByTool,
    /// What of it was granted already, and stays so.
    pub held: &'a ByTool,
}

/// The version that this one takes the place of.
pub struct Before {
    pub version: Option<String>,
    pub sha256: String,
    pub ceiling: ByTool,
    pub signed_by: Option<String>,
}

impl Before {
    /// What the user accepted, else what the lock file names.
    pub fn of(accepted: Option<Accepted>, locked: Option<&Locked>) -> Option<Before> {
        let version_of =
            |sha256: &str| locked.filter(|locked| locked.sha256 == sha256).map(|locked| locked.version.clone());
        match accepted {
            Some(Accepted { sha256, ceiling, signed_by, .. }) => {
                Some(Before { version: version_of(&sha256), sha256, ceiling, signed_by })
            }
            None => locked.map(|locked| Before {
                version: Some(locked.version.clone()),
                sha256: locked.sha256.clone(),
                ceiling: locked.ceiling.clone(),
                signed_by: locked.signed_by.clone(),
            }),
        }
    }
}

/// The text of the question, without the question.
pub fn describe_acceptance(asking: &Asking<'_>) -> String {
    let manifest = &asking.file.sections.manifest;
    let tools = &asking.file.sections.catalogue;
    let cut = std::iter::once(&manifest.description)
        .chain(tools.iter().map(|tool| &tool.description))
        .any(|text| is_cut(text));
    let mut text = format!("{} {}: {}\n", manifest.name, manifest.version, words(&manifest.description));
    let mut row = |name: &str, value: &str| text.push_str(&format!("  {name:<10}{}\n", one_line(value)));
    if let Some(source) = asking.source {
        row("from", source);
    }
    row("file", asking.shown);
    row("SHA-256", asking.file.digest());
    row("signed", asking.signed_by.unwrap_or("by nobody that you named"));

    text.push_str("\nWhat its tools can do once you grant it, and never more:\n");
    let width = manifest.tools.keys().map(String::len).max().unwrap_or(0).min(24);
    for tool in tools {
        let may = manifest.tools.get(&tool.name).map(|tool| tool.capabilities.describe()).unwrap_or_default();
        text.push_str(&format!("  {:<width$}  {}\n", tool.name, one_line(&may)));
        text.push_str(&format!("  {:<width$}  “{}”\n", "", words(&tool.description)));
    }
    let union = manifest.tools.values().fold(Capabilities::default(), |all, tool| all.union(&tool.capabilities));
    if manifest.tools.len() > 1 && !union.is_nothing() {
        let together = union.describe();
        let leak = if union.http.is_empty() { "" } else { ". What one of them reads, another may send" };
        text.push_str(&format!("Together: {}{leak}.\n", one_line(&together)));
    }
    text.push_str(&carried(&asking.file.sections));
    if cut {
        text.push_str("Words that end in … go on; `garth plugin inspect FILE` shows all of them.\n");
    }
    if let Some(before) = asking.before {
        if let Some(key) = before.signed_by.as_deref().filter(|key| asking.signed_by != Some(*key)) {
            text.push_str(&format!("\nThe version before it was signed by {}, and this one is not.\n", one_line(key)));
        }
        text.push_str(&difference(before, asking.file));
    }
    let titles = ["You have granted it already:", "Granted with your yes, since garth.lock asks for it:"];
    for (title, granted) in titles.into_iter().zip([asking.held, asking.grants]) {
        if !granted.is_empty() {
            text.push_str(&format!("\n{title}\n"));
        }
        for (tool, capabilities) in granted {
            text.push_str(&format!("  {tool:<width$}  {}\n", one_line(&capabilities.describe())));
        }
    }
    text
}

/// The commands and skills that come with the tools, as they are called; empty where there are none.
fn carried(sections: &Sections) -> String {
    let name = &sections.manifest.name;
    let (mut commands, mut skills) = (BTreeSet::new(), BTreeSet::new());
    for path in sections.commands.keys() {
        match (path.strip_prefix("commands/"), path.strip_prefix("skills/")) {
            (Some(file), _) => commands.insert(format!("/{name}:{}", file.strip_suffix(".md").unwrap_or(file))),
            (_, Some(file)) => skills.insert(format!("{name}:{}", file.split('/').next().unwrap_or(file))),
            (None, None) => false,
        };
    }
    let kinds = [("commands", commands), ("skills", skills)].into_iter().filter(|(_, names)| !names.is_empty());
    let kinds: Vec<String> = kinds
        .map(|(kind, names)| format!("  {kind:<10}{}\n", one_line(&names.into_iter().collect::<Vec<_>>().join(", "))))
        .collect();
    match kinds.is_empty() {
        true => String::new(),
        false => format!("\nIt also tells the model what to do, in words of its own:\n{}", kinds.concat()),
    }
}

/// What the user has granted to a plugin of this name in this place, of what this file declares.
pub fn held(consents: &Consents, place: Place, file: &PluginFile) -> ByTool {
    let name = &file.sections.manifest.name;
    let of_tool = |(tool, ceiling): (String, Capabilities)| {
        let granted = consents.by_the_user(Holder::Installed(place), name, &tool).intersect(&ceiling);
        (!granted.is_nothing()).then_some((tool, granted))
    };
    ceiling(file).into_iter().filter_map(of_tool).collect()
}

/// What changes for each tool; empty where the file is the same.
fn difference(before: &Before, file: &PluginFile) -> String {
    let now = ceiling(file);
    if before.sha256 == file.digest() && before.ceiling == now {
        return String::new();
    }
    let mut lines = Vec::new();
    for (tool, capabilities) in &now {
        let Some(had) = before.ceiling.get(tool) else {
            lines.push(format!("+ {tool} is new: {}", capabilities.describe()));
            continue;
        };
        let (more, less) = (capabilities.beyond(had), had.beyond(capabilities));
        if !more.is_nothing() {
            lines.push(format!("+ {tool} now also {}", more.describe()));
        }
        if !less.is_nothing() {
            lines.push(format!("- {tool} no longer {}", less.describe()));
        }
    }
    let gone = before.ceiling.keys().filter(|tool| !now.contains_key(*tool));
    lines.extend(gone.map(|tool| format!("- {tool} is gone")));
    let version = before.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let digest: String = before.sha256.chars().take(12).collect();
    let title = format!("\nCompared with the version{version} before it ({digest}…):\n");
    if lines.is_empty() {
        return format!("{title}  its tools can do what they could\n");
    }
    lines.iter().fold(title, |text, line| format!("{text}  {}\n", one_line(line)))
}

/// The beginning of what a plugin says, on one line.
fn words(text: &str) -> String {
    let cut: String = on_one_line(text).chars().take(WORDS).collect();
    let dots = if is_cut(text) { "…" } else { "" };
    format!("{}{dots}", one_line(&cut))
}

fn is_cut(text: &str) -> bool {
    on_one_line(text).chars().nth(WORDS).is_some()
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Shows the text and asks. `yes`: the command line has answered. `None`: there is nobody to ask.
fn ask(text: &str, question: &str, yes: bool) -> Result<Option<bool>> {
    if text.len() > READABLE {
        bail!("what it asks for is longer than anybody reads ({} KiB), so it cannot be accepted", text.len() >> 10);
    }
    // What a command's own answer is (`--json`) goes to standard output.
    let mut out = std::io::stderr();
    writeln!(out, "{}", escape(text))?;
    if yes {
        return Ok(Some(true));
    }
    if !std::io::stdin().is_terminal() || !out.is_terminal() {
        return Ok(None);
    }
    write!(out, "{question} y(es) / n(o) ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")))
}

/// Asks whether a plugin may be used. `Err`: the exit code of who got no yes; it was said.
pub fn settle(text: &str, whose: &str, yes: bool) -> Result<Result<(), u8>> {
    let said = match ask(text, &format!("Use this, {whose}?"), yes)? {
        Some(true) => return Ok(Ok(())),
        Some(false) => "Not accepted; all is as it was.",
        None => "garth: nobody can be asked without a terminal, so all is as it was; --yes accepts it",
    };
    writeln!(std::io::stderr(), "{said}")?;
    Ok(Err(Exit::Denied.code()))
}
