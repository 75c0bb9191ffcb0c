//! A tool: its name, its text, its typed arguments and results. Calls come in and go out as JSON; the conversion is
//! here, so that a tool never sees it.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, invalid, schema};

/// One tool of a plugin.
pub trait Tool {
    /// Letters, digits and underscores, at most 64.
    const NAME: &'static str;
    /// For the model: what the tool does and when to use it. Kept in a Markdown file beside the code
    /// (`include_str!("read_file.md")`); white space around it does not count.
    const DESCRIPTION: &'static str;
    /// What the model fills in: a struct with named fields. Its schema is what the model sees.
    type Args: DeserializeOwned + JsonSchema;
    /// What programs get besides the text: `()` for nothing, else a struct that serialises to a JSON object.
    type Data: Serialize + JsonSchema;

    /// Runs the tool.
    fn call(args: Self::Args) -> Result<Output<Self::Data>, Error>;

    /// What `call` would write, without writing it: the host shows it as a diff, asks, and then holds the call to it.
    /// `None`: cannot be told.
    fn preview(_args: Self::Args) -> Result<Option<Vec<Change>>, Error> {
        Ok(None)
    }
}

/// The result of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output<D = ()> {
    /// For the model. Bounded: a small model reads all of it.
    pub text: String,
    /// The same, for programs.
    pub data: Option<D>,
    pub attachments: Vec<Attachment>,
}

impl<D> Output<D> {
    pub fn text(text: impl Into<String>) -> Self {
        Output { text: text.into(), data: None, attachments: Vec::new() }
    }

    pub fn new(text: impl Into<String>, data: D) -> Self {
        Output { data: Some(data), ..Output::text(text) }
    }
}

/// A file that belongs to a result, such as a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// One file that a call would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the workspace, with `/` between the parts.
    pub path: String,
    /// SHA-256 of the file that the change was computed from, in lower-case hexadecimal; `None` when there was no file.
    pub base: Option<String>,
    /// The whole new content; `None` deletes the file.
    pub content: Option<Vec<u8>>,
}

/// A tool as the catalogue lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolDescription {
    pub name: String,
    pub description: String,
    /// JSON Schema (2020-12) of the arguments, an object.
    pub input_schema: Value,
    /// JSON Schema of the data; `None` for tools without.
    pub output_schema: Option<Value>,
}

/// A call's result with its data as JSON: what goes over the boundary.
pub type Encoded = Output<String>;

/// A tool with its types erased. Made by [`export!`](crate::export).
pub struct Entry {
    pub name: &'static str,
    describe: fn() -> ToolDescription,
    call: fn(&str) -> Result<Encoded, Error>,
    preview: fn(&str) -> Result<Option<Vec<Change>>, Error>,
}

impl Entry {
    pub const fn of<T: Tool>() -> Entry {
        Entry { name: T::NAME, describe: describe::<T>, call: call::<T>, preview: |text| T::preview(parse::<T>(text)?) }
    }

    pub fn describe(&self) -> ToolDescription {
        (self.describe)()
    }

    /// Runs the tool on arguments in JSON.
    pub fn call(&self, arguments: &str) -> Result<Encoded, Error> {
        (self.call)(arguments)
    }

    pub fn preview(&self, arguments: &str) -> Result<Option<Vec<Change>>, Error> {
        (self.preview)(arguments)
    }

    /// The tool of that name.
    pub fn find<'a>(tools: &'a [Entry], name: &str) -> Result<&'a Entry, Error> {
        tools.iter().find(|tool| tool.name == name).ok_or_else(|| {
            let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
            invalid(format!("this plugin has no tool '{name}'; it has {}", names.join(", ")))
        })
    }
}

fn describe<T: Tool>() -> ToolDescription {
    ToolDescription {
        name: T::NAME.to_owned(),
        description: T::DESCRIPTION.trim().to_owned(),
        input_schema: schema::of_arguments::<T::Args>(),
        output_schema: schema::of_data::<T::Data>(),
    }
}

fn call<T: Tool>(arguments: &str) -> Result<Encoded, Error> {
    let Output { text, data, attachments } = T::call(parse::<T>(arguments)?)?;
    let data = data
        .map(|data| serde_json::to_string(&data))
        .transpose()
        .map_err(|error| crate::failed(format!("{}: the result cannot be written as JSON: {error}", T::NAME)))?
        .filter(|data| data != "null");
    Ok(Output { text, data, attachments })
}

fn parse<T: Tool>(arguments: &str) -> Result<T::Args, Error> {
    serde_json::from_str(arguments).map_err(|error| invalid(format!("arguments of {}: {error}", T::NAME)))
}
