//! Tells a mistyped command from a task: `garth modles` is no task, `garth "fix it"` is no command.

use clap::CommandFactory;

use super::commands::Cli;

/// Further away than this, it is another word.
const CLOSE: usize = 2;

/// The command that was probably meant, when the text is one word and close to one by Damerau-Levenshtein distance.
pub(super) fn subcommand(text: &str) -> Option<String> {
    // `/run` calls a command of the catalogue.
    if text.is_empty() || text.contains(char::is_whitespace) || text.starts_with('/') {
        return None;
    }
    let cli = Cli::command();
    let names = cli.get_subcommands().filter(|sub| !sub.is_hide_set()).map(clap::Command::get_name);
    nearest(text, names.chain(["help", "version"])).map(|name| match name {
        "version" => "--version".to_owned(),
        name => name.to_owned(),
    })
}

fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&text, name);
    names.map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= CLOSE).min().map(|(_, name)| name)
}
