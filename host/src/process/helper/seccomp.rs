//! The system call filter: everything is allowed but what reaches other processes, the kernel's inner workings, new
//! namespaces, or the network where it is not granted.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition as Condition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use super::landlock::Sockets;
use crate::process::Tier;
use crate::process::spec::Spec;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused with EPERM.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
];

/// Answered as if the kernel did not have them, for which every user of theirs is prepared. `clone3` has its flags in
/// memory, where a filter cannot look.
const UNKNOWN: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Installs the filter for this process and all that it starts.
pub fn install(spec: &Spec, sockets: Sockets) -> anyhow::Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).context("this processor architecture is not supported")?;
    for (rules, errno) in
        [(always(UNKNOWN), libc::ENOSYS), (refused()?, libc::EPERM), (networks(spec, sockets)?, libc::EACCES)]
    {
        let action = SeccompAction::Errno(u32::try_from(errno)?);
        let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()?;
        seccompiler::apply_filter(&without_x32(program)).context("installing the system call filter")?;
    }
    Ok(())
}

fn always(calls: &[libc::c_long]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn refused() -> anyhow::Result<Rules> {
    let mut rules = always(REFUSED);
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWCGROUP,
    ];
    rules.insert(libc::SYS_clone, namespaces.iter().map(|n| rule(&[has(0, *n as u64)?])).collect::<Result<_, _>>()?);
    // Typing into a terminal for its owner.
    let terminal = [libc::TIOCSTI as libc::c_ulong, libc::TIOCLINUX as libc::c_ulong];
    rules.insert(libc::SYS_ioctl, terminal.iter().map(|t| rule(&[is(1, *t)?])).collect::<Result<_, _>>()?);
    // A program that keeps its owner's rights outside the sandbox.
    let set_id = u64::from(libc::S_ISUID);
    let set_gid = u64::from(libc::S_ISGID);
    for (call, mode) in modes() {
        let rules_of = [set_id, set_gid].iter().map(|bit| rule(&[has(mode, *bit)?])).collect::<Result<_, _>>()?;
        rules.insert(call, rules_of);
    }
    Ok(rules)
}

/// Calls that set a file's mode, with the argument that it is in.
fn modes() -> Vec<(libc::c_long, u8)> {
    let mut calls = vec![(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (libc::SYS_fchmodat2, 2)];
    #[cfg(target_arch = "x86_64")]
    calls.push((libc::SYS_chmod, 1));
    calls
}

/// Which sockets may not be created. Pairs (`socketpair`) have no outside and are always allowed.
fn networks(spec: &Spec, sockets: Sockets) -> anyhow::Result<Rules> {
    let mut allowed: Vec<i32> = Vec::new();
    // In a network namespace there is loopback only. Elsewhere the same calls reach the world.
    if spec.tier == Tier::Full || spec.network {
        allowed.extend([libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]);
    }
    // The mounts leave no socket of the outside to be seen; abstract ones belong to the network.
    if spec.tier == Tier::Full && (!spec.network || sockets == Sockets::Scoped) {
        allowed.push(libc::AF_UNIX);
    }
    let others = allowed.iter().map(|domain| Condition::new(0, Length::Dword, Is::Ne, *domain as u64));
    let others: Vec<_> = others.collect::<Result<_, _>>()?;
    let rules = if others.is_empty() { Vec::new() } else { vec![rule(&others)?] };
    Ok(BTreeMap::from([(libc::SYS_socket, rules)]))
}

fn rule(conditions: &[Condition]) -> anyhow::Result<SeccompRule> {
    Ok(SeccompRule::new(conditions.to_vec())?)
}

fn has(argument: u8, bits: u64) -> anyhow::Result<Condition> {
    Ok(Condition::new(argument, Length::Dword, Is::MaskedEq(bits), bits)?)
}

fn is(argument: u8, value: u64) -> anyhow::Result<Condition> {
    Ok(Condition::new(argument, Length::Dword, Is::Eq, value)?)
}

/// On x86-64 a bit in the number selects the x32 variant of each call, under the same architecture code, so that no
/// number in the filter would match: answered as unknown, before anything else.
fn without_x32(program: BpfProgram) -> BpfProgram {
    if !cfg!(target_arch = "x86_64") {
        return program;
    }
    const X32: u32 = 0x4000_0000;
    let load_number = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let if_at_least = sock_filter { code: 0x35, jt: 0, jf: 1, k: X32 };
    let unknown = sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32 };
    [vec![load_number, if_at_least, unknown], program].concat()
}

/// Whether a filter is in force for this process, for the self-check.
pub fn in_force() -> anyhow::Result<()> {
    match std::fs::read_to_string("/proc/self/status")?.lines().find_map(|l| l.strip_prefix("Seccomp:")) {
        Some(mode) if mode.trim() == "2" => Ok(()),
        other => bail!("no system call filter is in force ({other:?})"),
    }
}
