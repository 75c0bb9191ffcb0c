//! The helper: `garth __sandbox`, which stands between Garth and one program. The process that Garth starts is the
//! supervisor and stays outside; its child goes into the sandbox, and everything that may fail does so before the
//! program's first instruction. Nothing here is reached by the parent's code, so nothing here needs to be async.
//!
//! full tier:      supervisor → init (PID 1 of the namespaces: builds the file system, reaps) → program
//! other tiers:    supervisor (reaps what the program leaves behind) → program

mod cgroup;
mod init;
mod landlock;
mod limits;
mod mounts;
mod scan;
mod seal;
mod seccomp;
mod selfcheck;
mod supervisor;
mod sweep;
mod sys;
mod view;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::spec::{Report, Spec};

/// What `garth` exits with when it was not the helper's parent that started it.
const MISUSED: i32 = 125;
/// Longest spec accepted, standard input included.
const SPEC_LIMIT: u64 = 1 << 30;

pub fn main() -> ! {
    let code = match Control::take().and_then(|mut control| Ok((control.spec()?, control))) {
        Ok((spec, control)) => supervisor::supervise(spec, control),
        Err(error) => {
            eprintln!("garth {}: {error:#}; this subcommand is for Garth itself", super::HELPER);
            MISUSED
        }
    };
    std::process::exit(code)
}

/// The socket to the parent. It closes itself at `exec`, so that no program ever holds it.
struct Control(UnixStream);

impl Control {
    /// Takes the socket from standard input, and leaves nothing there.
    fn take() -> anyhow::Result<Control> {
        let socket = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 10).context("standard input")?;
        let kind = rustix::fs::fstat(&socket)?;
        if rustix::fs::FileType::from_raw_mode(kind.st_mode) != rustix::fs::FileType::Socket {
            bail!("standard input is no socket");
        }
        rustix::stdio::dup2_stdin(sys::null()?)?;
        Ok(Control(UnixStream::from(socket)))
    }

    fn spec(&mut self) -> anyhow::Result<Spec> {
        let mut length = [0; 8];
        self.0.read_exact(&mut length).context("reading the spec")?;
        let length = u64::from_le_bytes(length);
        if length > SPEC_LIMIT {
            bail!("a spec of {length} bytes");
        }
        let mut body = Vec::new();
        (&self.0).take(length).read_to_end(&mut body).context("reading the spec")?;
        serde_json::from_slice(&body).context("the spec")
    }

    /// A parent that is gone hears nothing, which is no error: it is noticed by the supervisor's loop.
    fn report(&self, report: &Report) {
        if let Ok(mut line) = serde_json::to_vec(report) {
            line.push(b'\n');
            let _ = (&self.0).write_all(&line);
        }
    }

    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where the program's private files are, as it sees them.
#[derive(Clone, Debug)]
struct Private {
    temp: PathBuf,
    home: PathBuf,
}

/// What every stage of a child needs.
struct Run<'a> {
    spec: &'a Spec,
    control: &'a Control,
    view: &'a view::View,
    private: &'a Private,
    /// A cgroup counts memory and processes.
    counted: bool,
}
