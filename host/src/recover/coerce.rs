//! Fits arguments to a tool's JSON Schema where a small model was careless with types: `"5"` for 5, one value for a list.
//! Changes only what does not fit already, and only in ways that lose nothing; what it cannot fit stays as it is, for the
//! validator to complain about.

use std::cell::Cell;

use serde_json::{Map, Value};

/// Deepest nesting that is looked at.
const DEPTH: usize = 64;

/// Alternatives of `anyOf` and its like that are looked at altogether: a schema may refer to itself in many ways at once.
const CHOICES: u32 = 10_000;

/// References that are followed one after the other.
const HOPS: usize = 8;

/// The arguments, fitted to `schema` where that is possible without a loss. Never fails.
pub fn coerce(arguments: Value, schema: &Value) -> Value {
    fit(arguments, &Schema { root: schema, here: schema, depth: 0, left: &Cell::new(CHOICES) })
}

#[derive(Clone, Copy)]
struct Schema<'a> {
    root: &'a Value,
    here: &'a Value,
    depth: usize,
    left: &'a Cell<u32>,
}

impl<'a> Schema<'a> {
    fn at(&self, here: &'a Value) -> Schema<'a> {
        Schema { here, depth: self.depth + 1, ..*self }
    }

    /// Follows references into the same document.
    fn resolved(self) -> Schema<'a> {
        let mut schema = self;
        for _ in 0..HOPS {
            let path = schema.here.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
            match path.and_then(|path| schema.root.pointer(path)) {
                Some(target) => schema = schema.at(target),
                None => break,
            }
        }
        schema
    }

    fn choices(&self) -> impl Iterator<Item = Schema<'a>> + use<'a> {
        let (schema, all) = (*self, ["anyOf", "oneOf", "allOf"]);
        let each = all.into_iter().filter_map(move |key| schema.here.get(key)?.as_array()).flatten();
        each.map_while(move |each| {
            schema.left.set(schema.left.get().checked_sub(1)?);
            Some(schema.at(each).resolved())
        })
    }

    /// Types that the schema allows, `None` when it does not say.
    fn types(&self) -> Option<Vec<&'a str>> {
        match self.here.get("type") {
            Some(Value::String(name)) => Some(vec![name]),
            Some(Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).collect()),
            _ => {
                let mut all = Vec::new();
                for choice in self.choices().filter(|choice| choice.depth < DEPTH) {
                    all.extend(choice.types()?);
                }
                (!all.is_empty()).then_some(all)
            }
        }
    }

    fn allows_null(&self) -> bool {
        self.types().is_none_or(|types| types.contains(&"null"))
    }

    /// The schema of elements of this type: the choice that has it, or this one.
    fn for_type(self, name: &str) -> Schema<'a> {
        let of_type = |choice: &Schema<'a>| choice.types().is_some_and(|types| types.contains(&name));
        if self.here.get("type").is_some() { self } else { self.choices().find(of_type).unwrap_or(self) }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn fit(value: Value, schema: &Schema<'_>) -> Value {
    let schema = schema.resolved();
    if schema.depth > DEPTH {
        return value;
    }
    let types = schema.types();
    let value = match &types {
        Some(types) if !types.iter().any(|name| is_of(&value, name)) => converted(value, types),
        _ => value,
    };
    match value {
        Value::Object(members) => object(members, &schema.for_type("object").resolved()),
        Value::Array(items) => {
            let schema = schema.for_type("array").resolved();
            match schema.here.get("items") {
                Some(each) => items.into_iter().map(|item| fit(item, &schema.at(each))).collect(),
                None => Value::Array(items),
            }
        }
        Value::Number(number)
            if types.is_some_and(|types| types.contains(&"integer") && !types.contains(&"number")) =>
        {
            whole(number)
        }
        other => other,
    }
}

/// `2.0` where an integer is wanted: some validators and most tools want `2`.
fn whole(number: serde_json::Number) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: every integer up to it is exact
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => Value::from(float as i64),
        _ => Value::Number(number),
    }
}

fn object(members: Map<String, Value>, schema: &Schema<'_>) -> Value {
    let Some(properties) = schema.here.get("properties").and_then(Value::as_object) else {
        return Value::Object(members);
    };
    let required = schema.here.get("required").and_then(Value::as_array);
    let is_required = |key: &str| required.is_some_and(|required| required.iter().any(|each| each == key));
    let fitted = members.into_iter().filter_map(|(key, value)| {
        let Some(property) = properties.get(&key) else { return Some((key, value)) };
        let property = schema.at(property).resolved();
        // `null` for an option that is left out.
        if value.is_null() && !is_required(&key) && !property.allows_null() {
            return None;
        }
        Some((key, fit(value, &property)))
    });
    Value::Object(fitted.collect())
}

/// The first type that the value can be without a loss, in the order of the schema; else the value.
fn converted(value: Value, types: &[&str]) -> Value {
    types.iter().find_map(|name| as_type(&value, name)).unwrap_or(value)
}

