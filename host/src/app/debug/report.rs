//! The score for people and for programs. Replies and names come from the file of cases and are escaped.

use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::cases::Call;
use super::score::{AGREED_GOAL, Count, Counts, Failure, REST_GOAL, Score, Wrong};
use crate::cli::args::Detail;
use crate::terminal::{escape_json, one_line};

/// Columns of a family's name.
const WIDTH: usize = 24;

pub fn text(score: &Score, detail: Detail) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if detail == Detail::Failures {
        for failure in &score.failures {
            writeln!(out, "{}\n", described(failure))?;
        }
    }
    writeln!(out, "{:<WIDTH$}{:>14}{:>14}", "family", "agreed", "rest")?;
    for (family, counts) in &score.families {
        writeln!(out, "{:<WIDTH$}{:>14}{:>14}", one_line(family), count(counts.agreed), count(counts.rest))?;
    }
    writeln!(out, "{:<WIDTH$}{:>14}{:>14}", "all", count(score.all.agreed), count(score.all.rest))?;
    writeln!(out)?;
    for (name, count, goal) in goals(&score.all) {
        let met = if count.meets(goal) { "met" } else { "MISSED" };
        if let Some(share) = count.share() {
            writeln!(out, "{name}: {:.2} %, goal {:.0} %: {met}", share * 100.0, goal * 100.0)?;
        }
    }
    if detail == Detail::Counts && !score.failures.is_empty() {
        writeln!(out, "Failed: {}. See them with --verbose.", score.failures.len())?;
    }
    Ok(())
}

pub fn json(score: &Score) -> Result<()> {
    let families: serde_json::Map<String, Value> =
        score.families.iter().map(|(family, counts)| (family.clone(), both(counts))).collect();
    let failures: Vec<Value> = score.failures.iter().map(failure).collect();
    let mut whole = both(&score.all);
    for (name, count, goal) in goals(&score.all) {
        whole[name]["share"] = json!(count.share());
        whole[name]["goal"] = json!(goal);
        whole[name]["met"] = json!(count.meets(goal));
    }
    whole["met"] = json!(score.is_met());
    whole["families"] = Value::Object(families);
    whole["failures"] = Value::Array(failures);
    Ok(writeln!(std::io::stdout(), "{}", escape_json(&whole.to_string()))?)
}

fn goals(all: &Counts) -> [(&'static str, Count, f64); 2] {
    [("agreed", all.agreed, AGREED_GOAL), ("rest", all.rest, REST_GOAL)]
}

fn count(count: Count) -> String {
    if count.total == 0 { "-".to_string() } else { format!("{} of {}", count.passed, count.total) }
}

fn both(counts: &Counts) -> Value {
    let one =
        |count: Count| json!({ "passed": count.passed, "failed": count.total - count.passed, "total": count.total });
    json!({ "agreed": one(counts.agreed), "rest": one(counts.rest) })
}

fn described(failure: &Failure) -> String {
    let agreed = if failure.agreed { "agreed" } else { "rest" };
    let mut lines = vec![
        format!("{} ({agreed}) {}", one_line(&failure.id), one_line(&failure.description)),
        format!("  reply     {}", quoted(&failure.reply)),
    ];
    match &failure.wrong {
        Wrong::Calls { found, accepted } => {
            lines.push(format!("  found     {}", calls(found)));
            lines.extend(accepted.iter().map(|accepted| format!("  accepted  {}", calls(accepted))));
        }
        Wrong::Pieces { how, whole, pieces } => {
            lines.push(format!("  whole     {}", one_line(&format!("{whole:?}"))));
            lines.push(format!("  {how}  {}", one_line(&format!("{pieces:?}"))));
        }
    }
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    one_line(&json!(text).to_string()).into_owned()
}

fn calls(calls: &[Call]) -> String {
    let each = calls.iter().map(|call| format!("{} {}", call.name, call.arguments));
    let joined = each.collect::<Vec<_>>().join("; ");
    if joined.is_empty() { "no call".to_string() } else { one_line(&joined).into_owned() }
}

fn failure(failure: &Failure) -> Value {
    let list = |calls: &[Call]| -> Value {
        calls.iter().map(|call| json!({ "name": call.name, "arguments": call.arguments })).collect()
    };
    let mut told =
        json!({ "id": failure.id, "family": failure.family, "agreed": failure.agreed, "reply": failure.reply });
    match &failure.wrong {
        Wrong::Calls { found, accepted } => {
            told["found"] = list(found);
            told["accepted"] = accepted.iter().map(|accepted| list(accepted)).collect();
        }
        Wrong::Pieces { how, .. } => told["differs"] = json!(how),
    }
    told
}
