//! Values of every type go through JSON and come back as they were; what does not fit is refused with its place; schemas
//! say what is converted.

use proptest::prelude::*;
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::types::{Integer, Type};
use super::{schema, value};

/// A type, and a value of it.
fn typed() -> impl Strategy<Value = (Type, Val)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| (Type::Bool, Val::Bool(value))),
        any::<i8>().prop_map(|value| (Type::Integer(Integer::S8), Val::S8(value))),
        any::<u8>().prop_map(|value| (Type::Integer(Integer::U8), Val::U8(value))),
        any::<i16>().prop_map(|value| (Type::Integer(Integer::S16), Val::S16(value))),
        any::<u16>().prop_map(|value| (Type::Integer(Integer::U16), Val::U16(value))),
        any::<i32>().prop_map(|value| (Type::Integer(Integer::S32), Val::S32(value))),
        any::<u32>().prop_map(|value| (Type::Integer(Integer::U32), Val::U32(value))),
        any::<i64>().prop_map(|value| (Type::Integer(Integer::S64), Val::S64(value))),
        any::<u64>().prop_map(|value| (Type::Integer(Integer::U64), Val::U64(value))),
        // Every bit pattern: subnormal, infinite, not a number.
        any::<u32>().prop_map(|bits| (Type::F32, Val::Float32(f32::from_bits(bits)))),
        any::<u64>().prop_map(|bits| (Type::F64, Val::Float64(f64::from_bits(bits)))),
        any::<char>().prop_map(|value| (Type::Char, Val::Char(value))),
        any::<String>().prop_map(|value| (Type::String, Val::String(value))),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
            let ty = Type::List(Box::new(Type::Integer(Integer::U8)));
            (ty, Val::List(bytes.into_iter().map(Val::U8).collect()))
        }),
        (0..3usize).prop_map(|at| (Type::Enum(names()), Val::Enum(names().swap_remove(at)))),
        prop::sample::subsequence(names(), 0..=3).prop_map(|flags| (Type::Flags(names()), Val::Flags(flags))),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0..3usize)
                .prop_map(|((ty, value), count)| (Type::List(Box::new(ty)), Val::List(vec![value; count]))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|parts| {
                let (types, values) = parts.into_iter().unzip();
                (Type::Tuple(types), Val::Tuple(values))
            }),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| {
                let named = parts.into_iter().enumerate().map(|(at, part)| (format!("field-{at}"), part));
                let split = named.map(|(name, (ty, value))| ((name.clone(), ty), (name, value)));
                let (types, values) = split.unzip();
                (Type::Record(types), Val::Record(values))
            }),
            (inner.clone(), any::<bool>()).prop_map(|((ty, value), some)| {
                (Type::Option(Box::new(ty)), Val::Option(some.then(|| Box::new(value))))
            }),
            (inner.clone(), 0..3u8).prop_map(|((ty, value), which)| {
                let cases = vec![("none".to_owned(), None), ("some".to_owned(), Some(ty))];
                let value = match which {
                    0 => Val::Variant("none".into(), None),
                    _ => Val::Variant("some".into(), Some(Box::new(value))),
                };
                (Type::Variant(cases), value)
            }),
            (inner.clone(), inner, 0..4u8).prop_map(|((ok, good), (err, bad), which)| {
                let (ok, err) = (Some(Box::new(ok)), Some(Box::new(err)));
                match which {
                    0 => (Type::Result { ok, err }, Val::Result(Ok(Some(Box::new(good))))),
                    1 => (Type::Result { ok, err }, Val::Result(Err(Some(Box::new(bad))))),
                    2 => (Type::Result { ok: None, err }, Val::Result(Ok(None))),
                    _ => (Type::Result { ok, err: None }, Val::Result(Err(None))),
                }
            }),
        ]
    })
}

fn names() -> Vec<String> {
    ["red", "green", "dark-blue"].map(str::to_owned).to_vec()
}

proptest! {
    #[test]
    fn values_come_back_as_they_were((ty, value) in typed()) {
        let json = value::to_json(&ty, &value).unwrap();
        let text = json.to_string();
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value::from_json(&ty, &read), Ok(value), "{} {}", ty, text);
    }

    /// Whatever is given, it is taken or refused.
    #[test]
    fn nothing_breaks_on_json_of_another_shape((ty, _) in typed(), (other, value) in typed()) {
        let json = value::to_json(&other, &value).unwrap();
        if let Ok(taken) = value::from_json(&ty, &json) {
            prop_assert!(value::to_json(&ty, &taken).is_some());
        }
    }
}

fn point() -> Type {
    let fields = [("x", Type::Integer(Integer::S32)), ("note", Type::Option(Box::new(Type::String)))];
    Type::Record(fields.map(|(name, ty)| (name.to_owned(), ty)).to_vec())
}

