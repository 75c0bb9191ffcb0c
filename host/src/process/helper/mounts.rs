//! The file system of the full tier: a fresh, empty root in memory that contains the readable folders, the workspace
//! as far as it is granted, and private `/tmp`, `/proc` and `/dev`. What is protected is a read-only mount inside the
//! writable workspace, what is hidden is covered by something empty.
//!
//! Sources are cloned as detached mounts while the old root still stands (`open_tree`), then the root is exchanged and
//! they are attached; so no path of the old system is ever visible in the new one.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, mount_change, move_mount, open_tree,
    unmount,
};

use super::sys::{self, NO_DEVICES, NO_SUID, READ_ONLY};
use super::view::View;
use crate::policy::Access as Level;
use crate::process::spec::Spec;

const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];
/// Where covers for hidden things come from. Empty and read-only.
const COVERS: &str = "/.garth-covers";

/// A detached mount on its way to a place below the new root.
struct Planned {
    source: OwnedFd,
    target: PathBuf,
    is_dir: bool,
}

/// Exchanges the root of this mount namespace for what `spec` and `view` say.
pub fn enter(spec: &Spec, view: &View) -> anyhow::Result<()> {
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC).context("private mounts")?;
    let mut links = Vec::new();
    let mut outside = Vec::new();
    let mut inside = Vec::new();
    for path in roots(&spec.readable) {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_symlink() {
            links.extend(fs::read_link(path).map(|to| (path.to_path_buf(), to)));
            continue;
        }
        let planned = Planned {
            source: clone(path, READ_ONLY | NO_SUID | NO_DEVICES).with_context(|| path.display().to_string())?,
            target: path.to_path_buf(),
            is_dir: meta.is_dir(),
        };
        if path.starts_with(&spec.workspace) { inside.push(planned) } else { outside.push(planned) }
    }
    let workspace = granted(spec, view)?;
    let proc = filesystem("proc", &[]).context("/proc")?;
    let devices = DEVICES.iter().map(|name| Ok((*name, clone(&Path::new("/dev").join(name), NO_SUID)?)));
    let devices: Vec<_> = devices.collect::<anyhow::Result<_>>().context("/dev")?;

    exchange_root()?;
    for dir in ["/tmp", "/proc", "/dev", COVERS] {
        fs::create_dir(dir)?;
    }
    attach(&filesystem("tmpfs", &[("mode", "1777"), ("size", &spec.limits.memory.to_string())])?, Path::new("/tmp"))?;
    fs::create_dir("/tmp/home")?;
    attach(&proc, Path::new("/proc"))?;
    make_dev(devices, spec.limits.memory)?;
    for (path, to) in links {
        if !exists(&path) {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            std::os::unix::fs::symlink(to, &path)?;
        }
    }
    let mut covers = Covers::default();
    for planned in outside {
        place(planned)?;
    }
    for path in &spec.hidden {
        covers.cover(path).with_context(|| format!("hiding {}", path.display()))?;
    }
    fs::create_dir_all(&spec.workspace)?;
    for step in workspace {
        match step {
            Step::Mount(planned) => place(planned)?,
            Step::Hide(path) => covers.cover(&path).with_context(|| format!("hiding {}", path.display()))?,
        }
    }
    for planned in inside {
        place(planned)?;
    }
    covers.close()
}

/// What to do in the workspace, parents first.
enum Step {
    Mount(Planned),
    Hide(PathBuf),
}

fn granted(spec: &Spec, view: &View) -> anyhow::Result<Vec<Step>> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let root = rustix::fs::open(&spec.workspace, flags | OFlags::DIRECTORY, Mode::empty())?;
    let mut steps = Vec::new();
    for (path, level) in view.iter() {
        let target = spec.workspace.join(path);
        let parent = path.parent().map_or(Level::None, |p| view.level(p));
        if level == Level::None {
            if parent != Level::None {
                steps.push(Step::Hide(target));
            }
            continue;
        }
        // Whoever swaps a folder for a link between the search and this ends up here, with nothing.
        let Ok(source) = beneath(&root, path, flags) else { continue };
        let meta = rustix::fs::fstat(&source)?;
        let kind = rustix::fs::FileType::from_raw_mode(meta.st_mode);
        if kind == rustix::fs::FileType::Symlink {
            continue;
        }
        let tree = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let source = open_tree(&source, "", tree | OpenTreeFlags::AT_EMPTY_PATH).context("the workspace")?;
        let read_only = if level == Level::Write { 0 } else { READ_ONLY };
        sys::set_attributes(&source, NO_SUID | NO_DEVICES | read_only).context("the workspace")?;
        steps.push(Step::Mount(Planned { source, target, is_dir: kind == rustix::fs::FileType::Directory }));
    }
    Ok(steps)
}

