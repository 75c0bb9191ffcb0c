//! JSON ↔ values of a component, by [`Type`]. What does not fit is refused with its place: `lines[2].kind`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Number, Value};
use wasmtime::component::Val;

use super::types::{Integer, Type};

/// Bytes as RFC 4648 has them in its section 4; models often leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The last integer up to which every one is a number of its own in JSON written with a decimal point.
const EXACT: f64 = 9_007_199_254_740_992.0;
const NOT_FINITE: [(&str, f64); 3] = [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// The arguments in the order of the parameters. `Err` is a line for the model.
pub fn arguments(params: &[(String, Type)], json: &Value) -> Result<Vec<Val>, String> {
    let given = json.as_object().ok_or("the arguments are not an object")?;
    if let Some(name) = given.keys().find(|name| params.iter().all(|(known, _)| known != *name)) {
        return Err(format!("there is no argument `{}`", name.escape_debug()));
    }
    params.iter().map(|(name, ty)| field(name, ty, given, &Place::Top)).collect()
}

/// One value of the component.
#[cfg(test)]
pub fn from_json(ty: &Type, json: &Value) -> Result<Val, String> {
    convert(ty, json, &Place::Top)
}

/// Where in the arguments.
enum Place<'a> {
    Top,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn wrong<T>(&self, what: impl AsRef<str>) -> Result<T, String> {
        match self {
            Place::Top => Err(what.as_ref().to_owned()),
            place => Err(format!("`{}`: {}", place.path(), what.as_ref())),
        }
    }

    fn path(&self) -> String {
        match self {
            Place::Top => String::new(),
            Place::Field(Place::Top, name) => (*name).to_owned(),
            Place::Field(outer, name) => format!("{}.{name}", outer.path()),
            Place::Item(outer, at) => format!("{}[{at}]", outer.path()),
        }
    }
}

fn field(name: &str, ty: &Type, given: &Map<String, Value>, place: &Place<'_>) -> Result<Val, String> {
    match given.get(name) {
        Some(value) => convert(ty, value, &Place::Field(place, name)),
        None if matches!(ty, Type::Option(_)) => Ok(Val::Option(None)),
        None => Place::Field(place, name).wrong("it is missing"),
    }
}

fn convert(ty: &Type, json: &Value, place: &Place<'_>) -> Result<Val, String> {
    match ty {
        Type::Bool => match json {
            Value::Bool(value) => Ok(Val::Bool(*value)),
            _ => place.wrong("true or false is needed"),
        },
        Type::Integer(integer) => convert_integer(*integer, json, place),
        Type::F32 => convert_float(json, place).and_then(|wide| {
            let narrow = wide as f32;
            match narrow.is_infinite() && wide.is_finite() {
                true => place.wrong("the number is too great for an f32"),
                false => Ok(Val::Float32(narrow)),
            }
        }),
        Type::F64 => convert_float(json, place).map(Val::Float64),
        Type::Char => {
            let mut chars = text(json, place)?.chars();
            match (chars.next(), chars.next()) {
                (Some(one), None) => Ok(Val::Char(one)),
                _ => place.wrong("exactly one character is needed"),
            }
        }
        Type::String => text(json, place).map(|text| Val::String(text.to_owned())),
        _ if ty.is_bytes() => match BASE64.decode(text(json, place)?).ok() {
            Some(bytes) => Ok(Val::List(bytes.into_iter().map(Val::U8).collect())),
            None => place.wrong("this is not base64"),
        },
        Type::List(element) => {
            let items = array(json, place)?.iter().enumerate();
            let items = items.map(|(at, item)| convert(element, item, &Place::Item(place, at)));
            items.collect::<Result<_, _>>().map(Val::List)
        }
        Type::Tuple(types) => {
            let items = array(json, place)?;
            if items.len() != types.len() {
                return place.wrong(format!("{} values are needed, these are {}", types.len(), items.len()));
            }
            let items = types.iter().zip(items).enumerate();
            let items = items.map(|(at, (ty, item))| convert(ty, item, &Place::Item(place, at)));
            items.collect::<Result<_, _>>().map(Val::Tuple)
        }
        Type::Record(fields) => {
            let Value::Object(given) = json else { return place.wrong("an object is needed") };
            if let Some(name) = given.keys().find(|name| fields.iter().all(|(known, _)| known != *name)) {
                return place.wrong(format!("there is no field `{}`", name.escape_debug()));
            }
            let fields = fields.iter().map(|(name, ty)| Ok((name.clone(), field(name, ty, given, place)?)));
            fields.collect::<Result<_, String>>().map(Val::Record)
        }
        Type::Variant(cases) => convert_variant(cases, json, place),
        Type::Enum(names) => known(names, text(json, place)?, place).map(Val::Enum),
        Type::Flags(names) => {
            let mut flags = Vec::new();
            for item in array(json, place)? {
                let flag = known(names, text(item, place)?, place)?;
                if !flags.contains(&flag) {
                    flags.push(flag);
                }
            }
            Ok(Val::Flags(flags))
        }
        Type::Option(_) if json.is_null() => Ok(Val::Option(None)),
        Type::Option(some) => {
            let value = match **some {
                Type::Option(_) => match single(json) {
                    Some(("some", value)) => convert(some, value, &Place::Field(place, "some"))?,
                    _ => return place.wrong("null or {\"some\": …} is needed"),
                },
                _ => convert(some, json, place)?,
            };
            Ok(Val::Option(Some(Box::new(value))))
        }
        Type::Result { ok, err } => {
            let (side, name, value) = match single(json) {
                Some((name @ "ok", value)) => (ok, name, value),
                Some((name @ "err", value)) => (err, name, value),
                _ => return place.wrong("{\"ok\": …} or {\"err\": …} is needed"),
            };
            let payload = match side {
                Some(ty) => Some(Box::new(convert(ty, value, &Place::Field(place, name))?)),
                None if value.is_null() => None,
                None => return Place::Field(place, name).wrong("null is needed"),
            };
            Ok(Val::Result(if name == "ok" { Ok(payload) } else { Err(payload) }))
        }
        Type::Refused(what) => place.wrong(format!("{what} cannot be given")),
    }
}

