//! The last steps before the program: its standard input, its limits, no rights, Landlock, the system call filter, exec.
//! After each of them there is no way back, so the order matters: what needs rights comes first.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use rustix::fs::{MemfdFlags, SeekFrom};
use rustix::process::Signal;
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::{Private, Run, landlock, limits, seccomp, selfcheck, sys};
use crate::process::spec::Program;
use crate::process::{Tier, git};

/// What a child exits with that could not start the program. The report says why.
pub const FAILED: i32 = 125;
/// The capabilities that the kernel may know; removing one that it does not is no error.
const CAPABILITIES: u32 = 64;

/// Confines this process and becomes the program. Returns only when that fails.
pub fn run(run: &Run) -> anyhow::Result<Infallible> {
    let _ = rustix::process::setsid();
    fs::create_dir_all(&run.private.home).context("the private home")?;
    if let Some(program) = &run.spec.program {
        fs::write(run.private.home.join(".gitconfig"), &program.gitconfig).context("the private home")?;
        give_input(program).context("standard input")?;
        let directory = run.spec.workspace.join(&program.directory);
        // Not granted, there may be nothing.
        let entered = std::env::set_current_dir(&directory).or_else(|_| std::env::set_current_dir(&run.private.temp));
        entered.with_context(|| directory.display().to_string())?;
    }
    limits::set(run.spec, run.counted).context("resource limits")?;
    if run.spec.tier != Tier::None {
        give_up_rights().context("giving up rights")?;
        let sockets = landlock::restrict(run).context("Landlock")?;
        seccomp::install(run.spec, sockets).context("seccomp")?;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    sys::close_on_exec().context("open files")?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    match &run.spec.program {
        None => selfcheck::check(run),
        Some(program) => exec(program, run.private),
    }
}

/// A file in memory instead of a pipe: nobody has to feed it.
fn give_input(program: &Program) -> anyhow::Result<()> {
    let Some(text) = &program.stdin else { return Ok(()) };
    let file = rustix::fs::memfd_create("stdin", MemfdFlags::CLOEXEC)?;
    std::io::Write::write_all(&mut fs::File::from(file.try_clone()?), text.as_bytes())?;
    rustix::fs::seek(&file, SeekFrom::Start(0))?;
    Ok(rustix::stdio::dup2_stdin(&file)?)
}

fn give_up_rights() -> anyhow::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    rustix::thread::clear_ambient_capability_set()?;
    for bit in 0..CAPABILITIES {
        let Some(capability) = CapabilitySet::from_bits(1 << bit) else { continue };
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // Without the right to, there is nothing to remove either: no program gains any after no_new_privs.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    Ok(())
}

fn exec(program: &Program, private: &Private) -> anyhow::Result<Infallible> {
    let mut command = command(program, private);
    if program.is_git {
        command.envs(git_environment(program, private)?);
    }
    command.args(&program.args);
    let error = command.exec();
    bail!("starting {}: {error}", program.path.display())
}

fn command(program: &Program, private: &Private) -> Command {
    let mut command = Command::new(&program.path);
    command.env_clear().env("HOME", &private.home).env("TMPDIR", &private.temp).envs(program.env.iter().cloned());
    command
}

/// Asks git, inside the sandbox, which settings there are; listing them runs nothing.
fn git_environment(program: &Program, private: &Private) -> anyhow::Result<Vec<(String, String)>> {
    let output = command(program, private)
        .envs(git::environment(std::iter::empty()))
        .args(["config", "--list", "--null", "--name-only"])
        .stdin(Stdio::null())
        .output()
        .context("listing git's settings")?;
    if !output.status.success() {
        bail!("git cannot read its settings: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("git has a setting whose name is not UTF-8")?;
    Ok(git::environment(names.split('\0').filter(|n| !n.is_empty())))
}
