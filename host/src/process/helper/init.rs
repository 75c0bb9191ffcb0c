//! The first process of the full tier's namespaces: builds what the program sees, starts it, reaps, and takes
//! everything with it when it exits, which the kernel sees to.

use std::convert::Infallible;

use anyhow::Context;
use rustix::process::{DumpableBehavior, Signal, WaitOptions};

use super::sys::{self, Forked};
use super::{Run, mounts, seal};
use crate::process::spec::{Report, Spec};

/// User and group of the supervisor.
pub type Ids = (u32, u32);

pub fn ids() -> Ids {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Forks into new namespaces; with a user namespace where it takes one.
pub fn enter(spec: &Spec) -> std::io::Result<Forked> {
    let mut namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    if !spec.network {
        namespaces |= libc::CLONE_NEWNET;
    }
    if rustix::process::geteuid().is_root() {
        // Root in a container may lack the right, and still have user namespaces.
        match sys::fork_into(namespaces) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            result => return result,
        }
    }
    sys::fork_into(namespaces | libc::CLONE_NEWUSER)
}

/// In the child of [`enter`]. Returns errors of the time before the program only.
pub fn run(run: &Run, ids: Ids) -> anyhow::Result<Infallible> {
    let spec = run.spec;
    map_user(ids).context("the user namespace")?;
    rustix::system::sethostname(b"garth").context("the host name")?;
    if !spec.network {
        sys::loopback_up().context("the loopback interface")?;
    }
    bound_pids(spec, run.counted);
    mounts::enter(spec, run.view)?;
    let program = match sys::fork()? {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            return seal::run(run);
        }
    };
    let null = sys::null()?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                run.control.report(&Report::Exited(status.exit_status()));
                std::process::exit(0)
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for the program"),
        }
    }
}

/// Keeps user and group what they are, in a user namespace of our own; nothing to do in the initial one.
fn map_user((uid, gid): Ids) -> anyhow::Result<()> {
    // A fresh user namespace maps nobody: there every id reads as the overflow id, and this file is empty.
    if !std::fs::read_to_string("/proc/self/uid_map")?.trim().is_empty() {
        return Ok(());
    }
    // The supervisor's mark of privacy was inherited, and would make these files root's.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Bounds the processes of root, whom the kernel exempts from RLIMIT_NPROC, by the highest PID of this namespace.
/// Linux has that since 6.14; on an older one the file would be the whole system's, so it is left alone.
fn bound_pids(spec: &Spec, counted: bool) {
    const LEAST: u64 = 301;
    if counted || !rustix::process::geteuid().is_root() || kernel() < (6, 14) {
        return;
    }
    let most = (spec.limits.processes + 16).max(LEAST);
    let _ = std::fs::write("/proc/sys/kernel/pid_max", most.to_string());
}

fn kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
