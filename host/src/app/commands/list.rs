//! `garth commands list`: every name with its file, who lost against whom, and what cannot be used.

use serde_json::{Value, json};

use crate::commands::{Catalogue, Unusable, Winner};
use crate::terminal::{Extent, catalogue_text, one_line};

/// For people; harmless whatever the files are called.
pub fn text(catalogue: &Catalogue) -> String {
    let mut text = catalogue_text(&catalogue.summaries(), Extent::All);
    let problems: Vec<String> = catalogue.problems().iter().map(|problem| format!("{}\n", placed(problem))).collect();
    section(&mut text, "Problems: these files cannot be used as they are", &problems);
    if text.is_empty() {
        text.push_str("There are no commands and no skills. 'garth commands new NAME' writes one.\n");
    }
    text
}

fn section(text: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{heading}\n"));
    lines.iter().for_each(|line| text.push_str(&format!("{}\n", one_line(line.trim_end()))));
}

/// `file:line: reason`.
pub fn placed(problem: &Unusable) -> String {
    match problem.line {
        0 => format!("{}: {}", problem.shown, problem.reason),
        line => format!("{}:{line}: {}", problem.shown, problem.reason),
    }
}

/// For programs.
pub fn json(catalogue: &Catalogue) -> Value {
    let clashes = catalogue.clashes().iter().map(|clash| {
        let (winner, reserved) = match &clash.winner {
            Winner::File(file) => (Some(file), false),
            Winner::Reserved => (None, true),
        };
        json!({"name": clash.name, "winner": winner, "reserved": reserved, "losers": clash.losers})
    });
    let problems = catalogue
        .problems()
        .iter()
        .map(|problem| json!({"file": problem.shown, "line": problem.line, "reason": problem.reason}));
    json!({
        "commands": catalogue.summaries(),
        "clashes": clashes.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
    })
}
