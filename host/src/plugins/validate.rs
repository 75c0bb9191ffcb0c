//! Checks a call's arguments against the tool's schema, so that invalid ones never reach a plugin. The complaint is one
//! line that a small model can act on.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::effort;

/// The most complaints that one message lists.
const COMPLAINTS: usize = 3;

/// Bytes of one regular expression when it is compiled, and of what matching remembers.
const PATTERN_SIZE: usize = 256 << 10;

/// What is told of a schema without compiling it: whether it can be one, as far as references and the shape of its keywords
/// go.
pub fn is_plausible(schema: &Value) -> Result<(), String> {
    effort::plain_references(schema).map_err(|error| format!("the schema cannot be used: {error}"))?;
    jsonschema::draft202012::meta::validate(schema).map_err(|error| {
        let what: String = error.to_string().chars().take(200).collect();
        format!("the schema cannot be used: {what}")
    })
}

/// Prepares a schema. It may not refer to anything outside itself, and its regular expressions are those that can be matched
/// in linear time: a stranger wrote them, and they run in the host.
pub fn compile(schema: &Value) -> Result<Validator, String> {
    effort::plain_references(schema).map_err(|error| format!("the schema cannot be used: {error}"))?;
    let linear = PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
    jsonschema::draft202012::options().with_pattern_options(linear).build(schema).map_err(|error| {
        let what: String = error.to_string().chars().take(200).collect();
        let hint = match error.kind() {
            ValidationErrorKind::Format { format } if format == "regex" => format!(
                "; a pattern looks neither ahead nor back, and takes at most {} KiB when it is compiled",
                PATTERN_SIZE >> 10
            ),
            _ => String::new(),
        };
        format!("the schema cannot be used: {what}{hint}")
    })
}

/// As [`check`], for who looks at a plugin that is not loaded.
pub fn check_arguments(schema: &Value, arguments: &Value) -> Result<(), String> {
    check(&compile(schema)?, schema, arguments)
}

/// A tool's schema, which is compiled when the tool is first called: that takes milliseconds, and most are never called.
pub struct Lazy(OnceLock<Result<Validator, String>>);

impl Lazy {
    pub fn new() -> Lazy {
        Lazy(OnceLock::new())
    }

    /// `Err` as [`check`] says it, or what is wrong with the schema.
    pub fn check(&self, schema: &Value, arguments: &Value) -> Result<(), String> {
        check(self.ready(schema)?, schema, arguments)
    }

    pub fn ready(&self, schema: &Value) -> Result<&Validator, String> {
        self.0.get_or_init(|| compile(schema)).as_ref().map_err(Clone::clone)
    }
}

/// `Err` says what does not fit, where, and which arguments the tool takes.
pub fn check(validator: &Validator, schema: &Value, arguments: &Value) -> Result<(), String> {
    if !effort::is_bounded(schema, arguments) {
        return Err("the arguments cannot be checked: the tool's schema makes too much work of them; pass less".into());
    }
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

    #[test]
    fn patterns_that_take_long_are_refused_before_they_run() {
        let begun = std::time::Instant::now();
        for (pattern, usable) in [
            ("^[a-z][a-z0-9_-]{0,63}$", true),
            ("^\\d{4}-\\d{2}-\\d{2}$", true),
            ("^https?://[^\\s]+$", true),
            ("^\\p{L}[\\w .]*$", true),
            ("(a|b|ab)*[^a]{4000}x", false),
            ("((a{100}){100}){100}", false),
            ("^(?:(?=a)a|(?=a)a)*(?!a)!$", false),
            ("(a)\\1", false),
        ] {
            let compiled = compile(&json!({"type": "object", "properties": {"a": {"pattern": pattern}}}));
            assert_eq!(compiled.is_ok(), usable, "{pattern}: {:?}", compiled.err());
            if let Err(reason) = compiled {
                assert!(reason.contains("at most 256 KiB when it is compiled"), "{reason}");
            }
        }
        let many: Vec<Value> = (0..128).map(|n| json!({"pattern": format!("(a|b|ab)*[^a]{{300}}x{n}")})).collect();
        let schema = json!({"type": "object", "properties": {"a": {"allOf": many}}});
        let _ = compile(&schema).map(|validator| check(&validator, &schema, &json!({"a": "ab".repeat(40_000)})));
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }
}
