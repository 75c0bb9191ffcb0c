//! From the start of the process until it reads input: the whole program, as a user starts it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::report::Figure;

const RUNS: usize = 20;

/// Starts the conversation in a scratch project and asks it something; the answer is the sign that it was ready.
pub async fn measure() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let (mut times, mut memory) = (Vec::new(), 0.0_f64);
    for run in 0..=RUNS {
        let start = Instant::now();
        let mut child = Command::new(&program)
            .args(["--cwd", &folder.path().display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("garth could not be started")?;
        let answered = ready(&mut child);
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        let peak = peak_memory(child.id());
        drop(child.stdin.take());
        child.wait()?;
        answered?;
        if run > 0 {
            times.push(elapsed);
            memory = memory.max(peak.unwrap_or_default());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(vec![
        Figure::at_most("start: from process start to ready for input", times[RUNS / 2], "ms", 30.0),
        Figure::at_most("start: peak memory", memory, "MB", 60.0),
    ])
}

/// Sends `/session` and waits for the first line of its answer.
fn ready(child: &mut Child) -> Result<()> {
    let input = child.stdin.as_mut().context("no standard input")?;
    input.write_all(b"/session\n")?;
    input.flush()?;
    let output = child.stdout.as_mut().context("no standard output")?;
    let mut byte = [0];
    ensure!(output.read(&mut byte)? == 1, "garth ended without an answer; run it by hand to see why");
    Ok(())
}

/// The most memory that the process has used, in MB, where the system tells.
fn peak_memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
