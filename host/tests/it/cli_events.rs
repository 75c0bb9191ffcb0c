//! The documentation of the events is complete, and its examples are real.

use std::collections::{BTreeMap, BTreeSet};

use garth::protocol::{Event, VERSION};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../src/protocol/EVENTS.md");
const SOURCE: &str = include_str!("../../src/protocol/event.rs");

/// Event type → its fields, read from the enum's source, so that a new one cannot be forgotten here.
fn declared() -> BTreeMap<String, BTreeSet<String>> {
    let body = SOURCE.split("pub enum Event {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let mut declared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(variant) =
            line.strip_suffix(" {").or_else(|| line.strip_suffix(',').filter(|name| !name.contains([':', '}'])))
        {
            current = snake(variant);
            declared.insert(current.clone(), BTreeSet::new());
        } else if let Some((field, _)) = line.split_once(':') {
            declared.get_mut(&current).unwrap().insert(field.to_owned());
        }
    }
    declared
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Section title → its text.
fn sections() -> BTreeMap<&'static str, &'static str> {
    DOCUMENT.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

/// Every example line of the document.
pub fn examples() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap())
}

#[test]
fn every_event_and_field_is_documented() {
    let (declared, sections) = (declared(), sections());
    assert!(declared.len() >= 20, "the source was not understood: {declared:?}");
    assert_eq!(declared.keys().map(String::as_str).collect::<Vec<_>>(), sections.keys().copied().collect::<Vec<_>>());
    for (event, fields) in &declared {
        for field in fields {
            assert!(sections[event.as_str()].contains(&format!("`{field}`")), "{event} does not explain {field}");
        }
        assert!(sections[event.as_str()].contains("```json"), "{event} has no example");
    }
    assert!(DOCUMENT.contains(&format!("today `{VERSION}`")), "the document is of another version");
}

#[test]
fn every_example_is_an_event_with_all_its_fields() {
    let declared = declared();
    for line in examples() {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let example: Value = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), example, "not what garth prints: {line}");
        let fields: BTreeSet<String> =
            example.as_object().unwrap().keys().filter(|key| *key != "type").cloned().collect();
        assert_eq!(fields, declared[example["type"].as_str().unwrap()], "{line}");
    }
}
