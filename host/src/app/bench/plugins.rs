//! Plugins of others: what listing many of them costs, the first call of a large one, many calls at once, and the least
//! that a call takes. Its plugin files are the built-in ones under other names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_util::future::join_all;
use serde_json::json;

use super::arguments;
use super::report::Figure;
use super::sandbox::calls;
use super::tree::NoHost;
use crate::app::{Context, services};
use crate::plugins::{Consents, Live, Options, Origin, PluginFile, Plugins, Roots, Setup, Writing, builtin, pack};
use crate::policy::{Capabilities, Grant, Limits};
use crate::sandbox::{CallError, Protection, Sandbox};

const LISTED: usize = 100;
const CALLS: usize = 1_000;
const PLUGINS: usize = 8;
const RUNS: usize = 20;

/// `one` is a plugin file of the user's, such as one that is too large to be part of this repository.
pub async fn measure(context: &Context, one: Option<&Path>) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let mut figures = vec![listing(context, &root)?];
    match one {
        Some(file) => figures.push(first(context, file, &root).await?),
        None => eprintln!("the first call of a large plugin is measured with --plugin FILE"),
    }
    figures.extend(crowd(context, &root).await?);
    let plugins = context.plugins_in(&root)?;
    let nothing = calls(&plugins, "think", &json!({"thought": "nothing"})).await?;
    figures.push(Figure::at_most("plugins: a call with no work in it, fresh instance", nothing.median, "µs", 60.0));
    Ok(figures)
}

/// A built-in plugin as a file of another name, with something before the names of its tools.
fn renamed(of: &str, name: &str, before: &str) -> Result<Vec<u8>> {
    let file = builtin::BUILTIN.iter().find(|file| file.name == of).context("a built-in plugin is missing")?;
    let mut sections = pack::read_sections(file.wasm)?;
    sections.manifest.name = name.to_owned();
    let tools = std::mem::take(&mut sections.manifest.tools);
    sections.manifest.tools = tools.into_iter().map(|(tool, entry)| (format!("{before}{tool}"), entry)).collect();
    sections.catalogue.iter_mut().for_each(|tool| tool.name.insert_str(0, before));
    Ok(pack::pack(file.wasm, &sections)?)
}

/// Opens the plugins of a project as each start does, with a full folder of them: bytes, digest, manifest, catalogue and
/// whether each may be used. Nothing is compiled or run.
fn listing(context: &Context, root: &Path) -> Result<Figure> {
    let state = root.join("listed");
    let roots = Roots::new(root, root, &state);
    let folder = state.join("dev");
    std::fs::create_dir_all(&folder)?;
    let (mut bytes, mut writing) = (0, Vec::with_capacity(LISTED));
    for number in 0..LISTED {
        let name = format!("plan-{number}");
        // As `garth plugin dev` does, for as long as it runs.
        writing.extend(Writing::begin(&roots, &name)?);
        let wasm = renamed("plan", &name, &format!("{number}_"))?;
        bytes += wasm.len();
        std::fs::write(folder.join(format!("{name}.wasm")), wasm)?;
    }
    let sandbox = services::sandbox(&context.paths)?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let options = Options {
            roots: roots.clone(),
            consents: Consents::open(state.clone(), state.clone()),
            sandbox: sandbox.clone(),
            workspace: root.to_path_buf(),
            protection: Arc::new(Protection::none()),
            limits: Limits::default(),
            state: PathBuf::new(),
            enabled: Box::new(|_| true),
            grant: Box::new(|_, _| Grant::default()),
            reserved: Vec::new(),
            signed: Box::new(|_, _, _| Ok(())),
            question: Box::new(|_| String::new()),
        };
        let start = Instant::now();
        let live = Live::open(options)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        let usable = live.current().plugins().iter().filter(|plugin| plugin.name.starts_with("plan-")).count();
        ensure!(usable == LISTED, "only {usable} plugins may be used");
    }
    let name = format!("plugins: listing 100 files, {:.0} MB together", bytes as f64 / 1e6);
    Ok(Figure::at_most(&name, median(times), "ms", 20.0))
}

