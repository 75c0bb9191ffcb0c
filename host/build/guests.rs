//! Calls cargo to compile the built-in plugins for WASI, into a target directory of their own that all profiles of the
//! host share, with nothing of the outer build's flags and wrappers.
//!
//! `wasm32-wasip2` with SIMD, after measuring (two cores, 10,000 files, 61 MB): grep took 1.4 to 1.6 times as long as the same
//! code native, and as long as with `wasm32-wasip1` and its adapter; a `read_file` of 2 KB took 95 µs against 120 µs. That
//! holds because what reads many files calls `wasi:filesystem` directly; see `plugins/sdk/src/folder.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const TARGET: &str = "wasm32-wasip2";
/// Defined in the workspace's `Cargo.toml`.
const PROFILE: &str = "guest";
const FLAGS: &str = "-Ctarget-feature=+simd128";
/// Bytes of memory that a guest begins with. Growing it costs the host two changes of page protections in every call, each
/// of which interrupts the other processors; most calls need no more than this.
const MEMORY: u32 = 2 << 20;
/// The variables of the outer cargo that the inner one may see: where things are and how they are fetched. Everything
/// else named `CARGO_…` or `RUST…FLAGS` describes the outer build, or would change the guests behind our back.
const KEPT: [&str; 9] = [
    "CARGO_HOME",
    "CARGO_MAKEFLAGS",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "CARGO_RESOLVER_",
];
const DROPPED: [&str; 4] = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// The plugins in `plugins/`, as components, in the order of `names`.
pub fn build(root: &Path, out: &Path, names: &[&str]) -> Result<Vec<Vec<u8>>> {
    require_target()?;
    let target = target_root(out).join("guests");
    names.iter().map(|name| compile(root, &target, name)).collect()
}

/// One crate as a component. A `cdylib` only here, so that natively it stays a plain library, and so that link-time
/// optimisation applies, which cargo leaves out for a crate that is also an rlib.
fn compile(root: &Path, target: &Path, name: &str) -> Result<Vec<u8>> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        let outer = text.starts_with("CARGO_") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if outer || DROPPED.contains(&text.as_ref()) {
            cargo.env_remove(&variable);
        }
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS).current_dir(root);
    cargo.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", TARGET, "--profile", PROFILE]);
    cargo.arg("--package").arg(format!("garth-{name}")).arg("--target-dir").arg(target);
    cargo.arg("--").arg(format!("-Clink-arg=--initial-memory={MEMORY}"));
    let output = cargo.output().context("starting cargo for the built-in plugins")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo could not compile the plugin {name} for {TARGET} ({}):\n{said}", output.status);
    }
    let component = target.join(TARGET).join(PROFILE).join(format!("garth_{name}.wasm"));
    std::fs::read(&component).with_context(|| format!("reading {}", component.display()))
}

/// Where the outer build puts everything: the folder that cargo marked, so that a custom one counts too.
fn target_root(out: &Path) -> PathBuf {
    let marked = out.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").exists());
    marked.or_else(|| out.ancestors().nth(4)).unwrap_or(out).to_path_buf()
}

/// Sees to it that the compiler has the standard library for the guests.
fn require_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    let toolchain = std::env::var("RUSTUP_TOOLCHAIN").ok();
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    if let Some(toolchain) = &toolchain {
        rustup.args(["--toolchain", toolchain]);
    }
    let reason = match rustup.output() {
        Ok(output) if output.status.success() && has_target()? => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("rustup could not be started: {error}"),
    };
    bail!(
        "the built-in plugins need Rust's standard library for {TARGET}, which is not installed.\n\
         Run this, then build again:\n\n    rustup target add {TARGET}\n\n\
         (With a Rust that is not from rustup, install that target's standard library from the same source.)\n\
         It was tried just now: {reason}"
    )
}

fn has_target() -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().context("asking rustc for its sysroot")?;
    let sysroot = String::from_utf8(output.stdout).context("the sysroot's path is not UTF-8")?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir())
}
