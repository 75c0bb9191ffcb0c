//! Git may run a dozen kinds of programs that a repository names: hooks, filters, diff drivers, pagers, signers. All of
//! them are switched off, by settings that outrank the repository's (`GIT_CONFIG_COUNT`, git-config(1), ENVIRONMENT) and
//! by arguments. Settings that contain a name of the repository's choice (`filter.<name>.clean`) are overridden one by
//! one: git itself is asked, inside the sandbox, which there are, so that no second parser can disagree with it.

use std::path::Path;

/// Outranks the repository's configuration in every run of git.
const FIXED: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    ("core.attributesFile", "/dev/null"),
    ("sequence.editor", "false"),
    ("interactive.diffFilter", ""),
    ("diff.ignoreSubmodules", "dirty"),
    ("status.submoduleSummary", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("commit.gpgSign", "false"),
    ("tag.gpgSign", "false"),
    ("tag.forceSignAnnotated", "false"),
    ("push.gpgSign", "false"),
    ("log.showSignature", "false"),
    ("merge.verifySignatures", "false"),
    ("gpg.program", "false"),
    ("gpg.ssh.program", "false"),
    ("gpg.x509.program", "false"),
    ("gpg.openpgp.program", "false"),
    ("gpg.ssh.defaultKeyCommand", ""),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("help.autoCorrect", "never"),
    ("safe.directory", "*"),
    // A folder that merely looks like a repository brings its own configuration along.
    ("safe.bareRepository", "explicit"),
];

/// Last words of settings that name a program, below a name of the repository's choice or a command's.
const RUNS: &[&str] = &[
    "alternaterefscommand",
    "askpass",
    "clean",
    "cmd",
    "command",
    "defaultkeycommand",
    "difffilter",
    "driver",
    "editor",
    "gitproxy",
    "helper",
    "packobjectshook",
    "path",
    "pager",
    "process",
    "program",
    "receivepack",
    "smudge",
    "sshcommand",
    "textconv",
    "update",
    "uploadpack",
    "vcs",
];

/// Long options that run or write something; git accepts unambiguous beginnings of them.
const REFUSED: &[&str] =
    &["ext-diff", "output", "textconv", "open-files-in-pager", "upload-pack", "receive-pack", "exec"];
/// Commands that show differences, and take both options below.
pub(super) const SHOWS: &[&str] =
    &["diff", "log", "show", "whatchanged", "format-patch", "diff-tree", "diff-index", "diff-files"];

/// Refuses options that come before the command (they would outrank the settings above), and those that run or write.
pub(super) fn check(args: &[String]) -> Result<(), String> {
    let command = args.first().map(String::as_str).unwrap_or_default();
    if command.starts_with('-') && !matches!(command, "--version" | "--help") {
        return Err(format!(
            "refused: git's option {command} before the command; start with the command, and use the \
                            directory of the call instead of -C"
        ));
    }
    for arg in args.iter().skip(1).take_while(|a| *a != "--") {
        let Some(option) = arg.strip_prefix("--") else {
            if command == "grep" && arg.starts_with("-O") {
                return Err(format!("refused: git grep {arg} starts a pager; leave it out"));
            }
            continue;
        };
        let name = option.split('=').next().unwrap_or(option);
        // `--text` and `--e…` of other commands are options of their own.
        let hit = REFUSED.iter().find(|r| r.starts_with(name) && !matches!(name, "" | "text"));
        if let Some(hit) = hit {
            return Err(format!(
                "refused: git's option --{hit} runs or writes something outside this command; leave it out"
            ));
        }
    }
    Ok(())
}

/// The arguments with everything switched off that arguments can switch off.
pub(super) fn guard(args: &[String]) -> Vec<String> {
    let mut guarded = args.to_vec();
    match args.first().map(String::as_str) {
        Some(command) if SHOWS.contains(&command) => {
            let options = ["--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"];
            guarded.splice(1..1, options.map(String::from));
        }
        Some("status") => guarded.insert(1, "--ignore-submodules=dirty".into()),
        Some("blame" | "grep") => guarded.insert(1, "--no-textconv".into()),
        _ => {}
    }
    guarded
}

