//! Decides whether an argument vector lies within the granted prefixes. Words are compared whole and in order; nothing
//! is split, joined or expanded. Where a program's own options can write files or start other programs, the table below
//! says which: those do not pass, however long the prefix is. It does not know what the program will do otherwise.

/// Options that make a program write or execute something its subcommand does not promise.
struct Guarded {
    program: &'static str,
    /// Long options, without value. Abbreviations of them are caught as well, since many programs accept those.
    long: &'static [&'static str],
    /// Long options that look like such an abbreviation and are harmless.
    harmless: &'static [&'static str],
    /// Short options that are refused before the subcommand, where they change the program as a whole.
    global_short: &'static str,
    subcommands: &'static [Subcommand],
}

/// Short options of one subcommand. They may be bundled (`-amO`), up to the first that takes a value.
struct Subcommand {
    name: &'static str,
    refused: &'static str,
    with_value: &'static str,
}

const GUARDED: &[Guarded] = &[Guarded {
    program: "git",
    long: &[
        "--output",
        "--output-directory",
        "--ext-diff",
        "--textconv",
        "--exec",
        "--exec-path",
        "--extcmd",
        "--upload-pack",
        "--receive-pack",
        "--upload-archive",
        "--remote",
        "--config",
        "--config-env",
        "--git-dir",
        "--work-tree",
        "--namespace",
        "--paginate",
        "--open-files-in-pager",
        "--template",
        "--separate-git-dir",
        "--no-index",
        "--show-signature",
        "--gpg-sign",
        "--sequence-editor",
        "--edit",
        "--tool",
        "--filters",
        "--contents",
        "--pathspec-from-file",
        "--interactive",
        "--server-option",
    ],
    harmless: &["--text"],
    global_short: "cCp",
    subcommands: &[
        Subcommand { name: "grep", refused: "O", with_value: "efABCm" },
        Subcommand { name: "format-patch", refused: "o", with_value: "nv" },
        Subcommand { name: "archive", refused: "o", with_value: "" },
        Subcommand { name: "rebase", refused: "xS", with_value: "sXC" },
        Subcommand { name: "difftool", refused: "xt", with_value: "" },
        Subcommand { name: "mergetool", refused: "t", with_value: "" },
        Subcommand { name: "clone", refused: "uc", with_value: "bjo" },
        Subcommand { name: "fetch", refused: "u", with_value: "jo" },
        Subcommand { name: "commit", refused: "ceFSt", with_value: "mCu" },
        Subcommand { name: "tag", refused: "sueF", with_value: "mn" },
        Subcommand { name: "merge", refused: "eFS", with_value: "msX" },
    ],
}];

/// Whether `command` (the program's bare name, then its arguments) may be started by a tool with these prefixes.
/// The error says why not, for the model and the user.
pub fn process_allowed(prefixes: &[Vec<String>], command: &[String]) -> Result<(), String> {
    let shown = || command.join(" ");
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return Err("no program was named".to_owned());
    };
    if program.contains(['/', '\\', '\0']) {
        return Err(format!("'{program}' is a path; programs are started by their bare name"));
    }
    if command.iter().any(|word| word.contains('\0')) {
        return Err(format!("'{program}' was given an argument with a NUL byte"));
    }
    if !prefixes.iter().any(|prefix| !prefix.is_empty() && command.starts_with(prefix)) {
        let granted: Vec<String> = prefixes.iter().map(|prefix| format!("`{}`", prefix.join(" "))).collect();
        return Err(match granted.as_slice() {
            [] => format!("`{}` was not started: this tool may start no programs (capability `process`)", shown()),
            _ => format!(
                "`{}` was not started: this tool may only start {} (capability `process`)",
                shown(),
                granted.join(", ")
            ),
        });
    }
    match refused_option(command) {
        Some(option) => Err(format!(
            "`{}` was not started: `{option}` can write files or run other programs and does not pass a prefix",
            shown()
        )),
        None => Ok(()),
    }
}

/// The first option that writes or runs something its command does not promise.
pub(super) fn refused_option(command: &[String]) -> Option<&String> {
    let (program, words) = command.split_first()?;
    let guarded = GUARDED.iter().find(|guarded| guarded.program == program)?;
    let mut subcommand: Option<&Subcommand> = None;
    let mut before_subcommand = true;
    for word in words {
        if word == "--" {
            return None;
        }
        if let Some(name) = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest)) {
            let name = format!("--{name}");
            let refused = guarded.long.iter().any(|long| long.starts_with(&name));
            if refused && !guarded.harmless.contains(&name.as_str()) {
                return Some(word);
            }
        } else if let Some(letters) = word.strip_prefix('-') {
            let refused = match (before_subcommand, subcommand) {
                (true, _) => letters.chars().any(|letter| guarded.global_short.contains(letter)),
                (false, Some(rules)) => bundled(letters, rules),
                (false, None) => false,
            };
            if refused {
                return Some(word);
            }
        } else if before_subcommand {
            before_subcommand = false;
            subcommand = guarded.subcommands.iter().find(|rules| rules.name == word);
        }
    }
    None
}

/// Whether a bundle of short options has a refused one before the first that swallows the rest as its value.
fn bundled(letters: &str, rules: &Subcommand) -> bool {
    letters
        .chars()
        .find(|letter| rules.refused.contains(*letter) || rules.with_value.contains(*letter))
        .is_some_and(|letter| rules.refused.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_compared_word_by_word_and_dangerous_options_never_pass() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let prefixes = [words("git log"), words("git grep"), words("git commit"), words("cargo test"), Vec::new()];
        let cases = [
            ("git log", true),
            ("git log -3 --stat --color=always --text", true),
            ("git log -- --output", true),
            ("git grep -n -eO", true),
            ("git commit -am Some,message", true),
            ("git commit -m-S", true),
            ("cargo test --exec", true),
            ("git", false),
            ("git show", false),
            ("git logs", false),
            ("git -c core.pager=x log", false),
            ("git log --output=x", false),
            ("git log --outp=x", false),
            ("git log --ext-diff", false),
            ("git log --ext", false),
            ("git grep -O", false),
            ("git grep -nOless x", false),
            ("git commit -aS", false),
            ("/usr/bin/git log", false),
            ("./git log", false),
            ("sh -c git", false),
            ("rm -rf", false),
        ];
        for (command, allowed) in cases {
            assert_eq!(process_allowed(&prefixes, &words(command)).is_ok(), allowed, "{command}");
        }
        for smuggled in [vec!["git log"], vec!["git", "log; rm -rf ."], vec!["", "log"], vec!["git", "log", "a\0b"]] {
            let words: Vec<String> = smuggled.into_iter().map(str::to_owned).collect();
            // A shell in one argument is just an odd revision to git: only the exact words of the prefix count.
            assert!(process_allowed(&prefixes, &words).is_err(), "{words:?}");
        }
        for global in ["git -c alias.log=!sh log", "git --exec-path=. log", "git -C .. log", "git --git-dir x log"] {
            assert!(process_allowed(&[words("git")], &words(global)).is_err(), "{global}");
        }
        assert!(process_allowed(&[], &words("git log")).unwrap_err().contains("no programs"));
        assert!(process_allowed(&prefixes, &words("git push")).unwrap_err().contains("`git log`"));
    }
}
