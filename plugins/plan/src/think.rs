//! `think`: writing a thought down is the whole effect; it stays in the conversation.

use garth_plugin::{Error, Output, Tool, invalid};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Think;

#[derive(Deserialize, JsonSchema)]
pub struct Args {
    thought: String,
}

impl Tool for Think {
    const NAME: &'static str = "think";
    const DESCRIPTION: &'static str = include_str!("think.md");
    type Args = Args;
    type Data = ();

    fn call(args: Args) -> Result<Output, Error> {
        if args.thought.trim().is_empty() {
            return Err(invalid("thought is empty"));
        }
        Ok(Output::text("noted"))
    }
}
