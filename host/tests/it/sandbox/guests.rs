//! Builds the hostile guests once per test run, with the cargo that runs the tests, into a target directory of their
//! own. When nothing has changed, that takes cargo a moment.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The component of `plugins/fixtures`.
pub fn fixtures() -> &'static [u8] {
    static FIXTURES: OnceLock<Vec<u8>> = OnceLock::new();
    FIXTURES.get_or_init(|| build("fixtures", "garth_fixtures"))
}

/// The component of `plugins/fixtures-plain`.
pub fn plain() -> &'static [u8] {
    static PLAIN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAIN.get_or_init(|| build("fixtures-plain", "garth_fixtures_plain"))
}

fn build(folder: &str, file: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--target", "wasm32-wasip2", "--manifest-path"]);
    cargo.arg(root.join("plugins").join(folder).join("Cargo.toml")).arg("--target-dir").arg(&target);
    // What was meant for the host's compiler is not for the guest's.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let output = cargo.output().expect("cargo is here, since it runs this test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the guests do not build; is the target there (`rustup target add wasm32-wasip2`)?\n{errors}"
    );
    std::fs::read(target.join("wasm32-wasip2/release").join(file).with_extension("wasm")).unwrap()
}
