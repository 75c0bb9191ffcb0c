//! Plugins as people read them in a conversation: the list, the question about one that waits, and what a reload has changed.
//! Names, files and texts may be anybody's: each is escaped, and long lists are cut and counted.

use super::call::cut;
use super::{Role, Style, block, one_line, plural};
use crate::protocol::PluginSummary;

/// Lines about waiting files, and about problems, that are shown of one reload.
const LINES: usize = 5;
/// Columns of what a plugin says of itself.
const WORDS: usize = 240;
/// Tools of one plugin that are named.
const TOOLS: usize = 12;

/// Each plugin with its state, its tools and what they may touch.
pub fn plugins_text(style: Style, plugins: &[PluginSummary]) -> String {
    let mut shown = String::new();
    for plugin in plugins {
        let PluginSummary { name, version, file, state, detail, tools, .. } = plugin;
        let state = if state == "live" { String::new() } else { format!(", {state}") };
        let version = if version.is_empty() { String::new() } else { format!(" {version}") };
        let role = if state.is_empty() { Role::Strong } else { Role::Warn };
        shown.push_str(&block(style, "  ", role, &one_line(&format!("{name}{version} ({file}){state}"))));
        shown.push_str(&block(style, "      ", Role::Dim, &cut(&one_line(detail), WORDS)));
        if !tools.is_empty() {
            let more = if tools.len() > TOOLS { format!(" and {} more", tools.len() - TOOLS) } else { String::new() };
            let names: Vec<&str> = tools.iter().take(TOOLS).map(String::as_str).collect();
            shown.push_str(&block(
                style,
                "      ",
                Role::Dim,
                &one_line(&format!("tools: {}{more}", names.join(", "))),
            ));
        }
        if plugin.question.is_some() {
            let way = format!("/plugins accept {name} shows what it asks for");
            shown.push_str(&block(style, "      ", Role::Dim, &one_line(&way)));
        }
    }
    if plugins.is_empty() {
        shown.push_str(&block(style, "  ", Role::Dim, "There are no plugins."));
    }
    shown
}

/// What a waiting plugin asks for, and how to say yes to just that; else why there is nothing to say yes to.
pub fn acceptance_text(style: Style, plugins: &[PluginSummary], name: &str) -> String {
    let waiting: Vec<&PluginSummary> =
        plugins.iter().filter(|plugin| plugin.name == name && plugin.question.is_some()).collect();
    let mut shown = String::new();
    for plugin in &waiting {
        shown.push_str(&block(style, "  │ ", Role::Plain, plugin.question.as_deref().unwrap_or_default()));
        let token = plugin.token.as_deref().unwrap_or_default();
        let way = format!("to use exactly this: /plugins accept {name} {token}");
        shown.push_str(&block(style, "  ", Role::Strong, &one_line(&way)));
    }
    if waiting.is_empty() {
        let why = match plugins.iter().find(|plugin| plugin.name == name) {
            Some(plugin) => format!("'{name}' does not wait for an answer: it is {}", plugin.state),
            None => format!("there is no plugin '{name}'; /plugins lists those that there are"),
        };
        shown = block(style, "  ! ", Role::Warn, &one_line(&why));
    }
    shown
}

/// `plugins: +lint, ~git, -old`, the files that wait for a word, and those that cannot be used.
pub(super) fn reloaded(style: Style, changes: [&[String]; 3], waiting: &[String], problems: &[String]) -> String {
    let marked = |(mark, names): (char, &[String])| {
        names.iter().map(move |name| format!("{mark}{}", one_line(name))).collect::<Vec<_>>()
    };
    let names: Vec<String> = ['+', '~', '-'].into_iter().zip(changes).flat_map(marked).collect();
    let mut shown = String::new();
    if !names.is_empty() {
        let more = if names.len() > TOOLS { format!(", … ({} in all)", names.len()) } else { String::new() };
        let first: Vec<&str> = names.iter().take(TOOLS).map(String::as_str).collect();
        shown.push_str(&block(style, "  ", Role::Dim, &format!("plugins: {}{more}", first.join(", "))));
    }
    for (lines, word) in [(waiting, "plugin waits: "), (problems, "plugin ")] {
        for line in lines.iter().take(LINES) {
            shown.push_str(&block(style, "  ! ", Role::Warn, &cut(&one_line(&format!("{word}{line}")), WORDS * 2)));
        }
        if lines.len() > LINES {
            let more = plural((lines.len() - LINES) as u64, "more file");
            shown.push_str(&block(style, "  ! ", Role::Warn, &format!("{more} of plugins; /plugins lists them")));
        }
    }
    shown
}
