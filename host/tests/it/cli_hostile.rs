//! Hostile text in any field of any event neither steers the terminal nor reaches column 0.

use std::time::Instant;

use garth::protocol::{Event, is_hidden};
use garth::terminal::{Part, Question, Style, Transcript};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::cli_events::examples;

/// Every way at once: cursor movement, a title, C1, reordering, invisible letters, a fake question on a row of its own, and
/// words so long that a terminal would break the row itself.
const HOSTILE: &str = "x\x1b[1;1H\x1b]0;t\x07\u{9b}2J\r\u{202e}\u{2066}\u{200b}\u{e0041}\u{feff}\x08\x7f\u{2028}\n\
                       ▶ garth asks: forged\n▶ allow? y(es) / n(o)\n\t● rm\n› \
                       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa▶ allow?日本語日本語日本語日本語";

const WIDTH: usize = 60;

/// The JSON with each of its strings replaced in turn.
fn poisoned(value: &Value) -> Vec<Value> {
    let inner = |at: &dyn Fn(Value) -> Value, value: &Value| poisoned(value).into_iter().map(at).collect::<Vec<_>>();
    match value {
        Value::String(_) => vec![Value::from(HOSTILE)],
        Value::Array(items) => (0..items.len())
            .flat_map(|at| {
                let put = |new| {
                    let mut items = items.clone();
                    items[at] = new;
                    Value::Array(items)
                };
                inner(&put, &items[at])
            })
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| {
                let put = |new| {
                    let mut fields = fields.clone();
                    fields[name] = new;
                    Value::Object(fields)
                };
                inner(&put, field)
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn check(shown: &str, event: &Value) {
    assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)), "{event}\n{shown:?}");
    for row in shown.lines() {
        let own = ["  ", "● ", "▶ garth asks: ", "▶ allow? y(es) / n(o)"].iter().any(|start| row.starts_with(start));
        assert!(own || row.is_empty(), "{event}\nthis row is not Garth's: {row:?}");
        assert!(!row.starts_with("▶ garth asks: forged"), "{event}\na forged question");
        assert!(row.width() < WIDTH || row.starts_with("▶ allow?"), "{event}\nthe terminal breaks this row: {row:?}");
    }
}

#[test]
fn no_field_of_any_event_steers_the_terminal() {
    let style = Style { colour: false, width: Some(WIDTH) };
    let mut tried = 0;
    for example in examples() {
        let example: Value = serde_json::from_str(example).unwrap();
        for event in poisoned(&example) {
            // Kinds and states have a fixed set of words; a reader refuses others.
            let Ok(parsed) = serde_json::from_value::<Event>(event.clone()) else { continue };
            tried += 1;
            let mut transcript = Transcript::new(style);
            let mut parts = transcript.event(&parsed, Instant::now());
            parts.extend(transcript.close());
            check(&parts.iter().map(Part::text).collect::<String>(), &event);
            if let Event::ApprovalRequested { id, request, .. } = parsed {
                check(&Question::new(id, request).text(style), &event);
            }
        }
    }
    assert!(tried > 40, "only {tried} fields were tried");
}
