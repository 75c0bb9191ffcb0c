//! Reads a shell's line into its simple commands, or refuses it. It answers one question: does this text surely run just these
//! commands with just these words? So it knows plain words, quotes around plain text, and `&&`, `||`, `;`, `|` and line
//! ends between commands; whatever else a shell gives a meaning to (`$`, `` ` ``, `<`, `>`, `&`, `(`, `{`, `*`, `\`, `#` …) makes it
//! refuse, and then somebody is asked. That is why it is no shell parser from elsewhere: those accept as much as they can, differ
//! from the `sh` that runs the line, and a tree of what they understood would have to be searched for the same dangers.

/// Words that are no program's name but steer the shell.
const KEYWORDS: &str =
    "if then else elif fi for while until do done case esac in select function coproc namespace repeat time";
/// Commands of the shell itself after which other words of the line may mean something else: another program under the
/// same name, another `PATH`, text that is read as a line again.
const MEDDLERS: &str = ". source eval exec alias unalias export readonly local declare typeset integer float unset set setopt \
    unsetopt emulate shopt enable disable hash rehash trap read readarray mapfile getopts let bind autoload zmodload fc history \
    vared print noglob nocorrect builtin";

/// The simple commands of a line, each with at least its program, in order; `None` where it is not plainly such a line.
pub(super) fn commands(line: &str) -> Option<Vec<Vec<String>>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    // After `&&`, `||` and `|` a command must follow, on this line or the next.
    let mut owes = false;
    for token in tokens(line)? {
        match token {
            Token::Word { text, bare } => {
                if words.is_empty() && !is_program(&text, bare) {
                    return None;
                }
                words.push(text);
                owes = false;
            }
            Token::LineEnd if words.is_empty() => {}
            Token::LineEnd => commands.push(std::mem::take(&mut words)),
            Token::Semicolon | Token::Operator if words.is_empty() => return None,
            Token::Semicolon => commands.push(std::mem::take(&mut words)),
            Token::Operator => {
                commands.push(std::mem::take(&mut words));
                owes = true;
            }
        }
    }
    if !words.is_empty() {
        commands.push(words);
    }
    let plain = !owes && !commands.is_empty() && !commands.iter().any(|command| sets_variable(command));
    plain.then_some(commands)
}

/// The words of one command, or of the beginning of one, whatever they are; `None` where they are not plain.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let words = tokens(text)?.into_iter().map(|token| match token {
        Token::Word { text, .. } => Some(text),
        _ => None,
    });
    words.collect()
}

enum Token {
    /// `bare`: without any quotes.
    Word {
        text: String,
        bare: bool,
    },
    LineEnd,
    Semicolon,
    /// `&&`, `||`, `|`
    Operator,
}

fn tokens(line: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' => drop(chars.next()),
            '\n' => {
                chars.next();
                tokens.push(Token::LineEnd);
            }
            ';' => {
                chars.next();
                tokens.push(Token::Semicolon);
            }
            '|' => {
                chars.next();
                chars.next_if_eq(&'|');
                tokens.push(Token::Operator);
            }
            '&' => {
                chars.next();
                chars.next_if_eq(&'&')?; // one alone: in the background
                tokens.push(Token::Operator);
            }
            _ => tokens.push(word(&mut chars)?),
        }
    }
    Some(tokens)
}

fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let (mut text, mut bare) = (String::new(), true);
    while let Some(&c) = chars.peek() {
        match c {
            ' ' | '\t' | '\n' | ';' | '|' | '&' => break,
            '\'' | '"' => {
                chars.next();
                bare = false;
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '$' | '`' | '\\' | '!' if c == '"' => return None,
                        control if control.is_control() => return None,
                        plain => text.push(plain),
                    }
                }
            }
            // Plain inside a word only: `HEAD~1`, `HEAD^`; at its beginning a home directory, and in the oldest shells a pipe.
            '~' | '^' if text.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '~' | '^')) => {
                text.push(c);
                chars.next();
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | '/' | ':' | ',' | '@' | '%' | '+' | '=' => {
                text.push(c);
                chars.next();
            }
            // Among them each letter beyond ASCII: which of those part words depends on the shell's locale.
            _ => return None,
        }
    }
    Some(Token::Word { text, bare })
}

