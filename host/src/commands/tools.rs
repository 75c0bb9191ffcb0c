//! Tools as files name them (Claude Code's, opencode's, Gemini's, Codex's and Garth's own names) and what they are here.
//! Text only: it does not know which tools are loaded, and what a pattern allows is `policy`'s.

use super::ToolPattern;

const RUN: &[&str] = &["run", "run_tests"];
const EDIT: &[&str] = &["edit_file", "apply_patch"];

/// Garth's own, without those of plugins that a user adds.
pub const GARTH: &[&str] = &[
    "read_file",
    "list_dir",
    "glob",
    "find_and_read",
    "grep",
    "search_and_read",
    "outline",
    "symbol",
    "callers",
    "callees",
    "related",
    "write_file",
    "edit_file",
    "apply_patch",
    "run",
    "run_tests",
    "create_and_run",
    "git_status",
    "git_diff",
    "git_log",
    "git_show",
    "git_commit",
    "fetch",
    "think",
    "todo",
    "skill",
];

/// Names of other agents, in lower case, and Garth's tools for them; none where Garth has nothing like it.
const FOREIGN: &[(&str, &[&str])] = &[
    // Claude Code; opencode has most of them in lower case.
    ("read", &["read_file"]),
    ("notebookread", &["read_file"]),
    ("ls", &["list_dir"]),
    ("list", &["list_dir"]),
    ("write", &["write_file"]),
    ("edit", EDIT),
    ("multiedit", EDIT),
    ("patch", &["apply_patch"]),
    ("bash", RUN),
    ("powershell", RUN),
    ("bashoutput", &[]),
    ("killbash", &[]),
    ("killshell", &[]),
    ("todowrite", &["todo"]),
    ("todoread", &["todo"]),
    ("taskcreate", &["todo"]),
    ("taskupdate", &["todo"]),
    ("taskget", &["todo"]),
    ("tasklist", &["todo"]),
    ("taskoutput", &[]),
    ("taskstop", &[]),
    ("slashcommand", &["skill"]),
    ("task", &[]),
    ("agent", &[]),
    ("webfetch", &["fetch"]),
    ("websearch", &[]),
    ("notebookedit", &[]),
    ("exitplanmode", &[]),
    ("enterplanmode", &[]),
    ("askuserquestion", &[]),
    ("question", &[]),
    ("lsp", &[]),
    ("toolsearch", &[]),
    ("sendmessage", &[]),
    ("teamcreate", &[]),
    ("teamdelete", &[]),
    ("listmcpresourcestool", &[]),
    ("readmcpresourcetool", &[]),
    // Gemini.
    ("read_many_files", &["read_file"]),
    ("list_directory", &["list_dir"]),
    ("search_file_content", &["grep"]),
    ("grep_search", &["grep"]),
    ("replace", &["edit_file"]),
    ("run_shell_command", RUN),
    ("write_todos", &["todo"]),
    ("activate_skill", &["skill"]),
    ("web_fetch", &["fetch"]),
    ("google_web_search", &[]),
    ("save_memory", &[]),
    // Codex.
    ("shell", RUN),
    ("local_shell", RUN),
    ("exec_command", RUN),
    ("unified_exec", RUN),
    ("update_plan", &["todo"]),
    ("grep_files", &["grep"]),
    ("view_image", &[]),
    ("web_search", &[]),
    // Cline and OpenHands.
    ("execute_command", RUN),
    ("execute_bash", RUN),
    ("write_to_file", &["write_file"]),
    ("replace_in_file", &["edit_file"]),
    ("str_replace_editor", &["edit_file"]),
    ("list_files", &["list_dir"]),
    ("search_files", &["grep"]),
    // The short names that several share.
    ("search", &["grep", "glob"]),
    ("execute", RUN),
    ("terminal", RUN),
    ("web", &["fetch"]),
];

/// What a name is.
enum Meaning {
    Garth(&'static str),
    Foreign(&'static [&'static str]),
    /// `*`: whatever there is.
    All,
    Unknown,
}

fn meaning(name: &str) -> Meaning {
    let name = name.to_lowercase();
    if name == "*" {
        return Meaning::All;
    }
    if let Some(own) = GARTH.iter().find(|own| **own == name) {
        return Meaning::Garth(own);
    }
    match FOREIGN.iter().find(|(foreign, _)| *foreign == name) {
        Some((_, tools)) => Meaning::Foreign(tools),
        None if name.starts_with("mcp__") => Meaning::Foreign(&[]),
        None => Meaning::Unknown,
    }
}

/// One name, with what stands in its parentheses. A name that nobody knows, in the form of a tool's (`jira_search`), stands for
/// itself: a plugin may bring it.
pub fn resolve(written: &str) -> ToolPattern {
    let written = written.trim();
    let (name, argument) = parts(written);
    let tools = match meaning(name) {
        Meaning::Garth(own) => vec![own.to_string()],
        Meaning::Foreign(tools) => tools.iter().map(ToString::to_string).collect(),
        Meaning::All => GARTH.iter().map(ToString::to_string).collect(),
        Meaning::Unknown if is_tool_name(name) => vec![name.to_string()],
        Meaning::Unknown => Vec::new(),
    };
    ToolPattern { written: written.to_string(), tools, argument: argument.map(str::to_string) }
}