/// The environment of git. `configured` are the names of all settings in force (`git config --list --name-only`).
pub(super) fn environment<'a>(configured: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = FIXED.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    for key in configured {
        let last = key.rsplit('.').next().unwrap_or_default();
        let section = key.split('.').next().unwrap_or_default();
        let value = match (section, last) {
            ("filter", "required") => "false",
            ("submodule", "ignore") => "dirty",
            ("submodule", "update") => "none",
            // An empty value means 'none' to filters and to most others, but not to a diff driver: it would be run.
            ("diff", "command" | "textconv") => "cat",
            ("gpg", "program") | ("merge", "driver") => "false",
            ("pager", _) => "false",
            ("alias", _) | ("hook", _) => "",
            ("core", "hookspath" | "fsmonitor" | "pager" | "editor" | "sshcommand") => continue,
            _ if RUNS.contains(&last)
                && !matches!((section, last), ("submodule" | "include" | "includeif", "path")) =>
            {
                ""
            }
            _ => continue,
        };
        settings.push((key.to_string(), value.to_string()));
    }
    let mut env: Vec<(String, String)> = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_PAGER", "cat"),
        ("GIT_EDITOR", "false"),
    ]
    .map(|(k, v)| (k.to_string(), v.to_string()))
    .into();
    env.push(("GIT_CONFIG_COUNT".into(), settings.len().to_string()));
    for (i, (key, value)) in settings.into_iter().enumerate() {
        env.push((format!("GIT_CONFIG_KEY_{i}"), key));
        env.push((format!("GIT_CONFIG_VALUE_{i}"), value));
    }
    env
}

/// The only part of the user's own git configuration that programs see: the author's name and address.
pub(super) fn identity(home: Option<&Path>) -> String {
    let mut out = String::from("[safe]\n\tdirectory = *\n");
    let files = home.map(|h| [h.join(".config/git/config"), h.join(".gitconfig")]);
    let texts = files.iter().flatten().filter_map(|f| std::fs::read_to_string(f).ok());
    let (mut name, mut email) = (None, None);
    for text in texts {
        let mut in_user = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                in_user = line.to_ascii_lowercase().starts_with("[user]");
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| in_user) else { continue };
            let value = plain(value);
            match key.trim().to_ascii_lowercase().as_str() {
                "name" => name = Some(value),
                "email" => email = Some(value),
                _ => {}
            }
        }
    }
    let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    for (key, value) in [("name", name), ("email", email)] {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            out.push_str(&format!("[user]\n\t{key} = \"{}\"\n", quote(&value)));
        }
    }
    out
}

/// A value as git reads it: quotes removed, a comment cut off.
fn plain(value: &str) -> String {
    let (mut out, mut quoted, mut chars) = (String::new(), false, value.trim().chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => out.extend(chars.next()),
            '#' | ';' if !quoted => break,
            c => out.push(c),
        }
    }
    out.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(String::from).collect()
    }

    #[test]
    fn refuses_options_that_run_or_write() {
        for line in [
            "log --output=x",
            "diff --outp x",
            "show --ext-diff",
            "diff --ext",
            "log --textconv",
            "grep -Ovi x",
            "grep --open-files x",
            "fetch --upload-pack=x",
            "-c core.pager=x log",
            "--exec-path=x log",
        ] {
            assert!(check(&words(line)).is_err(), "{line}");
        }
        for line in ["log --oneline -3", "diff --text", "commit --edit -m x", "log -- --output", "--version", "status"]
        {
            assert_eq!(check(&words(line)), Ok(()), "{line}");
        }
    }

    #[test]
    fn overrides_what_the_repository_names() {
        let keys =
            ["filter.evil.clean", "filter.evil.required", "diff.x.y.textconv", "user.name", "alias.st", "include.path"];
        let env = environment(keys.into_iter());
        let value = |key: &str| {
            let (name, _) = env.iter().find(|(n, v)| n.starts_with("GIT_CONFIG_KEY_") && v == key)?;
            let name = name.replace("KEY", "VALUE");
            env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
        };
        assert_eq!(value("filter.evil.clean"), Some(""));
        assert_eq!(value("filter.evil.required"), Some("false"));
        assert_eq!(value("diff.x.y.textconv"), Some("cat"));
        assert_eq!(value("alias.st"), Some(""));
        assert_eq!((value("user.name"), value("include.path")), (None, None));
        assert_eq!(value("core.hooksPath"), Some("/dev/null"));
    }

    #[test]
    fn keeps_only_the_identity() {
        let home = tempfile::tempdir().unwrap();
        let config = "[User]\n name = \"A \\\"B\\\" # C\" ; x\n email = a@example.org # mine\n[alias]\n name = !evil\n";
        std::fs::write(home.path().join(".gitconfig"), config).unwrap();
        let expected =
            "[safe]\n\tdirectory = *\n[user]\n\tname = \"A \\\"B\\\" # C\"\n[user]\n\temail = \"a@example.org\"\n";
        assert_eq!(identity(Some(home.path())), expected);
    }
}
