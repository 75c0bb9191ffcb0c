//! Finds and ends what a program has started, by parentage: whoever leaves its session and its parent becomes a child
//! of the supervisor, the nearest subreaper. Also measures a run that no cgroup limits.

use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::process::spec::Limits;

/// Someone who forks faster than this is stopped first, so it ends long before.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills and reaps every descendant of this process. Who has no child has no descendant, since orphans come here.
pub fn sweep() {
    let deadline = Instant::now() + PATIENCE;
    while children_left() && Instant::now() < deadline {
        let left = descendants();
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in left.keys() {
                let _ = rustix::process::kill_process(*pid, signal);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reaps what has ended, and says whether there is more.
fn children_left() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Which limit the descendants together exceed, if any.
pub fn exceeded(limits: &Limits) -> Option<String> {
    let all = descendants();
    let tasks: u64 = all.values().filter(|p| !p.zombie).map(|p| p.threads).sum();
    if tasks > limits.processes + 1 {
        return Some(format!("ended by the limit of {} processes and threads (`process.processes`)", limits.processes));
    }
    let memory: u64 = all.keys().map(|pid| private_memory(*pid)).sum();
    (memory > limits.memory)
        .then(|| format!("ended by the limit of {} bytes of memory (`process.memory`)", limits.memory))
}

/// Processes and threads of the current user.
pub fn tasks_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let uid = rustix::process::getuid().as_raw();
    let own = |pid: &Pid| std::fs::metadata(format!("/proc/{}", pid.as_raw_nonzero())).is_ok_and(|m| m.uid() == uid);
    pids().filter(own).filter_map(process).map(|p| p.threads).sum()
}

struct Process {
    parent: i32,
    threads: u64,
    zombie: bool,
}

fn descendants() -> HashMap<Pid, Process> {
    let mut all = processes();
    let mut found = HashMap::new();
    let mut parents = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        let children: Vec<Pid> = all.iter().filter(|(_, p)| p.parent == parent).map(|(pid, _)| *pid).collect();
        for child in children {
            parents.push(child.as_raw_nonzero().get());
            found.extend(all.remove(&child).map(|process| (child, process)));
        }
    }
    found
}

fn processes() -> HashMap<Pid, Process> {
    pids().filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| Pid::from_raw(e.file_name().to_str()?.parse().ok()?))
}

/// proc_pid_stat(5): the name is in parentheses and may contain any; from the state on, fields are plain.
fn process(pid: Pid) -> Option<Process> {
    let stat = read(pid, "stat")?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let threads = fields.nth(15)?.parse().ok()?;
    Some(Process { parent, threads, zombie })
}

/// Resident and not shared with files: proc_pid_statm(5).
fn private_memory(pid: Pid) -> u64 {
    let statm = read(pid, "statm").unwrap_or_default();
    let mut pages = statm.split(' ').skip(1).map_while(|n| n.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    resident.saturating_sub(shared) * rustix::param::page_size() as u64
}

/// One read: the kernel makes these files up for each, so it pays not to look for their end.
fn read(pid: Pid, file: &str) -> Option<String> {
    let mut buffer = [0; 1024];
    let length = std::fs::File::open(format!("/proc/{}/{file}", pid.as_raw_nonzero())).ok()?.read(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}
