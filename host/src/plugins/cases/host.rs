//! The host's side of a call in a case: programs run confined or are answered by the case, requests go to the case's own
//! server, and what the guest says is kept for comparing. Nobody is asked: what the capabilities allow is allowed.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::format::Program;
use super::server::PLACE;
use crate::graph;
use crate::policy::Capabilities;
use crate::process::{Access, Command, Outcome, Runner, Tier};
use crate::protocol::Level;
use crate::sandbox::{Host, HttpRequest, Injected};

pub struct CaseHost {
    pub runner: Option<Runner>,
    /// The case's answers; `None`: programs are really run.
    pub programs: Option<Vec<Program>>,
    pub workspace: PathBuf,
    /// Of the call: a program inherits its access to files.
    pub capabilities: Capabilities,
    /// Of the case's own server, the only one that a case reaches.
    pub server: Option<u16>,
    pub graph: graph::Live,
    pub log: Mutex<Vec<String>>,
}

impl CaseHost {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the guest logged, a line each.
    pub fn logged(&self) -> Vec<String> {
        self.lines().clone()
    }

    fn answer(&self, programs: &[Program], command: &Command) -> Result<Outcome, String> {
        let argv: Vec<&String> = std::iter::once(&command.program).chain(&command.args).collect();
        let fits = |program: &&Program| {
            program.run.len() <= argv.len() && program.run.iter().zip(&argv).all(|(word, given)| word == *given)
        };
        // The most exact one; of equals the first.
        let program = programs.iter().filter(fits).rev().max_by_key(|program| program.run.len());
        let Some(program) = program else {
            return Err(format!("the case has no answer for `{}`; add it to `programs`", shown(&argv)));
        };
        Ok(Outcome {
            exit_code: Some(program.exit_code),
            stdout: program.stdout.clone(),
            stderr: program.stderr.clone(),
            stdout_dropped: 0,
            stderr_dropped: 0,
            timed_out: false,
            duration: Duration::from_millis(1),
            tier: Tier::None,
            notes: Vec::new(),
        })
    }
}

fn shown(argv: &[&String]) -> String {
    argv.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl Host for CaseHost {
    async fn run_program(&self, command: Command) -> Result<Outcome, String> {
        if let Some(programs) = &self.programs {
            return self.answer(programs, &command);
        }
        let Some(runner) = &self.runner else { return Err("no programs are run here".into()) };
        let access = Access {
            workspace: self.workspace.clone(),
            files: self.capabilities.workspace.clone(),
            secrets: self.capabilities.secret_files,
            git: command.program == "git",
            network: false,
        };
        let outcome = runner.run(&command, &access, CancellationToken::new()).await;
        self.graph.ran();
        outcome.map_err(|error| error.to_string())
    }

    async fn permit_http(&self, request: HttpRequest) -> Result<Vec<Injected>, String> {
        match request.host == "127.0.0.1" && Some(request.port) == self.server {
            true => Ok(Vec::new()),
            false => Err(format!(
                "{} {} was not sent: a case reaches nothing but its own server, {PLACE}",
                request.method, request.host
            )),
        }
    }

    fn graph(&self) -> Option<graph::Live> {
        Some(self.graph.clone())
    }

    fn progress(&self, _: String, _: Option<f32>) {}

    fn log(&self, level: Level, message: String) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.lines().push(format!("{level}: {message}"));
    }
}
