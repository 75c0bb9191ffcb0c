//! Functions bound to the code that was loaded, and one call of one of them: arguments in, values out, text and data
//! for the model. Limits and clocks are those of every call, and not kept here.

use std::collections::BTreeMap;

use serde_json::Value;
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Val};
use wasmtime::{Store, format_err};

use super::super::state::State;
use super::super::{Attachment, CallError, Output, ToolDescription};
use super::Function;
use super::types::Type;
use super::value;

/// Characters up to which JSON stays on one line.
const ONE_LINE: usize = 120;
const NOTHING: &str = "(done; the function returns nothing)";

/// A component with plain functions that can be instantiated.
pub struct Plain {
    pub pre: InstancePre<State>,
    /// In the component's order.
    functions: Vec<Function>,
    /// By tool.
    exports: BTreeMap<String, ComponentExportIndex>,
}

/// `None` when the code does not have the functions, which are read from the same bytes.
pub fn bind(component: &Component, pre: InstancePre<State>, functions: Vec<Function>) -> Option<Plain> {
    let index = |function: &Function| {
        let interface = match &function.interface {
            Some(name) => Some(component.get_export_index(None, name.as_str())?),
            None => None,
        };
        let export = component.get_export_index(interface.as_ref(), function.name.as_str())?;
        Some((function.tool.clone(), export))
    };
    let exports = functions.iter().map(index).collect::<Option<_>>()?;
    Some(Plain { pre, functions, exports })
}

impl Plain {
    pub fn descriptions(&self) -> Vec<ToolDescription> {
        let describe = |function: &Function| ToolDescription {
            name: function.tool.clone(),
            description: function.description.clone(),
            input_schema: function.input_schema().to_string(),
            output_schema: function.output_schema().map(|schema| schema.to_string()),
        };
        self.functions.iter().map(describe).collect()
    }

    /// The error is the guest's end; a guest that answered with `err` is an answer.
    pub async fn call(
        &self,
        instance: &Instance,
        store: &mut Store<State>,
        tool: &str,
        arguments: &str,
    ) -> wasmtime::Result<Result<Output, CallError>> {
        let found = Function::find(&self.functions, tool);
        let Some((function, export)) = found.and_then(|found| Some((found, self.exports.get(&found.tool)?))) else {
            return Ok(Err(CallError::Host(format!("the component has no function for the tool '{tool}'"))));
        };
        let arguments = serde_json::from_str(arguments).map_err(|error| error.to_string());
        let arguments = match arguments.and_then(|json: Value| value::arguments(&function.params, &json)) {
            Ok(arguments) => arguments,
            Err(complaint) => return Ok(Err(CallError::InvalidInput(complaint))),
        };
        let callee = instance.get_func(&mut *store, export).ok_or_else(|| format_err!("its function is gone"))?;
        // What stands here before the call is overwritten; only the number counts.
        let mut results = vec![Val::Bool(false); usize::from(function.result.is_some())];
        callee.call_async(&mut *store, &arguments, &mut results).await?;
        let answer = answered(function, results.first());
        Ok(answer.unwrap_or_else(|| Err(CallError::Host("the component returned what its type does not say".into()))))
    }
}

/// `None` when the value is not of the function's type.
fn answered(function: &Function, value: Option<&Val>) -> Option<Result<Output, CallError>> {
    match (&function.result, value) {
        (None, None) => Some(Ok(output(None)?)),
        (Some(Type::Result { ok, err }), Some(Val::Result(result))) => match result {
            Ok(value) => Some(Ok(output(pair(ok, value)?)?)),
            Err(value) => Some(Err(CallError::Failed(match pair(err, value)? {
                Some((ty, value)) => text(ty, value)?,
                None => "it failed, and its type has no place for a reason".to_owned(),
            }))),
        },
        (Some(ty), Some(value)) => Some(Ok(output(Some((ty, value)))?)),
        _ => None,
    }
}

type Typed<'a> = Option<(&'a Type, &'a Val)>;

fn pair<'a>(ty: &'a Option<Box<Type>>, value: &'a Option<Box<Val>>) -> Option<Typed<'a>> {
    match (ty, value) {
        (Some(ty), Some(value)) => Some(Some((ty, value))),
        (None, None) => Some(None),
        _ => None,
    }
}

fn output(value: Typed<'_>) -> Option<Output> {
    let attachments: Vec<Attachment> = Vec::new();
    let Some((ty, value)) = value else { return Some(Output { text: NOTHING.to_owned(), data: None, attachments }) };
    let data = match ty {
        Type::String => None,
        _ => Some(value::to_json(ty, value)?.to_string()),
    };
    Some(Output { text: text(ty, value)?, data, attachments })
}

/// For the model: strings as they are, and bytes that are text; JSON in lines where it is long, so that it can be cut
/// between them.
fn text(ty: &Type, value: &Val) -> Option<String> {
    if let Val::String(text) = value {
        return Some(text.clone());
    }
    if let Some(Ok(text)) = value::bytes(ty, value).map(String::from_utf8) {
        return Some(text);
    }
    let json = value::to_json(ty, value)?;
    let line = match &json {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    match line.chars().nth(ONE_LINE) {
        None => Some(line),
        Some(_) => serde_json::to_string_pretty(&json).ok(),
    }
}
