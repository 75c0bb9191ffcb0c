//! `garth plugin why`: what would become of a call, step by step as the host decides it, and what would change that. Nothing
//! is run: what a call does is taken from its arguments as far as they tell, and where they do not, that is said.

mod findings;

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::named;
use crate::agent;
use crate::app::audit::call_text;
use crate::app::{Context, services};
use crate::audit::Entry;
use crate::protocol::ToolStatus;
use crate::terminal::{escape_json, hanging, one_line};
pub use findings::server_of;
use findings::{Finding, Verdict};

/// A tool with arguments, or the last call in this project that was denied. The exit code.
pub fn print(context: &Context, tool: Option<&str>, arguments: Option<&str>) -> Result<u8> {
    let arguments = arguments.map(|text| serde_json::from_str::<Value>(text).context("the arguments are not JSON"));
    let arguments = arguments.transpose()?;
    if arguments.as_ref().is_some_and(|arguments| !arguments.is_object()) {
        bail!("the arguments are a JSON object, as in '{{\"path\": \"a.txt\"}}'");
    }
    let denied = if tool.is_none() { Some(last_denied(context)?) } else { None };
    let Some(name) = tool.or(denied.as_ref().map(|entry| entry.tool.as_str())) else { return Ok(0) };
    let mut out = std::io::stdout();
    if let (Some(entry), false) = (&denied, context.flags.json) {
        writeln!(out, "The last call that was denied in this project:\n{}", call_text(entry))?;
        writeln!(out, "{}", replayed(name))?;
    }
    if agent::host_tools().iter().any(|tool| tool.name == name) {
        writeln!(out, "'{name}' is Garth's own tool. It needs no grant; rules and the files of commands may deny it.")?;
        return Ok(0);
    }
    let all = named::with_tool(context, name);
    let Some(named) = all.first() else {
        if denied.is_none() {
            bail!("no plugin has a tool '{name}'; 'garth plugin list' names the plugins");
        }
        writeln!(out, "No plugin has a tool of that name now.")?;
        return Ok(0);
    };
    let findings = findings::of(context, named, name, arguments.as_ref())?;
    let manifest = &named.file.sections.manifest;
    if context.flags.json {
        let found = json!({
            "tool": name,
            "plugin": manifest.name,
            "version": manifest.version,
            "sha256": named.file.digest(),
            "verdict": Verdict::of(&findings).word(),
            "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "denied": denied,
            "arguments_known": arguments.is_some(),
        });
        writeln!(out, "{}", escape_json(&found.to_string()))?;
        return Ok(0);
    }
    writeln!(out, "{}", one_line(&format!("{name}, of the plugin {} {}", manifest.name, manifest.version)))?;
    write!(out, "{}", text(&findings))?;
    Ok(0)
}

/// What is missing when a call is looked at again.
fn replayed(tool: &str) -> String {
    let tool = one_line(tool);
    format!(
        "Of its arguments the audit keeps only a digest, so what follows is what holds now for any call of the tool, whatever \
         file, server or program that one was about; `garth plugin why {tool} 'ARGUMENTS'` says it of one call."
    )
}

fn last_denied(context: &Context) -> Result<Entry> {
    let log = services::audit(&context.paths);
    let project = context.workspace.display().to_string();
    let denied = |entry: &Entry| entry.outcome == ToolStatus::Denied || !entry.denials.is_empty();
    let reading = log.read(|entry| entry.project == project && denied(entry), 1);
    let reading = reading.with_context(|| format!("the audit cannot be read: {}", log.newest().display()))?;
    reading.entries.into_iter().next().context(
        "no call of this project in the audit was denied; ask about one: garth plugin why TOOL '{\"path\": \"a.txt\"}'",
    )
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let words = hanging(&finding.text, &" ".repeat(19));
        text.push_str(&format!("  {} {:13}  {words}\n", finding.verdict.sign(), finding.step));
    }
    let decides = findings.iter().max_by_key(|finding| (finding.verdict, std::cmp::Reverse(finding.order)));
    let Some(decides) = decides.filter(|finding| finding.verdict > Verdict::Allowed) else {
        return text + "It is allowed, as far as can be told without running it.\n";
    };
    text.push_str(match decides.verdict {
        Verdict::Asked => "It is asked about; without a terminal, and under --approval never, that means no.\n",
        _ => "It is denied.\n",
    });
    for finding in findings.iter().filter(|finding| finding.verdict > Verdict::Allowed) {
        if let Some(change) = &finding.change {
            text.push_str(&format!("To allow it ({}): {}\n", finding.step, hanging(change, "    ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_step_decides_and_every_way_out_is_named() {
        let finding = |order, step, verdict, text: &str, change: Option<&str>| Finding {
            order,
            step,
            verdict,
            text: text.into(),
            change: change.map(str::to_string),
        };
        let findings = [
            finding(0, "declares", Verdict::Allowed, "writes the workspace\u{1b}[2J\n✓ rules", None),
            finding(1, "grants", Verdict::Asked, "not granted yet", Some("run `garth plugin grant x`")),
            finding(2, "rules", Verdict::Denied, "denied by the rule", Some("change the rule")),
        ];
        insta::assert_snapshot!(text(&findings), @r"
          ✓ declares       writes the workspace\u{1b}[2J
                           ✓ rules
          ? grants         not granted yet
          ✗ rules          denied by the rule
        It is denied.
        To allow it (grants): run `garth plugin grant x`
        To allow it (rules): change the rule
        ");
        assert!(text(&findings[..1]).ends_with("It is allowed, as far as can be told without running it.\n"));
        assert!(text(&findings[..2]).contains("It is asked about;"));
        assert_eq!(Verdict::of(&findings), Verdict::Denied);
    }
}
