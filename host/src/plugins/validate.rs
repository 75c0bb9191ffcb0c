//! Checks a call's arguments against the tool's schema, so that invalid ones never reach a plugin. The complaint is one
//! line that a small model can act on.

use jsonschema::Validator;
use serde_json::Value;

/// The most complaints that one message lists.
const COMPLAINTS: usize = 3;

/// Prepares a schema. It may not refer to anything outside itself.
pub fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::new(schema).map_err(|error| format!("the schema cannot be used: {error}"))
}

/// `Err` says what does not fit, where, and which arguments the tool takes.
pub fn check(validator: &Validator, schema: &Value, arguments: &Value) -> Result<(), String> {
    let complaints: Vec<String> = validator
        .iter_errors(arguments)
        .take(COMPLAINTS)
        .map(|error| {
            let place = error.instance_path().to_string();
            let what: String = error.to_string().chars().take(200).collect();
            if place.is_empty() { what } else { format!("{}: {what}", place.trim_start_matches('/').replace('/', ".")) }
        })
        .collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!("{}; the arguments are {}", complaints.join("; "), signature(schema)))
}

/// The arguments in one line: `path (string), start (integer, optional)`.
fn signature(schema: &Value) -> String {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let Some(properties) = schema["properties"].as_object().filter(|all| !all.is_empty()) else {
        return "none: {}".to_string();
    };
    let one = |(name, property): (&String, &Value)| {
        let kind = match &property["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect::<Vec<_>>().join(" or ")
            }
            _ => "value".to_string(),
        };
        if required(name) { format!("{name} ({kind})") } else { format!("{name} ({kind}, optional)") }
    };
    properties.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn complaints_are_one_line_and_say_what_fits() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["path"],
            "properties": {"path": {"type": "string"}, "start": {"type": ["integer", "null"], "minimum": 1}}
        });
        let validator = compile(&schema).unwrap();
        let complaint = |arguments: Value| check(&validator, &schema, &arguments).unwrap_err();
        assert_eq!(check(&validator, &schema, &json!({"path": "a", "start": 3})), Ok(()));
        assert_eq!(
            complaint(json!({})),
            "\"path\" is a required property; the arguments are path (string), start (integer, optional)"
        );
        assert!(complaint(json!({"path": "a", "start": 0})).starts_with("start: 0 is less than the minimum of 1;"));
        let unknown = complaint(json!({"path": "a", "file": 1}));
        assert!(unknown.contains("'file' was unexpected"), "{unknown}");
        assert!(!unknown.contains('\n'));
    }
}
