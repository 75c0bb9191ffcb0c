//! Programs in the sandbox: what they reach and what they do not, in every tier that this machine has. A tier that it
//! lacks is covered by the assertion that the runner falls back as documented.

mod git;
mod limits;
mod running;
mod walls;
mod workspace;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use garth::policy::{Access as Level, Workspace};
use garth::process::{Access, Command, Outcome, Protected, RunError, Runner, Settings, Tier};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A workspace with a bit of everything, in a temporary folder, and a runner.
struct Yard {
    dir: TempDir,
    settings: Settings,
    access: Access,
    env: Vec<(String, String)>,
    stdin: Option<String>,
}

const FILES: &[(&str, &str)] = &[
    ("src/main.txt", "code"),
    ("conf/.env", "SECRET=deep"),
    (".env", "SECRET=top"),
    (".git/config", "[core]\n"),
    (".git/hooks/pre-commit", "#!/bin/sh\n"),
    (".garth/config.toml", "x = 1\n"),
    ("garth.lock", "lock"),
    ("nested/.git/config", "[core]\n"),
    ("docs/page.md", "PAGE"),
    ("outside-only/x", "x"),
];

impl Yard {
    fn new(max_tier: Tier) -> Yard {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, content) in FILES {
            let file = root.join("work").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        fs::create_dir_all(root.join("home/.ssh")).unwrap();
        fs::write(root.join("home/.ssh/id_ed25519"), "SECRET=key").unwrap();
        let settings = Settings {
            time: Duration::from_secs(60),
            protection: Protected {
                readonly: vec!["docs/**".into()],
                secret: vec![".env*".into()],
                hide_history: false,
            },
            helper: env!("CARGO_BIN_EXE_garth").into(),
            home: Some(root.join("home")),
            max_tier,
            ..Settings::default()
        };
        let access = Access {
            workspace: root.join("work"),
            files: Workspace::All(Level::Write),
            secrets: false,
            git: false,
            network: false,
        };
        Yard { dir, settings, access, env: Vec::new(), stdin: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Yard)) -> Yard {
        change(&mut self);
        self
    }

    fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.access.workspace.join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap_or_default()
    }

    async fn try_run(&self, words: &[&str]) -> Result<Outcome, RunError> {
        let command = Command {
            program: words[0].into(),
            args: words[1..].iter().map(|w| w.to_string()).collect(),
            env: self.env.clone(),
            stdin: self.stdin.clone(),
            ..Command::default()
        };
        Runner::new(self.settings.clone()).run(&command, &self.access, CancellationToken::new()).await
    }

    async fn run(&self, words: &[&str]) -> Outcome {
        self.try_run(words).await.unwrap()
    }

    async fn sh(&self, script: &str) -> Outcome {
        self.run(&["sh", "-c", script]).await
    }
}

/// The tiers that work here, strongest first.
fn tiers() -> Vec<Tier> {
    let mut tiers: Vec<Tier> =
        [Tier::Full, Tier::Landlock].map(|t| Runner::new(Yard::new(t).settings).tier()).into_iter().collect();
    tiers.dedup();
    tiers.retain(|t| *t != Tier::None);
    tiers
}

/// Runs `script` and expects all of `said` in its output (both streams) and nothing of `unsaid`.
async fn check(yard: &Yard, script: &str, said: &[&str], unsaid: &[&str]) -> Outcome {
    let outcome = yard.sh(script).await;
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    for expected in said {
        assert!(text.contains(expected), "{script:?} in {:?} should say {expected:?}: {outcome:#?}", outcome.tier);
    }
    for unexpected in unsaid {
        assert!(
            !text.contains(unexpected),
            "{script:?} in {:?} should not say {unexpected:?}: {outcome:#?}",
            outcome.tier
        );
    }
    outcome
}
