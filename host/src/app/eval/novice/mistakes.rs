//! What the simulated model does wrong, and how often: each as real small models do it. The rates are set so that every mistake
//! comes up in a few hundred calls; they are measured of no model. What it does next is decided beside this file.

use serde_json::{Value, json};

use crate::model::Delta;
use crate::protocol::FinishReason;

/// What goes wrong with a call, and in how many of a hundred where it can.
pub const RATES: [(Mistake, u64); 11] = [
    (Mistake::Text, 12),
    (Mistake::Json, 10),
    (Mistake::Types, 10),
    (Mistake::Names, 5),
    (Mistake::OldText, 8),
    (Mistake::Syntax, 12),
    (Mistake::Silence, 6),
    (Mistake::Babble, 2),
    (Mistake::Rereading, 5),
    (Mistake::Undecided, 5),
    (Mistake::Thread, 10),
];
/// One of so many tools on offer lures one call in a hundred away from the right one.
const LURING: usize = 2;
/// How often of a hundred it does what it is told, instead of the same again.
const HEEDS: u64 = 75;
/// The same behind its own failures: a conversation that is full of them makes it repeat them.
const HEEDS_AGAIN: u64 = 25;
/// After so many failures it gives a call up.
pub const PATIENCE: u32 = 3;
/// Calls in a row with which it keeps the thread.
pub const THREAD: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The call stands in the text, as models write that were trained on another format.
    Text,
    /// The arguments are not quite JSON.
    Json,
    /// A flag is written as a text.
    Types,
    /// An argument has the name that other tools give it.
    Names,
    /// What an edit should replace is quoted from memory.
    OldText,
    /// A bracket is left open.
    Syntax,
    /// It says nothing, or only thinks.
    Silence,
    /// It says one line over and over.
    Babble,
    /// It reads the same file over and over.
    Rereading,
    /// It takes its change back, makes it again, takes it back …
    Undecided,
    /// After some calls it stops in the middle, as if it were done.
    Thread,
    /// It calls another tool with the arguments of the right one.
    Tool,
}

/// The mistake for a roll from 0 to 99, with so many tools on offer.
pub fn drawn(mut roll: u64, tools: usize) -> Option<Mistake> {
    let luring = (Mistake::Tool, (tools / LURING) as u64);
    RATES.iter().chain([&luring]).find_map(|(mistake, rate)| match roll.checked_sub(*rate) {
        None => Some(*mistake),
        Some(rest) => {
            roll = rest;
            None
        }
    })
}

/// Whether it does what it is told, after so many failures before this one in the same conversation.
pub fn heeds(roll: u64, failures: u32) -> bool {
    roll < if failures == 0 { HEEDS } else { HEEDS_AGAIN }
}

/// The arguments with the mistake, which was made `times` before; `None`: a call of this tool cannot have it.
pub fn spoiled(mistake: Mistake, name: &str, arguments: &Value, times: u32) -> Option<Value> {
    let mut arguments = arguments.clone();
    match (mistake, name) {
        (Mistake::Names, _) => return Some(renamed(&arguments)),
        (Mistake::Types, "edit_file") => arguments["replace_all"] = json!("false"),
        (Mistake::OldText, "edit_file") => {
            arguments["old_text"] = json!(misremembered(arguments["old_text"].as_str()?, times));
        }
        (Mistake::Syntax, "write_file" | "edit_file") => {
            let key = if name == "write_file" { "content" } else { "new_text" };
            arguments[key] = json!(open_ended(arguments[key].as_str()?, BRACKETS)?);
        }
        (Mistake::Text | Mistake::Json, _) => {}
        _ => return None,
    }
    Some(arguments)
}

/// What is left open at the end of a text.
pub const BRACKETS: &str = "((";

/// With brackets that nothing closes on a line of their own; `None` where there is no other line.
fn open_ended(text: &str, brackets: &str) -> Option<String> {
    last_line(text).map(|_| format!("{}\n{brackets}\n", text.trim_end()))
}

/// The last line that says anything.
pub fn last_line(text: &str) -> Option<&str> {
    text.trim_end().lines().last().filter(|line| !line.trim().is_empty())
}

/// With `path` and `name` called as other tools call them.
fn renamed(arguments: &Value) -> Value {
    let fields = arguments.as_object().into_iter().flatten();
    let field = |(key, value): (&String, &Value)| {
        let key = if matches!(key.as_str(), "path" | "name") { "filename" } else { key };
        (key.to_owned(), value.clone())
    };
    Value::Object(fields.map(field).collect())
}

/// With words too many in each line, others each time.
fn misremembered(text: &str, times: u32) -> String {
    let words = ["etc", "and so on", "as before"];
    let word = words.get(times as usize).unwrap_or(&words[0]);
    text.lines().map(|line| format!("{line} {word}\n")).collect()
}

pub fn says(text: &str) -> Vec<Delta> {
    vec![Delta::Text(text.to_owned()), Delta::Finish(FinishReason::Stop)]
}

/// Nothing, or thoughts alone.
pub fn silence(roll: u64) -> Vec<Delta> {
    let thought = roll.is_multiple_of(2).then(|| Delta::Reasoning("I should look at the file first.".to_owned()));
    thought.into_iter().chain([Delta::Finish(FinishReason::Stop)]).collect()
}

pub fn babble() -> Vec<Delta> {
    says(&"I will now look at the file again.\n".repeat(200))
}
