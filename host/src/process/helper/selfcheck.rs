//! Run instead of a program, once for each [`super::super::Runner`]: tries what must work and what must not, since a
//! kernel or a container can accept every call and still enforce nothing.

use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, bail};

use super::{Run, seccomp};

/// In the workspace that `Runner` has laid out for it.
pub fn check(run: &Run) -> anyhow::Result<Infallible> {
    let workspace = &run.spec.workspace;
    fs::write(workspace.join("src/open"), "written").context("writing in the workspace")?;
    fs::write(run.private.temp.join("check"), "written").context("writing a temporary file")?;
    fs::read_dir("/usr").context("reading /usr")?;
    fs::read("/dev/null").context("reading /dev/null")?;
    refused("writing a protected file", fs::write(workspace.join(".git/config"), "x"))?;
    refused("writing outside the workspace", fs::write("/usr/garth-check", "x"))?;
    refused("writing outside the workspace", fs::write("/var/tmp/garth-check", "x"))?;
    seccomp::in_force()?;
    if rustix::thread::capabilities(None)?.permitted.bits() != 0 {
        bail!("capabilities are left");
    }
    std::process::exit(0)
}

fn refused<T>(what: &str, result: std::io::Result<T>) -> anyhow::Result<()> {
    match result {
        Ok(_) => bail!("{what} was not refused"),
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound
            ) =>
        {
            Ok(())
        }
        Err(e) => Err(e).context(format!("{what} failed in an unexpected way")),
    }
}
