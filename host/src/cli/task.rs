//! The task of `garth run`: from the arguments or from standard input.

use std::io::Read;

use super::args::TaskSource;

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
}

/// The task's text, trimmed and not empty. Standard input is read only when the task comes from there.
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
    let text = text.trim();
    if text.is_empty() { Err(TaskError::Empty) } else { Ok(text.to_owned()) }
}
