//! [`Type`] → JSON Schema, as short as it can be: it is in every prompt.

use serde_json::{Map, Value, json};

use super::types::Type;

/// Which way values go. What comes back may be a number that JSON has no digits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// The schema of a function's arguments: an object.
pub fn arguments(params: &[(String, Type)]) -> Value {
    object(params, Direction::In)
}

/// The schema of values of this type.
pub fn of(ty: &Type, way: Direction) -> Value {
    match ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::Integer(integer) => {
            let (least, greatest) = integer.range();
            json!({"type": "integer", "minimum": bound(least), "maximum": bound(greatest)})
        }
        Type::F32 | Type::F64 if way == Direction::In => json!({"type": "number"}),
        Type::F32 | Type::F64 => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        Type::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Type::String => json!({"type": "string"}),
        _ if ty.is_bytes() => {
            json!({"type": "string", "contentEncoding": "base64", "description": "bytes in base64"})
        }
        Type::List(element) => json!({"type": "array", "items": of(element, way)}),
        Type::Tuple(types) => {
            let items: Vec<Value> = types.iter().map(|ty| of(ty, way)).collect();
            let length = items.len();
            match length {
                0 => json!({"type": "array", "maxItems": 0}),
                _ => json!({"type": "array", "prefixItems": items, "minItems": length, "maxItems": length}),
            }
        }
        Type::Record(fields) => object(fields, way),
        Type::Variant(cases) => variant(cases, way),
        Type::Enum(names) => json!({"type": "string", "enum": names}),
        Type::Flags(names) => json!({"type": "array", "items": {"enum": names}, "uniqueItems": true}),
        Type::Option(some) => match **some {
            Type::Option(_) => or_null(wrapped("some", Some(some), way)),
            _ => or_null(of(some, way)),
        },
        Type::Result { ok, err } => {
            json!({"anyOf": [wrapped("ok", ok.as_deref(), way), wrapped("err", err.as_deref(), way)]})
        }
        Type::Refused(_) => Value::Bool(false),
    }
}

/// Both ends of every range fit one of JSON's two integers.
fn bound(value: i128) -> Value {
    i64::try_from(value).map(Value::from).or(u64::try_from(value).map(Value::from)).unwrap_or_default()
}

fn object(fields: &[(String, Type)], way: Direction) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|(name, ty)| (name.clone(), of(ty, way))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|(_, ty)| !matches!(ty, Type::Option(_))).map(|(name, _)| name.as_str()).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["additionalProperties"] = Value::Bool(false);
    schema
}

/// Cases without a payload together, then one object for each of the others.
fn variant(cases: &[(String, Option<Type>)], way: Direction) -> Value {
    let names: Vec<&str> = cases.iter().filter(|(_, ty)| ty.is_none()).map(|(name, _)| name.as_str()).collect();
    let plain = (!names.is_empty()).then(|| json!({"type": "string", "enum": names}));
    let others = cases.iter().filter_map(|(name, ty)| Some(wrapped(name, Some(ty.as_ref()?), way)));
    json!({"anyOf": plain.into_iter().chain(others).collect::<Vec<_>>()})
}

/// `{"name": value}`; without a type the value is null.
fn wrapped(name: &str, ty: Option<&Type>, way: Direction) -> Value {
    let inner = ty.map_or_else(|| json!({"type": "null"}), |ty| of(ty, way));
    json!({"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": false})
}

fn or_null(mut schema: Value) -> Value {
    let plain = schema.get("enum").is_none();
    match schema.get_mut("type") {
        Some(Value::String(name)) if plain => {
            let name = std::mem::take(name);
            schema["type"] = json!([name, "null"]);
            schema
        }
        _ => match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
            Some(choices) => {
                choices.push(json!({"type": "null"}));
                schema
            }
            None => json!({"anyOf": [schema, {"type": "null"}]}),
        },
    }
}