fn as_type(value: &Value, name: &str) -> Option<Value> {
    match (name, value) {
        ("integer" | "number" | "boolean" | "null", Value::String(text)) => {
            let text = text.trim();
            let parsed: Value = match text {
                "True" | "TRUE" | "yes" if name == "boolean" => Value::Bool(true),
                "False" | "FALSE" | "no" if name == "boolean" => Value::Bool(false),
                "None" if name == "null" => Value::Null,
                _ => serde_json::from_str(text).ok()?,
            };
            // Digits that a float cannot hold would change.
            let exact = !parsed.is_f64() || text.len() <= 17;
            (is_of(&parsed, name) && exact).then_some(parsed)
        }
        ("boolean", Value::Number(number)) => match number.as_u64()? {
            0 => Some(Value::Bool(false)),
            1 => Some(Value::Bool(true)),
            _ => None,
        },
        ("string", Value::Number(number)) => Some(Value::String(number.to_string())),
        ("string", Value::Bool(bool)) => Some(Value::String(bool.to_string())),
        // A file's content that is JSON, given as JSON.
        ("string", Value::Object(_) | Value::Array(_)) => serde_json::to_string_pretty(value).ok().map(Value::String),
        ("string", _) => None,
        ("object" | "array", Value::String(text)) if text.trim_start().starts_with(['{', '[']) => {
            let parsed = super::lenient::parse(text).ok().filter(|parsed| text[parsed.end..].trim().is_empty())?.value;
            match name {
                "array" if parsed.is_object() => Some(Value::Array(vec![parsed])),
                _ => is_of(&parsed, name).then_some(parsed),
            }
        }
        ("array", Value::Null) => None,
        ("array", single) => Some(Value::Array(vec![single.clone()])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, given: Value, expected: Value) {
        let schema = json!({"type": "object", "properties": { "x": schema }});
        assert_eq!(coerce(json!({ "x": given }), &schema), json!({ "x": expected }), "{schema}");
    }

    #[test]
    fn what_does_not_fit_is_fitted_without_loss() {
        let int = || json!({"type": "integer"});
        check(int(), json!("5"), json!(5));
        check(int(), json!(" -5 "), json!(-5));
        check(int(), json!("5.0"), json!(5));
        check(int(), json!(2.0), json!(2));
        check(int(), json!("5.5"), json!("5.5"));
        check(int(), json!("five"), json!("five"));
        check(json!({"type": "number"}), json!("0.5"), json!(0.5));
        check(json!({"type": "number"}), json!("0.12345678901234567890"), json!("0.12345678901234567890"));
        check(json!({"type": "boolean"}), json!("true"), json!(true));
        check(json!({"type": "boolean"}), json!("False"), json!(false));
        check(json!({"type": "boolean"}), json!(1), json!(true));
        check(json!({"type": "boolean"}), json!(2), json!(2));
        check(json!({"type": "string"}), json!(5), json!("5"));
        check(json!({"type": "string"}), json!({"a": 1}), json!("{\n  \"a\": 1\n}"));
        check(json!({"type": "string"}), json!(["*"]), json!("[\n  \"*\"\n]"));
        check(json!({"type": "string"}), json!(["a", "b"]), json!("[\n  \"a\",\n  \"b\"\n]"));
        check(json!({"type": "array", "items": {"type": "string"}}), json!("a"), json!(["a"]));
        check(json!({"type": "array", "items": int()}), json!("['1', 2]"), json!([1, 2]));
        check(json!({"type": "object", "properties": {"y": int()}}), json!("{\"y\": \"1\"}"), json!({"y": 1}));
        check(
            json!({"type": "array", "items": {"type": "object", "properties": {"y": int()}}}),
            json!({"y": "1"}),
            json!([{"y": 1}]),
        );
        check(json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!("7"), json!(7));
        check(json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), json!("None"), json!(null));
        check(json!({"type": ["string", "integer"]}), json!("7"), json!("7"));
        check(json!({}), json!("7"), json!("7"));
    }

    #[test]
    fn an_option_that_is_null_is_left_out() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": ["string", "null"]}, "d": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"type": "integer"}}});
        let given = json!({"a": null, "b": null, "c": null, "d": "3", "unknown": null});
        assert_eq!(coerce(given, &schema), json!({"a": null, "c": null, "d": 3, "unknown": null}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}, "anyOf": [{"$ref": "#"}]});
        assert_eq!(coerce(json!({"next": {"next": {"n": "1"}}}), &schema), json!({"next": {"next": {"n": 1}}}));
        let hopeless = json!({"$ref": "#"});
        assert_eq!(coerce(json!({"a": 1}), &hopeless), json!({"a": 1}));
        let wide = json!({"anyOf": [{"type": "integer"}, {"$ref": "#"}, {"$ref": "#"}]});
        assert_eq!(coerce(json!("x"), &wide), json!("x"));
    }
}
