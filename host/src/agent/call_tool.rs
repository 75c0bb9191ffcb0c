//! The tool `call_tool`: calls another by its name. What is offered to the model does not change within a context, so that
//! servers keep their prompt cache; a plugin that comes later is announced in a message, and called through this one.
//! It does nothing by itself: the call becomes that of the tool it names before anything looks at it.

use serde_json::{Map, Value, json};

use super::ask::Asked;
use crate::protocol::{ToolCall, ToolSpec, ToolSummary};
use crate::recover;

pub(super) const NAME: &str = "call_tool";
const DESCRIPTION: &str = include_str!("call_tool.md");

/// The tool as it is offered, after all others.
pub fn call_tool() -> ToolSpec {
    ToolSpec {
        name: NAME.into(),
        description: DESCRIPTION.trim_end().into(),
        input_schema: json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["name", "arguments"],
            "additionalProperties": false
        }),
    }
}

pub(super) fn summary() -> ToolSummary {
    ToolSummary {
        name: NAME.into(),
        plugin: super::skill::PLUGIN.into(),
        description: DESCRIPTION.trim_end().into(),
        capabilities: "what the tool has that it calls".into(),
    }
}

/// The call that is meant. One that names no tool stays as it is, with the complaint.
pub(super) fn unwrap(asked: Asked) -> Asked {
    if asked.call.name != NAME || asked.unreadable.is_some() {
        return asked;
    }
    let complaint = |text: &str| Asked { unreadable: Some(text.to_string()), ..asked.clone() };
    let Value::Object(mut fields) = asked.call.arguments.clone() else {
        return complaint("the arguments are name (string), arguments (object)");
    };
    let name = match fields.remove("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name.trim().to_string(),
        _ => {
            return complaint(
                "\"name\" is a required property: the name of a tool, with its arguments in \"arguments\"",
            );
        }
    };
    if name == NAME {
        return complaint("\"name\" is to be that of another tool");
    }
    let (arguments, unreadable) = match fields.remove("arguments") {
        Some(Value::Object(arguments)) => (arguments, None),
        // Small models write the object as text, or leave the level out.
        Some(Value::String(text)) => match recover::parse_arguments(&text) {
            Ok((Value::Object(arguments), _)) => (arguments, None),
            Ok(_) => (Map::new(), Some("\"arguments\" is not a JSON object".to_string())),
            Err(error) => (Map::new(), Some(format!("\"arguments\" is not a JSON object: {error}"))),
        },
        Some(Value::Null) | None => (fields, None),
        Some(_) => (Map::new(), Some("\"arguments\" is not a JSON object".to_string())),
    };
    let call = ToolCall { name, arguments: Value::Object(arguments), ..asked.call };
    Asked { call, unreadable, through: Some(NAME), instead: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tool and its arguments, or the complaint.
    #[track_caller]
    fn check(name: &str, arguments: Value, expected: Result<(&str, Value), &str>) {
        let call = ToolCall { id: "c1".into(), name: name.into(), arguments, recovered: None };
        let Asked { call, unreadable, through, .. } =
            unwrap(Asked { call, unreadable: None, through: None, instead: Vec::new() });
        match expected {
            Ok((tool, arguments)) => {
                assert_eq!((call.name.as_str(), call.arguments, unreadable), (tool, arguments, None));
                assert_eq!(through.is_some(), name == NAME);
            }
            Err(part) => assert!(unreadable.as_ref().is_some_and(|text| text.contains(part)), "{unreadable:?}"),
        }
    }

    #[test]
    fn a_call_becomes_that_of_the_tool_that_it_names() {
        let path = || json!({"path": "a"});
        check("read_file", path(), Ok(("read_file", path())));
        check(NAME, json!({"name": "lint", "arguments": {"path": "a"}}), Ok(("lint", path())));
        check(NAME, json!({"name": " lint ", "arguments": "{\"path\": \"a\"}"}), Ok(("lint", path())));
        check(NAME, json!({"name": "lint", "path": "a"}), Ok(("lint", path())));
        check(NAME, json!({"name": "lint", "arguments": null}), Ok(("lint", json!({}))));
        check(NAME, json!({"arguments": {}}), Err("\"name\" is a required property"));
        check(NAME, json!({"name": "", "arguments": {}}), Err("\"name\" is a required property"));
        check(NAME, json!({"name": NAME, "arguments": {"name": "lint"}}), Err("another tool"));
        check(NAME, json!({"name": "lint", "arguments": [1]}), Err("not a JSON object"));
        check(NAME, json!({"name": "lint", "arguments": "[1"}), Err("not a JSON object"));
        check(NAME, json!([]), Err("the arguments are name"));
    }
}
