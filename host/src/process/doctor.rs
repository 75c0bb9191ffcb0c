//! Says in words what a tier enforces and what it lacks, for `garth doctor`.

use super::Tier;

/// Lines for people: what is in force, what is missing, and what to do about it.
pub fn explain(tier: Tier) -> Vec<&'static str> {
    match tier {
        Tier::Full => vec![
            "in force: a private view of the file system (mount namespace and Landlock), the workspace at its own path, \
             protected files read-only and secrets masked; no home directory, no sockets of the system",
            "in force: own processes (everything dies with the program), own network with loopback only, own IPC, no \
             capabilities, a system call filter, limits on memory, processes and file sizes",
            "limit: a program can create a new `.git` or `.garth` where there was none; it is renamed when the program \
             has ended",
        ],
        Tier::Landlock => vec![
            "in force: Landlock on files (the workspace, the system's and the toolchains' folders), a system call filter \
             without sockets, no capabilities, limits on memory, processes and file sizes",
            "missing: namespaces. A program cannot create entries at the top of the workspace or beside a protected or \
             secret file, nor write git's own files (so git cannot commit); it sees the names of other processes and of \
             files, and can change modes and times of files that you own; there is no loopback network",
            "to do: allow user namespaces: `sysctl user.max_user_namespaces` above 0, on Debian `sysctl \
             kernel.unprivileged_userns_clone=1`, on Ubuntu `sysctl kernel.apparmor_restrict_unprivileged_userns=0` or \
             an AppArmor profile for garth; in a container, run it with a seccomp profile that allows `unshare` and \
             `mount`",
        ],
        Tier::None => vec![
            "missing: everything. Programs are refused, unless `process.allow_unsandboxed = true` in your own \
             configuration lets them run with all of your rights; then only the limits, the clean environment and the \
             killing of what a program leaves behind are in force",
            "to do: use Linux 6.2 or newer with Landlock enabled (`lsm=landlock,…` on the kernel's command line, see \
             /sys/kernel/security/lsm), or one with user namespaces",
        ],
    }
}
