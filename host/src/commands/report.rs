//! What `garth commands check --json` says about one file, and which files it looks at.

use std::path::Path;

use serde::Serialize;

use super::{Diagnostic, Entry, Kind, Severity, ToolPattern, Unusable};

/// One line of `garth commands check --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// As shown to people.
    pub file: String,
    /// `null` of a file that cannot be used and could be several.
    pub kind: Option<Kind>,
    pub name: String,
    pub description: String,
    pub argument_hint: Option<String>,
    /// As written: what is approved beforehand, then what the file restricts itself to.
    pub tools: Vec<String>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub fn of(entry: &Entry) -> Report {
        let mut tools: Vec<String> = Vec::new();
        let restricting: &[ToolPattern] = entry.fields.tools.as_deref().unwrap_or_default();
        for pattern in entry.fields.allowed_tools.iter().chain(restricting) {
            if !tools.contains(&pattern.written) {
                tools.push(pattern.written.clone());
            }
        }
        Report {
            file: entry.place.shown.clone(),
            kind: Some(entry.place.kind),
            name: entry.place.name.clone(),
            description: entry.description.clone(),
            argument_hint: entry.fields.argument_hint.clone(),
            tools,
            diagnostics: entry.diagnostics.clone(),
        }
    }

    /// Of a file that cannot be used; its one diagnostic is an error that says why.
    pub fn unusable(unusable: &Unusable, kind: Option<Kind>, name: &str) -> Report {
        let Unusable { shown, line, reason } = unusable;
        Report {
            file: shown.clone(),
            kind,
            name: name.to_string(),
            description: String::new(),
            argument_hint: None,
            tools: Vec::new(),
            diagnostics: vec![Diagnostic { severity: Severity::Error, line: *line, message: reason.clone() }],
        }
    }
}

/// What a file below a folder of commands is, from its path relative to that folder; `None`: nothing that Garth reads.
/// `SKILL.md` is a skill, a file below `agents/` an agent, any other Markdown but a README a command, and so is Gemini's
/// TOML below `commands/`.
pub fn kind_of(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let (stem, extension) = name.rsplit_once('.')?;
    let below = |folder: &str| path.parent().is_some_and(|parent| parent.iter().any(|part| part == folder));
    let readme = stem.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("readme"));
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" if name == "SKILL.md" => Some(Kind::Skill),
        "md" | "markdown" if readme || stem.is_empty() => None,
        "md" | "markdown" if below("agents") => Some(Kind::Agent),
        "md" | "markdown" => Some(Kind::Command),
        "toml" if below("commands") => Some(Kind::Command),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, Place, Syntax, parse};
    use super::*;

    #[test]
    fn a_path_tells_the_kind() {
        let check = |path: &str, expected: Option<Kind>| assert_eq!(kind_of(Path::new(path)), expected, "{path}");
        check("skills/a/SKILL.md", Some(Kind::Skill));
        check("agents/a.md", Some(Kind::Agent));
        check("x/agents/deep/a.md", Some(Kind::Agent));
        check("commands/a/b.md", Some(Kind::Command));
        check("a.markdown", Some(Kind::Command));
        check("commands/a.toml", Some(Kind::Command));
        for none in ["README.md", "agents/readme.md", "README.zh-CN.md", "Cargo.toml", "a.txt", ".md", "SKILL"] {
            check(none, None);
        }
        check("readme-sync.md", Some(Kind::Command));
    }

    #[test]
    fn a_report_is_one_object() {
        let place = Place {
            kind: Kind::Command,
            name: "demo".into(),
            path: "demo.md".into(),
            shown: "demo.md".into(),
            origin: Origin::Project,
            syntax: Syntax::Dollar,
        };
        let text = b"---\nallowed-tools: Bash(git:*), Read\ntools: Read, Grep\nargument-hint: [a] [b]\n---\nDo it.\n";
        let report = serde_json::to_value(Report::of(&parse(place, text).unwrap())).unwrap();
        let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["file", "kind", "name", "description", "argument_hint", "tools", "diagnostics"]);
        assert_eq!(report["tools"], serde_json::json!(["Bash(git:*)", "Read", "Grep"]));
        assert_eq!((&report["description"], &report["argument_hint"]), (&"Do it.".into(), &"[a] [b]".into()));
        assert_eq!((&report["diagnostics"][0]["line"], &report["kind"]), (&4.into(), &"command".into()));
    }
}
