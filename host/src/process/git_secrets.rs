//! Keeps files that look like secrets out of what git prints and stages: their content is in the history and in the
//! index, where no mask reaches, and git gives up as a whole when it may not open a modified one.
//!
//! Commands that take pathspecs get one `exclude` a pattern; what names a secret outright is refused, and an object that is
//! named by its hash has to be a commit. Which commands may show more than that is told ([`may_tell`]). It stops where a shell
//! starts git. It reads no file, but looks where the repository is.

use std::path::{Component, Path, PathBuf};

use super::git::SHOWS;
use crate::policy::glob_set;

/// Where git runs.
pub(super) struct Place<'a> {
    /// Absolute, canonical.
    pub workspace: &'a Path,
    /// Relative to the workspace.
    pub directory: &'a Path,
}

/// Options of `git log` that print no patch; any other is taken to print one.
const PLAIN: &[&str] = &[
    "--oneline",
    "--format",
    "--pretty",
    "--max-count",
    "--skip",
    "--no-",
    "--color",
    "--date",
    "--decorate",
    "--author",
    "--committer",
    "--grep",
    "--since",
    "--after",
    "--until",
    "--before",
    "--all",
    "--branches",
    "--tags",
    "--remotes",
    "--graph",
    "--reverse",
    "--follow",
    "--merges",
    "--first-parent",
    "--abbrev",
    "--ignore-submodules",
    "-z",
    "-n",
    "-i",
];
/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-n",
    "-S",
    "-G",
    "-O",
    "-e",
    "--max-count",
    "--skip",
    "--author",
    "--committer",
    "--grep",
    "--since",
    "--after",
    "--until",
    "--before",
    "--date",
    "--diff-filter",
];

/// The arguments, limited to what is not secret. The error says what was refused, and what would allow it.
pub(super) fn limit(args: Vec<String>, secrets: &[String], place: &Place<'_>) -> Result<Vec<String>, String> {
    let Some(command) = args.first().cloned().filter(|_| !secrets.is_empty()) else { return Ok(args) };
    let Some(top) = repository(place) else { return Ok(args) };
    let (words, paths) = split(&args, &command, place);
    let prints = command != "log" || words.iter().any(|word| !is_plain(word));
    refuse_named(&command, words, paths, secrets, place, &top, prints)?;
    let limited = SHOWS.contains(&command.as_str()) || matches!(command.as_str(), "add" | "status" | "grep");
    let adds_all =
        words.iter().any(|w| matches!(w.as_str(), "--all" | "-A" | "--update" | "-u" | "--no-ignore-removal"));
    if !limited || !prints || command == "add" && paths.is_empty() && !adds_all {
        return Ok(args);
    }
    let mut out = words.to_vec();
    if SHOWS.contains(&command.as_str()) {
        commits_only(&mut out);
    }
    if command == "show" || command == "log" && paths.is_empty() {
        // Pathspecs choose commits as well: these two keep every one, so that only the patches are limited.
        out.splice(1..1, ["--full-history", "--sparse"].map(String::from));
    }
    out.push("--".into());
    match paths.is_empty() {
        // Not `.` for grep, which searches the current folder by default.
        true if command == "grep" => out.push(".".into()),
        true => out.push(":(top)".into()),
        false => out.extend_from_slice(paths),
    }
    out.extend(excludes(secrets, place.workspace, &top));
    Ok(out)
}

