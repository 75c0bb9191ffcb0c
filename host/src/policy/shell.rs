//! Looks for a program in the line of a shell, for rules that ask or deny. This is a help for people who forgot that
//! `git push` may also come as `sh -c "cd x && git push"`; it errs toward finding, and a determined line still hides
//! from it (`g""it`, `eval`). What a program may touch is the sandbox's matter, never this module's.

use super::line;

const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "fish"];
/// Programs that run the rest of their words.
const WRAPPERS: &[&str] =
    &["env", "exec", "command", "nice", "nohup", "time", "timeout", "sudo", "xargs", "setsid", "builtin"];

/// Whether the vector is, or as a shell's line contains, a command that begins with these words.
pub(super) fn may_run(argv: &[String], prefix: &[String]) -> bool {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    if command_runs(&words, prefix) {
        return true;
    }
    let has_shell = words.iter().any(|word| SHELLS.contains(&base(word)));
    has_shell && argv.iter().skip(1).any(|word| line_runs(word, prefix))
}

/// As [`may_run`], and stricter, for what a command's file disallows: also where the words stand anywhere in a command in this
/// order (`xargs -I x git -C y push`), and where a line could make them up.
pub(super) fn may_contain(argv: &[String], prefix: &[String]) -> bool {
    let Some((program, rest)) = prefix.split_first() else { return true };
    let in_order = |words: &[String]| {
        let mut after = words.iter().skip_while(|word| base(word) != base(program));
        after.next().is_some() && rest.iter().all(|wanted| after.any(|word| word == wanted))
    };
    if may_run(argv, prefix) || in_order(argv) {
        return true;
    }
    let has_shell = argv.iter().any(|word| SHELLS.contains(&base(word)));
    has_shell
        && argv.iter().skip(1).any(|text| match line::commands(text) {
            Some(commands) => commands.iter().any(|words| may_contain(words, prefix)),
            None => {
                text.contains(['$', '`', '*', '?', '[']) || text.contains("eval") || bare(text).contains(base(program))
            }
        })
}

/// Without what can stand inside a name and leaves it what it is.
fn bare(text: &str) -> String {
    text.replace(['"', '\'', '\\'], "")
}

fn line_runs(line: &str, prefix: &[String]) -> bool {
    let separators = |c: char| matches!(c, ';' | '|' | '&' | '\n' | '(' | ')' | '{' | '}' | '`' | '$' | '!');
    line.split(separators).any(|command| {
        let words: Vec<String> = command.split_whitespace().map(bare).collect();
        command_runs(&words.iter().map(String::as_str).collect::<Vec<_>>(), prefix)
    })
}

/// Whether the command, or what it wraps, begins with the prefix.
fn command_runs(words: &[&str], prefix: &[String]) -> bool {
    let before = words.iter().take_while(|word| is_before_command(word)).count();
    (0..=before).any(|start| begins(&words[start..], prefix))
}

/// Words that may stand before a command: keywords, assignments, wrappers and their options and numbers.
fn is_before_command(word: &str) -> bool {
    const KEYWORDS: &[&str] = &["if", "then", "else", "elif", "do", "while", "until"];
    KEYWORDS.contains(&word)
        || WRAPPERS.contains(&base(word))
        || word.contains('=')
        || word.starts_with('-')
        || word.starts_with(|c: char| c.is_ascii_digit())
}

fn begins(words: &[&str], prefix: &[String]) -> bool {
    let Some((program, rest)) = prefix.split_first() else { return false };
    let same_program = words.first().is_some_and(|word| word == program || base(word) == program.as_str());
    same_program && words.len() > rest.len() && words[1..].iter().zip(rest).all(|(word, wanted)| word == wanted)
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_vectors_and_in_lines() {
        let push = ["git".to_string(), "push".to_string()];
        let found = |argv: &[&str]| may_run(&argv.iter().map(|word| word.to_string()).collect::<Vec<_>>(), &push);
        for argv in [
            &["git", "push"][..],
            &["/usr/bin/git", "push", "-f"],
            &["env", "A=b", "git", "push"],
            &["timeout", "5", "sh", "-c", "git push"],
            &["sh", "-c", "git push"],
            &["bash", "-lc", "cd x && GIT_DIR=y git push origin"],
            &["sh", "-c", "true; 'git' \"push\""],
            &["sh", "-c", "echo $(git push)"],
            &["sh", "-c", "if true; then env -i git push; fi"],
        ] {
            assert!(found(argv), "{argv:?}");
        }
        for argv in
            [&["git"][..], &["git", "log"], &["echo", "git", "push"], &["sh", "-c", "echo git push"], &["sh"], &[]]
        {
            assert!(!found(argv), "{argv:?}");
        }
    }
}
