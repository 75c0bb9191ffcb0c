//! The parent's side of a run: starts the helper, hands it the spec, reads both streams, and ends it in time.
//! It confines nothing itself, and needs no unsafe code.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::output::{Capture, Captured};
use super::prepare::{self, check, prepare};
use super::spec::{Report, Spec};
use super::toolchains::{self, Found};
use super::{Access, Command, HELPER, Outcome, RunError, Settings, Tier};
use crate::policy::Workspace;

/// How long what was found of toolchains and of the system's private files counts.
const FOUND_TTL: Duration = Duration::from_secs(60);
/// How long the helper may take to kill everything before it is killed itself.
const KILL_GRACE: Duration = Duration::from_secs(10);
/// How long output is still read when all is over: what is in the pipe, not what an escaped process might add.
const DRAIN: Duration = Duration::from_millis(500);

/// Runs programs; cheap to clone.
#[derive(Clone, Debug)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    probed: OnceLock<Probed>,
    found: Mutex<Option<(Instant, Arc<Found>)>>,
}

#[derive(Debug)]
struct Probed {
    tier: Tier,
    /// Why no stronger one.
    reasons: Vec<String>,
}

impl Runner {
    pub fn new(settings: Settings) -> Runner {
        Runner { inner: Arc::new(Inner { settings, probed: OnceLock::new(), found: Mutex::new(None) }) }
    }

    /// The strongest tier that works here, tried out once, by really running the helper. Blocks for some milliseconds
    /// the first time.
    pub fn tier(&self) -> Tier {
        self.inner.probed().tier
    }

    /// Why the stronger tiers do not work here, a line each; empty in the strongest.
    pub fn reasons(&self) -> &[String] {
        &self.inner.probed().reasons
    }

    /// Where the program is that a run of this name would start in `workspace`.
    pub fn find(&self, program: &str, workspace: &Path) -> Result<PathBuf, RunError> {
        prepare::find(&self.inner.settings, &*self.inner.found()?, program, workspace)
    }

    /// Runs `command` to its end. Cancelling and dropping both kill the program and everything that it has started.
    pub async fn run(
        &self,
        command: &Command,
        access: &Access,
        cancel: CancellationToken,
    ) -> Result<Outcome, RunError> {
        let inner = &self.inner;
        if inner.probed.get().is_none() {
            let inner = Arc::clone(inner);
            tokio::task::spawn_blocking(move || inner.probed().tier)
                .await
                .map_err(|e| RunError::Helper(e.to_string()))?;
        }
        let probed = inner.probed();
        if probed.tier == Tier::None && (!inner.settings.allow_unsandboxed || !cfg!(target_os = "linux")) {
            return Err(RunError::Refused { reason: probed.reasons.join("; ") });
        }
        if cancel.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        let spec = prepare(&inner.settings, &*inner.found()?, probed.tier, command, access)?;
        let limit = command.timeout.map_or(inner.settings.time, |t| t.min(inner.settings.time));
        serve(&inner.settings, &spec, limit, cancel).await
    }
}

/// One run of the helper.
async fn serve(
    settings: &Settings,
    spec: &Spec,
    limit: Duration,
    cancel: CancellationToken,
) -> Result<Outcome, RunError> {
    let broken = |e: std::io::Error| RunError::Helper(e.to_string());
    let started = Instant::now();
    let (ours, theirs) = UnixStream::pair().map_err(broken)?;
    ours.set_nonblocking(true).map_err(broken)?;
    let control = tokio::net::UnixStream::from_std(ours).map_err(broken)?;
    let mut child = tokio::process::Command::new(&settings.helper)
        .arg(HELPER)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| RunError::Helper(format!("{}: {e}", settings.helper.display())))?;
    let stdout = read(child.stdout.take(), settings.output);
    let stderr = read(child.stderr.take(), settings.output);
    let message = message(spec)?;

    let (mut answers, mut control) = control.into_split();
    let mut reports = Vec::new();
    let conversation = async {
        control.write_all(&message).await?;
        answers.read_to_end(&mut reports).await.map(drop)
    };
    let ended = tokio::select! {
        done = conversation => End::Itself(done),
        () = tokio::time::sleep(limit) => End::Deadline,
        () = cancel.cancelled() => End::Cancelled,
    };
    // Closing our side tells the helper to kill everything, if it has not ended already.
    drop(control);
    let _ = tokio::time::timeout(KILL_GRACE, answers.read_to_end(&mut reports)).await;
    if tokio::time::timeout(KILL_GRACE, child.wait()).await.is_err() {
        child.start_kill().map_err(broken)?;
    }
    let (stdout, stderr) = tokio::join!(stdout.finish(), stderr.finish());

    let mut outcome = Outcome {
        exit_code: None,
        stdout: stdout.text,
        stderr: stderr.text,
        stdout_dropped: stdout.dropped,
        stderr_dropped: stderr.dropped,
        timed_out: matches!(ended, End::Deadline),
        duration: started.elapsed(),
        tier: spec.tier,
        notes: Vec::new(),
    };
    let mut exited = false;
    for report in parse(&reports) {
        match report {
            Report::Failed(why) => return Err(RunError::Helper(why)),
            Report::Note(note) => outcome.notes.push(note),
            Report::Exited(code) => (outcome.exit_code, exited) = (code, true),
        }
    }
    match ended {
        End::Cancelled => Err(RunError::Cancelled),
        // The deadline ended it, whatever the program managed to say.
        End::Deadline => Ok(Outcome { exit_code: None, ..outcome }),
        End::Itself(_) if exited => Ok(outcome),
        End::Itself(result) => {
            let detail = result.err().map(|e| format!(" ({e})")).unwrap_or_default();
            let said = outcome.stderr.trim();
            Err(RunError::Helper(format!(
                "the helper {} ended without a report{detail}: {said}",
                settings.helper.display()
            )))
        }
    }
}

