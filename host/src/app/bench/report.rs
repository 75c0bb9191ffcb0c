//! How a benchmark tells its figures: a table for people, JSON lines for programs, and whether a goal was met.

use std::io::Write;

use serde::Serialize;

/// One measured figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: String,
    pub figure: f64,
    /// `µs`, `ms`, `MiB`, or `x` for a ratio.
    pub unit: &'static str,
    /// The most that it should be, or for a share the least; `None` for figures that are only told.
    pub goal: Option<f64>,
    pub met: Option<bool>,
}

impl Figure {
    /// A figure without a goal.
    pub fn told(name: &str, figure: f64, unit: &'static str) -> Figure {
        Figure { name: name.to_string(), figure, unit, goal: None, met: None }
    }

    /// A figure that should be at most `goal`.
    pub fn at_most(name: &str, figure: f64, unit: &'static str, goal: f64) -> Figure {
        Figure { name: name.to_string(), figure, unit, goal: Some(goal), met: Some(figure <= goal) }
    }

    /// A figure that should be at least `goal`.
    pub fn at_least(name: &str, figure: f64, unit: &'static str, goal: f64) -> Figure {
        Figure { name: name.to_string(), figure, unit, goal: Some(goal), met: Some(figure >= goal) }
    }
}

/// Prints the figures; `false` when a goal was missed.
pub fn print(figures: &[Figure], json: bool) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        if json {
            writeln!(out, "{}", serde_json::to_string(figure)?)?;
            continue;
        }
        let goal = match (figure.goal, figure.met) {
            (Some(goal), Some(true)) => format!("goal {goal} {}: met", figure.unit),
            (Some(goal), _) => format!("goal {goal} {}: MISSED", figure.unit),
            _ => String::new(),
        };
        let value = format!("{:.*} {}", decimals(figure.figure), figure.figure, figure.unit);
        writeln!(out, "{:<52} {:>14}  {goal}", figure.name, value)?;
    }
    Ok(figures.iter().all(|figure| figure.met != Some(false)))
}

fn decimals(figure: f64) -> usize {
    match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 3,
    }
}

/// The median of `runs` measurements of `work`, in microseconds, after a tenth as many that do not count.
pub fn median_us(runs: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    for _ in 0..runs.div_ceil(10) {
        work()?;
    }
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = std::time::Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
