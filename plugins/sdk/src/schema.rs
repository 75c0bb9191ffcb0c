//! JSON Schemas as small as they can be: every character is in every prompt. What schemars derives is stripped of
//! titles, numeric formats, defaults and `null` (an optional field is one that is not required).

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The schema of a tool's arguments: always an object that allows no further properties.
pub fn of_arguments<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = small(settings, T::json_schema, Properties::Closed);
    if let Value::Object(object) = &mut schema {
        object.shift_remove("description");
    }
    schema
}

/// The schema of a tool's data; `None` for `()`.
pub fn of_data<T: JsonSchema>() -> Option<Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = small(settings, T::json_schema, Properties::Open);
    (schema.get("type").and_then(Value::as_str) != Some("null")).then_some(schema)
}

#[derive(Clone, Copy, PartialEq)]
enum Properties {
    Open,
    Closed,
}

type Derive = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

fn small(mut settings: SchemaSettings, derive: Derive, properties: Properties) -> Value {
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let mut schema = derive(&mut settings.into_generator()).to_value();
    if let (Properties::Closed, Value::Object(object)) = (properties, &mut schema) {
        object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    strip(&mut schema, properties);
    schema
}

/// Strips one schema and those inside it. Names of properties are not keywords, so they are stepped over.
fn strip(schema: &mut Value, properties: Properties) {
    let Value::Object(object) = schema else { return };
    for keyword in ["$schema", "title", "format", "default"] {
        object.shift_remove(keyword);
    }
    if object.get("minimum").is_some_and(|minimum| minimum.as_f64() == Some(0.0)) {
        object.shift_remove("minimum");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            object.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    unwrap_optional(object);
    if let Some(Value::Object(fields)) = object.get_mut("properties") {
        fields.values_mut().for_each(|field| strip(field, properties));
        if properties == Properties::Closed {
            object.entry("additionalProperties").or_insert(Value::Bool(false));
        }
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(keyword) {
            strip(inner, properties);
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(inner)) = object.get_mut(keyword) {
            inner.iter_mut().for_each(|schema| strip(schema, properties));
        }
    }
}

/// `anyOf: [X, null]`, which stands for an optional struct or enum, becomes `X`.
fn unwrap_optional(object: &mut Map<String, Value>) {
    let Some(Value::Array(options)) = object.get_mut("anyOf") else { return };
    options.retain(|option| option.get("type").and_then(Value::as_str) != Some("null"));
    if let [Value::Object(only)] = options.as_slice() {
        let only = only.clone();
        object.shift_remove("anyOf");
        for (keyword, value) in only {
            object.entry(keyword).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Open,
        Done,
    }

    /// Not for the model.
    #[derive(Deserialize, Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Args {
        title: String,
        /// First line.
        start: Option<u32>,
        #[serde(default)]
        format: bool,
        status: Option<Status>,
        parts: Vec<Part>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Part {
        size: u64,
    }

    #[test]
    fn argument_schemas_hold_nothing_but_what_the_model_needs() {
        let expected = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "start": {"description": "First line.", "type": "integer"},
                "format": {"type": "boolean"},
                "status": {"type": "string", "enum": ["open", "done"]},
                "parts": {"type": "array", "items": {
                    "type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"],
                    "additionalProperties": false,
                }},
            },
            "required": ["title", "parts"],
            "additionalProperties": false,
        });
        assert_eq!(of_arguments::<Args>(), expected);
    }

    #[test]
    fn no_data_has_no_schema() {
        assert_eq!(of_data::<()>(), None);
        assert_eq!(of_data::<Part>().unwrap()["properties"]["size"]["type"], "integer");
    }
}