/// Commands whose output holds nothing of any file.
const QUIET: &[&str] = &[
    "--help",
    "--version",
    "branch",
    "check-ignore",
    "count-objects",
    "describe",
    "fetch",
    "gc",
    "help",
    "init",
    "ls-files",
    "ls-tree",
    "merge-base",
    "mv",
    "name-rev",
    "pull",
    "push",
    "remote",
    "rev-list",
    "rev-parse",
    "rm",
    "shortlog",
    "show-ref",
    "symbolic-ref",
    "version",
];
/// The same with these options alone, and without an object that is named by its hash: what they put into files under another
/// name nobody knows.
const QUIET_WITH: &[(&str, &[&str])] = &[
    ("cat-file", &["-e", "-s", "-t"]),
    ("checkout", &["-b", "-B", "-q", "--quiet"]),
    ("cherry-pick", &["-x", "-n", "--abort", "--continue", "--no-commit"]),
    (
        "commit",
        &["-a", "-m", "-am", "-q", "-F", "--all", "--amend", "--message", "--no-edit", "--quiet", "--allow-empty"],
    ),
    ("merge", &["--abort", "--continue", "--ff-only", "--no-edit", "--no-ff", "--squash", "-m"]),
    ("reset", &["-q", "--hard", "--mixed", "--quiet", "--soft"]),
    ("restore", &["-q", "--quiet", "--staged", "--worktree"]),
    ("revert", &["-n", "--abort", "--continue", "--no-commit", "--no-edit"]),
    ("stash", &["-m", "-q", "-u", "--include-untracked", "--quiet"]),
    ("switch", &["-c", "-C", "-q", "--create", "--quiet"]),
];

/// Whether git may show more of what files hold, or have held, than [`limit`] keeps to what is not secret.
pub(super) fn may_tell(args: &[String]) -> bool {
    let Some((command, words)) = args.split_first() else { return false };
    let command = command.as_str();
    if let Some((_, with)) = QUIET_WITH.iter().find(|(name, _)| *name == command) {
        let named = command == "checkout" && words.iter().any(|word| has_hash(word));
        let shows = command == "stash" && words.iter().any(|word| word == "show");
        let asks_only = command != "cat-file" || words.iter().any(|word| word.starts_with('-'));
        let known = words.iter().all(|word| !word.starts_with('-') || with.contains(&word.as_str()));
        return named || shows || !asks_only || !known;
    }
    if command == "grep" {
        // Behind the pattern: it may be searched for in an object.
        let behind = words.iter().filter(|word| !word.starts_with('-')).skip(1);
        let given = words.iter().any(|word| word.starts_with("-e") || word.starts_with("-f"));
        return behind.into_iter().any(|word| has_hash(word)) || given && words.iter().any(|word| has_hash(word));
    }
    if SHOWS.contains(&command) {
        // What is a hash and nothing else has to be a commit.
        let shown =
            words.iter().take_while(|word| *word != "--").enumerate().filter(|(_, word)| !word.starts_with('-'));
        let valued = |at: usize| at > 0 && VALUED.contains(&words[at - 1].as_str());
        let is_number = |word: &str| word.len() <= 5 && word.bytes().all(|byte| byte.is_ascii_digit());
        let tells = |(at, word): (usize, &String)| match hash(word) {
            Some(_) => valued(at) && !is_number(word),
            None => has_hash(word),
        };
        return shown.into_iter().any(tells);
    }
    !matches!(command, "add" | "annotate" | "blame" | "status") && !QUIET.contains(&command)
}

/// Whether something in the word looks like a hash, or the beginning of one; short words of these letters are words.
fn has_hash(word: &str) -> bool {
    let parts = word.split(|char: char| !char.is_ascii_alphanumeric());
    let mut names = parts.map(|part| part.strip_prefix('g').unwrap_or(part));
    names.any(|name| {
        let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex && name.len() >= 4 && (name.len() >= 8 || name.bytes().any(|byte| byte.is_ascii_digit()))
    })
}

/// A hash, or the beginning of one, and what follows it.
fn hash(word: &str) -> Option<&str> {
    let digits = word.bytes().take_while(u8::is_ascii_hexdigit).count();
    let rest = &word[digits..];
    (digits >= 4 && (rest.is_empty() || rest.starts_with("^{"))).then_some(rest)
}