/// A path below `root` without following a link; the root itself when empty.
pub fn beneath(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

/// Sorted, and without those that a parent contains already.
fn roots(paths: &[PathBuf]) -> Vec<&Path> {
    let mut sorted: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    sorted.sort();
    sorted.dedup();
    let mut roots: Vec<&Path> = Vec::new();
    for path in sorted {
        let absolute = path.is_absolute() && !path.components().any(|c| c == Component::ParentDir);
        if absolute && path != Path::new("/") && !roots.iter().any(|r| path.starts_with(r)) {
            roots.push(path);
        }
    }
    roots
}

fn clone(path: &Path, attributes: u64) -> anyhow::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, path, flags | OpenTreeFlags::AT_SYMLINK_NOFOLLOW)?;
    sys::set_attributes(&tree, attributes)?;
    Ok(tree)
}

fn filesystem(kind: &str, options: &[(&str, &str)]) -> anyhow::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// pivot_root(2): with the same folder for both roots, the old one comes to lie on top, and is detached.
fn exchange_root() -> anyhow::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", "/tmp", "tmpfs", flags, c"mode=0755,size=16m").context("a root in memory")?;
    rustix::process::chdir("/tmp")?;
    rustix::process::pivot_root(".", ".").context("pivot_root")?;
    unmount(".", UnmountFlags::DETACH).context("the old root")?;
    rustix::process::chdir("/")?;
    Ok(())
}

fn attach(source: &OwnedFd, target: &Path) -> anyhow::Result<()> {
    move_mount(source, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|e| anyhow!("mounting {}: {e}", target.display()))
}

fn place(planned: Planned) -> anyhow::Result<()> {
    let Planned { source, target, is_dir } = planned;
    let context = || target.display().to_string();
    if is_dir {
        fs::create_dir_all(&target).with_context(context)?;
    } else if !exists(&target) {
        target.parent().map_or(Ok(()), fs::create_dir_all).with_context(context)?;
        fs::write(&target, "").with_context(context)?;
    }
    attach(&source, &target)
}

fn make_dev(devices: Vec<(&str, OwnedFd)>, memory: u64) -> anyhow::Result<()> {
    let dev = Path::new("/dev");
    for (name, source) in devices {
        place(Planned { source, target: dev.join(name), is_dir: false })?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        std::os::unix::fs::symlink(to, dev.join(name))?;
    }
    for (name, kind, options) in [
        ("shm", "tmpfs", [("mode", "1777"), ("size", memory.to_string().as_str())]),
        ("pts", "devpts", [("mode", "0620"), ("ptmxmode", "0666")]),
    ] {
        fs::create_dir(dev.join(name))?;
        let source = filesystem(kind, &options).with_context(|| format!("/dev/{name}"))?;
        attach(&source, &dev.join(name))?;
    }
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Lays something empty over hidden things. Each cover is its own folder, so that a granted path below still finds a
/// place to be mounted at; all become read-only at the end.
#[derive(Default)]
struct Covers {
    placed: Vec<PathBuf>,
}

impl Covers {
    fn cover(&mut self, target: &Path) -> anyhow::Result<()> {
        let Ok(meta) = target.symlink_metadata() else { return Ok(()) };
        if meta.is_symlink() {
            return Ok(());
        }
        let source = Path::new(COVERS).join(self.placed.len().to_string());
        if meta.is_dir() {
            fs::create_dir(&source)?;
        } else {
            fs::write(&source, "")?;
            fs::set_permissions(&source, std::os::unix::fs::PermissionsExt::from_mode(0o000))?;
        }
        attach(&clone(&source, NO_SUID | NO_DEVICES)?, target)?;
        self.placed.push(target.to_path_buf());
        Ok(())
    }

    /// Makes the covers and the root itself read-only.
    fn close(self) -> anyhow::Result<()> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        for path in &self.placed {
            let mount = rustix::fs::open(path, flags, Mode::empty())?;
            // Alone: what is mounted below keeps what it was granted.
            sys::set_attributes_alone(&mount, READ_ONLY)?;
        }
        fs::set_permissions(COVERS, std::os::unix::fs::PermissionsExt::from_mode(0o000))?;
        sys::set_attributes_alone(&rustix::fs::open("/", flags, Mode::empty())?, READ_ONLY)?;
        Ok(())
    }
}
