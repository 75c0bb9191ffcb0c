//! How programs are started and what comes back: the tier, input and output, environment, where programs are found.

use std::fs;
use std::time::Duration;

use garth::process::{Access, Command, RunError, Runner, Settings, Tier};
use tokio_util::sync::CancellationToken;

use super::{Yard, check, tiers};

#[test]
fn the_tier_is_tried_out_and_explained() {
    let mut last = Tier::Full;
    for max in [Tier::Full, Tier::Landlock, Tier::None] {
        let runner = Runner::new(Yard::new(max).settings);
        let tier = runner.tier();
        assert!(rank(tier) <= rank(max) && rank(tier) <= rank(last), "{max:?} gave {tier:?}");
        assert_eq!(runner.reasons().is_empty(), tier == Tier::Full, "{:?}", runner.reasons());
        assert!(!garth::process::explain(tier).is_empty());
        last = tier;
    }
    let broken = Settings { helper: "/nonexistent/garth".into(), ..Yard::new(Tier::Full).settings };
    let runner = Runner::new(broken);
    assert_eq!(runner.tier(), Tier::None);
    assert!(runner.reasons()[0].contains("/nonexistent/garth"), "{:?}", runner.reasons());
}

fn rank(tier: Tier) -> u8 {
    match tier {
        Tier::Full => 2,
        Tier::Landlock => 1,
        Tier::None => 0,
    }
}

#[tokio::test]
async fn without_a_sandbox_programs_are_refused_unless_allowed() {
    let yard = Yard::new(Tier::None);
    let refused = yard.try_run(&["true"]).await.unwrap_err();
    assert!(matches!(refused, RunError::Refused { .. }) && refused.to_string().contains("process.allow_unsandboxed"));
    let yard = yard.with(|y| y.settings.allow_unsandboxed = true);
    let outcome = check(&yard, "cat \"$PWD/.env\"", &["SECRET=top"], &[]).await;
    assert_eq!((outcome.tier, outcome.exit_code), (Tier::None, Some(0)));
}

#[tokio::test]
async fn runs_and_reports() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| y.stdin = Some("given\n".into()));
        let outcome = yard.sh("pwd; cat; echo err >&2; exit 3").await;
        assert_eq!(outcome.stdout, format!("{}\ngiven\n", yard.access.workspace.display()));
        assert_eq!((outcome.stderr.as_str(), outcome.exit_code, outcome.tier), ("err\n", Some(3), tier));
        let outcome = yard.sh("kill -9 $$").await;
        assert_eq!((outcome.exit_code, outcome.timed_out), (None, false));
        let yard = yard.with(|y| y.stdin = None);
        assert_eq!(yard.run(&["cat"]).await.stdout, "");
        // The call's arguments are no shell's business.
        assert_eq!(yard.run(&["echo", "$HOME", "; ls"]).await.stdout, "$HOME ; ls\n");
    }
}

#[tokio::test]
async fn a_large_input_and_output_do_not_block_each_other() {
    for tier in tiers() {
        let text = "0123456789abcde\n".repeat(200_000);
        let yard = Yard::new(tier).with(|y| y.stdin = Some(text.clone()));
        let outcome = yard.run(&["cat"]).await;
        assert_eq!(outcome.exit_code, Some(0));
        let kept = outcome.stdout.len() as u64;
        assert!(kept <= yard.settings.output && kept > yard.settings.output / 2, "{kept}");
        assert!(outcome.stdout.starts_with("0123") && outcome.stdout.ends_with("abcde\n"));
        assert!(outcome.stdout.contains(&format!("[{} bytes in", outcome.stdout_dropped)));
        assert_eq!(outcome.stdout.lines().filter(|l| !l.starts_with("0123456789abcde")).count(), 1);
    }
}

