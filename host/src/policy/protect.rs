//! Files that no rule and no mode opens: what would run or count outside the sandbox later, and what instructs the next
//! session. The lists are data; the sandbox enforces the first on what is really opened, this module on what is asked.

use std::path::Path;
use std::sync::LazyLock;

use globset::GlobSet;

use super::glob_set;

/// Patterns that no tool ever writes, at any depth. A user's `files.readonly` adds to them.
pub const READONLY: &[&str] = &[".git", ".garth", "garth.lock"];

/// Instruction files and command roots of this and other agents, and what a forge runs: a tool may write them, but only
/// with a question each time, since their text becomes somebody's instructions.
const INSTRUCTIONS: &[&str] = &[
    "AGENTS.md",
    "AGENTS.override.md",
    "AGENT.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    "QWEN.md",
    "CONVENTIONS.md",
    "SKILL.md",
    ".agent",
    ".agents",
    ".aider.conf.yml",
    ".claude",
    ".claude-plugin",
    ".clinerules",
    ".codex",
    ".continue",
    ".cursor",
    ".cursorrules",
    ".gemini",
    ".goosehints",
    ".kiro",
    ".mcp.json",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".qwen",
    ".roo",
    ".roorules",
    ".rules",
    ".windsurf",
    ".windsurfrules",
    "/commands/**",
    "/skills/**",
    "/plugins/*/commands/**",
    "/plugins/*/agents/**",
    ".github/copilot-instructions.md",
    ".github/instructions",
    ".github/prompts",
    ".github/workflows",
    ".vscode",
    ".envrc",
    ".gitattributes",
    ".gitmodules",
    ".pre-commit-config.yaml",
];

/// Folders in which other version control systems than git keep what files held.
const HISTORIES: &[&str] = &[".hg", ".svn", ".jj", ".bzr"];
/// What lies in a `.git` and holds nothing of any file: gitrepository-layout(5).
const NO_CONTENT: &[&str] = &["HEAD", "config", "description", "hooks", "index", "info", "packed-refs", "refs"];

/// Whether what lies at this path may hold what files of the project held once. `path` is relative to the workspace; a `.git`
/// itself is no history, most of what is in it is.
pub fn is_history(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    let is = |part: &str, names: &[&str]| names.iter().any(|name| part.eq_ignore_ascii_case(name));
    while let Some(part) = parts.next() {
        if is(&part, HISTORIES) {
            return true;
        }
        if is(&part, &[".git"]) && parts.next().is_some_and(|within| !is(&within, NO_CONTENT)) {
            // How a second working tree names the first one's.
            return !path.ends_with("commondir") && !path.ends_with("gitdir");
        }
    }
    false
}

/// The patterns of files that are written only with a question each time. Programs cannot be asked about single files, so
/// to them these are read-only.
pub fn instructions() -> impl Iterator<Item = &'static str> {
    INSTRUCTIONS.iter().copied()
}

/// Whether the normalised path is written only with a question each time.
pub fn is_instruction(path: &str) -> bool {
    static SET: LazyLock<Option<GlobSet>> = LazyLock::new(|| glob_set(INSTRUCTIONS).ok());
    within(&SET, path)
}

pub(super) fn is_readonly(path: &str) -> bool {
    static SET: LazyLock<Option<GlobSet>> = LazyLock::new(|| glob_set(READONLY).ok());
    within(&SET, path)
}

/// Where the patterns cannot be read, everything is protected.
fn within(set: &Option<GlobSet>, path: &str) -> bool {
    set.as_ref().is_none_or(|set| set.is_match(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_what_may_hold_what_files_held() {
        let check = |path: &str, expected: bool| assert_eq!(is_history(Path::new(path)), expected, "{path}");
        check(".git", false);
        check(".git/HEAD", false);
        check("sub/.git/refs/heads/main", false);
        check(".git/objects", true);
        check("sub/.GIT/objects/pack/x.pack", true);
        check(".git/modules/a/objects", true);
        check(".git/rebase-merge/patch", true);
        check(".git/worktrees/a/commondir", false);
        check("a/.hg/store", true);
        check("src/objects", false);
    }
}
