//! Types of a component as its validator has them → [`Type`]. Bounded: a few bytes of a component can describe a tree
//! of a million parts.

use wasmparser::PrimitiveValType as Primitive;
use wasmparser::component_types::{ComponentDefinedType as Defined, ComponentFuncType, ComponentValType};
use wasmparser::types::TypesRef;

use super::types::{Integer, Type};

/// Parts of the types of one function.
const MAX_PARTS: usize = 2_000;
/// Types within types. JSON, and the readers of JSON, take a few levels for each.
const MAX_DEPTH: usize = 24;

/// A function's parameters and its result.
pub type Signature = (Vec<(String, Type)>, Option<Type>);

/// Reads one function.
pub struct Reader<'a> {
    types: TypesRef<'a>,
    left: usize,
}

impl<'a> Reader<'a> {
    pub fn new(types: TypesRef<'a>) -> Reader<'a> {
        Reader { types, left: MAX_PARTS }
    }

    /// `Err` says why its types are not read.
    pub fn signature(mut self, function: &ComponentFuncType) -> Result<Signature, String> {
        let mut params = Vec::new();
        for (name, ty) in &function.params {
            params.push((name.to_string(), self.value(ty, 0)?));
        }
        let result = function.result.as_ref().map(|ty| self.value(ty, 0)).transpose()?;
        Ok((params, result))
    }

    fn value(&mut self, ty: &ComponentValType, depth: usize) -> Result<Type, String> {
        self.take()?;
        if depth > MAX_DEPTH {
            return Err(format!("its types are nested more than {MAX_DEPTH} deep"));
        }
        let id = match ty {
            ComponentValType::Primitive(primitive) => return Ok(primitive_type(*primitive)),
            ComponentValType::Type(id) => *id,
        };
        let types = self.types;
        let Some(defined) = types.get(id) else { return Err("a type of it is missing".to_owned()) };
        self.defined(defined, depth + 1)
    }

    fn take(&mut self) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or(format!("its types have more than {MAX_PARTS} parts"))?;
        Ok(())
    }

    fn optional(&mut self, ty: &Option<ComponentValType>, depth: usize) -> Result<Option<Type>, String> {
        ty.as_ref().map(|ty| self.value(ty, depth)).transpose()
    }

    fn names<'n>(
        &mut self,
        names: impl Iterator<Item = &'n wasmparser::names::KebabString>,
    ) -> Result<Vec<String>, String> {
        names.map(|name| self.take().map(|()| name.to_string())).collect()
    }

    fn defined(&mut self, defined: &Defined, depth: usize) -> Result<Type, String> {
        Ok(match defined {
            Defined::Primitive(primitive) => primitive_type(*primitive),
            Defined::Record(record) => {
                let field = |(name, ty): (&_, &_)| Ok((ToString::to_string(name), self.value(ty, depth)?));
                Type::Record(record.fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            Defined::Variant(variant) => {
                let mut cases = Vec::new();
                for (name, case) in &variant.cases {
                    self.take()?;
                    cases.push((name.to_string(), self.optional(&case.ty, depth)?));
                }
                Type::Variant(cases)
            }
            Defined::List { element, .. } => Type::List(Box::new(self.value(element, depth)?)),
            Defined::Tuple(tuple) => {
                Type::Tuple(tuple.types.iter().map(|ty| self.value(ty, depth)).collect::<Result<_, _>>()?)
            }
            Defined::Flags(names) => Type::Flags(self.names(names.iter())?),
            Defined::Enum(names) => Type::Enum(self.names(names.iter())?),
            Defined::Option { ty, .. } => Type::Option(Box::new(self.value(ty, depth)?)),
            Defined::Result { ok, err, .. } => Type::Result {
                ok: self.optional(ok, depth)?.map(Box::new),
                err: self.optional(err, depth)?.map(Box::new),
            },
            Defined::Own(_) | Defined::Borrow(_) => Type::Refused("a resource"),
            Defined::Future { .. } => Type::Refused("a future"),
            Defined::Stream { .. } => Type::Refused("a stream"),
            Defined::Map { .. } => Type::Refused("a map, which is not part of WASI 0.2"),
            Defined::FixedLengthList { .. } => Type::Refused("a list of fixed length, which is not part of WASI 0.2"),
        })
    }
}

fn primitive_type(primitive: Primitive) -> Type {
    match primitive {
        Primitive::Bool => Type::Bool,
        Primitive::S8 => Type::Integer(Integer::S8),
        Primitive::U8 => Type::Integer(Integer::U8),
        Primitive::S16 => Type::Integer(Integer::S16),
        Primitive::U16 => Type::Integer(Integer::U16),
        Primitive::S32 => Type::Integer(Integer::S32),
        Primitive::U32 => Type::Integer(Integer::U32),
        Primitive::S64 => Type::Integer(Integer::S64),
        Primitive::U64 => Type::Integer(Integer::U64),
        Primitive::F32 => Type::F32,
        Primitive::F64 => Type::F64,
        Primitive::Char => Type::Char,
        Primitive::String => Type::String,
        Primitive::ErrorContext => Type::Refused("an error context"),
    }
}
