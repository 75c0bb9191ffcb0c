//! The rule that 'always' stores: no wider than what the user was shown, or a little wider where the name says so
//! (`cargo test` with other arguments). What has no such rule is approved once at a time.

use super::protect::{is_instruction, is_readonly};
use super::{Action, Effect, Request, Rule, normalise};

/// Programs whose second word names what they do, and the second words that run something of their own choosing, so that
/// the third belongs to the name (`npm run build`). What is not listed is remembered with all of its arguments: for most
/// programs (`env`, `find`, `timeout`, `python`) the rest of the vector is the command.
const SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("cargo", &["run"]),
    ("git", &[]),
    ("npm", &["run", "run-script"]),
    ("pnpm", &["run"]),
    ("yarn", &["run"]),
    ("go", &["run", "tool"]),
    ("gradle", &[]),
    ("mvn", &[]),
    ("dotnet", &["run"]),
    ("mix", &["run"]),
    ("swift", &["run"]),
];
/// Second words that start whatever their arguments say.
const OPEN_ENDED: &[&str] =
    &["exec", "x", "dlx", "bisect", "submodule", "filter-branch", "rebase", "config", "difftool", "mergetool"];

/// The rule that 'always' would store for this request; `None` where each time is asked. Show it to the user as it is.
pub fn suggest_rule(request: &Request) -> Option<Rule> {
    let mut rule =
        Rule { tool: Some(request.tool.clone()), plugin: Some(request.plugin.clone()), ..Rule::new(Effect::Allow) };
    match &request.action {
        Action::Write { paths } => match paths.as_slice() {
            [path] => {
                let path = normalise(path).ok().filter(|path| !is_instruction(path) && !is_readonly(path))?;
                rule.path = Some(format!("/{}", globset::escape(&path.replace('\\', "\\\\"))));
            }
            _ => return None,
        },
        Action::Run { argv } => match named_words(argv) {
            Some(count) => rule.argv = Some(argv[..count].to_vec()),
            None => rule.argv_exact = Some(argv.clone()),
        },
        // Nothing narrower than the whole tool could be stored for these.
        Action::Read | Action::Unknown => return None,
    }
    rule.check().ok().map(|()| rule)
}

/// Whether the second word of a command starts whatever the rest says.
pub(super) fn is_open_ended(word: &str) -> bool {
    OPEN_ENDED.contains(&word)
}

/// How many words name what the program does; `None` when all of them may matter.
fn named_words(argv: &[String]) -> Option<usize> {
    let (_, runners) = SUBCOMMANDS.iter().find(|(program, _)| argv.first().is_some_and(|word| word == program))?;
    let is_name = |word: &&String| word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let second = argv.get(1).filter(is_name)?;
    if is_open_ended(second) {
        return None;
    }
    match runners.contains(&second.as_str()) {
        false => Some(2),
        true => argv.get(2).filter(is_name).map(|_| 3),
    }
}