#[tokio::test]
async fn the_environment_is_clean() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| {
            y.settings.env = vec!["MY_*".into(), "LD_PRELOAD".into(), "GIT_DIR".into()];
            y.env = [("MY_A", "1"), ("LD_PRELOAD", "/x.so"), ("GIT_DIR", "/x"), ("OTHER", "2")]
                .map(|(n, v)| (n.into(), v.into()))
                .into();
        });
        let outcome = yard.run(&["env"]).await;
        let mut names: Vec<_> = outcome.stdout.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
        names.sort_unstable();
        let toolchains = [
            "CARGO_", "RUSTUP_", "PYENV_", "PYTHON", "NVM_", "VOLTA_", "BUN_", "DENO_", "GO", "RBENV_", "ASDF_",
            "SDKMAN_", "OPAM", "ELAN_", "npm_",
        ];
        names.retain(|n| !toolchains.iter().any(|t| n.starts_with(t)));
        assert_eq!(names, ["HOME", "LANG", "MY_A", "PAGER", "PATH", "SHELL", "TERM", "TMPDIR"], "{outcome:#?}");
    }
}

#[tokio::test]
async fn programs_are_found_outside_the_workspace_only() {
    for tier in tiers() {
        let yard = Yard::new(tier);
        let evil = yard.file("bin/true");
        fs::create_dir_all(evil.parent().unwrap()).unwrap();
        fs::write(&evil, "#!/bin/sh\necho hijacked\n").unwrap();
        fs::set_permissions(&evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let yard = yard.with(|y| {
            y.settings.path = vec![y.file("bin"), ".".into()];
            y.settings.env = vec!["PATH".into()];
            y.env = vec![("PATH".into(), y.file("bin").display().to_string())];
        });
        assert_eq!(yard.run(&["true"]).await.stdout, "");
        check(&yard, "true; env true", &[], &["hijacked"]).await;
        let missing = yard.try_run(&["garth-no-such-program"]).await.unwrap_err();
        assert!(matches!(&missing, RunError::NotFound { searched, .. } if !searched.is_empty()), "{missing}");
        for word in ["/bin/true", "./bin/true", "bin/true", "", ".."] {
            assert!(matches!(yard.try_run(&[word]).await, Err(RunError::BadCommand(_))), "{word}");
        }
    }
}

#[tokio::test]
async fn the_directory_is_inside_the_workspace() {
    let yard = Yard::new(Tier::Full);
    std::os::unix::fs::symlink("/etc", yard.file("etc")).unwrap();
    let runner = Runner::new(Settings { allow_unsandboxed: true, ..yard.settings.clone() });
    let run = async |directory: &str| {
        let command = Command { program: "pwd".into(), directory: Some(directory.into()), ..Command::default() };
        runner.run(&command, &yard.access, CancellationToken::new()).await
    };
    assert_eq!(run("src").await.unwrap().stdout, format!("{}\n", yard.file("src").display()));
    for bad in ["..", "/etc", "etc", "src/../..", "missing", "garth.lock"] {
        assert!(matches!(run(bad).await, Err(RunError::BadDirectory(_))), "{bad}");
    }
    let access = Access { workspace: "/".into(), ..yard.access.clone() };
    let command = Command { program: "pwd".into(), ..Command::default() };
    let result = runner.run(&command, &access, CancellationToken::new()).await;
    assert!(matches!(result, Err(RunError::BadDirectory(_))), "{result:?}");
}

#[tokio::test]
async fn cargo_builds_and_tests_offline() {
    for tier in tiers() {
        let yard = Yard::new(tier).with(|y| {
            y.settings.home = std::env::home_dir();
            y.settings.time = Duration::from_secs(300);
            y.settings.processes = 2048;
        });
        let package = "[package]\nname = \"scratch\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
        fs::write(yard.file("Cargo.toml"), package).unwrap();
        fs::write(yard.file("Cargo.lock"), "version = 3\n[[package]]\nname = \"scratch\"\nversion = \"0.1.0\"\n")
            .unwrap();
        // The other tier takes no new entries at the top.
        fs::create_dir(yard.file("target")).unwrap();
        fs::write(yard.file("src/lib.rs"), "#[test]\nfn adds() { assert_eq!(1 + 1, 2); }\n").unwrap();
        let outcome = yard.run(&["cargo", "test"]).await;
        assert_eq!(outcome.exit_code, Some(0), "{outcome:#?}");
        assert!(outcome.stdout.contains("test adds ... ok"), "{outcome:#?}");
    }
}
