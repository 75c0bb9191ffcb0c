//! Programs to which an argument can be code: a quoted word is still a single word to `sh -c "echo $1"`, and yet runs. The
//! tables err on the side of refusing: what is not safe here can be written as an argument of its own.

/// Words before a program that are not yet it.
const BEFORE: &[&str] = &[
    "sudo", "env", "time", "exec", "command", "builtin", "nohup", "nice", "xargs", "if", "then", "else", "elif",
    "while", "until", "do", "!", "{",
];

/// These run or evaluate any of their words.
const ALWAYS: &[&str] = &[
    "eval",
    "trap",
    "ssh",
    "su",
    "watch",
    "parallel",
    "let",
    "declare",
    "typeset",
    "local",
    "export",
    "readonly",
    "unset",
    "read",
    "mapfile",
    "osascript",
    "expect",
    "tmux",
    "screen",
    "alias",
    "bind",
    "complete",
    "at",
    "batch",
    "crontab",
];

/// These have code in a longer word, or after an option like `-c` and `-e`.
const CODE: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "fish",
    "ash",
    "busybox",
    "perl",
    "python",
    "python2",
    "python3",
    "ruby",
    "node",
    "deno",
    "bun",
    "php",
    "lua",
    "tclsh",
    "psql",
    "mysql",
    "sqlite3",
    "gdb",
    "vim",
    "nvim",
    "vi",
    "ex",
    "ed",
    "emacs",
    "make",
    "pwsh",
    "powershell",
    "Rscript",
    "julia",
    "script",
];

/// Their first plain word is a program.
const FILTERS: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed", "gsed"];

const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "fish", "ash"];

/// What a simple command means for the values in it.
pub(super) struct Command<'a> {
    words: &'a [String],
    always: bool,
    code: bool,
    filter: Option<usize>,
}

impl Command<'_> {
    pub(super) fn of(words: &[String]) -> Command<'_> {
        let has = |names: &[&str]| words.iter().any(|word| names.contains(&base(word)));
        let test = has(&["[[", "[", "test"]) && words.iter().any(|word| COMPARISONS.contains(&word.as_str()));
        Command {
            words,
            always: runs_any(words) || test,
            code: has(CODE) || has(FILTERS),
            filter: words.iter().position(|word| FILTERS.contains(&base(word))),
        }
    }

    /// Whether the program would read a value as code in the `word`th word. `embedded`: that word has other text as well.
    pub(super) fn evaluates(&self, word: usize, embedded: bool) -> bool {
        let before = word.checked_sub(1).and_then(|index| self.words.get(index)).map_or("", String::as_str);
        self.always
            || self.code && (embedded || is_code_option(before))
            || self.filter.is_some_and(|filter| {
                filter < word && !self.words[filter + 1..word].iter().any(|w| !w.starts_with('-'))
            })
    }
}

/// bash evaluates both sides of these as arithmetic, in which an index may hold a command.
const COMPARISONS: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v"];

/// `-c`, `-lc`, `-e`, `-r`, `--eval`.
fn is_code_option(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => ["eval", "command", "execute", "exec", "run", "print", "expression"].contains(&long),
        None => word.starts_with('-') && word.ends_with(['c', 'C', 'e', 'E', 'r', 'p']),
    }
}

/// Whether the program runs or evaluates any of its words, or is known only when the line runs: `$EDITOR`, or an empty
/// `$x` before `eval`.
fn runs_any(words: &[String]) -> bool {
    let known = |word: &String| ALWAYS.contains(&base(word));
    match program(words) {
        Some(word) if ALWAYS.contains(&base(word)) || word.contains('$') => true,
        _ => words.first().is_some_and(|word| BEFORE.contains(&base(word))) && words.iter().any(known),
    }
}

/// Whether this is a shell without a script: it runs its standard input, where a value may be.
pub(super) fn reads_commands(words: &[String]) -> bool {
    let Some(shell) = words.iter().position(|word| SHELLS.contains(&base(word))) else {
        return false;
    };
    let runs = program(&words[..=shell]).is_some_and(|word| word == words[shell])
        || words[..shell].iter().any(|word| BEFORE.contains(&base(word)));
    runs && words[shell + 1..].iter().all(|word| matches!(word.as_str(), "-" | "-s" | "-x" | "-e" | "-l" | "-i"))
}

/// The word that names the program, as far as can be told: an option's value may stand before it.
fn program(words: &[String]) -> Option<&str> {
    let is_program = |word: &&str| !BEFORE.contains(&base(word)) && !word.starts_with('-') && !word.contains('=');
    words.iter().map(String::as_str).find(is_program)
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
