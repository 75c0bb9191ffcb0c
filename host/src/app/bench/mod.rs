//! `garth bench`: what the promises about speed come to on this machine. Ratios carry over between machines, absolute
//! times only roughly; run it on an idle machine, with a release build.

mod arguments;
mod cache;
mod commands;
mod graph;
mod plugins;
mod recover;
mod report;
mod resilience;
mod sandbox;
mod search;
mod start;
mod steps;
mod tree;

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::Context;
use crate::cli::args::BenchSubject;

/// Measures and prints; `false` when a goal was missed.
pub async fn run(
    context: &Context,
    subject: BenchSubject,
    plugin: Option<&Path>,
    tasks: Option<&Path>,
) -> Result<bool> {
    // What it measures is no time.
    if cfg!(debug_assertions) && subject != BenchSubject::Resilience {
        eprintln!("this is a debug build: its figures say nothing; use cargo run --release -- bench …");
    }
    let figures = match subject {
        BenchSubject::Sandbox => sandbox::measure(context).await?,
        BenchSubject::Search => search::measure(context).await?,
        BenchSubject::Start => start::measure().await?,
        BenchSubject::Loop => steps::measure(context).await?,
        BenchSubject::Cache => cache::measure(context).await?,
        BenchSubject::Commands => commands::measure().await?,
        BenchSubject::Recover => recover::measure()?,
        BenchSubject::Resilience => {
            let rows = resilience::measure(context, tasks.unwrap_or(Path::new(resilience::TASKS))).await?;
            if !context.flags.json {
                write!(std::io::stdout().lock(), "{}", resilience::table(&rows))?;
                return Ok(true);
            }
            resilience::figures(&rows)
        }
        BenchSubject::Graph => graph::measure()?,
        BenchSubject::Plugins => plugins::measure(context, plugin).await?,
    };
    Ok(report::print(&figures, context.flags.json)?)
}
