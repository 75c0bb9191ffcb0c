//! The few system calls without a safe wrapper. All unsafe code of the process module is in this file; each function
//! is safe to call from the helper, which has one thread.
#![allow(unsafe_code, reason = "fork, clone, mount_setattr and the loopback ioctl have no safe wrappers")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

/// Which of both processes this is after a fork.
pub enum Forked {
    Child,
    Parent(Pid),
}

pub fn fork() -> io::Result<Forked> {
    // SAFETY: the helper is single-threaded, so the child has every lock in a consistent state.
    forked(i64::from(unsafe { libc::fork() }))
}

/// Forks into new namespaces (`CLONE_NEW*`).
pub fn fork_into(namespaces: libc::c_int) -> io::Result<Forked> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with a null stack this is fork(2): the child continues on a copy of this stack. The
    // helper is single-threaded. On every architecture that Garth's seccomp filter knows the flags come first.
    forked(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })
}

fn forked(result: i64) -> io::Result<Forked> {
    match (result, Pid::from_raw(result as i32)) {
        (0, _) => Ok(Forked::Child),
        (1.., Some(pid)) => Ok(Forked::Parent(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Attributes for [`set_attributes`], as in mount_setattr(2).
pub const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
pub const NO_SUID: u64 = libc::MOUNT_ATTR_NOSUID;
pub const NO_DEVICES: u64 = libc::MOUNT_ATTR_NODEV;

/// Adds attributes to a mount and to all mounts below it.
pub fn set_attributes(mount: impl AsFd, attributes: u64) -> io::Result<()> {
    mount_setattr(mount, attributes, libc::AT_EMPTY_PATH | libc::AT_RECURSIVE)
}

/// Adds attributes to this mount only.
pub fn set_attributes_alone(mount: impl AsFd, attributes: u64) -> io::Result<()> {
    mount_setattr(mount, attributes, libc::AT_EMPTY_PATH)
}

fn mount_setattr(mount: impl AsFd, attributes: u64, flags: libc::c_int) -> io::Result<()> {
    let attr = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a NUL-terminated constant, and the kernel only reads `attr`, whose size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Brings the loopback interface of the current network namespace up.
pub fn loopback_up() -> io::Result<()> {
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `socket` was just opened and belongs to nobody else.
    let socket = unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(socket) };
    // SAFETY: `ifreq` is plain data, for which zero bytes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has every descriptor from 3 on closed by the next `exec`.
pub fn close_on_exec() -> io::Result<()> {
    // SAFETY: no pointers; descriptors stay open in this process.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

pub fn null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}
