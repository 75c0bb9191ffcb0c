//! `garth eval`: lets a model do tasks, and checks its work.

use std::path::PathBuf;

use clap::Args;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    pub dir: PathBuf,
    /// Parts of names; empty: all tasks.
    pub tasks: Vec<String>,
    /// The file of results to go on with.
    pub results: Option<PathBuf>,
    /// Tasks at the same time; `None`: what fits the model.
    pub jobs: Option<usize>,
    pub tries: u32,
    /// Percent of the tasks that should pass.
    pub goal: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// A folder with tasks below it, in Garth's layout or as Exercism and Aider's polyglot benchmark keep exercises
    dir: PathBuf,
    /// Only tasks with one of these in their name
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// Keep the results in this file, and do not run again what it says is finished
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Tasks at the same time; one for a model, since a local server keeps one prompt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// How often the model may try; it is told what the check said before each further time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    tries: u32,
    /// Exit with 1 when fewer of the tasks pass; those that are skipped, for want of a program, do not count
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    goal: Option<u32>,
}

impl EvalArgs {
    pub(super) fn into_evaluation(self) -> Evaluation {
        Evaluation {
            dir: self.dir,
            tasks: self.tasks,
            results: self.results,
            jobs: self.jobs.map(|jobs| jobs as usize),
            tries: self.tries,
            goal: self.goal,
        }
    }
}
