//! The types of WIT as far as JSON can carry their values, and how they are written in WIT. A type is a tree here: what
//! several places share is there several times, within the bounds of `read`.

use std::fmt;

/// A value type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    Integer(Integer),
    F32,
    F64,
    Char,
    String,
    List(Box<Type>),
    Tuple(Vec<Type>),
    Record(Vec<(String, Type)>),
    Variant(Vec<(String, Option<Type>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Option(Box<Type>),
    Result {
        ok: Option<Box<Type>>,
        err: Option<Box<Type>>,
    },
    /// What is no value, in words: `a resource`.
    Refused(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Integer {
    /// The least and the greatest value.
    pub fn range(self) -> (i128, i128) {
        match self {
            Integer::S8 => (i8::MIN.into(), i8::MAX.into()),
            Integer::U8 => (0, u8::MAX.into()),
            Integer::S16 => (i16::MIN.into(), i16::MAX.into()),
            Integer::U16 => (0, u16::MAX.into()),
            Integer::S32 => (i32::MIN.into(), i32::MAX.into()),
            Integer::U32 => (0, u32::MAX.into()),
            Integer::S64 => (i64::MIN.into(), i64::MAX.into()),
            Integer::U64 => (0, u64::MAX.into()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Integer::S8 => "s8",
            Integer::U8 => "u8",
            Integer::S16 => "s16",
            Integer::U16 => "u16",
            Integer::S32 => "s32",
            Integer::U32 => "u32",
            Integer::S64 => "s64",
            Integer::U64 => "u64",
        }
    }
}

impl Type {
    /// Whether it is `list<u8>`, whose values are bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self, Type::List(element) if **element == Type::Integer(Integer::U8))
    }

    /// The first part of it that is no value.
    pub fn refused(&self) -> Option<&'static str> {
        match self {
            Type::Refused(what) => Some(what),
            Type::List(element) | Type::Option(element) => element.refused(),
            Type::Tuple(types) => types.iter().find_map(Type::refused),
            Type::Record(fields) => fields.iter().find_map(|(_, ty)| ty.refused()),
            Type::Variant(cases) => cases.iter().find_map(|(_, ty)| ty.as_ref()?.refused()),
            Type::Result { ok, err } => [ok, err].into_iter().flatten().find_map(|ty| ty.refused()),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::Integer(integer) => f.write_str(integer.name()),
            Type::F32 => f.write_str("f32"),
            Type::F64 => f.write_str("f64"),
            Type::Char => f.write_str("char"),
            Type::String => f.write_str("string"),
            Type::List(element) => write!(f, "list<{element}>"),
            Type::Tuple(types) => write!(f, "tuple<{}>", Listed(types)),
            Type::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "record {{ {} }}", fields.join(", "))
            }
            Type::Variant(cases) => {
                let case = |(name, ty): &(String, Option<Type>)| match ty {
                    Some(ty) => format!("{name}({ty})"),
                    None => name.clone(),
                };
                write!(f, "variant {{ {} }}", cases.iter().map(case).collect::<Vec<_>>().join(", "))
            }
            Type::Enum(names) => write!(f, "enum {{ {} }}", names.join(", ")),
            Type::Flags(names) => write!(f, "flags {{ {} }}", names.join(", ")),
            Type::Option(some) => write!(f, "option<{some}>"),
            Type::Result { ok: None, err: None } => f.write_str("result"),
            Type::Result { ok: Some(ok), err: None } => write!(f, "result<{ok}>"),
            Type::Result { ok: None, err: Some(err) } => write!(f, "result<_, {err}>"),
            Type::Result { ok: Some(ok), err: Some(err) } => write!(f, "result<{ok}, {err}>"),
            Type::Refused(what) => write!(f, "<{what}>"),
        }
    }
}

struct Listed<'a>(&'a [Type]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, ty)| match at {
            0 => write!(f, "{ty}"),
            _ => write!(f, ", {ty}"),
        })
    }
}
