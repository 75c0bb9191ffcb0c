//! The skills as the prompt lists them: one line each, within a budget, in an order that does not depend on how often they
//! were used. Their authors are strangers, so a line can neither end the list nor look like anything but a line of it.

use std::sync::Arc;

use super::entry::Entry;
use super::usage::Usage;

/// Characters of a description that are always worth their place, as long as there is one.
const SHORTEST: usize = 80;
/// Characters of a description at most.
const LONGEST: usize = 1_500;
/// Characters of the last line, which says how many are missing.
const MORE: usize = 60;

/// One line for each skill, sorted by name, at most `budget` characters altogether; empty for no skills. Where they do not
/// fit, first all descriptions become shorter, then the least used lose theirs, then these are left out and counted.
pub fn listing<'a>(skills: impl IntoIterator<Item = &'a Arc<Entry>>, budget: usize, usage: &Usage) -> String {
    let mut items: Vec<Item> = skills.into_iter().map(|entry| item(entry)).collect();
    items.sort_by(|one, other| one.name.cmp(&other.name));
    let whole = |most: usize| items.iter().map(|item| item.length(most)).sum::<usize>();
    let (mut fits, mut least) = (None, SHORTEST);
    let mut most = LONGEST;
    // The longest descriptions that let every skill have one.
    while least <= most {
        let middle = least.midpoint(most);
        match whole(middle) <= budget {
            true => (fits, least) = (Some(middle), middle + 1),
            false => most = middle - 1,
        }
    }
    if let Some(most) = fits {
        return items.iter().map(|item| item.line(most)).collect();
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|one, other| {
        let used = |index: &usize| usage.of(&items[*index].called);
        used(other).cmp(&used(one)).then(one.cmp(other))
    });
    let mut left = budget.saturating_sub(MORE);
    let mut lines: Vec<Option<String>> = vec![None; items.len()];
    let mut bare = Vec::new();
    for index in order {
        match items[index].length(SHORTEST) {
            length if length <= left && bare.is_empty() => {
                left -= length;
                lines[index] = Some(items[index].line(SHORTEST));
            }
            _ => bare.push(index),
        }
    }
    for index in bare {
        let length = items[index].length(0);
        if length > left {
            break;
        }
        left -= length;
        lines[index] = Some(items[index].line(0));
    }
    let missing = lines.iter().filter(|line| line.is_none()).count();
    let mut text: String = lines.into_iter().flatten().collect();
    if missing > 0 && budget >= MORE {
        text.push_str(&format!("- ({missing} more, not listed for want of room)\n"));
    }
    text
}

/// The line of one skill, as in the listing; for announcing it later.
pub fn line(entry: &Entry) -> String {
    item(entry).line(SHORTEST * 4)
}

struct Item {
    /// As it is called.
    called: String,
    /// As it is shown.
    name: String,
    description: String,
}

fn item(entry: &Entry) -> Item {
    let when = entry.fields.when_to_use.as_deref().unwrap_or_default();
    Item {
        called: entry.place.name.clone(),
        name: harmless(&entry.place.name, 200),
        description: harmless(&format!("{} {when}", entry.description), LONGEST + 1),
    }
}

impl Item {
    /// `most`: characters of the description.
    fn line(&self, most: usize) -> String {
        match shorten(&self.description, most) {
            text if text.is_empty() => format!("- {}\n", self.name),
            text => format!("- {}: {text}\n", self.name),
        }
    }

    fn length(&self, most: usize) -> usize {
        self.line(most).chars().count()
    }
}

/// At most so many characters, cut between words where there is a space in the second half.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let Some(room) = most.checked_sub(1).filter(|room| *room > 0) else { return String::new() };
    let cut: String = text.chars().take(room).collect();
    let cut = match cut.rfind(' ') {
        Some(space) if space > cut.len() / 2 => &cut[..space],
        _ => &cut,
    };
    format!("{}…", cut.trim_end_matches([' ', ',', ';', ':', '.']))
}

/// One line of at most `most` characters, without control and invisible characters, and without what chat templates and
/// prompts use as markup: `<…` and `[INST]` with its kin.
fn harmless(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut space = false;
    let mut length = 0;
    for c in text.chars().take(most.saturating_mul(8)) {
        if c.is_whitespace() || c.is_control() {
            space = !line.is_empty();
            continue;
        }
        if invisible(c) {
            continue;
        }
        if length + usize::from(space) >= most {
            break;
        }
        if std::mem::take(&mut space) {
            line.push(' ');
            length += 1;
        }
        line.push(if c == '<' || c == '\u{ff1c}' { '‹' } else { c });
        length += 1;
    }
    without_tokens(&line)
}

/// Marks of direction, zero-width characters, tags: they hide text from people.
fn invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// `[INST]`, `[/INST]`, `[TOOL_CALLS]` become `(INST)` and so on: some tokenisers read them as control tokens.
fn without_tokens(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        text.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let word = inner.split(']').next().unwrap_or_default();
        let name = word.strip_prefix('/').unwrap_or(word);
        let token = word.len() < inner.len()
            && name.len() > 2
            && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
        if token {
            text.push_str(&format!("({word})"));
            rest = &inner[word.len() + 1..];
        } else {
            text.push('[');
            rest = inner;
        }
    }
    text.push_str(rest);
    text
}
