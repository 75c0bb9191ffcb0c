//! `garth demo`: a scripted model repairs a small broken project with the real tools. The model's words are written
//! beforehand, and it says so; everything else is what happens in a session: the calls, the sandbox, the tests, the diff,
//! the journal.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tokio_util::sync::CancellationToken;

use super::catalogue::{self, Follow};
use super::converse::{self, Surroundings};
use super::{Context, services};
use crate::cli::Exit;
use crate::cli::headless;
use crate::config::{Loaded, Settings};
use crate::model::{self, Script};
use crate::policy::{self, Workspace};
use crate::process::{Access, Command, Outcome};
use crate::protocol::ApprovalMode;
use crate::terminal;

const SCRIPT: &str = include_str!("script.json");
const PROJECT: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("project/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("project/src/lib.rs.txt")),
    ("tests/top.rs", include_str!("project/tests/top.rs.txt")),
    (".gitignore", "/target\n/Cargo.lock\n"),
];
const TASK: &str = "Some tests of this project fail. Repair the code, not the tests, and commit the repair.";

/// Plays the demo; its exit code: that of the run, and after one that was done whether the repaired project's tests pass.
pub async fn run(context: &Context) -> Result<u8> {
    let folder = tempfile::tempdir().context("no scratch directory can be made")?;
    let root = folder.path().canonicalize()?.join("tally");
    std::fs::create_dir(&root)?;
    for (name, text) in PROJECT {
        let file = root.join(name);
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&file, text)?;
    }
    let mut demo = context.in_project(&root, folder.path());
    demo.loaded = scratch_settings(&demo.loaded);
    let mut err = std::io::stderr();
    writeln!(err, "A scripted model repairs a small Rust project in {}.", root.display())?;
    writeln!(err, "Its words are written beforehand. The tools, their sandbox, the tests and the results are real.\n")?;
    begin_history(&demo).await?;

    let start = Instant::now();
    let script: Script = serde_json::from_str(SCRIPT).context("the demo's script")?;
    let around = Surroundings::builtin(&demo, catalogue::open_with(&demo, Vec::new()))?;
    let connect = Box::new(move |_: &str| Ok(model::scripted(script.clone(), "the demo")));
    let (link, running) = converse::start(&demo, connect, around, Follow::Nothing).await?;
    let console = converse::console(context);
    let exit = headless::run(link, TASK.to_string(), console, terminal::interrupts()).await;
    let _ = running.await;
    if exit != Exit::Done {
        return Ok(exit.code());
    }
    // The run's own receiver is gone, and the process no longer dies of Ctrl-C by itself.
    let mut interrupts = terminal::interrupts();
    let passed = tokio::select! {
        passed = tests_pass(&demo) => passed?,
        Some(()) = interrupts.recv() => return Ok(Exit::Cancelled.code()),
    };
    let verdict = if passed { "and the tests pass, run once more by the host" } else { "but the tests do not pass" };
    writeln!(err, "\nThe demo took {:.1} s, {verdict}.", start.elapsed().as_secs_f64())?;
    writeln!(err, "With a model of your own: garth models, then garth in your project.")?;
    Ok(if passed { Exit::Done.code() } else { Exit::Failed.code() })
}

/// The defaults, so that the demo goes the same way for everybody; of the user's settings only what programs need on this
/// machine, and how things look. The scratch project is the demo's own, so nothing has to be asked.
pub fn scratch_settings(users: &Loaded) -> Loaded {
    let mut demo = users.clone();
    demo.settings = Settings::default();
    let (process, own) = (&mut demo.settings.process, &users.settings.process);
    process.readable.clone_from(&own.readable);
    process.path.clone_from(&own.path);
    process.env.clone_from(&own.env);
    process.allow_unsandboxed = own.allow_unsandboxed;
    demo.settings.ui.clone_from(&users.settings.ui);
    demo.settings.approval.mode = ApprovalMode::Auto;
    demo
}

/// The first commit, so that the agent has a history to look at and to add to. A repository is three folders and a file;
/// with them in place git itself does the rest, in the sandbox like every program.
async fn begin_history(demo: &Context) -> Result<()> {
    let git = demo.workspace.join(".git");
    std::fs::create_dir_all(git.join("objects"))?;
    std::fs::create_dir_all(git.join("refs/heads"))?;
    std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
    std::fs::write(git.join("config"), "[user]\n\tname = Garth's demo\n\temail = demo@example.invalid\n")?;
    for args in [&["add", "."][..], &["commit", "--quiet", "--message", "Count the words of a text"]] {
        let outcome = program(demo, "git", args).await?;
        ensure!(outcome.exit_code == Some(0), "git {}: {}", args.join(" "), outcome.stderr.trim());
    }
    Ok(())
}

async fn tests_pass(demo: &Context) -> Result<bool> {
    Ok(program(demo, "cargo", &["test", "--quiet", "--offline"]).await?.exit_code == Some(0))
}

/// Runs a program of the demo itself in the scratch project.
async fn program(demo: &Context, program: &str, args: &[&str]) -> Result<Outcome> {
    let runner = services::runner(&demo.loaded.settings)?;
    let access = Access {
        workspace: demo.workspace.clone(),
        files: Workspace::All(policy::Access::Write),
        secrets: false,
        git: program == "git",
        network: false,
    };
    let args = args.iter().map(ToString::to_string).collect();
    let command = Command { program: program.into(), args, ..Command::default() };
    Ok(runner.run(&command, &access, CancellationToken::new()).await?)
}
