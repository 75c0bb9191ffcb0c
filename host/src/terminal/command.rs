//! How commands and skills look while they run: what was called and what it may do, what the model is told, and what a
//! reload has changed. Names, files and texts are anybody's: each is escaped, and long lists are cut and counted.

use super::call::cut;
use super::{Role, Style, block, one_line, plural};
use crate::protocol::{PromptSpan, is_hidden};

/// Names of a reload that are shown.
const NAMES: usize = 12;
/// Problems of a reload that are shown.
const PROBLEMS: usize = 5;
/// Columns of a file's own words, such as patterns.
const WORDS: usize = 160;

/// What `/name …` calls: the name and what stands after it. `/path/like/this`, `//` and anything before the slash, be it a
/// space, call nothing.
pub fn slash_name(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix('/')?;
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    (!name.is_empty() && !name.contains('/')).then(|| (name, arguments.trim()))
}

/// Whether a name that nothing has may be a mistyped one; `/tmp, it is full` and `/*` are words.
pub fn is_name_like(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.')) && !name.ends_with(['.', ':'])
}

/// A task without the space around it, but for one before a slash: that is how a task that is no command begins.
pub fn trimmed(line: &str) -> std::borrow::Cow<'_, str> {
    let bare = line.trim();
    let escaped = bare.starts_with('/') && line.starts_with(char::is_whitespace);
    if escaped { format!(" {bare}").into() } else { bare.into() }
}

/// `/review: .claude/commands/review.md; only read_file, grep`.
pub(super) fn started(style: Style, name: &str, file: &str, restricts: Option<&str>, approves: &[String]) -> String {
    let restricts = restricts.map(|words| format!("; {words}")).unwrap_or_default();
    let approves = match approves {
        [] => String::new(),
        approves => format!("; approved beforehand: {}", cut(&one_line(&approves.join(", ")), WORDS)),
    };
    block(style, "  ", Role::Dim, &one_line(&format!("/{name}: {file}{restricts}{approves}")))
}

/// `prompt: 1,234 characters, with 2 files and the output of 1 program`; of a note of the host its first words.
pub(super) fn prompted(style: Style, text: &str, spans: &[PromptSpan]) -> String {
    let is_note = !spans.is_empty() && spans.iter().all(|span| span.source == "note");
    // What the model is told before a task has no line of its own otherwise.
    let first = spans.first().filter(|span| !is_note && span.source == "note" && span.start == 0);
    let before = first.and_then(|span| text.get(..span.end)).map(|note| block(style, "  ", Role::Dim, &told(note)));
    let line = if is_note {
        told(text)
    } else {
        let count = |source: &str| spans.iter().filter(|span| span.source == source).count() as u64;
        let (files, programs) = (count("file"), count("shell"));
        let mut with = Vec::new();
        if files > 0 {
            with.push(plural(files, "file"));
        }
        if programs > 0 {
            with.push(format!("the output of {}", plural(programs, "shell line")));
        }
        let with = if with.is_empty() { String::new() } else { format!(", with {}", with.join(" and ")) };
        format!("prompt: {}{with}", plural(text.chars().count() as u64, "character"))
    };
    before.unwrap_or_default() + &block(style, "  ", Role::Dim, &line)
}

fn told(note: &str) -> String {
    format!("note to the model: {}", cut(&one_line(note.trim()), WORDS))
}

/// A conversation of its own begins.
pub(super) fn fork_started(style: Style, tools: usize) -> String {
    let line = format!("a conversation of its own begins, with {}", plural(tools as u64, "tool"));
    block(style, "  ", Role::Dim, &line)
}

/// It is over.
pub(super) fn fork_ended(style: Style, text: &str) -> String {
    let line = format!("back from it, with {}", plural(text.chars().count() as u64, "character"));
    block(style, "  ", Role::Dim, &line)
}

/// `commands: +deploy, ~review, -old`, and the files that could not be used.
pub(super) fn reloaded(
    style: Style,
    added: &[String],
    changed: &[String],
    removed: &[String],
    problems: &[String],
) -> String {
    let marked = |mark: char, names: &'_ [String]| {
        names.iter().map(move |name| format!("{mark}{}", shown_name(name))).collect::<Vec<_>>()
    };
    let all = [marked('+', added), marked('~', changed), marked('-', removed)];
    let total: usize = all.iter().map(Vec::len).sum();
    let mut shown = String::new();
    if total > 0 {
        // Each kind gets its share of the row, so that a thousand new files do not hide the one that is gone.
        let kinds = all.iter().filter(|names| !names.is_empty()).count();
        let share = if total <= NAMES { NAMES } else { NAMES / kinds };
        let listed: Vec<&str> = all.iter().flat_map(|names| names.iter().take(share)).map(String::as_str).collect();
        let more = total - listed.len();
        let mut line = format!("commands: {}", listed.join(", "));
        if more > 0 {
            let counts = [("new", added), ("changed", changed), ("gone", removed)]
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(word, names)| format!("{} {word}", super::thousands(names.len() as u64)))
                .collect::<Vec<_>>();
            line.push_str(&format!(", … ({})", counts.join(", ")));
        }
        shown.push_str(&block(style, "  ", Role::Dim, &line));
    }
    for problem in problems.iter().take(PROBLEMS) {
        shown.push_str(&block(style, "  ! ", Role::Warn, &one_line(problem)));
    }
    if problems.len() > PROBLEMS {
        let more = plural((problems.len() - PROBLEMS) as u64, "more file");
        shown.push_str(&block(
            style,
            "  ! ",
            Role::Warn,
            &format!("{more} cannot be used; garth commands list names them"),
        ));
    }
    shown
}

