//! `garth plugin grant`, `revoke` and `grants`: what tools may touch of what their plugins declare.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::named::Named;
use super::{granting, lock_grants, named, place};
use crate::app::{Context, services};
use crate::cli::args::{Granting, Kept};
use crate::plugins::{Granted, GrantedBy, Holder, Origin, Place, Verdict};
use crate::policy::Capabilities;
use crate::terminal::{escape_json, one_line};

/// Grants what is named and declared. The exit code.
pub fn give(context: &Context, name: &str, tool: Option<&str>, granting: &Granting, kept: Kept) -> Result<u8> {
    let at = match kept {
        Kept::By(at) => place(at),
        Kept::Lock => return lock_grants::ask(context, name, tool, granting),
    };
    let named = in_use(context, name, at)?;
    let ceiling = named.ceiling();
    let given = given(&named, tool, granting)?;
    let consents = services::consents(&context.paths);
    for (tool, given) in &given {
        consents.grant(at, named.holder(), name, tool, given)?;
    }
    let left = ceiling.iter().filter_map(|(tool, declared)| {
        let left = to_be_granted(&named, declared).beyond(&consents.granted(named.holder(), name, tool));
        (!left.is_nothing()).then(|| (tool.clone(), left))
    });
    let left: Vec<(String, Capabilities)> = left.collect();
    let verdict = named.verdict(context)?;
    let unused = named.spot.filter(|_| verdict != Verdict::Usable).map(|spot| {
        let way_out = named.way_out(&verdict).map(|way_out| format!("; {way_out}")).unwrap_or_default();
        format!("{}{way_out}", verdict.reason(spot, name))
    });
    let lines = |of: &[(String, Capabilities)]| -> String {
        of.iter().map(|(tool, these)| format!("  {tool}  {}\n", one_line(&these.describe()))).collect()
    };
    let mut text = format!("Granted to '{name}' ({}) {}:\n{}", named.holder().whose(), reach(at), lines(&given));
    if !left.is_empty() {
        text.push_str(&format!("Still asked for when it is used:\n{}", lines(&left)));
    }
    if let Some(why) = &unused {
        text.push_str(&format!("{}.\n", one_line(&format!("The file itself is not used: {why}"))));
    }
    let json = json!({
        "plugin": name, "of": named.holder().to_string(), "place": at.to_string(), "granted": by_tool(&given),
        "asked_first": by_tool(&left), "used": unused.is_none(), "reason": unused,
    });
    context.answer(&json, &text)?;
    Ok(0)
}

/// For programs, as `grants` lists them.
pub fn by_tool(capabilities: &[(String, Capabilities)]) -> Vec<Value> {
    capabilities.iter().map(|(tool, these)| json!({"tool": tool, "capabilities": these})).collect()
}

/// The plugin of this name that a conversation uses, of those that may have such a grant; else the one that waits.
fn in_use(context: &Context, name: &str, at: Place) -> Result<Named> {
    let used = |named: &Named| named.verdict(context).is_ok_and(|verdict| verdict == Verdict::Usable);
    let may_have = named::order(context, name).into_iter().filter(|spot| named::holder(*spot).places().contains(&at));
    let mut found: Vec<Named> = may_have.filter_map(|spot| named::at(context, spot, name).ok().flatten()).collect();
    if let Some(index) = found.iter().position(used) {
        return Ok(found.swap_remove(index));
    }
    if let Some(named) = found.into_iter().next() {
        return Ok(named);
    }
    let named = named::find(context, name)?;
    if !named.holder().places().contains(&at) {
        bail!(
            "'{name}' is this project's plugin, and what is granted in all projects is for your own; leave out --user"
        );
    }
    Ok(named)
}

/// What the command line names of what the plugin declares, by tool; something, or why it is nothing.
pub fn given(named: &Named, tool: Option<&str>, granting: &Granting) -> Result<Vec<(String, Capabilities)>> {
    let (name, ceiling) = (named.name(), named.ceiling());
    let given = match tool {
        None => granting::of_tools(granting, ceiling.iter())?,
        Some(tool) => {
            let Some(declared) = ceiling.get(tool) else {
                let tools: Vec<&str> = ceiling.keys().map(String::as_str).collect();
                bail!("the plugin '{name}' has no tool '{tool}'; its tools are {}", tools.join(", "));
            };
            let given = granting::of_tool(granting, declared).with_context(|| format!("'{tool}' of '{name}'"))?;
            vec![(tool.to_string(), given)]
        }
    };
    let given = given.into_iter().map(|(tool, given)| (tool, to_be_granted(named, &given)));
    let given: Vec<(String, Capabilities)> = given.filter(|(_, given)| !given.is_nothing()).collect();
    if given.is_empty() {
        bail!(nothing(named));
    }
    Ok(given)
}

/// What counts only when it is granted: of a built-in plugin that is the network and secrets.
pub fn to_be_granted(named: &Named, declared: &Capabilities) -> Capabilities {
    match named.file.origin {
        Origin::Builtin => {
            Capabilities { http: declared.http.clone(), secrets: declared.secrets.clone(), ..Capabilities::default() }
        }
        Origin::File { .. } => declared.clone(),
    }
}

fn nothing(named: &Named) -> String {
    let name = named.name();
    match named.file.origin {
        Origin::Builtin => format!(
            "nothing to grant: the built-in plugin '{name}' has what it declares, but for servers, each by its name: \
             --http HOST; [plugins.{name}.tools.TOOL] in your configuration narrows it"
        ),
        Origin::File { .. } => {
            format!(
                "nothing to grant: '{name}' declares nothing of that (servers are granted each by its name: --http HOST)"
            )
        }
    }
}