/// From the file to the first answer in a new engine, as in a new process, with native code in the cache. What its first tool
/// says of the least arguments that it takes is an answer too.
async fn first(context: &Context, file: &Path, root: &Path) -> Result<Figure> {
    let wasm = std::fs::read(file).with_context(|| file.display().to_string())?;
    let megabytes = wasm.len() as f64 / 1e6;
    let parsed = || PluginFile::parse(wasm.clone(), Origin::File { shown: file.display().to_string() });
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let (sandbox, file) = (services::sandbox(&context.paths)?, parsed()?);
        let start = Instant::now();
        let plugins = Plugins::of(vec![file], setup(&sandbox, root))?;
        let tool = plugins.tools().first().context("it has no tools")?;
        let arguments = arguments::least(&tool.spec.input_schema);
        let finished = plugins.call(tool, &arguments, Capabilities::default(), Arc::new(NoHost)).await;
        let took = start.elapsed().as_secs_f64() * 1e3;
        match finished.result {
            Ok(_) | Err(CallError::InvalidInput(_) | CallError::Denied(_) | CallError::Failed(_)) => {}
            Err(error) => return Err(anyhow!("{}: {error}", tool.spec.name)),
        }
        if run > 0 {
            ensure!(sandbox.compiled() == 0, "it was compiled: the cache does not work");
            times.push(took);
        }
    }
    let name = format!("plugins: first call of one of {megabytes:.0} MB, cache warm");
    Ok(Figure::at_most(&name, median(times), "ms", 10.0))
}

/// Many calls at once over several plugins, three times over: none is lost, and nothing of them stays in memory.
async fn crowd(context: &Context, root: &Path) -> Result<Vec<Figure>> {
    std::fs::write(root.join("file.txt"), "content\n".repeat(256))?;
    let sandbox = services::sandbox(&context.paths)?;
    let mut all = Vec::with_capacity(PLUGINS);
    for number in 0..PLUGINS {
        let wasm = renamed("files", &format!("files-{number}"), "")?;
        let file = PluginFile::parse(wasm, Origin::File { shown: format!("files-{number}.wasm") })?;
        let ceiling = file.sections.manifest.tools.get("read_file").map(|tool| tool.capabilities.clone());
        let plugins = Plugins::of(vec![file], setup(&sandbox, root))?;
        plugins.compile().await?;
        all.push((plugins, ceiling.unwrap_or_default()));
    }
    let arguments = json!({"path": "file.txt"});
    let (mut lost, mut took, mut memory) = (0, Vec::new(), Vec::new());
    for _ in 0..3 {
        let start = Instant::now();
        let calls = (0..CALLS).map(|number| {
            let (plugins, ceiling) = &all[number % PLUGINS];
            let arguments = &arguments;
            async move {
                let tool = plugins.find("read_file").ok_or_else(|| anyhow!("read_file is missing"))?;
                let finished = plugins.call(tool, arguments, ceiling.clone(), Arc::new(NoHost)).await;
                finished.result.map_err(|error| anyhow!("{error}")).map(|output| output.text.contains("content"))
            }
        });
        let answers = join_all(calls).await;
        took.push(start.elapsed().as_secs_f64() * 1e3);
        lost += answers.iter().filter(|answer| !matches!(answer, Ok(true))).count();
        drop(answers);
        memory.push(resident().unwrap_or_default());
    }
    let grown = memory.last().copied().unwrap_or_default() - memory.first().copied().unwrap_or_default();
    Ok(vec![
        Figure::at_most("plugins: lost of 3 x 1,000 calls at once over 8", lost as f64, "calls", 0.0),
        Figure::told("plugins: 1,000 calls at once over 8", median(took), "ms"),
        Figure::at_most("plugins: memory that 2,000 more calls leave", grown.max(0.0), "MiB", 8.0),
    ])
}

fn setup<'a>(sandbox: &Sandbox, root: &Path) -> Setup<'a> {
    Setup {
        sandbox: sandbox.clone(),
        workspace: root.to_path_buf(),
        protection: Arc::new(Protection::none()),
        limits: Limits::default(),
        enabled: &|_| true,
        grant: &|_, _| Grant::default(),
        state: PathBuf::new(),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What the process has in memory now, in MiB, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
