//! Searching 10,000 files in the sandbox, with the file policy on, against the same code outside.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use garth_plugin::Entry;
use serde_json::json;

use super::report::Figure;
use super::tree::{self, NoHost};
use crate::app::Context;

const FILES: usize = 10_000;
const RUNS: usize = 7;
const PATTERN: &str = "needle_\\w+";

/// Both run on one thread and find the same lines.
pub async fn measure(context: &Context) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    tree::make(&root, FILES)?;
    let arguments = json!({"pattern": PATTERN});
    let plugins = context.plugins_in(&root)?;
    let tool = plugins.find("grep").ok_or_else(|| anyhow!("the built-in tool grep is switched off"))?;
    // The plugin's own code, compiled for this machine, works in the current directory.
    std::env::set_current_dir(&root)?;
    let search = Entry::find(garth_search::TOOLS, "grep").map_err(|error| anyhow!("{error:?}"))?;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let start = Instant::now();
        let finished = plugins.call(tool, &arguments, tool.capabilities.clone(), Arc::new(NoHost)).await;
        let sandboxed = start.elapsed().as_secs_f64() * 1e3;
        let output = finished.result.map_err(|error| anyhow!("{error:?}"))?;
        let start = Instant::now();
        let native = search.call(&arguments.to_string()).map_err(|error| anyhow!("{error:?}"))?;
        let unconfined = start.elapsed().as_secs_f64() * 1e3;
        ensure!(output.text == native.text, "the search inside found something else than the one outside");
        if run > 0 {
            inside.push(sandboxed);
            outside.push(unconfined);
        }
    }
    let mut ratios: Vec<f64> = inside.iter().zip(&outside).map(|(inside, outside)| inside / outside).collect();
    for figures in [&mut inside, &mut outside, &mut ratios] {
        figures.sort_by(f64::total_cmp);
    }
    Ok(vec![
        Figure::at_most("search: grep over 10,000 files, against native", ratios[RUNS / 2], "x", 3.0),
        Figure::told("search: in the sandbox, policy on", inside[RUNS / 2], "ms"),
        Figure::told("search: the same code native", outside[RUNS / 2], "ms"),
    ])
}
