//! Values are text, whatever is in them; nothing panics; the work grows with the size of the file.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn values_are_not_expanded_again() {
    let value = "$1 $ARGUMENTS !`id` @/etc/passwd @x ${CLAUDE_SESSION_ID} \\$1 {{args}} !{id}";
    let arguments = format!("'{value}'");
    for (body, expected) in [
        ("<$1>", format!("<{value}>")),
        ("<$ARGUMENTS>", format!("<{arguments}>")),
        ("x", format!("x\n\nARGUMENTS: {arguments}")),
        ("$ARGUMENTS`id`", format!("{arguments}`id`")),
    ] {
        assert_eq!(shown(expand(&entry(body), &arguments)), expected);
    }
    let filled = expand(&entry("!`ls`\n@x"), "").finish(vec!["$1 !`id`".to_owned(), "@y $ARGUMENTS".to_owned()]);
    assert_eq!(filled.text, "$1 !`id`\n@y $ARGUMENTS");
    // What arguments end with does not make a placeholder of what follows them.
    assert_eq!(shown(expand(&entry("$1`id` $1$2"), "! $")), "!`id` !$");
}

#[test]
fn large_files_take_linear_time() {
    let unit = [
        "$1 ",
        "$ARGUMENTS ",
        "!`ls $1` ",
        "@src/$1 ",
        "\\$1 ",
        "$",
        "!`",
        "@",
        "`",
        "@\"",
        "\\",
        "{{args}}",
        "!{",
        "@{a",
        "<",
        "<!--\n",
        "${",
        "```\n",
        "> ",
    ];
    for unit in unit {
        for syntax in [Syntax::Dollar, Syntax::Braces] {
            let mut file = entry(&unit.repeat((1 << 20) / unit.len()));
            file.place.syntax = syntax;
            let start = Instant::now();
            shown(expand(&file, "a b"));
            assert!(start.elapsed() < Duration::from_secs(10), "{unit:?} {syntax:?}: {:?}", start.elapsed());
        }
    }
    for unit in ["\"$(x '$1' $2 ", "${x ", "'$1' ", "(", "\""] {
        let line = format!("!`echo {}`", unit.repeat((1 << 20) / unit.len()));
        let start = Instant::now();
        shown(expand(&entry(&line), "a b"));
        assert!(start.elapsed() < Duration::from_secs(10), "{unit:?}: {:?}", start.elapsed());
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("$1"),
        Just("$0"),
        Just("$ARGUMENTS"),
        Just("$ARGUMENTS[0]"),
        Just("!`"),
        Just("`"),
        Just("@"),
        Just("@a/b"),
        Just("\\"),
        Just("\n"),
        Just("```"),
        Just("```!\n"),
        Just("~~~sh\n"),
        Just("\""),
        Just("'"),
        Just("$("),
        Just(")"),
        Just("{{args}}"),
        Just("!{"),
        Just("@{"),
        Just("}"),
        Just("<!--"),
        Just("-->"),
        Just("> "),
        Just("- "),
        Just(" "),
        Just("ä"),
        Just("…"),
        Just("${CLAUDE_SKILL_DIR}"),
        Just("sh -c "),
        Just("$"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_spans_cover(body in pieces(), arguments in pieces(), braces in any::<bool>()) {
        let mut file = entry(&body);
        if braces {
            file.place.syntax = Syntax::Braces;
        }
        shown(expand(&file, &arguments));
        placeholders(&file);
    }

    #[test]
    fn any_text_is_taken(body in "\\PC{0,200}", arguments in "\\PC{0,80}") {
        shown(expand(&entry(&body), &arguments));
    }

    #[test]
    fn text_without_placeholders_is_unchanged(body in "[a-zA-Z0-9 `#*>\\-\n\\\\'\"{}<ä]{0,200}") {
        prop_assert_eq!(shown(expand(&entry(&body), "")), body);
    }

    #[test]
    fn arguments_stand_in_the_text_as_they_are(arguments in pieces()) {
        let arguments = arguments.trim();
        prop_assert_eq!(shown(expand(&entry("<$ARGUMENTS>"), arguments)), format!("<{arguments}>"));
    }
}
