//! One function as a tool: its name, what the model reads, its schemas.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{self, Direction};
use super::types::Type;

/// Characters of a signature that stands for a description.
const MAX_SIGNATURE: usize = 300;
/// Bytes of a schema as JSON: what a plugin file may have.
const MAX_SCHEMA: usize = 32 << 10;

/// An exported function that can be a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The tool's name.
    pub tool: String,
    /// The exported instance that has it, as the component names it; none when the component itself exports it.
    pub interface: Option<String>,
    /// As the component names it.
    pub name: String,
    /// From its doc comment; its signature where there is none.
    pub description: String,
    pub params: Vec<(String, Type)>,
    pub result: Option<Type>,
}

impl Function {
    pub fn input_schema(&self) -> Value {
        schema::arguments(&self.params)
    }

    /// As people name it: `read-file`, or `interface#read-file` where an interface has it.
    pub fn path(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The one that is meant by its path, by its tool's name, or by its own name where no other function has that.
    pub fn find<'a>(functions: &'a [Function], name: &str) -> Option<&'a Function> {
        let by = |is: &dyn Fn(&Function) -> bool| functions.iter().find(|function| is(function));
        let alone = || {
            let mut named = functions.iter().filter(|function| function.name == name);
            named.next().filter(|_| named.next().is_none())
        };
        by(&|function| function.path() == name).or_else(|| by(&|function| function.tool == name)).or_else(alone)
    }

    /// Of the data; none when the text says it all.
    pub fn output_schema(&self) -> Option<Value> {
        self.data().map(|ty| schema::of(ty, Direction::Out))
    }

    /// The type of a successful result: what is in the `ok` when the function returns a `result`.
    pub fn success(&self) -> Option<&Type> {
        match self.result.as_ref()? {
            Type::Result { ok, .. } => ok.as_deref(),
            ty => Some(ty),
        }
    }

    /// The type of the result's data: a string has none beside the text.
    pub fn data(&self) -> Option<&Type> {
        self.success().filter(|ty| !matches!(ty, Type::String))
    }

    /// As it is written in WIT: `fetch(url: string) -> result<string, string>`.
    pub fn signature(&self) -> String {
        signature(&self.name, &self.params, self.result.as_ref())
    }

    /// Why it cannot be a tool after all.
    pub fn refused(&self) -> Option<String> {
        for (name, ty) in &self.params {
            if let Some(what) = ty.refused() {
                return Some(format!("its parameter `{name}` holds {what}, and only plain values can be given"));
            }
        }
        if let Some(what) = self.result.as_ref().and_then(Type::refused) {
            return Some(format!("it returns {what}, and only plain values can be returned"));
        }
        let schemas = [Some(self.input_schema()), self.output_schema()];
        let large = schemas.into_iter().flatten().any(|schema| schema.to_string().len() > MAX_SCHEMA);
        large.then(|| format!("the schema of its types has more than {MAX_SCHEMA} bytes"))
    }
}

/// A function's type as WIT writes it, cut when it is long.
pub fn signature(name: &str, params: &[(String, Type)], result: Option<&Type>) -> String {
    let params: Vec<String> = params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    let mut text = format!("{name}({})", params.join(", "));
    if let Some(result) = result {
        let _ = write!(text, " -> {result}");
    }
    match text.char_indices().nth(MAX_SIGNATURE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