fn shape() -> Type {
    Type::Variant(vec![("dot".into(), None), ("line".into(), Some(Type::List(Box::new(point()))))])
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let check = |ty: Type, json: Value, said: &str| {
        let params = [("a".to_owned(), ty)];
        let complaint = value::arguments(&params, &json!({"a": json})).unwrap_err();
        assert!(complaint.contains(said), "{json}: {complaint}");
    };
    check(Type::Integer(Integer::U8), json!(256), "`a`: a whole number from 0 to 255 is needed");
    check(Type::Integer(Integer::U64), json!(-1), "from 0 to 18446744073709551615");
    check(Type::Integer(Integer::S64), json!(1e300), "from -9223372036854775808");
    check(Type::Integer(Integer::S32), json!(1.5), "a whole number");
    check(Type::Integer(Integer::S32), json!("1"), "a whole number");
    check(Type::F32, json!(1e39), "too great for an f32");
    check(Type::F64, json!("many"), "a number is needed");
    check(Type::Char, json!("ab"), "exactly one character");
    check(Type::Char, json!(""), "exactly one character");
    check(Type::Bool, json!(1), "true or false");
    check(Type::List(Box::new(Type::Integer(Integer::U8))), json!("@"), "not base64");
    check(Type::List(Box::new(Type::Integer(Integer::U8))), json!([1]), "a string is needed");
    check(Type::Tuple(vec![Type::Bool]), json!([]), "1 values are needed, these are 0");
    check(Type::Enum(names()), json!("blue"), "'blue' is none of red, green, dark-blue");
    check(Type::Flags(names()), json!(["red", "blue"]), "'blue' is none of");
    check(shape(), json!({"line": [{"x": 1}, {"x": "1"}]}), "`a.line[1].x`: a whole number");
    check(shape(), json!({"line": [{}]}), "`a.line[0].x`: it is missing");
    check(shape(), json!({"line": [{"x": 1, "z": 1}]}), "`a.line[0]`: there is no field `z`");
    check(shape(), json!("line"), "`line` takes list<record { x: s32, note: option<string> }>: write {\"line\": …}");
    check(shape(), json!({"dot": 1}), "`dot` takes nothing: write \"dot\"");
    check(shape(), json!("circle"), "'circle' is none of dot, line");
    check(shape(), json!(3), "the name of a case");
    let both = Type::Result { ok: Some(Box::new(Type::Bool)), err: None };
    check(both.clone(), json!(true), "{\"ok\": …} or {\"err\": …}");
    check(both.clone(), json!({"ok": 1}), "`a.ok`: true or false");
    check(both, json!({"err": 1}), "`a.err`: null is needed");
    check(Type::Option(Box::new(Type::Option(Box::new(Type::Bool)))), json!(true), "{\"some\": …}");
    check(Type::Refused("a stream"), json!(1), "a stream cannot be given");

    let params = [("a".to_owned(), Type::Bool), ("b".to_owned(), Type::Option(Box::new(Type::Bool)))];
    assert_eq!(value::arguments(&params, &json!({"a": true})), Ok(vec![Val::Bool(true), Val::Option(None)]));
    assert_eq!(value::arguments(&params, &json!({"b": true})), Err("`a`: it is missing".to_owned()));
    assert_eq!(value::arguments(&params, &json!({"a": true, "c\n": 1})), Err("there is no argument `c\\n`".to_owned()));
    assert_eq!(value::arguments(&params, &json!([])), Err("the arguments are not an object".to_owned()));
}

#[test]
fn a_whole_number_with_a_decimal_point_is_an_integer() {
    assert_eq!(value::from_json(&Type::Integer(Integer::U8), &json!(2.0)), Ok(Val::U8(2)));
    assert_eq!(value::to_json(&Type::F32, &Val::Float32(0.1)), Some(json!(0.1)));
}

#[test]
fn schemas_say_what_is_converted() {
    let check = |ty: Type, expected: Value| assert_eq!(schema::of(&ty, schema::Direction::In), expected, "{ty}");
    let option = |ty: Type| Type::Option(Box::new(ty));
    let integer = |least: i64, greatest: u64| json!({"type": "integer", "minimum": least, "maximum": greatest});
    check(Type::Integer(Integer::U8), integer(0, 255));
    check(Type::Integer(Integer::S64), integer(i64::MIN, i64::MAX.cast_unsigned()));
    check(Type::Integer(Integer::U64), integer(0, u64::MAX));
    check(Type::F32, json!({"type": "number"}));
    check(Type::Char, json!({"type": "string", "minLength": 1, "maxLength": 1}));
    check(option(Type::String), json!({"type": ["string", "null"]}));
    check(option(Type::Enum(names())), json!({"anyOf": [{"type": "string", "enum": names()}, {"type": "null"}]}));
    check(
        option(option(Type::Bool)),
        json!({"type": ["object", "null"], "properties": {"some": {"type": ["boolean", "null"]}},
               "required": ["some"], "additionalProperties": false}),
    );
    check(Type::Tuple(vec![]), json!({"type": "array", "maxItems": 0}));
    check(
        Type::Tuple(vec![Type::Bool, Type::String]),
        json!({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "string"}], "minItems": 2, "maxItems": 2}),
    );
    check(Type::Flags(names()), json!({"type": "array", "items": {"enum": names()}, "uniqueItems": true}));
    let point_schema = json!({
        "type": "object",
        "properties": {"x": integer(i32::MIN.into(), i32::MAX.unsigned_abs().into()), "note": {"type": ["string", "null"]}},
        "required": ["x"], "additionalProperties": false,
    });
    check(point(), point_schema.clone());
    check(
        shape(),
        json!({"anyOf": [
            {"type": "string", "enum": ["dot"]},
            {"type": "object", "properties": {"line": {"type": "array", "items": point_schema}},
             "required": ["line"], "additionalProperties": false},
        ]}),
    );
    let out = schema::of(&Type::F64, schema::Direction::Out);
    assert_eq!(out, json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}));
}
