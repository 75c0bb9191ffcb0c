//! The catalogue as people read it, in the conversation's `/help` and in `garth commands list`: commands first, then
//! skills and agents, each with its file and the files that it hides. Where there are hundreds, a few of each source are
//! shown and the rest is counted. Every name, hint and description is escaped; the caller sets the gutter.

use unicode_width::UnicodeWidthStr;

use super::approval::Extent;
use super::call::cut;
use super::{one_line, thousands};
use crate::protocol::CommandSummary;

/// So many are listed whole.
const WHOLE: usize = 40;
/// Of each source, where there are more.
const EACH: usize = 5;
/// Sources of one kind that are shown then.
const SOURCES: usize = 10;
/// Column in which descriptions begin.
const COLUMN: usize = 28;
/// Columns of a hint, and of a description.
const HINT: usize = 40;
const DESCRIPTION: usize = 100;
/// Hidden files that one row names.
const HIDDEN: usize = 3;

const KINDS: [(&str, &str); 3] = [
    ("command", "Commands"),
    ("skill", "Skills (the model knows them too)"),
    ("agent", "Agents (listed only; nothing runs them yet)"),
];

/// All of them by kind and name; where there are many, [`Extent::Usual`] shows a few of each source.
pub fn catalogue_text(commands: &[CommandSummary], extent: Extent) -> String {
    let mut text = String::new();
    for (kind, heading) in KINDS {
        let mut some: Vec<&CommandSummary> = commands.iter().filter(|command| command.kind == kind).collect();
        some.sort_by(|a, b| a.name.cmp(&b.name));
        if some.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{heading}\n"));
        if extent == Extent::All || commands.len() <= WHOLE {
            some.iter().for_each(|command| text.push_str(&row(command)));
        } else {
            text.push_str(&by_source(&some));
        }
    }
    text
}

/// What `/help WORD` finds: the command of that name in full, then those with the word in name or description.
pub fn search_text(commands: &[CommandSummary], word: &str) -> String {
    let word = word.trim().trim_start_matches('/').to_lowercase();
    let mut text = String::new();
    let (exact, others): (Vec<_>, Vec<_>) = commands.iter().partition(|command| command.name.to_lowercase() == word);
    exact.iter().for_each(|command| text.push_str(&full(command)));
    let fits = |command: &&&CommandSummary| {
        command.name.to_lowercase().contains(&word) || command.description.to_lowercase().contains(&word)
    };
    let mut found: Vec<_> = others.iter().filter(fits).collect();
    // Names before descriptions.
    found.sort_by_key(|command| (!command.name.to_lowercase().contains(&word), command.name.clone()));
    if !text.is_empty() && !found.is_empty() {
        text.push('\n');
    }
    found.iter().take(WHOLE).for_each(|command| text.push_str(&row(command)));
    if found.len() > WHOLE {
        text.push_str(&format!("… {} more fit; say more of the word\n", thousands((found.len() - WHOLE) as u64)));
    }
    text
}

fn by_source(some: &[&CommandSummary]) -> String {
    let mut sources: Vec<(&str, Vec<&CommandSummary>)> = Vec::new();
    for command in some {
        let source = source(&command.file);
        match sources.iter_mut().find(|(known, _)| *known == source) {
            Some((_, commands)) => commands.push(command),
            None => sources.push((source, vec![command])),
        }
    }
    sources.sort_by_key(|(source, _)| *source);
    let mut text = String::new();
    for (source, commands) in sources.iter().take(SOURCES) {
        text.push_str(&format!("{} ({})\n", cut(&one_line(source), DESCRIPTION), thousands(commands.len() as u64)));
        commands.iter().take(EACH).for_each(|command| text.push_str(&row(command)));
        if commands.len() > EACH {
            text.push_str(&format!("… {} more\n", thousands((commands.len() - EACH) as u64)));
        }
    }
    if sources.len() > SOURCES {
        let more: usize = sources[SOURCES..].iter().map(|(_, commands)| commands.len()).sum();
        let count = thousands((sources.len() - SOURCES) as u64);
        text.push_str(&format!("… {count} more sources with {}\n", thousands(more as u64)));
    }
    text
}

/// The folder that a file was found under: `.claude/skills` of `.claude/skills/pdf/SKILL.md`.
fn source(file: &str) -> &str {
    let mut end = 0;
    for part in file.split_inclusive('/') {
        end += part.len();
        if matches!(part, "commands/" | "skills/" | "prompts/" | "agents/") {
            return &file[..end - 1];
        }
    }
    file.rsplit_once('/').map_or(file, |(folder, _)| folder)
}