fn text<'a>(json: &'a Value, place: &Place<'_>) -> Result<&'a str, String> {
    json.as_str().map_or_else(|| place.wrong("a string is needed"), Ok)
}

fn array<'a>(json: &'a Value, place: &Place<'_>) -> Result<&'a [Value], String> {
    json.as_array().map_or_else(|| place.wrong("an array is needed"), |items| Ok(items.as_slice()))
}

/// The one entry of an object that has one.
fn single(json: &Value) -> Option<(&str, &Value)> {
    let object = json.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(name, value)| (name.as_str(), value))
}

fn known(names: &[String], name: &str, place: &Place<'_>) -> Result<String, String> {
    match names.iter().any(|known| known == name) {
        true => Ok(name.to_owned()),
        false => place.wrong(format!("'{}' is none of {}", name.escape_debug(), names.join(", "))),
    }
}

fn convert_integer(integer: Integer, json: &Value, place: &Place<'_>) -> Result<Val, String> {
    // JSON Schema counts 2.0 among the integers.
    let whole = |float: f64| (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128);
    let value = json.as_i64().map(i128::from).or(json.as_u64().map(i128::from)).or(json.as_f64().and_then(whole));
    let (least, greatest) = integer.range();
    let wrong = || place.wrong(format!("a whole number from {least} to {greatest} is needed"));
    let Some(value) = value else { return wrong() };
    let converted = match integer {
        Integer::S8 => i8::try_from(value).map(Val::S8),
        Integer::U8 => u8::try_from(value).map(Val::U8),
        Integer::S16 => i16::try_from(value).map(Val::S16),
        Integer::U16 => u16::try_from(value).map(Val::U16),
        Integer::S32 => i32::try_from(value).map(Val::S32),
        Integer::U32 => u32::try_from(value).map(Val::U32),
        Integer::S64 => i64::try_from(value).map(Val::S64),
        Integer::U64 => u64::try_from(value).map(Val::U64),
    };
    converted.or_else(|_| wrong())
}

fn convert_float(json: &Value, place: &Place<'_>) -> Result<f64, String> {
    let named = || NOT_FINITE.iter().find(|(name, _)| json.as_str() == Some(name)).map(|(_, value)| *value);
    json.as_f64().or_else(named).map_or_else(|| place.wrong("a number is needed"), Ok)
}