enum End {
    Itself(std::io::Result<()>),
    Deadline,
    Cancelled,
}

fn message(spec: &Spec) -> Result<Vec<u8>, RunError> {
    let body = serde_json::to_vec(spec).map_err(|e| RunError::Helper(format!("a path is not UTF-8: {e}")))?;
    Ok([(body.len() as u64).to_le_bytes().as_slice(), &body].concat())
}

fn parse(reports: &[u8]) -> impl Iterator<Item = Report> {
    reports.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// A stream that is read in a task of its own, which ends with this value.
struct Reading {
    capture: Arc<Mutex<Capture>>,
    task: tokio::task::JoinHandle<()>,
    budget: u64,
}

fn read(stream: Option<impl AsyncRead + Unpin + Send + 'static>, budget: u64) -> Reading {
    let capture = Arc::new(Mutex::new(Capture::new(budget)));
    let sink = Arc::clone(&capture);
    let task = tokio::spawn(async move {
        let (Some(mut stream), mut chunk) = (stream, vec![0; 64 << 10]) else { return };
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            lock(&sink).push(&chunk[..n]);
        }
    });
    Reading { capture, task, budget }
}

impl Reading {
    async fn finish(mut self) -> Captured {
        let _ = tokio::time::timeout(DRAIN, &mut self.task).await;
        std::mem::replace(&mut *lock(&self.capture), Capture::new(self.budget)).finish()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Inner {
    fn found(&self) -> Result<Arc<Found>, RunError> {
        let mut found = lock(&self.found);
        if let Some((at, found)) = &*found
            && at.elapsed() < FOUND_TTL
        {
            return Ok(Arc::clone(found));
        }
        let fresh = toolchains::find(self.settings.home.as_deref(), |name| std::env::var(name).ok());
        let fresh = Arc::new(fresh.map_err(RunError::Helper)?);
        *found = Some((Instant::now(), Arc::clone(&fresh)));
        Ok(fresh)
    }

    fn probed(&self) -> &Probed {
        self.probed.get_or_init(|| {
            let mut reasons = Vec::new();
            if !cfg!(target_os = "linux") {
                reasons.push("programs are sandboxed on Linux only".to_string());
                return Probed { tier: Tier::None, reasons };
            }
            for tier in [Tier::Full, Tier::Landlock] {
                if self.settings.max_tier == Tier::None
                    || (self.settings.max_tier == Tier::Landlock && tier == Tier::Full)
                {
                    reasons.push(format!("{tier:?}: switched off by configuration"));
                    continue;
                }
                match self.try_out(tier) {
                    Ok(()) => return Probed { tier, reasons },
                    Err(why) => reasons.push(format!("{tier:?}: {why}")),
                }
            }
            Probed { tier: Tier::None, reasons }
        })
    }

    /// Runs the helper's self-check in a workspace of its own.
    fn try_out(&self, tier: Tier) -> Result<(), String> {
        let workspace = tempfile::Builder::new().prefix("garth-check-").tempdir().map_err(|e| e.to_string())?;
        for (name, content) in [(".git/config", "protected"), ("src/open", "open")] {
            let file = workspace.path().join(name);
            let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| std::fs::write(&file, content)).map_err(|e| e.to_string())?;
        }
        let access = Access {
            workspace: workspace.path().to_path_buf(),
            files: Workspace::All(crate::policy::Access::Write),
            secrets: false,
            git: false,
            network: false,
        };
        let found = self.found().map_err(|e| e.to_string())?;
        let spec = check(&self.settings, &found, tier, &access).map_err(|e| e.to_string())?;
        let message = message(&spec).map_err(|e| e.to_string())?;
        let reports = converse(&self.settings, &message)
            .map_err(|e| format!("the helper {}: {e}", self.settings.helper.display()))?;
        for report in parse(&reports) {
            match report {
                Report::Failed(why) => return Err(why),
                Report::Exited(Some(0)) => return Ok(()),
                Report::Exited(_) | Report::Note(_) => {}
            }
        }
        Err("the helper's self-check did not finish".into())
    }
}

/// Starts the helper, says `message`, and returns all that it answers, within a generous time.
fn converse(settings: &Settings, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(KILL_GRACE))?;
    let mut child = std::process::Command::new(&settings.helper)
        .arg(HELPER)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut reports = Vec::new();
    // A signal may interrupt a read that has a time limit; `read_to_end` goes on then.
    let result = ours.write_all(message).and_then(|()| ours.read_to_end(&mut reports));
    if result.is_err() {
        child.kill()?;
    }
    child.wait()?;
    result.map(|_| reports)
}
