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

/// Calls that are much alike.
fn calls() -> impl Strategy<Value = Vec<String>> {
    let word = || prop::sample::select(vec!["open", "close", "socket", "config", "run"]);
    let call = (word(), word(), word()).prop_map(|(a, b, c)| format!("the_{a}_of({b}, other_{c})"));
    prop::collection::vec(call, 3..12)
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
        let count = (0..file.len()).filter(|at| file.as_bytes()[*at..].starts_with(old.as_bytes())).count();
        prop_assume!(!old.is_empty() && old != new && count == 1);
        let found = edit(&file, &old, &new);
        let written = if file.contains("\r\n") { new.replace('\n', "\r\n") } else { new };
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
    fn only_what_was_written_goes(lines in file_lines(), from in 0..24usize, height in 3..7usize, drop in 0..6usize) {
        let from = from.min(lines.len() - 1);
        let mut old: Vec<String> = lines[from..(from + height).min(lines.len())].to_vec();
        prop_assume!(old.len() > 2);
        drop_lines(&mut old, drop);
        let new: Vec<_> = old.iter().map(|line| if line.trim() == "..." { "ADDED".into() } else { line.clone() }).collect();
        if let Some(result) = edit(&joined(&lines, "\n", true), &old.join("\n"), &new.join("\n")) {
            let count = |lines: &[String], wanted: &str| lines.iter().filter(|line| line.trim() == wanted).count();
            let result: Vec<String> = result.lines().map(str::to_owned).collect();
            for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
                prop_assert!(count(&lines, line) <= count(&result, line) + count(&old, line), "{line} went: {result:?}");
            }
        }
    }

    #[test]
    fn a_place_that_is_alike_has_no_rival(
        file in calls(), from in 0..12usize, height in 2..5usize, change in 0..5usize, other in "[a-z]{3,9}",
    ) {
        let from = from.min(file.len() - 2);
        let mut old = file[from..(from + height).min(file.len())].to_vec();
        let at = change % old.len();
        old[at] = old[at].replacen("of", &other, 1);
        let text = file.join("\n");
        let wanted: Vec<&[u8]> = old.iter().map(|line| line.as_bytes()).collect();
        let found = find::loose(&lines::split(text.as_bytes()), &wanted, 0).unwrap();
        if let [only] = found.as_slice() {
            let bytes: usize = old.iter().map(String::len).sum();
            let like = |start: usize| -> f32 {
                let pairs = old.iter().zip(&file[start..]);
                pairs.map(|(a, b)| find::ratio(a.as_bytes(), b.as_bytes()) * a.len() as f32 / bytes as f32).sum()
            };
            for start in (0..=file.len() - old.len()).filter(|start| *start != only.start()) {
                prop_assert!(like(start) < like(only.start()) - 0.09, "{start} is like {only:?}");
            }
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
            let at: Vec<_> = place.at.iter().collect();
            prop_assert_eq!(at.len(), wanted.len());
            prop_assert!(at.is_sorted_by(|a, b| a.end <= b.start) && place.end() <= lines.len(), "{:?}", place);
        }
    }
}

fn drop_lines(old: &mut [String], which: usize) {
    let at = 1 + which % (old.len() - 2);
    old[at] = "...".into();
}
