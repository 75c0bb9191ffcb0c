//! What holds for any file and any edit: an exact edit is a plain replacement with the file's endings, a tolerant one leaves every other line alone,
//! and nothing panics.

use proptest::prelude::*;

use crate::find;
use crate::lines;
use crate::replace::{Places, replace};

/// Lines as files have them: indents of both kinds, repetition, empty lines, Unicode, marks.
fn file_lines() -> impl Strategy<Value = Vec<String>> {
    let text = prop_oneof![
        3 => "(    |\t){0,2}[a-c]{1,3}(\\(x\\);| = [0-9]{1,2};| \\{)",
        1 => Just(String::new()),
        1 => Just("}".to_string()),
        1 => "\t?größe [äß→]{1,2}",
        1 => Just("    ...".to_string()),
    ];
    prop::collection::vec(text, 1..24)
}

/// Lines of which many come again, and marks between them.
fn few_lines() -> impl Strategy<Value = Vec<&'static str>> {
    let line = vec!["a", "b", "  a", "\tb", "", "}", "...", "# ... existing code ...", "call(alpha, beta, gamma)"];
    prop::collection::vec(prop::sample::select(line), 1..8)
}

fn joined(lines: &[String], ending: &str, last: bool) -> String {
    let mut text = lines.join(ending);
    if last {
        text.push_str(ending);
    }
    text
}

fn edit(file: &str, old: &str, new: &str) -> Option<String> {
    let replaced = replace(file.as_bytes(), old, new, Places::One, "f").ok()?;
    Some(String::from_utf8(replaced.content).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_that_is_there_once_is_replaced_as_it_is(
        lines in file_lines(), from in 0..24usize, height in 1..5usize, new in "[a-z \n\t]{0,20}", windows: bool, last: bool,
    ) {
        let file = joined(&lines, if windows { "\r\n" } else { "\n" }, last);
        let from = from.min(lines.len() - 1);
        let old = joined(&lines[from..(from + height).min(lines.len())], if windows { "\r\n" } else { "\n" }, false);
        prop_assume!(!old.is_empty() && old != new && file.matches(&old).count() == 1);
        let found = edit(&file, &old, &new);
        let written = if file.contains("\r\n") { new.replace('\n', "\r\n") } else { new };
        // Overlapping occurrences are counted once by `matches`.
        prop_assert_eq!(found, Some(file.replacen(&old, &written, 1)));
    }

    #[test]
    fn a_tolerant_edit_leaves_all_other_lines_alone(
        lines in file_lines(), from in 0..24usize, height in 1..6usize, drop in 0..6usize, windows: bool, last: bool, way in 0..4u8,
    ) {
        let file = joined(&lines, if windows { "\r\n" } else { "\n" }, last);
        let from = from.min(lines.len() - 1);
        let to = (from + height).min(lines.len());
        let mut old: Vec<String> = lines[from..to].to_vec();
        // Empty lines at the ends do not count, and so may come again.
        prop_assume!(!old[0].is_empty() && old.last().is_some_and(|line| !line.is_empty()));
        match way {
            0 => old.iter_mut().for_each(|line| line.push_str("  ")),
            1 => old.iter_mut().for_each(|line| *line = line.trim_start().to_owned()),
            2 if old.len() > 2 => drop_lines(&mut old, drop),
            _ => old[0] = old[0].replacen('a', "aa", 1),
        }
        let new = [old.clone(), vec!["ADDED".to_string()]].concat();
        if let Some(result) = edit(&file, &old.join("\n"), &new.join("\n")) {
            let result = lines::split(result.as_bytes()).iter().map(|line| line.text.to_vec()).collect::<Vec<_>>();
            let before = lines::split(file.as_bytes()).iter().map(|line| line.text.to_vec()).collect::<Vec<_>>();
            let rest: Vec<_> = result.iter().filter(|line| !line.ends_with(b"ADDED")).cloned().collect();
            prop_assert_eq!(result.len(), before.len() + 1);
            prop_assert_eq!(rest, before, "what both texts have stays as the file has it");
        }
    }

    #[test]
    fn nothing_panics(
        file in any::<Vec<u8>>(), old in "\\PC{0,40}", new in "[\\.…/ a\n]{0,30}", all: bool, few in few_lines(),
        wanted in few_lines(), becomes in few_lines(), from in 0..9usize,
    ) {
        let places = if all { Places::All } else { Places::One };
        let _ = replace(&file, &old, &new, places, "f");
        let _ = replace(&file, &new, &old, places, "f");
        let _ = replace(few.join("\n").as_bytes(), &wanted.join("\n"), &becomes.join("\n"), places, "f");
        let few = few.join("\n");
        let lines = lines::split(few.as_bytes());
        let wanted: Vec<&[u8]> = wanted.iter().map(|line| line.as_bytes()).collect();
        for place in find::loose(&lines, &wanted, from).unwrap_or_default() {
            prop_assert_eq!(place.at.len(), wanted.len());
            prop_assert!(place.at.is_sorted_by(|a, b| a.end <= b.start) && place.end() <= lines.len(), "{:?}", place);
        }
    }
}

fn drop_lines(old: &mut [String], which: usize) {
    let at = 1 + which % (old.len() - 2);
    old[at] = "...".into();
}
