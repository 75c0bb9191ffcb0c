//! Translates how a guest ended into results the host understands: its own answers, limits, crashes. Also the last
//! check of the result's size.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::contract::tools;
use super::meter::{Hit, Meter};
use super::{Attachment, CallError, Change, Output, ToolDescription};

/// The guest's own answer.
pub(super) fn answered(error: tools::Error, meter: &Meter) -> CallError {
    let bounded = |text: String| -> Result<String, CallError> {
        sized(meter, text.len())?;
        Ok(text)
    };
    let wrapped = match error {
        tools::Error::InvalidInput(text) => bounded(text).map(CallError::InvalidInput),
        tools::Error::Denied(text) => bounded(text).map(CallError::Denied),
        tools::Error::Failed(text) => bounded(text).map(CallError::Failed),
    };
    wrapped.unwrap_or_else(|limit| limit)
}

/// The guest did not get to answer.
pub(super) fn ended(error: &wasmtime::Error, meter: &Meter, timed_out: bool) -> CallError {
    if let Some(hit) = meter.first_hit().or_else(|| error.downcast_ref::<Hit>().cloned()) {
        return CallError::Limit { limit: hit.limit, value: hit.value };
    }
    if timed_out {
        return CallError::Limit { limit: "time", value: meter.limits.time.to_string() };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return CallError::Trapped(with_last_words(format!("it ended itself with exit code {}", exit.0), meter));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let what = match trap {
            Trap::StackOverflow => "its call stack is exhausted (endless recursion?)".to_owned(),
            Trap::UnreachableCodeReached => "it panicked or aborted".to_owned(),
            trap => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        };
        return CallError::Trapped(with_last_words(what, meter));
    }
    let text = format!("{error:#}");
    // Wasmtime has no types for these two.
    if text.contains("count too high") {
        return CallError::Limit { limit: "instances", value: meter.limits.instances.to_string() };
    }
    if text.contains("fuel allocated for hostcalls") {
        return CallError::Limit { limit: "output", value: meter.limits.output.to_string() };
    }
    CallError::Trapped(with_last_words(text, meter))
}

/// The pool has no slot of some kind left: not this guest's fault.
pub(super) fn is_pool_exhausted(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<PoolConcurrencyLimitError>().is_some()
}

fn with_last_words(what: String, meter: &Meter) -> String {
    match meter.last_words() {
        words if words.is_empty() => what,
        words => format!("{what}; it said: {words}"),
    }
}

fn sized(meter: &Meter, bytes: usize) -> Result<(), CallError> {
    match bytes as u64 > meter.limits.output.0 {
        true => Err(CallError::Limit { limit: "output", value: meter.limits.output.to_string() }),
        false => Ok(()),
    }
}

pub(super) fn output(output: tools::Output, meter: &Meter) -> Result<Output, CallError> {
    let attached = output.attachments.iter().map(|attachment| attachment.mime.len() + attachment.bytes.len());
    sized(meter, output.text.len() + output.data.as_ref().map_or(0, String::len) + attached.sum::<usize>())?;
    let attachments =
        output.attachments.into_iter().map(|given| Attachment { mime: given.mime, bytes: given.bytes }).collect();
    Ok(Output { text: output.text, data: output.data, attachments })
}

/// An answer that was not made from the contract's types.
pub(super) fn bounded(answer: Result<Output, CallError>, meter: &Meter) -> Result<Output, CallError> {
    let bytes = match &answer {
        Ok(output) => output.text.len() + output.data.as_ref().map_or(0, String::len),
        Err(error) => error.to_string().len(),
    };
    sized(meter, bytes)?;
    answer
}

pub(super) fn changes(changes: Option<Vec<tools::Change>>, meter: &Meter) -> Result<Option<Vec<Change>>, CallError> {
    let Some(changes) = changes else { return Ok(None) };
    let sizes = changes.iter().map(|change| change.path.len() + change.content.as_ref().map_or(0, Vec::len));
    sized(meter, sizes.sum())?;
    let given = |change: tools::Change| Change { path: change.path, base: change.base, content: change.content };
    Ok(Some(changes.into_iter().map(given).collect()))
}

pub(super) fn descriptions(tools: Vec<tools::Tool>, meter: &Meter) -> Result<Vec<ToolDescription>, CallError> {
    let size = |tool: &tools::Tool| {
        tool.name.len()
            + tool.description.len()
            + tool.input_schema.len()
            + tool.output_schema.as_ref().map_or(0, String::len)
    };
    sized(meter, tools.iter().map(size).sum())?;
    let given = |tool: tools::Tool| ToolDescription {
        name: tool.name,
        description: tool.description,
        input_schema: tool.input_schema,
        output_schema: tool.output_schema,
    };
    Ok(tools.into_iter().map(given).collect())
}