/// Whether the shell takes the word for the name of a program that is looked up, or of a harmless command of its own.
fn is_program(word: &str, bare: bool) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | ':' | '@');
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/'))
        && word.chars().all(name)
        && !(bare && listed(KEYWORDS, word))
        && !listed(MEDDLERS, word)
}

fn listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|entry| entry == word)
}

/// `printf -v PATH …` writes a variable in some shells, and `command` hides who does.
fn sets_variable(command: &[String]) -> bool {
    let Some((program, rest)) = command.split_first() else { return false };
    match program.as_str() {
        "printf" => rest.first().is_some_and(|word| word.starts_with('-') && word != "--"),
        "wait" => !rest.is_empty(),
        "command" => rest.iter().any(|word| listed(MEDDLERS, word) || word == "printf" || word == "wait"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_plain_commands_is_read() {
        for (line, expected) in [
            ("git status", "git status"),
            ("  git\tlog   -3 ", "git log -3"),
            ("git add a && git commit -m 'x y'", "git add a;git commit -m x_y"),
            ("a || b; c | d\ne", "a;b;c;d;e"),
            ("a &&\n\n  b |\nc", "a;b;c"),
            ("\n\na;\nb;", "a;b"),
            ("a;b", "a;b"),
            ("a&&b||c|d", "a;b;c;d"),
            (r#"echo "it's (fine) {a,b} * ? <x> & ; # ~""#, "echo it's_(fine)_{a,b}_*_?_<x>_&_;_#_~"),
            (r#"echo '$HOME `id` \ ! "q"'"#, r#"echo $HOME_`id`_\_!_"q""#),
            ("echo 'é — ü' \"日本\"", "echo é_—_ü 日本"),
            ("'git' st\"at\"us", "git status"),
            ("echo ''", "echo "),
            ("git show HEAD~1 HEAD^^ v1.0~2^", "git show HEAD~1 HEAD^^ v1.0~2^"),
            ("git log --format=%H a..b x@y:z -n+1", "git log --format=%H a..b x@y:z -n+1"),
            ("./x.sh /usr/bin/env", "./x.sh /usr/bin/env"),
            ("echo if done FOO=bar", "echo if done FOO=bar"),
            ("printf -- '-v'", "printf -- -v"),
        ] {
            let read = commands(line).unwrap_or_else(|| panic!("{line:?} is refused"));
            let shown: Vec<String> = read
                .iter()
                .map(|words| words.iter().map(|word| word.replace(' ', "_")).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(shown.join(";"), expected, "{line:?}");
        }
    }

    #[test]
    fn whatever_is_more_than_that_is_refused() {
        for line in [
            "",
            " ",
            "\n",
            ";",
            "&&",
            "a &&",
            "a |",
            "a ||\n",
            "&& a",
            "; a",
            "a;; b",
            "a ; ; b",
            "a | | b",
            "a && && b",
            "a; && b",
            // Substitution, variables, arithmetic.
            "git log $(id)",
            "git log `id`",
            "git log \"$(id)\"",
            "git log \"`id`\"",
            "git log $HOME",
            "git log \"$HOME\"",
            "git log ${x}",
            "echo $((1))",
            "echo $'a'",
            "echo \"a$\"",
            // Redirection, here-documents, process substitution, background.
            "git log > x",
            "git log >> x",
            "git log 2>&1",
            "git log < x",
            "cat <<EOF\nx\nEOF",
            "cat <<< x",
            "diff <(a) <(b)",
            "git log >| x",
            "a |& b",
            "a &> x",
            "a &",
            "a & b",
            "a &\nb",
            // Groups and control.
            "(git log)",
            "{ git log; }",
            "{ git log",
            "if true; then git log; fi",
            "for x in a; do git log; done",
            "! git log",
            "while git log; do a; done",
            "case x in esac",
            "git() { rm; }",
            "function git { rm; }",
            "[[ a ]]",
            "[ a ]",
            "until a; do b; done",
            "coproc a",
            "select x in a",
            "then git log",
            "time git log",
            "time && a",
            "repeat 3 git log",
            // What changes the meaning of what follows.
            "PATH=. git log",
            "GIT_DIR=x git log",
            "a+=b git log",
            "export PATH=.",
            "alias git=rm",
            ". ./x",
            "source x",
            "eval git",
            "exec git",
            "unset x",
            "set -x",
            "hash -p rm git",
            "trap rm EXIT",
            "read PATH",
            "readonly x",
            "declare x",
            "command eval x",
            "enable -f x git",
            "printf -v PATH x",
            "wait -p x",
            "builtin eval x",
            "command -p export a=b",
            "fc -s",
            "let x=1",
            "'eval' x",
            // Wildcards, braces, home directories, history, comments, escapes.
            "git add *",
            "git add a?",
            "git add [ab]",
            "git add {a,b}",
            "ls ~",
            "ls ~root",
            "ls a:~",
            "ls --x=~",
            "ls ~/x",
            "git log !!",
            "git log \"!x\"",
            "git log # x",
            "git log a#b",
            "git log \\; rm",
            "git\\ log",
            "git log \"a\\\"b\"",
            "git log \\\nrm",
            "^a^b",
            // Quotes that do not end, or hold what parts lines elsewhere.
            "git log '",
            "git log \"",
            "git log 'a\nb'",
            "git log \"a\nb\"",
            "git log 'a\tb'",
            // Characters.
            "git log\r",
            "git log 'a\rb'",
            "git\u{a0}log",
            "git\u{3000}log",
            "git log \u{2028}rm",
            "git log a\0b",
            "git log é",
            "gıt log",
            "git log \u{85}",
            "git log 'a\u{1b}b'",
            "git\u{b}log",
            "git\u{c}log",
            "\u{feff}git log",
            "git log \u{200b}",
            // No program.
            "-x",
            "'' a",
            "'a b' c",
            "=a",
            "%1",
            "+x",
            "@x",
            "~/x",
            "a=b",
            ":=x",
            "'a=b' c",
            "'-x'",
        ] {
            assert_eq!(commands(line), None, "{line:?}");
        }
    }

    /// The line without what stands in quotes.
    fn outside_quotes(line: &str) -> String {
        let (mut outside, mut quote) = (String::new(), None);
        for c in line.chars() {
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if matches!(c, '\'' | '"') => quote = Some(c),
                None => outside.push(c),
            }
        }
        outside
    }

    fn quoted(words: &[String]) -> String {
        words.iter().map(|word| format!("'{}'", word.replace('\'', "'\"'\"'"))).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_holds_nothing_with_a_meaning_of_its_own(
            line in r#"([a-f=~^./-]{0,3}[ \n;|&'"$`\\<>(){}*?!#\[\]~\ta\r\u{a0}é]{0,2}){0,8}"#
        ) {
            if let Some(read) = commands(&line) {
                let outside = outside_quotes(&line);
                prop_assert!(!outside.contains(|c: char| "$`\\<>(){}*?!#[]\r".contains(c) || !c.is_ascii()), "{line:?}");
                prop_assert!(!outside.replace("&&", "").contains('&'), "{line:?}");
                prop_assert!(!read.is_empty() && read.iter().all(|words| words.iter().all(|word| !word.contains(char::is_control))));
                prop_assert!(read.iter().all(|words| words.first().is_some_and(|word| is_program(word, false))), "{line:?}");
                // And it is the same once more when every word is quoted.
                let again: Vec<String> = read.iter().map(|words| quoted(words)).collect();
                prop_assert_eq!(commands(&again.join("; ")), Some(read));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(line in any::<String>()) {
            let _ = (commands(&line), words(&line));
        }
    }
}