/// `/review [path]   Reviews the diff. (.claude/commands/review.md; hides ~/.claude/commands/review.md)`.
fn row(command: &CommandSummary) -> String {
    let title = title(command);
    let room = COLUMN.saturating_sub(title.width() + 2);
    let description = cut(&one_line(command.description.trim()), DESCRIPTION);
    let space = if description.is_empty() { "" } else { " " };
    format!("{title}{}  {description}{space}({})\n", " ".repeat(room), origin(command))
}

/// All that the list says of one, with the whole description.
fn full(command: &CommandSummary) -> String {
    let description = one_line(command.description.trim());
    let description = if description.is_empty() { "no description".into() } else { description };
    let untyped = match (command.typed, command.kind.as_str()) {
        (true, _) => "",
        (false, "agent") => "\nan agent: nothing runs it yet",
        (false, _) => "\nonly the model calls it",
    };
    format!("{}\n{description}\n{}{untyped}\n", title(command), origin(command))
}

fn title(command: &CommandSummary) -> String {
    let slash = if command.typed { "/" } else { "" };
    let hint = command.argument_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
    let hint = hint.map(|hint| format!(" {}", cut(&one_line(hint), HINT))).unwrap_or_default();
    format!("{slash}{}{hint}", one_line(&command.name))
}

fn origin(command: &CommandSummary) -> String {
    let mut origin = one_line(&command.file).into_owned();
    if !command.shadows.is_empty() {
        let names: Vec<_> = command.shadows.iter().take(HIDDEN).map(|file| one_line(file)).collect();
        origin.push_str(&format!("; hides {}", names.join(", ")));
        if command.shadows.len() > HIDDEN {
            origin.push_str(&format!(" and {} more", command.shadows.len() - HIDDEN));
        }
    }
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(kind: &str, name: &str, hint: Option<&str>, description: &str, file: &str) -> CommandSummary {
        CommandSummary {
            name: name.into(),
            kind: kind.into(),
            description: description.into(),
            argument_hint: hint.map(str::to_owned),
            file: file.into(),
            typed: kind != "agent",
            shadows: Vec::new(),
        }
    }

    #[test]
    fn a_few_are_listed_whole() {
        let mut review =
            command("command", "review", Some("[path]"), "Reviews the diff.", ".claude/commands/review.md");
        review.shadows = (1..=5).map(|n| format!("~/{n}/review.md")).collect();
        let some = [
            command("agent", "critic", None, "Finds faults.", ".claude/agents/critic.md"),
            command("skill", "pdf", None, "Reads PDF\x1b[2J\nfiles.", ".claude/skills/pdf/SKILL.md"),
            review,
            command("command", "a-name-that-is-rather-long-indeed", None, "", "x.md"),
        ];
        assert_eq!(
            catalogue_text(&some, Extent::Usual),
            "Commands\n\
             /a-name-that-is-rather-long-indeed  (x.md)\n\
             /review [path]              Reviews the diff. (.claude/commands/review.md; hides ~/1/review.md, \
             ~/2/review.md, ~/3/review.md and 2 more)\n\
             \n\
             Skills (the model knows them too)\n\
             /pdf                        Reads PDF\\u{1b}[2J\\nfiles. (.claude/skills/pdf/SKILL.md)\n\
             \n\
             Agents (listed only; nothing runs them yet)\n\
             critic                      Finds faults. (.claude/agents/critic.md)\n"
        );
        assert_eq!(catalogue_text(&[], Extent::All), "");
    }

    #[test]
    fn of_hundreds_a_few_of_each_source_are_shown_and_a_word_finds_the_rest() {
        let mut many: Vec<_> = (0..300)
            .map(|n| command("command", &format!("c{n:03}"), None, "Does.", &format!(".claude/commands/x/c{n:03}.md")))
            .collect();
        many.push(command("command", "deploy", None, "Ships c007 too.", "commands/deploy.md"));
        let text = catalogue_text(&many, Extent::Usual);
        assert!(text.starts_with("Commands\n.claude/commands (300)\n/c000 "), "{text}");
        assert!(text.contains("(.claude/commands/x/c004.md)\n… 295 more\ncommands (1)\n/deploy "), "{text}");
        assert_eq!(text.lines().count(), 10);
        assert_eq!(catalogue_text(&many, Extent::All).lines().count(), 302);
        assert_eq!(
            search_text(&many, "/C007"),
            "/c007\nDoes.\n.claude/commands/x/c007.md\n\n\
             /deploy                     Ships c007 too. (commands/deploy.md)\n"
        );
        assert!(search_text(&many, "c").ends_with("… 261 more fit; say more of the word\n"));
        assert_eq!(search_text(&many, "nothing like it"), "");
    }
}