/// What is to be said about a name that neither Garth nor another agent has: the nearest that is known.
pub(super) fn unknown(pattern: &ToolPattern) -> Option<String> {
    let (name, _) = parts(&pattern.written);
    if !matches!(meaning(name), Meaning::Unknown) {
        return None;
    }
    let known = GARTH.iter().chain(FOREIGN.iter().map(|(name, _)| name));
    let lower = name.to_lowercase();
    let near = known
        .map(|known| (strsim::damerau_levenshtein(known, &lower), known))
        .filter(|(distance, known)| *distance <= 1 + usize::from(known.len() > 7))
        .min_by_key(|(distance, _)| *distance);
    Some(match (near, is_tool_name(name)) {
        (Some((_, near)), _) => format!("no tool is called `{name}`; did you mean `{near}`?"),
        (None, true) => {
            format!("no built-in tool is called `{name}`; it counts where a plugin brings one of that name")
        }
        (None, false) => format!("no tool is called `{name}`"),
    })
}

/// Whether its parentheses are whole: none, or one pair at the end. What a broken pattern allows cannot be told.
pub(super) fn is_whole(written: &str) -> bool {
    let written = written.trim_end();
    let mut depth = 0_usize;
    for (at, c) in written.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return false,
            ')' => {
                depth -= 1;
                if depth == 0 && at + 1 < written.len() {
                    return false;
                }
            }
            _ => {}
        }
    }
    depth == 0
}

fn parts(written: &str) -> (&str, Option<&str>) {
    match written.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end().strip_suffix(')').unwrap_or(rest).trim())),
        None => (written, None),
    }
}

fn is_tool_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 && name.chars().all(letters)
}

/// The names in `Read, Bash(git add:*) Grep`: separated by commas or spaces outside parentheses and quotes. A parenthesis
/// that never closes takes the rest with it.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                names.push(&text[start..at]);
                start = at + 1;
            }
            c if c.is_whitespace() && depth == 0 => {
                while characters.next_if(|(_, next)| next.is_whitespace()).is_some() {}
                // `Bash (git:*)` is one: cut, it would be all of Bash.
                if characters.peek().is_some_and(|(_, next)| *next != '(') {
                    names.push(&text[start..at]);
                    start = at;
                }
            }
            _ => {}
        }
    }
    names.push(&text[start..]);
    let unquoted = names.into_iter().map(|name| name.trim().trim_matches(['"', '\'', '`']).trim());
    unquoted.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_agents_are_mapped() {
        let check = |written: &str, expected: &[&str], argument: Option<&str>| {
            let pattern = resolve(written);
            assert_eq!(
                (pattern.tools, pattern.argument.as_deref()),
                (expected.iter().map(ToString::to_string).collect(), argument),
                "{written}"
            );
        };
        check("Read", &["read_file"], None);
        check("read_file", &["read_file"], None);
        check("LS", &["list_dir"], None);
        check("MultiEdit", &["edit_file", "apply_patch"], None);
        check("bash", &["run", "run_tests"], None);
        check(" Bash(git add:*) ", &["run", "run_tests"], Some("git add:*"));
        check("Bash (git:*)", &["run", "run_tests"], Some("git:*"));
        check("TodoWrite", &["todo"], None);
        check("SlashCommand", &["skill"], None);
        check("run_shell_command(git)", &["run", "run_tests"], Some("git"));
        check("search_file_content", &["grep"], None);
        check("update_plan", &["todo"], None);
        check("WebFetch(domain:a.example)", &["fetch"], Some("domain:a.example"));
        for none in ["Task", "Agent", "WebSearch", "mcp__x__y", "NotebookEdit", "Made Up", ""] {
            check(none, &[], None);
        }
        check("jira_search", &["jira_search"], None);
        assert_eq!(resolve("*").tools.len(), GARTH.len());
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let check = |written: &str, expected: Option<&str>| {
            let remark = unknown(&resolve(written));
            assert_eq!(remark.is_some(), expected.is_some(), "{written}: {remark:?}");
            assert!(remark.unwrap_or_default().contains(expected.unwrap_or_default()), "{written}");
        };
        check("Reed", Some("did you mean `read`"));
        check("read_fil", Some("did you mean `read_file`"));
        check("jira_search", Some("plugin"));
        check("editFiles!", Some("no tool is called `editFiles!`"));
        check("mcp__x", None);
        check("Write(src/**)", None);
    }

    #[test]
    fn a_list_on_one_line_is_split() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text), expected, "{text}");
        check("Read, Write,Edit", &["Read", "Write", "Edit"]);
        check("Read   Bash(a, b:*)  Grep", &["Read", "Bash(a, b:*)", "Grep"]);
        check("'Read', \"Bash(x y)\"", &["Read", "Bash(x y)"]);
        check("Bash (git:*) Read", &["Bash (git:*)", "Read"]);
        check("Bash(a, Read", &["Bash(a, Read"]);
        check(" , ,", &[]);
        for (written, whole) in
            [("Read", true), ("B(a(b))", true), ("B(a", false), ("B)a(", false), ("B(a) (b)", false)]
        {
            assert_eq!(is_whole(written), whole, "{written}");
        }
    }
}
