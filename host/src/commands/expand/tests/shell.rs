//! A value in a shell line stays one word, or the line is not made.

use super::*;

#[track_caller]
fn line(command: &str, arguments: &str) -> Result<String, String> {
    let template = expand(&entry(&format!("!`{command}`")), arguments);
    match &template.parts[0] {
        Part::Shell { line, .. } => Ok(line.clone()),
        _ => Err(template.notes.iter().map(|note| note.message.clone()).collect()),
    }
}

#[test]
fn values_become_words() {
    for (command, arguments, expected) in [
        ("ls $1", "src", "ls src"),
        ("ls $1", "'a b'", "ls 'a b'"),
        ("ls $ARGUMENTS", r#"a "b c" ; rm -rf /"#, "ls a 'b c' ';' rm -rf /"),
        ("ls $ARGUMENTS", r#""; rm -rf /""#, "ls '; rm -rf /'"),
        ("ls $ARGUMENTS", "", "ls "),
        ("ls \"$ARGUMENTS\"", "a $(id)", "ls \"\"'a $(id)'\"\""),
        ("ls '$1'", r#""a'b""#, r"ls '''a'\''b'''"),
        ("ls \"x $1 y\"", r#"'"; id'"#, "ls \"x \"'\"; id'\" y\""),
        ("ls \"$1\"", "src", "ls \"src\""),
        ("ls \"$(cat \"$1\")\"", "'a b'", "ls \"$(cat \"\"'a b'\"\")\""),
        ("ls $1 | awk '{print $2}'", "a b", "ls a | awk '{print $2}'"),
        ("git log --grep=$1", "{a,b}", "git log --grep='{a,b}'"),
        ("bash run.sh $1", "'a b'", "bash run.sh 'a b'"),
        ("sh -c 'ls \"$1\"' _ $ARGUMENTS", "a; b", "sh -c 'ls \"$1\"' _ 'a;' b"),
        ("echo \\$1 # $1", "a", "echo \\$1 # $1"),
        ("sed -n 3p $1", "'a b'", "sed -n 3p 'a b'"),
        ("sh -c \"ls $1\"", "src", "sh -c \"ls src\""),
        ("ls $1", "", "ls $1"),
        ("${CLAUDE_SKILL_DIR}/run.sh $1", "x", "/p/.garth/commands/run.sh x"),
    ] {
        assert_eq!(line(command, arguments).as_deref(), Ok(expected), "{command} with {arguments}");
    }
}

#[test]
fn lines_that_could_run_a_value_are_refused() {
    let hostile = "'; id'";
    for (command, why) in [
        ("sh -c \"ls $1\"", "read it as code"),
        ("bash -lc $1", "read it as code"),
        ("find . -exec sh -c 'ls $ARGUMENTS' \\;", "read it as code"),
        ("eval ls $1", "read it as code"),
        ("ssh host ls $1", "read it as code"),
        ("sed \"s/$1/x/\" f", "read it as code"),
        ("sed $1 f", "read it as code"),
        ("awk \"/$1/\" f", "read it as code"),
        ("python3 -c \"print('$1')\"", "read it as code"),
        ("[[ $1 -eq 1 ]] && ls", "read it as code"),
        ("$SHELL -c \"ls $1\"", "read it as code"),
        ("$x eval $1", "read it as code"),
        ("nice -n 3 ssh host $1", "read it as code"),
        ("echo $1 | nice -n 3 bash", "runs what it reads"),
        ("echo $1 | sh", "runs what it reads"),
        ("$(echo $1 | sh -s)", "runs what it reads"),
        ("echo $1 | sudo bash -s", "runs what it reads"),
        ("echo $(( $1 + 1 ))", "arithmetic"),
        ("cat <<EOF $1", "here-document"),
        ("echo ${x:-\"$1\"}", "text of its own"),
        ("echo $'a' $1", "before a quote"),
        ("case $1 in a) ls;; esac", "`case`"),
        ("echo \"$1", "do not match"),
        ("echo $1 )", "do not match"),
        ("f() { ls $1; }; f", "function"),
        ("echo $1 \\", "backslash"),
    ] {
        match line(command, hostile) {
            Err(notes) => assert!(notes.contains(why), "{command}: {notes}"),
            Ok(line) => panic!("{command} became {line}"),
        }
    }
    let notes = line("sh -c \"ls $1\"", hostile).unwrap_err();
    assert_eq!(
        notes,
        "!`sh -c \"ls $1\"` was not run: `$1` cannot be put in safely: there the program would read it as code."
    );
    let continued = expand(&entry("```!\necho $1 |sh\\\n```\n"), hostile);
    assert!(continued.notes[0].message.contains("runs what it reads"), "{:?}", continued.notes);
    let mut other = entry("!`ls $1` !`ls`");
    other.fields.shell = Some("powershell".into());
    assert_eq!(shown(expand(&other, "a")), "!`ls $1` [sh:ls]\n\nARGUMENTS: a");
}

/// What the quotes do, told by another reader of shell words.
#[test]
fn another_reader_sees_the_same_words() {
    let values = [
        "; rm -rf /",
        "$(id)",
        "`id`",
        "a'b",
        "a\"b",
        "a\\",
        "\\\"",
        "'\"'\"'",
        "*",
        "{a,b}",
        "~",
        "a\nb",
        "-x",
        "!x",
        "#x",
        "",
    ];
    for value in values {
        for (command, before, after) in [
            ("ls $1", "", ""),
            ("ls \"$1\"", "", ""),
            ("ls '$1'", "", ""),
            ("ls x$1.y", "x", ".y"),
            ("ls \"x $1 y\"", "x ", " y"),
            ("ls 'x'\"$1\"'y'", "x", "y"),
        ] {
            let arguments = format!("'{}'", value.replace('\'', r"'\''"));
            let line = line(command, &arguments).unwrap();
            let words = shell_words::split(&line).unwrap();
            assert_eq!(words, ["ls".to_owned(), format!("{before}{value}{after}")], "{line}");
        }
    }
}
