//! `garth debug`: parts of Garth on their own. Today the reader of calls written as text, scored over a file of cases.

mod cases;
mod report;
mod score;

use anyhow::Result;

use super::Context;
use crate::cli::args::DebugAction;

/// Whether the goals were met.
pub fn run(context: &Context, action: &DebugAction) -> Result<bool> {
    let DebugAction::Recover { cases, detail } = action;
    let score = score::score(&cases::read(cases)?);
    if context.flags.json {
        report::json(&score)?;
    } else {
        report::text(&score, *detail)?;
    }
    Ok(score.is_met())
}
