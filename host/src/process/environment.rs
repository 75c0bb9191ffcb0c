//! The environment of a program: small, clean, and the same whoever started Garth. What passes from outside is an
//! allow-list of names, and some names never pass, since they make other programs run something.

use std::path::{Path, PathBuf};

use super::toolchains::Found;

/// Never passed, allowed or not: they load code into a program, redirect git, or belong to the sandbox.
const NEVER: &[&str] = &[
    "LD_*",
    "DYLD_*",
    "GIT_*",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "BASH_ENV",
    "ENV",
    "BASH_FUNC_*",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "PS4",
    "IFS",
    "PATH",
    "HOME",
    "TMPDIR",
    "GLIBC_TUNABLES",
    "MALLOC_*",
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// The variables of a program, all but `HOME` and `TMPDIR`, which the helper sets when it knows the private folders.
/// `host` is Garth's own environment; of it and of `extra` passes what `allowed` names. Later entries win.
pub(super) fn compose(
    found: &Found,
    path: &[PathBuf],
    network: bool,
    allowed: &[String],
    host: impl IntoIterator<Item = (String, String)>,
    extra: &[(String, String)],
) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> =
        [("LANG", "C.UTF-8"), ("TERM", "dumb"), ("SHELL", "/bin/sh"), ("PAGER", "cat")]
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .into();
    let path: Vec<_> = path.iter().filter_map(|p| p.to_str()).filter(|p| !p.contains(':')).collect();
    env.push(("PATH".into(), path.join(":")));
    env.extend(found.env.iter().cloned());
    if !network {
        env.extend(found.offline.iter().cloned());
    }
    let passes = |(name, value): &(String, String)| {
        let well_formed = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
        well_formed && allowed.iter().any(|p| matches(p, name)) && !NEVER.iter().any(|p| matches(p, name))
    };
    env.extend(host.into_iter().chain(extra.iter().cloned()).filter(passes));
    env
}

/// The search path: absolute folders outside the workspace, since one that programs may write decides what runs.
pub(super) fn search_path(configured: &[PathBuf], found: &Found, workspace: &Path) -> Vec<PathBuf> {
    let mut path: Vec<PathBuf> = Vec::new();
    for dir in configured.iter().chain(&found.bin).filter(|dir| dir.is_absolute()) {
        let outside = dir.canonicalize().is_ok_and(|real| real.is_dir() && !real.starts_with(workspace));
        if outside && !path.contains(dir) {
            path.push(dir.clone());
        }
    }
    path
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
    }

    #[test]
    fn passes_what_is_allowed_and_never_what_runs_code() {
        let allowed = ["RUST_LOG", "MY_*", "LD_PRELOAD", "GIT_DIR", "PATH"].map(String::from);
        let host = pairs(&[("RUST_LOG", "debug"), ("TOKEN", "secret"), ("LD_PRELOAD", "/x.so"), ("PATH", "/evil")]);
        let extra = pairs(&[("MY_FLAG", "1"), ("OTHER", "2"), ("GIT_DIR", "/x"), ("MY_=", "3")]);
        let env = compose(&Found::default(), &["/usr/bin".into()], false, &allowed, host, &extra);
        let names: Vec<_> = env.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["LANG", "TERM", "SHELL", "PAGER", "PATH", "RUST_LOG", "MY_FLAG"]);
        assert_eq!(env[4].1, "/usr/bin");
    }

    #[test]
    fn the_search_path_stays_outside_the_workspace() {
        let workspace = tempfile::tempdir().unwrap();
        let real = workspace.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("bin")).unwrap();
        let configured = [real.join("bin"), "relative".into(), "/usr/bin".into()];
        assert_eq!(search_path(&configured, &Found::default(), &real), [PathBuf::from("/usr/bin")]);
    }
}
