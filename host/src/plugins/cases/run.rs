//! Runs one case: makes its world, calls step by step as a session would (arguments checked, preview first where something
//! may be written, a fresh instance for each call), compares, and counts what it took.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::compare::{Difference, Outcome, compare};
use super::format::{Case, Grants, Step};
use super::host::CaseHost;
use super::server::{PLACE, Server};
use super::world::{Entry, World};
use crate::graph;
use crate::plugins::{PluginFile, Plugins, Setup, Tool, digest};
use crate::policy::{Capabilities, Grant, HttpAccess, Limits, normalise};
use crate::process::Runner;
use crate::sandbox::{CallError, Change, Finished, Output, Protection, Sandbox, Used};

/// How long a question waits until the case's files are indexed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all cases share.
pub struct Bench {
    pub sandbox: Sandbox,
    /// `None`: a case must answer programs itself.
    pub runner: Option<Runner>,
    pub protection: Arc<Protection>,
    pub limits: Limits,
}

/// How a case went.
pub struct Report {
    pub name: String,
    /// The number of the case in its file, from 0.
    pub(super) index: usize,
    /// Why it could not be run at all, or not to its end.
    pub problem: Option<String>,
    pub steps: Vec<StepReport>,
}

/// How one step went, and what it took.
pub struct StepReport {
    pub tool: String,
    pub differences: Vec<Difference>,
    pub wall: Duration,
    pub cpu: Duration,
    /// Bytes.
    pub memory: u64,
    pub host_calls: u64,
    /// Bytes of text, data and attachments.
    pub output: u64,
    /// Bytes written to files.
    pub written: u64,
}

impl Report {
    /// What `--update` does not make right.
    pub fn stays_wrong(&self) -> bool {
        let fixable = |step: &StepReport| step.differences.iter().all(|difference| !difference.fixes.is_empty());
        self.problem.is_some() || !self.steps.iter().all(fixable)
    }

    pub fn passed(&self) -> bool {
        self.problem.is_none() && self.steps.iter().all(|step| step.differences.is_empty())
    }
}

impl Bench {
    /// `folder` is where the case file is.
    pub async fn run(&self, file: &PluginFile, case: &Case, folder: &Path) -> Report {
        let mut report = Report { name: case.name.clone(), index: case.index, problem: None, steps: Vec::new() };
        if let Err(error) = self.steps(file, case, folder, &mut report.steps).await {
            report.problem = Some(format!("{error:#}"));
        }
        report
    }

    async fn steps(&self, file: &PluginFile, case: &Case, folder: &Path, done: &mut Vec<StepReport>) -> Result<()> {
        let world = World::new().context("no scratch folder")?;
        world.write(&case.files)?;
        if case.git {
            world.commit(self.runner.as_ref()).await?;
        }
        let server = match case.http.is_empty() {
            true => None,
            false => Some(Server::start(&case.http).await.context("http: no server on loopback")?),
        };
        let plugins = Plugins::of(vec![file.clone()], self.setup(&world, case))?;
        let graph = graph::Live::new(&world.workspace, &world.graph, PATIENCE, Box::new(|_| ()));
        for step in &case.steps {
            world.write(&step.files)?;
            graph.changed(step.files.keys().filter_map(|path| normalise(path).ok()).map(PathBuf::from).collect());
            let run = Run {
                bench: self,
                file,
                case,
                plugins: &plugins,
                world: &world,
                server: server.as_ref(),
                graph: graph.clone(),
            };
            done.push(run.step(step, folder).await?);
        }
        Ok(())
    }

    fn setup<'a>(&self, world: &World, case: &Case) -> Setup<'a> {
        Setup {
            sandbox: self.sandbox.clone(),
            workspace: world.workspace.clone(),
            protection: self.protection.clone(),
            limits: self.limits.lowered_by(&case.limits),
            enabled: &|_| true,
            grant: &|_, _| Grant::default(),
            state: world.state.clone(),
        }
    }
}

/// What a call of a tool gets: its ceiling, within what the case grants.
pub fn granted(file: &PluginFile, tool: &str, grants: &Grants) -> Capabilities {
    let ceiling = file.sections.manifest.tools.get(tool).map(|tool| tool.capabilities.clone()).unwrap_or_default();
    match grants {
        Grants::All => ceiling,
        // The one thing that a manifest cannot ask for, and a user can grant.
        Grants::These(these) => Capabilities { secret_files: these.secret_files, ..ceiling.intersect(these) },
    }
}

struct Run<'a> {
    bench: &'a Bench,
    file: &'a PluginFile,
    case: &'a Case,
    plugins: &'a Plugins,
    world: &'a World,
    server: Option<&'a Server>,
    /// Made at the first question, and kept for the steps that follow.
    graph: graph::Live,
}

