//! Limits that the kernel keeps for each process: setrlimit(2).

use rustix::process::{Resource, Rlimit, setrlimit};

use super::sweep;
use crate::process::Tier;
use crate::process::spec::Spec;

/// Set by the child itself, before it gives its rights up. `counted`: a cgroup counts processes already.
pub fn set(spec: &Spec, counted: bool) -> anyhow::Result<()> {
    let limits = &spec.limits;
    // What a process may write in, not what it may reserve: runtimes reserve terabytes of addresses.
    most(Resource::Data, limits.memory)?;
    most(Resource::Fsize, limits.file_size)?;
    most(Resource::Core, 0)?;
    if !counted {
        // Counted over everything of the user; in a user namespace over that only, and of root not at all.
        let alone = spec.tier == Tier::Full || rustix::process::getuid().is_root();
        let others = if alone { 0 } else { sweep::tasks_of_user() };
        most(Resource::Nproc, limits.processes.saturating_add(others))?;
    }
    Ok(())
}

fn most(resource: Resource, value: u64) -> std::io::Result<()> {
    let hard = rustix::process::getrlimit(resource).maximum.map_or(value, |hard| hard.min(value));
    Ok(setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })?)
}
