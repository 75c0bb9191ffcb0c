//! Turns a command into a complete [`Spec`]: finds the program and the directory, composes the environment, collects
//! what is readable. Looks at files, changes none.

use std::path::{Component, Path, PathBuf};

use super::spec::{self, Limits, Program, Spec};
use super::toolchains::Found;
use super::{Access, Command, RunError, Settings, Tier, environment, git, git_secrets};

pub(super) fn prepare(
    settings: &Settings,
    found: &Found,
    tier: Tier,
    command: &Command,
    access: &Access,
) -> Result<Spec, RunError> {
    let workspace = workspace(&access.workspace)?;
    let directory = directory(&workspace, command.directory.as_deref().unwrap_or_default())?;
    let path = environment::search_path(&settings.path, found, &workspace);
    let program = lookup(&command.program, &path)?;
    if command.args.iter().any(|a| a.contains('\0')) {
        return Err(RunError::BadCommand(format!("{}: an argument contains a NUL character", command.program)));
    }
    let is_git = command.program == "git";
    let args = match is_git {
        true => {
            let secrets: &[String] = if access.secrets { &[] } else { &settings.protection.secret };
            let place = git_secrets::Place { workspace: &workspace, directory: &directory };
            let guarded = git::check(&command.args).map(|()| git::guard(&command.args));
            guarded.and_then(|args| git_secrets::limit(args, secrets, &place)).map_err(RunError::BadCommand)?
        }
        false => command.args.clone(),
    };
    let host = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    let program = Program {
        env: environment::compose(found, &path, access.network, &settings.env, host, &command.env),
        path: program,
        args,
        directory,
        stdin: command.stdin.clone(),
        gitconfig: git::identity(settings.home.as_deref()),
        is_git,
    };
    let mut readable = found.readable.clone();
    readable.extend(settings.readable.iter().chain(&settings.path).filter_map(|p| p.canonicalize().ok()));
    if access.network {
        // Often a link into a folder that is not visible.
        readable.extend(Path::new("/etc/resolv.conf").canonicalize().ok());
    }
    let mut spec = Spec { program: Some(program), readable, ..bare(settings, tier, access, workspace, found) };
    // Git's own output is limited instead.
    spec.protection.hide_history &= !is_git && !access.secrets;
    Ok(spec)
}

/// A spec that runs nothing but the helper's self-check.
pub(super) fn check(settings: &Settings, found: &Found, tier: Tier, access: &Access) -> Result<Spec, RunError> {
    let workspace = workspace(&access.workspace)?;
    Ok(bare(settings, tier, access, workspace, found))
}

fn bare(settings: &Settings, tier: Tier, access: &Access, workspace: PathBuf, found: &Found) -> Spec {
    Spec {
        tier,
        program: None,
        workspace,
        grants: spec::grants(access),
        secrets: access.secrets,
        git: access.git,
        network: access.network,
        protection: settings.protection.clone(),
        readable: found.readable.clone(),
        hidden: found.hidden.clone(),
        limits: Limits { memory: settings.memory, processes: settings.processes, file_size: settings.file_size },
    }
}

fn workspace(path: &Path) -> Result<PathBuf, RunError> {
    let real =
        path.canonicalize().map_err(|e| RunError::BadDirectory(format!("the workspace {}: {e}", path.display())))?;
    let system = ["/proc", "/sys", "/dev"].iter().any(|dir| real.starts_with(dir));
    if system || real == Path::new("/") || real == Path::new("/tmp") {
        let message = format!("{} cannot be a workspace for programs: choose a folder of its own", real.display());
        return Err(RunError::BadDirectory(message));
    }
    Ok(real)
}

/// `directory` relative to the workspace, links resolved; it must exist inside.
fn directory(workspace: &Path, directory: &str) -> Result<PathBuf, RunError> {
    let bad = |why: String| RunError::BadDirectory(format!("directory {directory:?}: {why}"));
    if Path::new(directory).components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(bad("must be a path inside the workspace, without `..`".into()));
    }
    let real = workspace.join(directory).canonicalize().map_err(|e| bad(e.to_string()))?;
    match real.strip_prefix(workspace) {
        Ok(inside) if real.is_dir() => Ok(inside.to_path_buf()),
        Ok(_) => Err(bad("is not a directory".into())),
        Err(_) => Err(bad("leads out of the workspace".into())),
    }
}

/// Where a program is.
pub(super) fn find(settings: &Settings, found: &Found, program: &str, workspace: &Path) -> Result<PathBuf, RunError> {
    lookup(program, &environment::search_path(&settings.path, found, workspace))
}

fn lookup(program: &str, path: &[PathBuf]) -> Result<PathBuf, RunError> {
    if program.is_empty() || program.contains(['/', '\0']) || program == "." || program == ".." {
        let message = format!(
            "{program:?} is not the bare name of a program; programs are found on a fixed search path, \
                               and a script of the workspace is run by its interpreter"
        );
        return Err(RunError::BadCommand(message));
    }
    let candidates = path.iter().map(|dir| dir.join(program));
    candidates
        .into_iter()
        .find(|file| executable(file))
        .ok_or_else(|| RunError::NotFound { program: program.to_string(), searched: path.to_vec() })
}

fn executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