/// How an agent's name ends, since a command may have the same.
const AGENT: &str = " (agent)";

/// A name in a list: its commas and spaces would look like more names.
fn shown_name(name: &str) -> String {
    let (name, kind) = name.strip_suffix(AGENT).map_or((name, ""), |name| (name, AGENT));
    let plain = !name.contains(|c: char| is_hidden(c) || c.is_whitespace() || c == ',');
    let name = cut(&one_line(name), 60);
    if plain { format!("{name}{kind}") } else { format!("'{name}'{kind}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Style = Style { colour: false, width: None };

    #[test]
    fn a_slash_and_a_word_call_something() {
        for (line, called) in [
            ("/review", Some(("review", ""))),
            ("/git:commit  all of it\n", Some(("git:commit", "all of it"))),
            (" /review", None),
            ("/review\nsrc\nlib", Some(("review", "src\nlib"))),
            ("/etc/hosts is wrong", None),
            ("// why", None),
            ("/", None),
            ("/ review", None),
            ("and /review", None),
            ("", None),
        ] {
            assert_eq!(slash_name(line), called, "{line:?}");
        }
        for (line, expected) in
            [(" fix it ", "fix it"), ("\t /tmp is full\n", " /tmp is full"), ("/review ", "/review")]
        {
            assert_eq!(trimmed(line), expected);
        }
        let alike = ["review", "git:commit", "c.1", "tmp,", "*", "x.", "x:"].map(is_name_like);
        assert_eq!(alike, [true, true, true, false, false, false, false]);
    }

    #[test]
    fn a_reload_is_one_line_and_says_how_much_it_leaves_out() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let many: Vec<String> = (0..1_000).map(|n| format!("c{n}")).collect();
        for (added, changed, removed, problems, expected) in [
            (names(&["deploy"]), names(&["review"]), names(&["old"]), vec![], "  commands: +deploy, ~review, -old\n"),
            (vec![], vec![], vec![], vec![], ""),
            (
                names(&["a b", "c,\n-d", "critic (agent)"]),
                vec![],
                vec![],
                vec![],
                "  commands: +'a b', +'c,\\n-d', +critic (agent)\n",
            ),
            (
                many,
                vec![],
                names(&["old"]),
                vec![],
                "  commands: +c0, +c1, +c2, +c3, +c4, +c5, -old, … (1,000 new, 1 gone)\n",
            ),
            (
                vec![],
                vec![],
                vec![],
                names(&["a:1: x", "b", "c", "d", "e\x1b", "f", "g"]),
                "  ! a:1: x\n  ! b\n  ! c\n  ! d\n  ! e\\u{1b}\n  ! 2 more files cannot be used; garth commands list \
                 names them\n",
            ),
        ] {
            assert_eq!(reloaded(WIDE, &added, &changed, &removed, &problems), expected);
        }
    }

    #[test]
    fn a_call_says_what_it_may_do_and_a_prompt_what_is_in_it() {
        let approves = vec!["Bash(git:*)".to_owned(), "Read\n▶".to_owned()];
        assert_eq!(started(WIDE, "review", "a.md", None, &[]), "  /review: a.md\n");
        assert_eq!(
            started(WIDE, "review", "a.md", Some("only read_file"), &approves),
            "  /review: a.md; only read_file; approved beforehand: Bash(git:*), Read\\n▶\n"
        );
        let span = |source: &str| PromptSpan { start: 0, end: 1, source: source.into(), written: None, line: None };
        for (sources, expected) in [
            (vec!["body"], "  prompt: 1 character\n"),
            (
                vec!["body", "file", "shell", "shell"],
                "  prompt: 1 character, with 1 file and the output of 2 shell lines\n",
            ),
            (vec![], "  prompt: 1 character\n"),
            (vec!["note"], "  note to the model: \\u{1b}\n"),
            (vec!["note", "body"], "  note to the model: \\u{1b}\n  prompt: 1 character\n"),
            (vec!["body", "note"], "  prompt: 1 character\n"),
        ] {
            let spans: Vec<_> = sources.into_iter().map(span).collect();
            assert_eq!(prompted(WIDE, "\x1b", &spans), expected);
        }
    }
}
