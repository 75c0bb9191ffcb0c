//! Each placeholder, where it is one and where it is not.

use super::*;

const THREE: &str = r#"alpha "be ta" gamma"#;

#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    for (body, arguments, expected) in cases {
        assert_eq!(shown(expand(&entry(body), arguments)), *expected, "{body:?} with {arguments:?}");
    }
}

#[test]
fn all_arguments() {
    check(&[
        ("Fix $ARGUMENTS.", THREE, r#"Fix alpha "be ta" gamma."#),
        ("Fix $ARGUMENTS.", "  #12  ", "Fix #12."),
        ("Fix $ARGUMENTS.", "", "Fix ."),
        ("`$ARGUMENTS`", "a b", "`a b`"),
        ("$ARGUMENTS_DIR $ARGUMENTSX", "a", "$ARGUMENTS_DIR $ARGUMENTSX\n\nARGUMENTS: a"),
        ("```text\n$ARGUMENTS\n```\n", "a", "```text\na\n```\n"),
        ("```text\n$ARGUMENTS\n```\n", "", "```text\n\n```\n"),
        ("```bash\ngh $ARGUMENTS\n```\n", "a", "```bash\ngh a\n```\n"),
        ("```bash\ngh $ARGUMENTS\n```\n", "", "```bash\ngh $ARGUMENTS\n```\n"),
        ("${ARGUMENTS#v}", "", "${ARGUMENTS#v}"),
    ]);
}

#[test]
fn appended_where_no_placeholder_takes_them() {
    check(&[
        ("Do it.", "a b", "Do it.\n\nARGUMENTS: a b"),
        ("Do it.\n", "a b", "Do it.\n\nARGUMENTS: a b"),
        ("Do it.\n\n", "a b", "Do it.\n\nARGUMENTS: a b"),
        ("", "a b", "ARGUMENTS: a b"),
        ("Do it.\n", "", "Do it.\n"),
        ("Do it.\n", " \n ", "Do it.\n"),
        ("It costs $5k.", "a", "It costs $5k.\n\nARGUMENTS: a"),
        ("Do $1.", "a", "Do a."),
        ("Do $2.", "a", "Do $2.\n\nARGUMENTS: a"),
        ("In ${CLAUDE_PROJECT_DIR}.", "a", "In /p.\n\nARGUMENTS: a"),
        (r"Do \$ARGUMENTS.", "a", "Do $ARGUMENTS.\n\nARGUMENTS: a"),
    ]);
}

#[test]
fn numbers_count_from_one() {
    check(&[
        ("1=$1 2=$2 3=$3 4=$4", THREE, "1=alpha 2=be ta 3=gamma 4=$4"),
        ("$1 $2 $3 $4 $5 $6 $7 $8 $9", "a b c d e f g h i", "a b c d e f g h i"),
        ("$1", "", "$1"),
        ("($1), \"$1\" `$1` **$1**, $1. $1; $1: $1/x $1-$2", "a b", "(a), \"a\" `a` **a**, a. a; a: a/x a-b"),
        ("PR #$1 in src/$1.rs", "7", "PR #7 in src/7.rs"),
    ]);
}

#[test]
fn numbers_count_from_zero_where_the_file_says_so() {
    check(&[
        ("$0 $1 $2", "a b", "a b $2"),
        ("$ARGUMENTS[0] $1", "a b", "a b"),
        ("$ARGUMENTS[1]$ARGUMENTS[7]", "a b", "b$ARGUMENTS[7]"),
        ("$ARGUMENTS[x]", "a b", "a b[x]"),
        ("$ARGUMENTS[0", "a b", "a b[0"),
        ("```sh\necho $0\n```\n$1", "a b", "```sh\necho $0\n```\na"),
    ]);
}

#[test]
fn money_and_code_are_not_arguments() {
    for body in [
        "$10 $1.50 $1,000 $1abc $100 $1_x",
        "It costs $5-15, or $5/month, or $8/user/month, or $2 million, $5 per seat, $5+.",
        "MQLs at $0 CPL, budget $400k, and $5 a day.",
        "=B5*(1+$B$6)",
        "$$1",
        "```sql\nSELECT $1, $2\n```\n",
        "~~~ts\n`x`.replace(/a/, '$1')\n~~~\n",
        "````markdown\n```\n$1\n```\n````\n",
        "1. step\n\n   ```bash\n   local a=\"$1\"\n   ```\n",
        "> ```awk\n> { print $1 }\n> ```\n",
        "<example>\n```bash\necho $1\n```\n</example>\n",
    ] {
        check(&[(body, "", body), (body, "x y", &format!("{}\n\nARGUMENTS: x y", body.trim_end_matches('\n')))]);
    }
}

#[test]
fn amounts_do_not_hide_declared_arguments() {
    let mut declared = entry("Refund $1; the limit is $5,000.");
    declared.fields.argument_hint = Some("[order]".into());
    assert_eq!(shown(expand(&declared, "A7")), "Refund A7; the limit is $5,000.");
}

#[test]
fn names() {
    let mut named = entry("$issue $issue-number $issues `$branch` $1 ${issue}\n```sh\necho $issue\n```\n");
    named.fields.arguments = Some(vec!["issue".into(), "branch".into(), "issue-number".into(), String::new()]);
    let cases = [
        ("a b c", "a c $issues `b` b ${issue}\n```sh\necho $issue\n```\n"),
        ("a", "a $issue-number $issues `$branch` $1 ${issue}\n```sh\necho $issue\n```\n"),
        ("", "$issue $issue-number $issues `$branch` $1 ${issue}\n```sh\necho $issue\n```\n"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(shown(expand(&named, arguments)), expected, "{arguments:?}");
    }
}

#[test]
fn variables() {
    check(&[
        ("${CLAUDE_SKILL_DIR}/a ${GARTH_SKILL_DIR}", "", "/p/.garth/commands/a /p/.garth/commands"),
        ("${CLAUDE_PROJECT_DIR} ${GARTH_PROJECT_DIR} $CLAUDE_PROJECT_DIR/x", "", "/p /p /p/x"),
        ("${CLAUDE_SESSION_ID} ${GARTH_SESSION_ID}", "", "s-1 s-1"),
        (
            "${CLAUDE_PLUGIN_ROOT} ${CLAUDE_OTHER} ${HOME} $HOME",
            "",
            "${CLAUDE_PLUGIN_ROOT} ${CLAUDE_OTHER} ${HOME} $HOME",
        ),
        ("```bash\n${CLAUDE_SKILL_DIR}/run\n```\n", "", "```bash\n/p/.garth/commands/run\n```\n"),
        ("```json\n\"${CLAUDE_PROJECT_DIR}/x\"\n```\n", "", "```json\n\"${CLAUDE_PROJECT_DIR}/x\"\n```\n"),
    ]);
    let mut plugin = entry("${CLAUDE_PLUGIN_ROOT}/x ${GARTH_PLUGIN_ROOT}");
    plugin.place.origin = Origin::Plugin("deploy".into());
    plugin.place.path = PathBuf::from("/home/u/plugins/deploy/skills/roll/SKILL.md");
    assert_eq!(shown(expand(&plugin, "")), "/home/u/plugins/deploy/x /home/u/plugins/deploy");
    for (name, path, root) in [
        ("deploy:roll", "/p/plugins/deploy/commands/roll.md", "/p/plugins/deploy"),
        ("deploy:roll", "/p/plugins/deploy/skills/roll/SKILL.md", "/p/plugins/deploy"),
        ("git:commit", "/p/.claude/commands/git/commit.md", "$CLAUDE_PLUGIN_ROOT"),
        ("roll", "/p/.claude/skills/roll/SKILL.md", "$CLAUDE_PLUGIN_ROOT"),
    ] {
        let mut file = entry("$CLAUDE_PLUGIN_ROOT");
        (file.place.name, file.place.path) = (name.into(), path.into());
        assert_eq!(shown(expand(&file, "")), root, "{path}");
    }
    let mut builtin = entry("${CLAUDE_SKILL_DIR}");
    builtin.place.path = PathBuf::from("commands/review.md");
    assert_eq!(shown(expand(&builtin, "")), "${CLAUDE_SKILL_DIR}");
}

#[test]
fn escapes() {
    check(&[
        (r"\$1 \$ARGUMENTS \${CLAUDE_SESSION_ID} $1", "a", "$1 $ARGUMENTS ${CLAUDE_SESSION_ID} a"),
        (r"\$1", "", "$1"),
        (r"\$HOME \$5,000", "", r"\$HOME \$5,000"),
        (r"\\$1", "a", r"\\a"),
        ("```sh\necho \\$1\n```\n", "", "```sh\necho \\$1\n```\n"),
    ]);
}

#[test]
fn shell_lines() {
    check(&[
        ("Status: !`git status`", "", "Status: [sh:git status]"),
        ("!`a`\n!`b` c", "", "[sh:a]\n[sh:b] c"),
        ("<context>\n!`git log`\n</context>\n", "", "<context>\n[sh:git log]\n</context>\n"),
        ("```\n!`git diff`\n```\n", "", "```\n[sh:git diff]\n```\n"),
        ("!``echo `date` ``", "", "[sh:echo `date`]"),
        ("```!\ngit log\ngit diff\n```\nx", "", "[sh:git log\ngit diff\n]\nx"),
        ("```!\n<a sort\n```\n", "", "[sh:<a sort\n]\n"),
        ("> ```!\n> git log\n> ```\n", "", "> [sh:git log\n]\n"),
    ]);
    for body in [
        "- `#REF!`: a `b`",
        "wow!`x`",
        "!`two\nlines`",
        "!``",
        "! `x`",
        "``!`git status` ``",
        "Write `` !`cmd` `` for it.",
        "```bash\n!`git diff`\n```\n",
        "```!\nrm -rf /\n",
        "<!-- !`git diff` @x.md -->\n",
    ] {
        check(&[(body, "", body)]);
    }
}

#[test]
fn includes() {
    check(&[
        ("See @src/main.rs.", "", "See [in:src/main.rs]."),
        ("@a.rs, @b/ and (@c) [@d] @.env", "", "[in:a.rs], [in:b] and ([in:c]) [[in:d]] [in:.env]"),
        ("@\"a b.md\" @./ @x/../y", "", "[in:a b.md] [in:.] [in:y]"),
        ("@/p/src/x @${CLAUDE_PROJECT_DIR}/y", "", "[in:src/x] [in:y]"),
        ("@$1 @docs/$2.md", "@src/a.rs b", "[in:src/a.rs] [in:docs/b.md]"),
        ("@$ARGUMENTS", "a b.md", "[in:a b.md]"),
        ("@$1 @$3", "a", "[in:a] @$3"),
        ("@$1", "", "@$1"),
        ("@$ARGUMENTS", "", "@"),
    ]);
    for body in [
        "a@b.org `@x` me @ home, @. @... @../x @~/x @/etc/passwd @/px/y",
        "@.env* @app/[id]/x @workflow/@task @a?b @<x>",
        "```\n@user\n```\n```ts\nimport x from '@/a'\n@Decorator\n```\n",
    ] {
        check(&[(body, "", body)]);
    }
    let notes = expand(&entry("x\n@/etc/passwd"), "").notes;
    assert_eq!((notes[0].line, notes.len()), (2, 1));
    assert_eq!(notes[0].message, "@/etc/passwd was not included: it lies outside the workspace.");
    for (body, severity) in [("@/px/y", Severity::Info), ("@../x", Severity::Warning), ("@~/x", Severity::Warning)] {
        let notes = expand(&entry(body), "").notes;
        assert_eq!(notes.iter().map(|note| note.severity).collect::<Vec<_>>(), [severity], "{body}");
    }
}

#[test]
fn a_path_that_is_not_there_stays_as_written() {
    for (body, arguments, expected) in
        [("See @Nested.", "", "See @Nested."), ("See @$1.", "x", "See @x."), ("@\"a b\"", "", "@\"a b\"")]
    {
        let template = expand(&entry(body), arguments);
        assert_eq!(template.clone().finish(vec![None::<String>]).text, expected);
        assert_eq!(template.finish(Vec::<String>::new()).text, expected);
    }
}

#[test]
fn braces() {
    let cases = [
        ("Fix {{args}}, $1 @x !`y`", "a b", "Fix a b, $1 @x !`y`"),
        ("Fix.", "a b", "Fix.\n\nARGUMENTS: a b"),
        ("```diff\n!{git diff}\n```\n", "", "```diff\n[sh:git diff]\n```\n"),
        ("!{grep {{args}} .} @{docs/{{args}}.md}", "a b", "[sh:grep 'a b' .] [in:docs/a b.md]"),
        ("!{awk '{print}' x} @{a b}", "", "[sh:awk '{print}' x] [in:a b]"),
        ("!{echo \"{{args}}\"}", "$(id)", "[sh:echo \"\"'$(id)'\"\"]"),
        ("!{} !{a @{} {{x}} {{args}", "", "!{} !{a @{} {{x}} {{args}"),
    ];
    for (body, arguments, expected) in cases {
        let mut braces = entry(body);
        braces.place.syntax = Syntax::Braces;
        assert_eq!(shown(expand(&braces, arguments)), expected, "{body:?} with {arguments:?}");
    }
}

#[test]
fn arguments_are_split_as_a_shell_does() {
    check(&[
        ("<$1|$2>", r#"'a b' c\ d"#, "<a b|c d>"),
        ("<$1|$2>", "#1 #2", "<#1|#2>"),
        ("<$1|$2>", r#""" x"#, "<|x>"),
        ("<$1|$2>", "it's broken", "<it's|broken>"),
        ("<$1>", "ключ", "<ключ>"),
    ]);
    let notes = expand(&entry("<$1|$2>"), "it's broken").notes;
    assert_eq!(notes[0].message, "The quotes of the arguments do not match; they were split at spaces.");
    let notes = expand(&entry("<$1>"), "a b c").notes;
    assert_eq!(notes[0].message, "The command has no place for: b c.");
}

#[test]
fn where_each_part_comes_from() {
    let mut file = entry("Fix $1\nin ${CLAUDE_PROJECT_DIR}\n!`ls $1`\n@x.md\n");
    file.body_line = 5;
    let prompt = expand(&file, "a").finish(vec![Some("out".to_owned()), Some("text".to_owned())]);
    let spans: Vec<String> = prompt
        .spans
        .iter()
        .map(|span| {
            let text = &prompt.text[span.start..span.end];
            format!("{:?} {} {:?} {}", text, span.source, span.written, span.line.unwrap())
        })
        .collect();
    assert_eq!(
        spans,
        [
            r#""Fix " body None 5"#,
            r#""a" argument Some("$1") 5"#,
            r#""\nin " body None 5"#,
            r#""/p" variable Some("${CLAUDE_PROJECT_DIR}") 6"#,
            r#""\n" body None 6"#,
            r#""out" shell Some("!`ls $1`") 7"#,
            r#""\n" body None 7"#,
            r#""text" file Some("@x.md") 8"#,
            r#""\n" body None 8"#,
        ]
    );
    assert_eq!(placeholders(&file), ["$1", "${CLAUDE_PROJECT_DIR}", "!`ls $1`", "@x.md"]);
}
