//! The least arguments that a tool's schema allows, so that a tool of which nothing else is known can be called once. What
//! patterns and formats ask for is not met: such a tool answers that its arguments are invalid, which is an answer too.

use std::cell::Cell;

use serde_json::{Map, Value, json};

/// Schemas inside each other; one may refer to itself.
const DEPTH: usize = 16;
/// Values altogether, and characters of a text, whatever is asked for.
const MOST: usize = 1_000;

pub fn least(schema: &Value) -> Value {
    value(schema, schema, 0, &Cell::new(MOST))
}

fn value(root: &Value, schema: &Value, depth: usize, left: &Cell<usize>) -> Value {
    if depth > DEPTH || left.get() == 0 {
        return Value::Null;
    }
    left.set(left.get() - 1);
    let inner = |schema: &Value| value(root, schema, depth + 1, left);
    if let Some(target) = schema["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?)) {
        return inner(target);
    }
    let choices = ["enum", "examples"].iter().find_map(|key| schema[key].as_array()?.first());
    if let Some(given) = schema.get("const").or(schema.get("default")).or(choices) {
        return given.clone();
    }
    if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[key].as_array()?.first()) {
        return inner(first);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    let count = |key: &str| schema[key].as_u64().map_or(0, |count| count.min(MOST as u64) as usize);
    match kind.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" }) {
        "object" => {
            let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let members: Map<String, Value> =
                names.map(|name| (name.to_owned(), inner(&schema["properties"][name]))).collect();
            Value::Object(members)
        }
        "array" => (0..count("minItems")).map(|_| inner(&schema["items"])).collect(),
        "integer" | "number" => number(schema),
        "boolean" => json!(false),
        "null" => Value::Null,
        _ => "x".repeat(count("minLength")).into(),
    }
}

/// Nought, or the bound that is nearest to it.
fn number(schema: &Value) -> Value {
    let bound = |key: &str, step: i64| match (schema[key].as_i64(), schema[key].as_f64()) {
        (Some(whole), _) => Some(json!(whole.saturating_add(step))),
        (None, bound) => bound.map(|bound| json!(bound + step as f64)),
    };
    let least = bound("minimum", 0).or_else(|| bound("exclusiveMinimum", 1));
    let most = bound("maximum", 0).or_else(|| bound("exclusiveMaximum", -1));
    let sign = |bound: &Value| bound.as_f64().unwrap_or_default();
    least.filter(|least| sign(least) > 0.0).or(most.filter(|most| sign(most) < 0.0)).unwrap_or(json!(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::check_arguments;

    #[track_caller]
    fn check(property: Value, expected: Value) {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["it"],
            "properties": {"it": property, "optional": {"type": "string"}}, "$defs": {"name": {"minLength": 2}}
        });
        let made = least(&schema);
        assert_eq!(made, json!({"it": expected}));
        assert_eq!(check_arguments(&schema, &made), Ok(()));
    }

    #[test]
    fn what_is_required_is_there_and_no_more() {
        check(json!({"type": "string"}), json!(""));
        check(json!({"type": "string", "minLength": 3}), json!("xxx"));
        check(json!({"type": ["integer", "null"], "minimum": 5}), json!(5));
        check(json!({"type": "integer", "exclusiveMinimum": 5}), json!(6));
        check(json!({"type": "number", "maximum": -0.5}), json!(-0.5));
        check(json!({"type": "number", "minimum": -3, "maximum": 3}), json!(0));
        check(json!({"type": "boolean"}), json!(false));
        check(json!({"type": "null"}), Value::Null);
        check(json!({"enum": ["b", "a"]}), json!("b"));
        check(json!({"type": "string", "default": "d"}), json!("d"));
        check(json!({"type": "array", "items": {"type": "integer"}}), json!([]));
        check(json!({"type": "array", "items": {"const": 1}, "minItems": 2}), json!([1, 1]));
        check(json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}), json!(false));
        check(json!({"$ref": "#/$defs/name"}), json!("xx"));
        let inner = json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]});
        check(inner, json!({"a": 0}));
        check(json!({}), json!(""));
    }

    #[test]
    fn a_schema_without_end_has_an_end() {
        let made = least(&json!({
            "type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}
        }));
        assert!(made["a"]["a"].is_object(), "{made}");
        least(&json!({"type": "array", "items": {"$ref": "#"}, "minItems": 1_000}));
    }
}
