//! The task of `garth run`: from the arguments or from standard input; and what is said where it calls a command that is
//! not there.

use std::io::Read;

use super::args::TaskSource;
use crate::terminal::trimmed;

/// A task longer than this is a mistake, such as a binary file on stdin.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("the task is empty; give it as an argument, garth run \"fix the failing test\", or on standard input")]
    Empty,
    #[error("the task on standard input is longer than 1 MiB; put it into a file of the project and name that file")]
    TooLong,
    #[error("the task on standard input is not UTF-8 text")]
    NotText,
    #[error("the task could not be read from standard input: {0}")]
    Read(#[from] std::io::Error),
    #[error(
        "there is no command /{name}; {}'garth commands' lists them, and a space before the slash makes it a task",
        meant(.nearest)
    )]
    NoCommand {
        name: String,
        /// Names without a slash, the nearest first.
        nearest: Vec<String>,
    },
    /// The same where a name was asked for and not a task.
    #[error("there is no command /{name}; {}'garth commands' lists them", meant(.nearest))]
    Unknown { name: String, nearest: Vec<String> },
    #[error("{0}")]
    NotTyped(String),
}

impl TaskError {
    /// The error where the words can be no task.
    pub fn of_a_name(self) -> TaskError {
        match self {
            TaskError::NoCommand { name, nearest } => TaskError::Unknown { name, nearest },
            other => other,
        }
    }
}

fn meant(nearest: &[String]) -> String {
    let names: Vec<String> = nearest.iter().take(3).map(|name| format!("/{name}")).collect();
    if names.is_empty() { String::new() } else { format!("did you mean {}? ", names.join(" or ")) }
}

/// The task's text, trimmed (but for one space before a slash) and not empty. Standard input is read only when the task comes from there.
pub fn read_task(source: TaskSource, stdin: impl Read) -> Result<String, TaskError> {
    let text = match source {
        TaskSource::Text(text) => text,
        TaskSource::Stdin => {
            let mut bytes = Vec::new();
            stdin.take(LONGEST + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > LONGEST {
                return Err(TaskError::TooLong);
            }
            String::from_utf8(bytes).map_err(|_| TaskError::NotText)?
        }
    };
    let text = trimmed(&text);
    if text.is_empty() { Err(TaskError::Empty) } else { Ok(text.into_owned()) }
}
