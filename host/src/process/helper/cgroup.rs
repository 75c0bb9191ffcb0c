//! Limits of memory and processes over a whole run, where a cgroup v2 hierarchy can be written: as root, or below a
//! systemd user service. Elsewhere `sweep` measures instead, and the kernel's limits for each process remain.
//! Source of the format: the kernel's Documentation/admin-guide/cgroup-v2.rst.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use crate::process::spec::Limits;

pub struct Cgroup(PathBuf);

impl Cgroup {
    /// `None` where there is no hierarchy, no controller for both limits, or no permission.
    pub fn create(limits: &Limits) -> Option<Cgroup> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let root = mounts.lines().find(|l| l.contains(" - cgroup2 "))?.split(' ').nth(4)?.to_string();
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own.lines().find_map(|l| l.strip_prefix("0::/"))?.to_string();
        let own = Path::new(&root).join(own);
        // A group with processes in it cannot pass controllers on, so a sibling is likelier to work than a child.
        let parents = [own.parent().filter(|p| p.starts_with(&root)), Some(own.as_path())];
        parents.into_iter().flatten().find_map(|parent| below(parent, limits))
    }

    pub fn add(&self, process: Pid) -> std::io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), process.as_raw_nonzero().to_string())
    }

    /// Which limit the run has hit, if any.
    pub fn exceeded(&self) -> Option<String> {
        let count = |file: &str, key: &str| {
            let text = fs::read_to_string(self.0.join(file)).unwrap_or_default();
            let line = text.lines().find_map(|l| l.strip_prefix(key)?.trim().parse::<u64>().ok());
            line.unwrap_or(0)
        };
        match (count("memory.events", "oom_kill "), count("pids.events", "max ")) {
            (1.., _) => Some("ended by the limit on memory (`process.memory`)".into()),
            (_, 1..) => Some("the limit on processes (`process.processes`) was reached".into()),
            _ => None,
        }
    }

    /// Kills what is still in it, and removes it.
    pub fn remove(self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

fn below(parent: &Path, limits: &Limits) -> Option<Cgroup> {
    let enabled = fs::read_to_string(parent.join("cgroup.subtree_control")).ok()?;
    if !["memory", "pids"].iter().all(|c| enabled.split_whitespace().any(|e| e == *c)) {
        return None;
    }
    let dir = parent.join(format!("garth-{}", std::process::id()));
    fs::create_dir(&dir).ok()?;
    let set = |file: &str, value: &str| fs::write(dir.join(file), value);
    let done = set("memory.max", &limits.memory.to_string())
        .and_then(|()| set("pids.max", &limits.processes.to_string()))
        // Moving a process in needs rights on the common ancestor too; trying is the only way to know.
        .and_then(|()| probe(&dir));
    if done.is_err() {
        let _ = fs::remove_dir(&dir);
        return None;
    }
    let _ = set("memory.swap.max", "0").and_then(|()| set("memory.oom.group", "1"));
    Some(Cgroup(dir))
}

/// Moves a process that does nothing into `dir`, and lets it end.
fn probe(dir: &Path) -> std::io::Result<()> {
    match super::sys::fork()? {
        super::sys::Forked::Child => {
            let moved = fs::write(dir.join("cgroup.procs"), "0");
            std::process::exit(i32::from(moved.is_err()))
        }
        super::sys::Forked::Parent(pid) => {
            let status = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty())?;
            match status.and_then(|(_, s)| s.exit_status()) {
                Some(0) => Ok(()),
                _ => Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied)),
            }
        }
    }
}
