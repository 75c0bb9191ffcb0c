//! Landlock: which files a program may reach, whatever paths it finds to them. In the full tier a second wall behind the
//! mounts; in the other tier the only one, so there rules name every readable folder and, since a rule covers a whole
//! hierarchy, everything *beside* a protected entry instead of the folder that contains it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};
use rustix::fs::{FileType, Mode, OFlags};

use super::mounts::beneath;
use super::view::View;
use super::{Private, Run};
use crate::policy::Access as Level;
use crate::process::Tier;

/// Without TRUNCATE (ABI 3, Linux 6.2) any file could be emptied, so alone it is no wall.
const ALONE: ABI = ABI::V3;
const NEWEST: ABI = ABI::V9;
/// Devices of the system that are harmless and needed.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/pts", "/dev/shm"];

/// Whether abstract UNIX sockets of the outside are out of reach: ABI 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    Scoped,
    Open,
}

/// Restricts this process and all that it starts.
pub fn restrict(run: &Run) -> anyhow::Result<Sockets> {
    let least = if run.spec.tier == Tier::Full { ABI::V1 } else { ALONE };
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(least))
        .context("Landlock is missing or too old")?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let rules = match run.spec.tier {
        Tier::Full => inside_mounts(rules, run)?,
        _ => alone(rules, run)?,
    };
    let status = rules.restrict_self()?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V6 => Ok(Sockets::Scoped),
        LandlockStatus::Available { .. } => Ok(Sockets::Open),
        _ => bail!("Landlock is not enforced"),
    }
}

/// The mounts say the details: all is readable, and what may be written is named.
fn inside_mounts(rules: RulesetCreated, run: &Run) -> anyhow::Result<RulesetCreated> {
    let mut rules = allow(rules, &open(Path::new("/"))?, Level::Read)?;
    for path in DEVICES.iter().copied().chain(["/tmp"]) {
        rules = allow(rules, &open(Path::new(path))?, Level::Write)?;
    }
    for (path, _) in run.view.iter().filter(|(_, level)| *level == Level::Write) {
        if let Ok(fd) = open(&run.spec.workspace.join(path)) {
            rules = allow(rules, &fd, Level::Write)?;
        }
    }
    Ok(rules)
}

fn alone(mut rules: RulesetCreated, run: &Run) -> anyhow::Result<RulesetCreated> {
    let system = View::of(&run.spec.readable, &run.spec.hidden);
    rules = carve(rules, &open(Path::new("/"))?, Path::new("/"), &system, Path::new(""), Top::Whole)?;
    rules = allow(rules, &open(Path::new("/proc"))?, Level::Read)?;
    for device in DEVICES.iter().filter(|d| !d.ends_with("pts") && !d.ends_with("shm")) {
        rules = allow(rules, &open(Path::new(device))?, Level::Write)?;
    }
    let Private { temp, .. } = run.private;
    rules = allow(rules, &open(temp)?, Level::Write)?;
    let workspace = &run.spec.workspace;
    // Nothing can say 'all names but .git', so a writable workspace takes no new entries at its top.
    carve(rules, &open(workspace)?, workspace, run.view, Path::new(""), Top::Split)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Top {
    Whole,
    Split,
}

/// Rules for `path` below `root`: one where all of it has one level, else rules for its entries.
fn carve(
    mut rules: RulesetCreated,
    root: &OwnedFd,
    root_path: &Path,
    view: &View,
    path: &Path,
    top: Top,
) -> anyhow::Result<RulesetCreated> {
    let level = view.level(path);
    let Ok(fd) = beneath(root, path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW) else { return Ok(rules) };
    let split = view.is_split(path) || (top == Top::Split && level == Level::Write);
    if !split {
        return if level == Level::None { Ok(rules) } else { allow(rules, &fd, level) };
    }
    if kind(&fd)? != FileType::Directory {
        return Ok(rules);
    }
    if level > Level::None {
        // Names only, but of everything below.
        rules = rules.add_rule(PathBeneath::new(&fd, AccessFs::ReadDir))?;
    }
    let Ok(entries) = root_path.join(path).read_dir() else { return Ok(rules) };
    for entry in entries.flatten() {
        let child: PathBuf = path.join(entry.file_name());
        let link = entry.file_type().is_ok_and(|t| t.is_symlink());
        if !link && (level > Level::None || view.level(&child) > Level::None || view.is_split(&child)) {
            rules = carve(rules, root, root_path, view, &child, Top::Whole)?;
        }
    }
    Ok(rules)
}

fn allow(rules: RulesetCreated, fd: &OwnedFd, level: Level) -> anyhow::Result<RulesetCreated> {
    // Neither new devices nor sockets of others.
    let never = AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::ResolveUnix;
    let access: BitFlags<AccessFs> = match level {
        Level::None => return Ok(rules),
        Level::Read => AccessFs::from_read(NEWEST) & !never,
        Level::Write => AccessFs::from_all(NEWEST) & !never,
    };
    let access = if kind(fd)? == FileType::Directory { access } else { access & AccessFs::from_file(NEWEST) };
    Ok(rules.add_rule(PathBeneath::new(fd, access))?)
}

fn open(path: &Path) -> anyhow::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
        .with_context(|| path.display().to_string())
}

fn kind(fd: &OwnedFd) -> anyhow::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode))
}
