//! What to call instead of a tool that does not exist: what other agents' tool of that name is here, what its words usually mean,
//! or what is spelled like it. Only names that are on offer.

use crate::commands::tools;

/// Names that are told.
const MOST: usize = 3;
/// How alike two names are (Jaro and Winkler, up to 1) where one is mistyped, and where that may be so.
const MISTYPED: f64 = 0.9;
const ALIKE: f64 = 0.7;

/// Words of names, and the tools that they stand for, the likeliest first.
const USUAL: &[(&[&str], &[&str])] = &[
    (&["cat", "view", "open", "show", "read", "head", "tail"], &["read_file", "find_and_read"]),
    (&["bash", "sh", "shell", "execute", "exec", "terminal", "command", "cmd", "python", "run"], &["run"]),
    (&["create", "write", "save", "new", "touch"], &["write_file"]),
    (&["replace", "edit", "modify", "update", "insert"], &["edit_file"]),
    (&["patch", "diff"], &["apply_patch", "edit_file"]),
    (&["ls", "list", "dir", "tree"], &["list_dir"]),
    (&["find", "locate"], &["glob", "find_and_read"]),
    (&["search", "rg", "grep"], &["grep", "search_and_read"]),
    (&["test", "tests"], &["run_tests"]),
    (&["curl", "download", "web", "url", "http"], &["fetch"]),
];

/// Of the names that are `offered`, in their order.
pub(super) fn of<'a>(name: &str, offered: &[&'a str]) -> Vec<&'a str> {
    // Some models write the name of a module before that of the tool.
    let plain = name.rsplit('.').next().unwrap_or_default().trim().to_lowercase();
    let known = |wanted: &str| offered.iter().copied().find(|offered| *offered == wanted);
    if let Some(same) = known(&plain) {
        return vec![same];
    }
    let mistyped = alike(&plain, offered, MISTYPED);
    if !mistyped.is_empty() {
        return mistyped;
    }
    let foreign: Vec<&str> = tools::resolve(&plain).tools.iter().filter_map(|tool| known(tool)).collect();
    if !foreign.is_empty() {
        return foreign;
    }
    let words = plain.split(|c: char| !c.is_alphanumeric());
    let meant = words.filter_map(|word| USUAL.iter().find(|(words, _)| words.contains(&word)));
    let usual = meant.filter_map(|(_, tools)| tools.iter().find_map(|tool| known(tool))).next();
    usual.map_or_else(|| alike(&plain, offered, ALIKE), |usual| vec![usual])
}

/// The likeliest first.
fn alike<'a>(name: &str, offered: &[&'a str], least: f64) -> Vec<&'a str> {
    let mut names: Vec<(f64, &str)> = offered
        .iter()
        .map(|offered| (strsim::jaro_winkler(name, offered), *offered))
        .filter(|(likeness, _)| *likeness > least)
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0));
    names.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_the_tool_that_is_meant() {
        let full = [
            "read_file",
            "list_dir",
            "glob",
            "grep",
            "write_file",
            "edit_file",
            "apply_patch",
            "run",
            "run_tests",
            "git_status",
            "git_commit",
            "outline",
            "related",
            "fetch",
            "think",
            "todo",
            "skill",
        ];
        let small =
            ["find_and_read", "list_dir", "search_and_read", "write_file", "edit_file", "create_and_run", "run"];
        let check = |name: &str, in_full: &str, in_small: &str| {
            assert_eq!(
                (of(name, &full).join(" ").as_str(), of(name, &small).join(" ").as_str()),
                (in_full, in_small),
                "{name}"
            );
        };
        check("bash", "run run_tests", "run");
        check("shell", "run run_tests", "run");
        check("view", "read_file", "find_and_read");
        check("cat", "read_file", "find_and_read");
        check("functions.read_file", "read_file", "find_and_read");
        check("functions.run", "run", "run");
        check("execute_command", "run run_tests", "run");
        check("execute_code", "run", "run");
        check("create_file", "write_file", "write_file");
        check("str_replace_editor", "edit_file", "edit_file");
        check("str_replace", "edit_file", "edit_file");
        check("Read", "read_file", "find_and_read");
        check("ls", "list_dir", "list_dir");
        check("find", "glob", "find_and_read");
        check("search_code", "grep", "search_and_read");
        check("raed_file", "read_file", "edit_file write_file");
        check("read_fil", "read_file", "find_and_read");
        check("git_statsu", "git_status", "");
        check("frobnicate", "", "");
        check("", "", "");
    }
}
