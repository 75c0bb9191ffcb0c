//! A fresh instance for every call: what does it cost against starting a program, and against no sandbox at all?

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use super::report::{Figure, median_us};
use crate::app::Context;
use crate::app::bench::tree::NoHost;
use crate::plugins::Plugins;

/// Calls that are measured.
const RUNS: usize = 2_000;
/// Starts of a program that are measured.
const SPAWNS: usize = 300;

/// Reading a file of 2 KB, and nothing at all.
pub async fn measure(context: &Context) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let line = "fn main() { println!(\"a line of sixty-four bytes, end\"); } //\n";
    let file = root.join("file.rs");
    std::fs::write(&file, line.repeat(2048 / line.len()))?;

    let plugins = context.plugins_in(&root)?;
    let call = calls(&plugins, "read_file", &json!({"path": "file.rs"})).await?;
    let empty = calls(&plugins, "think", &json!({"thought": "nothing"})).await?;
    let spawn = median_us(SPAWNS, || {
        let output = Command::new("cat").arg(&file).stdin(Stdio::null()).output().context("cat")?;
        std::hint::black_box(output);
        Ok(())
    })?;
    let native = median_us(RUNS, || {
        std::hint::black_box(std::fs::read_to_string(&file)?);
        Ok(())
    })?;
    Ok(vec![
        Figure::at_most("sandbox: read_file of 2 KB, fresh instance", call.median, "µs", 100.0),
        Figure::at_most("sandbox: the same against spawning cat", call.median / spawn, "x", 0.125),
        Figure::told("sandbox: a call with no work in it", empty.median, "µs"),
        Figure::told("sandbox: spawning cat", spawn, "µs"),
        Figure::told("sandbox: native read", native, "µs"),
        Figure::told("sandbox: slowest of a hundred reads (p99)", call.p99, "µs"),
    ])
}

/// Microseconds.
pub(super) struct Times {
    pub median: f64,
    pub p99: f64,
}

/// Calls the tool again and again: arguments validated, a fresh instance, the result decoded.
pub(super) async fn calls(plugins: &Plugins, name: &str, arguments: &Value) -> Result<Times> {
    let tool = plugins.find(name).with_context(|| format!("the built-in tool {name} is switched off"))?;
    let host = Arc::new(NoHost);
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..RUNS + RUNS / 10 {
        let start = Instant::now();
        tool.check(arguments).map_err(|error| anyhow!(error))?;
        let finished = plugins.call(tool, arguments, tool.capabilities.clone(), host.clone()).await;
        let output = finished.result.map_err(|error| anyhow!("{name}: {error}"))?;
        std::hint::black_box(output);
        if run >= RUNS / 10 {
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(Times { median: times[times.len() / 2], p99: times[times.len() * 99 / 100] })
}
