//! Between the generated bindings and the crate's own types: conversions and the bodies of the three exports. Only on
//! wasm32.

use crate::bindings::exports::garth::plugin::tools as wit;
use crate::{Change, Entry, Error};

/// Implements the generated `Guest` trait on a type, over the `TOOLS` of the parent module.
#[doc(hidden)]
#[macro_export]
macro_rules! component_exports {
    ($component:ident) => {
        use $crate::bindings::exports::garth::plugin::tools as wit;
        impl wit::Guest for $component {
            fn describe() -> ::std::vec::Vec<wit::Tool> {
                $crate::component::describe(super::TOOLS)
            }
            fn call(name: ::std::string::String, arguments: ::std::string::String) -> Result<wit::Output, wit::Error> {
                $crate::component::call(super::TOOLS, &name, &arguments)
            }
            fn preview(
                name: ::std::string::String,
                arguments: ::std::string::String,
            ) -> Result<Option<::std::vec::Vec<wit::Change>>, wit::Error> {
                $crate::component::preview(super::TOOLS, &name, &arguments)
            }
        }
    };
}

pub fn describe(tools: &[Entry]) -> Vec<wit::Tool> {
    let convert = |tool: &Entry| {
        let tool = tool.describe();
        wit::Tool {
            name: tool.name,
            description: tool.description,
            input_schema: tool.input_schema.to_string(),
            output_schema: tool.output_schema.map(|schema| schema.to_string()),
        }
    };
    tools.iter().map(convert).collect()
}

pub fn call(tools: &[Entry], name: &str, arguments: &str) -> Result<wit::Output, wit::Error> {
    let output = Entry::find(tools, name)?.call(arguments)?;
    let attachments = output.attachments.into_iter();
    let attachments = attachments.map(|file| wit::Attachment { mime: file.mime, bytes: file.bytes }).collect();
    Ok(wit::Output { text: output.text, data: output.data, attachments })
}

pub fn preview(tools: &[Entry], name: &str, arguments: &str) -> Result<Option<Vec<wit::Change>>, wit::Error> {
    let convert = |change: Change| wit::Change { path: change.path, base: change.base, content: change.content };
    let changes = Entry::find(tools, name)?.preview(arguments)?;
    Ok(changes.map(|changes| changes.into_iter().map(convert).collect()))
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(text) => wit::Error::InvalidInput(text),
            Error::Denied(text) => wit::Error::Denied(text),
            Error::Failed(text) => wit::Error::Failed(text),
        }
    }
}
