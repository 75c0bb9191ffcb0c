//! The system prompt: Garth's own words, then the project as it was when the context began.
//! It is made once for a context and never again, so it may hold what was true then, but no date, count or list that
//! would have to change later.

use super::{Matters, bounded};

const INSTRUCTIONS: &str = include_str!("system.md");
/// Before the list of skills, which ends the prompt.
pub const SKILLS_TITLE: &str = "\n\n# Skills\n";
/// What skills are, said where there are some.
const SKILLS: &str = include_str!("skills.md");

/// Before the map of the code, and before the project's own instructions: those end with their file's name and a bracket.
const MAP_TITLE: &str = "Its code: files that matter, and lines of definitions in them";
const PROJECTS_TITLE: &str = "The project's instructions (";

/// The most characters of the project's own instructions that enter the prompt.
const INSTRUCTIONS_LIMIT: usize = 8_000;
/// The most characters of the layout, and of git's state.
const FACTS_LIMIT: usize = 3_000;

/// The workspace when a context begins. Empty parts leave no trace in the prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files and folders, one a line, folders with a trailing slash.
    pub layout: String,
    /// Name and text of AGENTS.md or CLAUDE.md.
    pub instructions: Option<(String, String)>,
    /// Branch and state in a line or two.
    pub git: Option<String>,
    /// Names and descriptions of the skills, one a line, within their budget.
    pub skills: String,
    /// What this model has to be told because it is bad at it; one line or a few.
    pub weak: String,
    /// Files that matter with the lines of their definitions, fitted already.
    pub map: String,
}

/// The text of the system message.
pub fn system_prompt(snapshot: &Snapshot) -> String {
    let mut prompt = INSTRUCTIONS.trim_end().to_string();
    if !snapshot.weak.trim().is_empty() {
        prompt.push_str(&format!("\n\nMind above all: {}", snapshot.weak.trim()));
    }
    let mut section = |title: &str, text: &str| {
        if !text.trim().is_empty() {
            prompt.push_str(&format!("\n\n# {title}\n{}", text.trim_end()));
        }
    };
    let layout = bounded(&snapshot.layout, FACTS_LIMIT, Matters::Head, "list_dir shows the rest");
    section("The project when this session began", &layout);
    section(MAP_TITLE, &snapshot.map);
    if let Some(git) = &snapshot.git {
        section("Git", &bounded(git, FACTS_LIMIT, Matters::Head, "git_status shows the rest"));
    }
    if let Some((name, text)) = &snapshot.instructions {
        let rest = format!("read_file {name} shows the rest");
        section(&format!("{PROJECTS_TITLE}{name})"), &bounded(text, INSTRUCTIONS_LIMIT, Matters::Head, &rest));
    }
    if !snapshot.skills.trim().is_empty() {
        prompt.push_str(&format!("{SKILLS_TITLE}{}\n{}", SKILLS.trim_end(), snapshot.skills.trim_end()));
    }
    prompt
}

/// The files of which such a prompt holds something: the instructions, and those on the map.
pub fn files_in_prompt(prompt: &str) -> impl Iterator<Item = &str> {
    prompt.split("\n\n# ").skip(1).flat_map(|section| {
        let instructions = section.strip_prefix(PROJECTS_TITLE).and_then(|rest| rest.lines().next()?.strip_suffix(')'));
        let map = section.strip_prefix(MAP_TITLE).unwrap_or_default();
        instructions.into_iter().chain(map.lines().filter(|line| !line.is_empty() && !line.contains('\t')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parts_leave_no_heading() {
        let prompt = system_prompt(&Snapshot::default());
        assert!(!prompt.contains("\n# "), "{prompt}");
        let full = system_prompt(&Snapshot {
            layout: "src/\nCargo.toml\n".into(),
            instructions: Some(("AGENTS.md".into(), "Use tabs.\n".into())),
            git: Some("branch main, clean".into()),
            skills: "- pdf: Fills forms.\n".into(),
            weak: "Call one tool at a time.".into(),
            map: "src/a.rs\n1\tfn a()\n".into(),
        });
        assert!(full.starts_with(&format!("{prompt}\n\nMind above all: Call one tool at a time.\n\n# ")), "{full}");
        assert!(full.contains("definitions in them\nsrc/a.rs\n1\tfn a()\n\n# Git\n"), "{full}");
        assert!(full.contains("# The project's instructions (AGENTS.md)\nUse tabs.\n\n# Skills\n"), "{full}");
        assert!(full.ends_with("\n- pdf: Fills forms."), "{full}");
        assert_eq!(files_in_prompt(&full).collect::<Vec<_>>(), ["src/a.rs", "AGENTS.md"]);
    }
}