fn reach(at: Place) -> &'static str {
    match at {
        Place::Project => "in this project",
        Place::User => "in all projects",
    }
}

/// Takes grants back; a plugin that is gone may have some. The exit code.
pub fn revoke(context: &Context, name: &str, tool: Option<&str>, kept: Kept) -> Result<u8> {
    let at = match kept {
        Kept::By(at) => place(at),
        Kept::Lock => return lock_grants::ask_no_more(context, name, tool),
    };
    let consents = services::consents(&context.paths);
    let whose = whose(name, tool);
    let of_these = |granted: &Granted| granted.plugin == name && tool.is_none_or(|tool| granted.tool == tool);
    // What a conversation was granted for itself, it alone knows; a name that nobody has is mistyped.
    let known = || Ok::<_, anyhow::Error>(named::find(context, name)?.ceiling());
    if !consents.list().iter().any(of_these) && !known().is_ok_and(|has| tool.is_none_or(|tool| has.contains_key(tool)))
    {
        bail!("nothing is granted to {whose} {}; 'garth plugin grants' lists what is", reach(at));
    }
    let had = consents.revoke(at, name, tool)?;
    let mut said = match had {
        true => format!("Taken back from {whose} {}. Conversations that run notice it at the next call.\n", reach(at)),
        false => format!(
            "Nothing was granted to {whose} {} for longer than a session. Conversations that run take back at the next call \
             what they were granted for themselves.\n",
            reach(at)
        ),
    };
    let left: Vec<Granted> = consents.list().into_iter().filter(of_these).collect();
    if !left.is_empty() {
        said.push_str(&format!("It still has:\n{}", text(&left)));
    }
    let left: Vec<Value> = left.iter().map(as_json).collect();
    context.answer(
        &json!({"plugin": name, "tool": tool, "place": at.to_string(), "revoked": had, "grants": left}),
        &said,
    )?;
    Ok(0)
}

/// `'tool' of 'name'`.
pub fn whose(name: &str, tool: Option<&str>) -> String {
    let name = one_line(name);
    tool.map_or(format!("'{name}'"), |tool| format!("'{}' of '{name}'", one_line(tool)))
}

/// Lists the grants. The exit code.
pub fn print(context: &Context, name: Option<&str>) -> Result<u8> {
    let consents = services::consents(&context.paths);
    for problem in consents.problems() {
        writeln!(std::io::stderr(), "garth: {}", one_line(&problem.to_string()))?;
    }
    let mut all = consents.list();
    all.retain(|granted| name.is_none_or(|name| granted.plugin == name));
    let mut out = std::io::stdout();
    if context.flags.json {
        let listed = json!({ "grants": all.iter().map(as_json).collect::<Vec<_>>() });
        writeln!(out, "{}", escape_json(&listed.to_string()))?;
    } else if all.is_empty() {
        writeln!(out, "Nothing is granted{}.", name.map_or(String::new(), |name| format!(" to '{name}'")))?;
        writeln!(out, "What a plugin declares is asked about when it is used; 'garth plugin grant' grants it before.")?;
    } else {
        write!(out, "{}", text(&all))?;
    }
    Ok(0)
}

fn as_json(granted: &Granted) -> Value {
    let (by, place) = words(granted.by);
    json!({
        "plugin": granted.plugin, "of": granted.holder.to_string(), "tool": granted.tool,
        "capabilities": granted.capabilities, "by": by, "place": place,
    })
}

fn words(by: GrantedBy) -> (&'static str, Option<String>) {
    match by {
        GrantedBy::User(place) => ("user", Some(place.to_string())),
        GrantedBy::Lock(place) => ("lock", Some(place.to_string())),
        GrantedBy::Session => ("session", None),
    }
}

/// Where a grant comes from, and for how long.
pub fn origin(by: GrantedBy) -> String {
    match by {
        GrantedBy::User(place) => reach(place).to_string(),
        GrantedBy::Lock(Place::Project) => "by the project's garth.lock, which you accepted".into(),
        GrantedBy::Lock(Place::User) => "by your garth.lock".into(),
        GrantedBy::Session => "until the session ends".into(),
    }
}

/// By plugin, tool and where it comes from.
fn text(all: &[Granted]) -> String {
    let mut by_plugin: BTreeMap<(&str, Holder), Vec<&Granted>> = BTreeMap::new();
    all.iter().for_each(|granted| by_plugin.entry((&granted.plugin, granted.holder)).or_default().push(granted));
    let mut text = String::new();
    for ((plugin, holder), all) in by_plugin {
        text.push_str(&format!("{} ({})\n", one_line(plugin), holder.whose()));
        for granted in all {
            let line = format!("  {}  {} ({})", granted.tool, granted.capabilities.describe(), origin(granted.by));
            text.push_str(&format!("{}\n", one_line(&line)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_listed_with_what_they_come_from() {
        let one = |tool: &str, json: &str, by: GrantedBy| Granted {
            plugin: "notes".into(),
            holder: Holder::Installed(Place::Project),
            tool: tool.into(),
            capabilities: serde_json::from_str(json).unwrap(),
            by,
        };
        let all = [
            one("add", r#"{"workspace": "write"}"#, GrantedBy::User(Place::Project)),
            one("add", r#"{"http": [{"host": "a.org"}]}"#, GrantedBy::Session),
            one("look\u{1b}[2J", r#"{"workspace": "read"}"#, GrantedBy::Lock(Place::Project)),
        ];
        insta::assert_snapshot!(text(&all), @r"
        notes (this project's)
          add  writes the workspace (in this project)
          add  sends GET/HEAD a.org (until the session ends)
          look\u{1b}[2J  reads the workspace (by the project's garth.lock, which you accepted)
        ");
    }
}
