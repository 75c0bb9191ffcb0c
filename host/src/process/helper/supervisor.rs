//! The helper's outer process: looks over the workspace, starts the sandboxed child, waits for its end or for the
//! parent's word, kills what is left, and looks over the workspace again. It is the one that surely sees the end: a
//! parent that dies only closes the socket.

use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};

use super::cgroup::Cgroup;
use super::scan::Scan;
use super::sys::{self, Forked};
use super::{Control, Private, Run, init, scan, seal, sweep, view};
use crate::process::Tier;
use crate::process::spec::{Report, Spec};

/// How often a run is measured that no cgroup limits.
const WATCH: Duration = Duration::from_millis(100);

pub fn supervise(spec: Spec, control: Control) -> i32 {
    match serve(&spec, &control) {
        Ok(()) => 0,
        Err(error) => {
            control.report(&Report::Failed(format!("{error:#}")));
            1
        }
    }
}

fn serve(spec: &Spec, control: &Control) -> anyhow::Result<()> {
    // Neither memory nor descriptors of this process are for programs of the same user.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let scan = scan::scan(spec).context("looking over the workspace")?;
    if !scan.unsearched.is_empty() {
        control.report(&Report::Note(format!(
            "{} folders of dependencies or build output were not searched for secrets and protected files: there are \
             more than {} entries in such folders",
            scan.unsearched.len(),
            scan::DEFERRED_LIMIT
        )));
    }
    let view = view::view(spec, &scan);
    // In the full tier private files are in the namespace's own memory.
    let scratch = match spec.tier {
        Tier::Full => None,
        _ => Some(tempfile::Builder::new().prefix("garth-run-").tempdir().context("a private folder")?),
    };
    let private = match &scratch {
        None => Private { temp: "/tmp".into(), home: "/tmp/home".into() },
        Some(dir) => Private { temp: dir.path().canonicalize()?, home: dir.path().canonicalize()?.join("home") },
    };
    let cgroup = Cgroup::create(&spec.limits);
    // The child waits until it is accounted for, and dies with a supervisor that never says go.
    let (wait, go) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let ids = init::ids();
    let forked = match spec.tier {
        Tier::Full => init::enter(spec).context("new namespaces")?,
        _ => sys::fork()?,
    };
    let Forked::Parent(child) = forked else {
        drop(go);
        child(&Run { spec, control, view: &view, private: &private, counted: cgroup.is_some() }, ids, wait)
    };
    drop(wait);
    if let Some(cgroup) = &cgroup {
        cgroup.add(child).inspect_err(|_| kill(child))?;
    }
    let handle = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
    rustix::io::write(&go, b"!")?;
    rustix::stdio::dup2_stdout(sys::null()?)?;
    rustix::stdio::dup2_stderr(sys::null()?)?;

    let watched = cgroup.is_none() && spec.program.is_some();
    let end = wait_for_end(spec, control, &handle, watched)?;
    finish(spec, control, child, end, cgroup, &scan)
}

/// In the child: into the sandbox and on to the program, or a report and nothing.
fn child(run: &Run, ids: init::Ids, wait: OwnedFd) -> ! {
    let result = (|| {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        let mut byte = [0];
        if rustix::io::read(&wait, &mut byte)? == 0 {
            anyhow::bail!("the supervisor is gone");
        }
        match run.spec.tier {
            Tier::Full => init::run(run, ids),
            _ => seal::run(run),
        }
    })();
    let Err(error) = result;
    run.control.report(&Report::Failed(format!("{error:#}")));
    std::process::exit(seal::FAILED)
}

enum End {
    Itself,
    /// The parent closed the socket: a deadline, a cancelled turn, or its own death.
    Told,
    Limit(String),
}

fn wait_for_end(spec: &Spec, control: &Control, child: &OwnedFd, watched: bool) -> anyhow::Result<End> {
    let every = Timespec { tv_sec: 0, tv_nsec: WATCH.as_nanos() as _ };
    loop {
        let socket = control.as_fd();
        let mut events = [PollFd::new(child, PollFlags::IN), PollFd::new(&socket, PollFlags::IN)];
        match poll(&mut events, watched.then_some(&every)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting"),
        }
        let [ended, told] = [!events[0].revents().is_empty(), !events[1].revents().is_empty()];
        match (ended, told) {
            (true, _) => return Ok(End::Itself),
            (_, true) => return Ok(End::Told),
            _ => {}
        }
        if let Some(why) = watched.then(|| sweep::exceeded(&spec.limits)).flatten() {
            return Ok(End::Limit(why));
        }
    }
}

fn finish(
    spec: &Spec,
    control: &Control,
    child: Pid,
    end: End,
    cgroup: Option<Cgroup>,
    scan: &Scan,
) -> anyhow::Result<()> {
    let status = match end {
        End::Itself => reap(child),
        End::Told | End::Limit(_) => {
            kill(child);
            None
        }
    };
    let why = cgroup.as_ref().and_then(Cgroup::exceeded).or(match end {
        End::Limit(why) => Some(why),
        End::Itself | End::Told => None,
    });
    if let Some(why) = why {
        control.report(&Report::Note(why));
    }
    // Init reports the program's code itself, and exits with 0 when it has.
    match (spec.tier, status.and_then(|s: WaitStatus| s.exit_status())) {
        (Tier::Full, Some(0)) => {}
        (Tier::Full, _) => control.report(&Report::Exited(None)),
        (_, code) => control.report(&Report::Exited(code)),
    }
    sweep::sweep();
    if let Some(cgroup) = cgroup {
        cgroup.remove();
    }
    for note in scan::undo_new(spec, scan) {
        control.report(&Report::Note(note));
    }
    Ok(())
}

fn reap(child: Pid) -> Option<WaitStatus> {
    loop {
        match rustix::process::waitpid(Some(child), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.ok().flatten().map(|(_, status)| status),
        }
    }
}

/// With a PID namespace the child's end is everyone's; without, the others are found by `sweep`.
fn kill(child: Pid) {
    let _ = rustix::process::kill_process(child, Signal::KILL);
    reap(child);
}