/// Objects that are named by their hash: what no commit leads to has no path that could be left out.
fn commits_only(words: &mut [String]) {
    for at in 1..words.len() {
        if hash(&words[at]).is_some() && !VALUED.contains(&words[at - 1].as_str()) {
            words[at].push_str("^{commit}");
        }
    }
}

fn is_plain(word: &str) -> bool {
    let Some(option) = word.strip_prefix('-') else { return true };
    let count = option.strip_prefix('n').unwrap_or(option);
    let is_count = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let name = word.split('=').next().unwrap_or(word);
    is_count || word.starts_with("--no-") || PLAIN.contains(&name)
}

/// The command with its options and revisions, and the paths. Without a `--`, the first word that is a file begins
/// them: git insists on the same.
fn split<'a>(args: &'a [String], command: &str, place: &Place<'_>) -> (&'a [String], &'a [String]) {
    if let Some(at) = args.iter().position(|arg| arg == "--") {
        return (&args[..at], &args[at + 1..]);
    }
    let is_path = |at: &usize| {
        let (word, before) = (args[*at].as_str(), args[*at - 1].as_str());
        let named = command == "add" || command == "status" || word.starts_with(":(") || word.starts_with(":!");
        let exists = || place.workspace.join(place.directory).join(word).symlink_metadata().is_ok();
        !word.starts_with('-') && !VALUED.contains(&before) && (named || word.contains(['*', '?']) || exists())
    };
    let at = (1..args.len()).find(is_path).unwrap_or(args.len());
    args.split_at(at)
}

/// Refuses secrets that are named: as a path, and as `COMMIT:path`.
fn refuse_named(
    command: &str,
    words: &[String],
    paths: &[String],
    secrets: &[String],
    place: &Place<'_>,
    top: &Path,
    prints: bool,
) -> Result<(), String> {
    let set = glob_set(secrets)?;
    let secret = |base: &Path, path: &str| {
        let full = lexical(&base.join(path));
        set.is_match(full.strip_prefix(place.workspace).unwrap_or(Path::new(path)))
    };
    let here = place.workspace.join(place.directory);
    let refused = |named: &str| {
        Err(format!(
            "refused: git {command} of {named}, which looks like a secret (`files.secrets`); the user can allow it with \
             `secrets = true` for the tool, below [plugins] in their own configuration"
        ))
    };
    let in_words = if matches!(command, "blame" | "annotate") { words.get(1..).unwrap_or_default() } else { &[] };
    for path in paths.iter().chain(in_words).filter(|_| prints) {
        let plain = path.strip_prefix(":(literal)").unwrap_or(path);
        if !plain.starts_with(['-', ':']) && secret(&here, plain) {
            return refused(plain);
        }
    }
    if SHOWS.contains(&command) && words.iter().any(|word| word.starts_with("--full-d")) {
        return Err(format!("refused: git {command} --full-diff shows more than the paths asked for; leave it out"));
    }
    if command == "cat-file" && words.iter().any(|word| word.starts_with("--b")) {
        return Err("refused: git cat-file --batch prints whatever its input names; name one object".into());
    }
    if !SHOWS.contains(&command) && !matches!(command, "cat-file" | "blame" | "annotate" | "grep") {
        return Ok(());
    }
    // Every colon, since one in braces belongs to the revision.
    for word in words.iter().chain(paths).filter(|word| !word.starts_with(['-']) && !word.starts_with(":(")) {
        for (at, _) in word.match_indices(':') {
            let path = &word[at + 1..];
            let base = if path.starts_with("./") || path.starts_with("../") { here.as_path() } else { top };
            if secret(base, path) {
                return refused(path);
            }
        }
    }
    Ok(())
}

/// The top of the working tree that git will find.
fn repository(place: &Place<'_>) -> Option<PathBuf> {
    let start = place.workspace.join(place.directory);
    let found = start.ancestors().find(|dir| {
        let git = dir.join(".git");
        git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
    });
    found.map(Path::to_path_buf)
}

fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Patterns as `policy` reads them, in git's terms (gitglossary(7), pathspec). `glob` makes `*` stay within a name.
fn excludes(secrets: &[String], workspace: &Path, top: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for pattern in secrets {
        let inner = pattern.trim_matches('/');
        let anchored = pattern.starts_with('/') || inner.contains('/');
        for glob in alternatives(inner.strip_suffix("/**").unwrap_or(inner)) {
            let own = if anchored { from_top(&glob, workspace, top) } else { Some(format!("**/{glob}")) };
            // In lower case: git folds the case of the path, but not of a class or an escaped letter.
            let Some(own) = own.map(|own| own.to_lowercase()) else { continue };
            // `add` takes a plain beginning for a path that was asked for, and complains where that is ignored.
            let escape = if own.starts_with(['*', '?', '[', '\\']) { "" } else { "\\" };
            out.extend(["", "/**"].map(|below| format!(":(exclude,top,glob,icase){escape}{own}{below}")));
        }
    }
    out
}

/// A glob that is anchored at the workspace, anchored at the top of the repository; `None` where it lies outside.
fn from_top(glob: &str, workspace: &Path, top: &Path) -> Option<String> {
    if let Ok(prefix) = workspace.strip_prefix(top) {
        let mut out = String::new();
        for c in prefix.to_string_lossy().chars() {
            if matches!(c, '*' | '?' | '[' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        return Some(if out.is_empty() { glob.to_owned() } else { format!("{out}/{glob}") });
    }
    let mut rest = Some(glob);
    for name in top.strip_prefix(workspace).ok()?.components() {
        let Some(glob) = rest else { break };
        let (head, tail) = glob.split_once('/').map_or((glob, None), |(head, tail)| (head, Some(tail)));
        if head == "**" {
            break;
        }
        if !glob_set(&[format!("/{head}")]).is_ok_and(|set| set.is_match(Path::new(name.as_os_str()))) {
            return None;
        }
        rest = tail;
    }
    Some(rest.unwrap_or("**").to_owned())
}

/// `{a,b}` written out, which git does not know.
fn alternatives(glob: &str) -> Vec<String> {
    let (mut cuts, mut depth, mut class, mut escaped) = (Vec::new(), 0_usize, false, false);
    for (at, c) in glob.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            _ if class => {}
            '{' => {
                depth += 1;
                if depth == 1 {
                    cuts.push(at);
                }
            }
            ',' if depth == 1 => cuts.push(at),
            '}' if depth == 1 => {
                cuts.push(at);
                let (before, after) = (&glob[..cuts[0]], &glob[at + 1..]);
                let inner = cuts.windows(2).map(|pair| &glob[pair[0] + 1..pair[1]]);
                return inner.flat_map(|inner| alternatives(&format!("{before}{inner}{after}"))).collect();
            }
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    vec![glob.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(String::from).collect()
    }

    #[test]
    fn patterns_are_written_as_git_reads_them() {
        let check = |pattern: &str, top: &str, expected: &[&str]| {
            let found = excludes(&[pattern.to_owned()], Path::new("/w/x"), Path::new(top));
            let found: Vec<_> = found.iter().map(|e| e.strip_prefix(":(exclude,top,glob,icase)").unwrap()).collect();
            assert_eq!(found, expected, "{pattern} in {top}");
        };
        check(".ENV*", "/w/x", &["**/.env*", "**/.env*/**"]);
        check("a/b", "/w/x", &["\\a/b", "\\a/b/**"]);
        check("/a/**", "/w", &["\\x/a", "\\x/a/**"]);
        check("{a,b{c,d}}", "/w/x", &["**/a", "**/a/**", "**/bc", "**/bc/**", "**/bd", "**/bd/**"]);
        check("su*/key", "/w/x/sub", &["\\key", "\\key/**"]);
        check("/sub", "/w/x/sub", &["**", "**/**"]);
        check("a/b", "/w/x/sub", &[]);
    }

    #[test]
    fn commands_are_limited_and_named_secrets_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".git")).unwrap();
        std::fs::write(dir.path().join(".git/HEAD"), "").unwrap();
        std::fs::write(dir.path().join("a.txt"), "").unwrap();
        let place = Place { workspace: dir.path(), directory: Path::new("") };
        let limited = |line: &str| limit(words(line), &[".env".to_owned()], &place).map(|words| words.join(" "));
        let out = " :(exclude,top,glob,icase)**/.env :(exclude,top,glob,icase)**/.env/**";
        for (line, expected) in [
            ("diff", "diff -- :(top)"),
            ("diff HEAD a.txt", "diff HEAD -- a.txt"),
            ("diff HEAD -- b", "diff HEAD -- b"),
            ("show HEAD --", "show --full-history --sparse HEAD -- :(top)"),
            ("log -p", "log --full-history --sparse -p -- :(top)"),
            ("log -np", "log --full-history --sparse -np -- :(top)"),
            ("show 0123abc", "show --full-history --sparse 0123abc^{commit} -- :(top)"),
            ("show beef^{blob}", "show --full-history --sparse beef^{blob}^{commit} -- :(top)"),
            ("diff 0123abc main", "diff 0123abc^{commit} main -- :(top)"),
            ("log -p -n 1234", "log --full-history --sparse -p -n 1234 -- :(top)"),
            ("add --all", "add --all -- :(top)"),
            ("add new", "add -- new"),
        ] {
            assert_eq!(limited(line), Ok(format!("{expected}{out}")), "{line}");
        }
        for line in ["log -3 -n1 --oneline", "log --format=%H -- .env", "commit -m .env", "add", "branch"] {
            assert_eq!(limited(line).as_deref(), Ok(line));
        }
        for line in [
            "show HEAD:.env",
            "show HEAD:./.env --",
            "show :0:x/.ENV",
            "cat-file -p HEAD:.env",
            "cat-file --batch",
            "log -p --full-diff",
            "diff -- .env",
            "add -- :(literal).env",
            "blame .env",
        ] {
            assert!(limited(line).is_err(), "{line}");
        }
        let granted = limit(words("show HEAD:.env"), &[], &place);
        assert_eq!(granted, Ok(words("show HEAD:.env")));
    }

    #[test]
    fn what_may_show_more_is_known() {
        let check = |line: &str, expected: bool| assert_eq!(may_tell(&words(line)), expected, "{line}");
        check("log -p", false);
        check("show HEAD", false);
        check("status", false);
        check("commit -m all", false);
        check("commit --dry-run -av", true);
        check("show x-1-g0123abc", true);
        check("show 0123abc:./notes.txt", true);
        check("show 0123abc -- notes.txt", false);
        check("diff 4b825dc6..0123abc", true);
        check("show --grep -n 0123abc", true);
        check("config --blob HEAD:private/c.ini --list", true);
        check("rebase -x sh HEAD~1", true);
        check("restore --source=0123abc -- notes.txt", true);
        check("checkout -b added", false);
        check("checkout 0123abc -- notes.txt", true);
        check("commit -m facade-0123abc", false);
        check("show HEAD:src/added.rs", false);
        check("log -n 1000", false);
        check("cat-file --filt --path=a.txt 0123abc", true);
        check("grep -e. 0123abc", true);
        check("stash list -U3", true);
        check("tag -l t --format=%(raw)", true);
        check("cat-file -t 0123abc", false);
        check("cat-file -p 0123abc", true);
        check("cat-file blob 0123abc", true);
        check("grep beef", false);
        check("grep -e x 0123abc", true);
        check("stash list", false);
        check("stash show", true);
        check("archive HEAD", true);
        check("fast-export --all", true);
    }
}