impl Run<'_> {
    async fn step(&self, step: &Step, folder: &Path) -> Result<StepReport> {
        let tool = self.plugins.find(&step.tool).ok_or_else(|| {
            let all: Vec<&str> = self.plugins.tools().iter().map(|tool| tool.spec.name.as_str()).collect();
            anyhow!("the plugin has no tool '{}'; it has {}", step.tool, all.join(", "))
        })?;
        let mut arguments = step.arguments.clone();
        if let Some(server) = self.server {
            replace(&mut arguments, PLACE, &server.address());
        }
        let capabilities = self.capabilities(&step.tool);
        let host = Arc::new(CaseHost {
            runner: self.bench.runner.clone(),
            programs: self.case.programs.clone(),
            workspace: self.world.workspace.clone(),
            capabilities: capabilities.clone(),
            server: self.server.map(|server| server.port),
            graph: self.graph.clone(),
            log: Mutex::default(),
        });
        let (finished, surprises) = self.call(tool, &arguments, capabilities, host.clone()).await;
        let Finished { result, used } = finished;
        self.graph.changed(used.written.iter().map(PathBuf::from).collect());
        let output = result.as_ref().map_or(0, size);
        let outcome = self.outcome(result, used, host.logged());
        let mut differences = compare(&step.expect, &outcome, self.world, folder);
        differences.extend(surprises.into_iter().map(|text| Difference { text, fixes: Vec::new() }));
        let used = outcome.used;
        Ok(StepReport {
            tool: step.tool.clone(),
            differences,
            wall: used.wall,
            cpu: used.cpu,
            memory: used.memory_peak,
            host_calls: used.host_calls,
            output,
            written: used.written_bytes,
        })
    }

    /// The case's server stands for every server that the tool may reach.
    fn capabilities(&self, tool: &str) -> Capabilities {
        let mut capabilities = granted(self.file, tool, &self.case.grants);
        if let Some(server) = self.server {
            let mut methods: Vec<String> = capabilities.http.iter().flat_map(|one| one.methods.clone()).collect();
            methods.sort();
            methods.dedup();
            if !methods.is_empty() {
                let host = "127.0.0.1".to_owned();
                capabilities.http.push(HttpAccess { host, methods, ports: vec![server.port], private: true });
            }
        }
        capabilities
    }

    /// The call, and what it wrote otherwise than its preview said.
    async fn call(
        &self,
        tool: &Tool,
        arguments: &Value,
        capabilities: Capabilities,
        host: Arc<CaseHost>,
    ) -> (Finished<Output>, Vec<String>) {
        let failed = |error: CallError, used: Used| (Finished { result: Err(error), used }, Vec::new());
        if let Err(complaint) = tool.check(arguments) {
            return failed(CallError::InvalidInput(complaint), Used::default());
        }
        let mut foreseen = None;
        if !capabilities.reads_only() {
            let preview = self.plugins.preview(tool, arguments, capabilities.clone(), host.clone()).await;
            match preview.result {
                Ok(changes) => foreseen = changes,
                Err(error) => return failed(error, preview.used),
            }
        }
        let stale = foreseen.iter().flatten().filter(|change| !self.starts_from(change));
        let mut surprises: Vec<String> = stale
            .map(|change| format!("preview: {} does not start from the file as it is (`base`)", change.path))
            .collect();
        let finished = self.plugins.call(tool, arguments, capabilities, host).await;
        if let (Some(changes), Ok(_)) = (&foreseen, &finished.result) {
            surprises.extend(self.unforeseen(changes, &finished.used.written));
        }
        (finished, surprises)
    }

    fn starts_from(&self, change: &Change) -> bool {
        let now = match self.world.look(&change.path) {
            Entry::File(bytes) => Some(digest(&bytes)),
            _ => None,
        };
        now == change.base.as_ref().map(|base| base.to_lowercase())
    }

    fn unforeseen(&self, changes: &[Change], written: &[String]) -> Vec<String> {
        // Folders are made on the way to a file.
        let covers = |change: &Change, path: &str| {
            change.path == path || change.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        let beside = written.iter().filter(|path| !changes.iter().any(|change| covers(change, path)));
        let beside = beside.map(|path| format!("preview: it did not say that {path} would be written"));
        let other = changes.iter().filter(|change| match (&change.content, self.world.look(&change.path)) {
            (Some(content), Entry::File(bytes)) => *content != bytes,
            (None, Entry::Nothing) => false,
            _ => true,
        });
        let other = other.map(|change| format!("preview: {} is not what it said it would be", change.path));
        beside.chain(other).collect()
    }

    /// With the server's address replaced by what stands for it.
    fn outcome(&self, result: Result<Output, CallError>, mut used: Used, mut logs: Vec<String>) -> Outcome {
        let Some(server) = self.server else { return Outcome { result, used, logs, requests: Vec::new() } };
        let address = server.address();
        let port = format!("127.0.0.1:{}", server.port);
        let plain = |text: String| text.replace(&address, PLACE).replace(&port, PLACE);
        let all = |texts: &mut Vec<String>| texts.iter_mut().for_each(|text| *text = plain(std::mem::take(text)));
        all(&mut used.denials);
        all(&mut logs);
        let mut requests = server.requests();
        all(&mut requests);
        let result = match result {
            Ok(output) => Ok(Output { text: plain(output.text), data: output.data.map(plain), ..output }),
            Err(CallError::Failed(text)) => Err(CallError::Failed(plain(text))),
            Err(CallError::Denied(text)) => Err(CallError::Denied(plain(text))),
            Err(CallError::InvalidInput(text)) => Err(CallError::InvalidInput(plain(text))),
            Err(other) => Err(other),
        };
        Outcome { result, used, logs, requests }
    }
}

fn size(output: &Output) -> u64 {
    let attached: usize = output.attachments.iter().map(|one| one.bytes.len()).sum();
    (output.text.len() + output.data.as_ref().map_or(0, String::len) + attached) as u64
}

/// In every text of the value.
fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => *text = text.replace(from, to),
        Value::Array(all) => all.iter_mut().for_each(|one| replace(one, from, to)),
        Value::Object(all) => all.values_mut().for_each(|one| replace(one, from, to)),
        _ => {}
    }
}