fn convert_variant(cases: &[(String, Option<Type>)], json: &Value, place: &Place<'_>) -> Result<Val, String> {
    let find = |name: &str| cases.iter().find(|(known, _)| known == name);
    let (name, payload) = match (json, single(json)) {
        (Value::String(name), _) => (name.as_str(), None),
        (_, Some((name, payload))) => (name, Some(payload)),
        _ => return place.wrong("the name of a case, or an object with one, is needed"),
    };
    match (find(name), payload) {
        (Some((name, None)), None) => Ok(Val::Variant(name.clone(), None)),
        (Some((name, Some(ty))), Some(payload)) => {
            let payload = convert(ty, payload, &Place::Field(place, name))?;
            Ok(Val::Variant(name.clone(), Some(Box::new(payload))))
        }
        (Some((name, Some(ty))), None) => place.wrong(format!("`{name}` takes {ty}: write {{\"{name}\": …}}")),
        (Some((name, None)), Some(_)) => place.wrong(format!("`{name}` takes nothing: write \"{name}\"")),
        (None, _) => {
            let names: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
            place.wrong(format!("'{}' is none of {}", name.escape_debug(), names.join(", ")))
        }
    }
}

/// A value as JSON; `None` when it is none of this type, which a component's own result always is.
pub fn to_json(ty: &Type, value: &Val) -> Option<Value> {
    Some(match (ty, value) {
        (Type::Bool, Val::Bool(value)) => Value::Bool(*value),
        (Type::Integer(_), Val::S8(value)) => Value::from(*value),
        (Type::Integer(_), Val::U8(value)) => Value::from(*value),
        (Type::Integer(_), Val::S16(value)) => Value::from(*value),
        (Type::Integer(_), Val::U16(value)) => Value::from(*value),
        (Type::Integer(_), Val::S32(value)) => Value::from(*value),
        (Type::Integer(_), Val::U32(value)) => Value::from(*value),
        (Type::Integer(_), Val::S64(value)) => Value::from(*value),
        (Type::Integer(_), Val::U64(value)) => Value::from(*value),
        // By its own shortest digits: 0.1, not 0.10000000149011612.
        (Type::F32, Val::Float32(value)) => float(value.to_string().parse().ok()?),
        (Type::F64, Val::Float64(value)) => float(*value),
        (Type::Char, Val::Char(value)) => Value::String(value.to_string()),
        (Type::String, Val::String(value)) => Value::String(value.clone()),
        (_, Val::List(_)) if ty.is_bytes() => Value::String(BASE64.encode(bytes(ty, value)?)),
        (Type::List(element), Val::List(items)) => {
            Value::Array(items.iter().map(|item| to_json(element, item)).collect::<Option<_>>()?)
        }
        (Type::Tuple(types), Val::Tuple(items)) if types.len() == items.len() => {
            Value::Array(types.iter().zip(items).map(|(ty, item)| to_json(ty, item)).collect::<Option<_>>()?)
        }
        (Type::Record(fields), Val::Record(values)) if fields.len() == values.len() => {
            let mut object = Map::new();
            for ((name, ty), (_, value)) in fields.iter().zip(values) {
                // Left out is shorter than null, and means the same.
                if !matches!(value, Val::Option(None)) {
                    object.insert(name.clone(), to_json(ty, value)?);
                }
            }
            Value::Object(object)
        }
        (Type::Variant(cases), Val::Variant(name, payload)) => {
            let (_, ty) = cases.iter().find(|(known, _)| known == name)?;
            match (ty, payload) {
                (Some(ty), Some(payload)) => entry(name, to_json(ty, payload)?),
                (None, None) => Value::String(name.clone()),
                _ => return None,
            }
        }
        (Type::Enum(_), Val::Enum(name)) => Value::String(name.clone()),
        (Type::Flags(_), Val::Flags(names)) => Value::from(names.clone()),
        (Type::Option(_), Val::Option(None)) => Value::Null,
        (Type::Option(some), Val::Option(Some(value))) => match **some {
            Type::Option(_) => entry("some", to_json(some, value)?),
            _ => to_json(some, value)?,
        },
        (Type::Result { ok, err }, Val::Result(result)) => match result {
            Ok(value) => entry("ok", payload(ok, value)?),
            Err(value) => entry("err", payload(err, value)?),
        },
        _ => return None,
    })
}

/// The bytes of a `list<u8>`.
pub fn bytes(ty: &Type, value: &Val) -> Option<Vec<u8>> {
    let Val::List(items) = value else { return None };
    let byte = |item: &Val| if let Val::U8(byte) = item { Some(*byte) } else { None };
    if ty.is_bytes() { items.iter().map(byte).collect() } else { None }
}

fn payload(ty: &Option<Box<Type>>, value: &Option<Box<Val>>) -> Option<Value> {
    match (ty, value) {
        (Some(ty), Some(value)) => to_json(ty, value),
        (None, None) => Some(Value::Null),
        _ => None,
    }
}

fn entry(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn float(value: f64) -> Value {
    let name = || match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    };
    Number::from_f64(value).map_or_else(|| Value::from(name()), Value::Number)
}
