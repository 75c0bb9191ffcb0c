//! `garth commands expand`: the prompt as a turn would make it, and then no turn. The loop prepares it with its policy,
//! questions and sandbox; the session that this takes is forgotten.

use std::io::{BufReader, IsTerminal};
use std::sync::Arc;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::super::catalogue::{self, Follow};
use super::super::{Context, converse};
use crate::agent::Connect;
use crate::cli::{TaskError, headless};
use crate::model::{Delta, Model, ModelError, Request};
use crate::terminal;

pub async fn print(context: &Context, line: String) -> Result<u8> {
    context.check_workspace()?;
    let folder = tempfile::tempdir()?;
    let scratch = Context { cwd: context.cwd.clone(), ..context.in_project(&context.workspace, folder.path()) };
    let context = &scratch;
    let around = converse::surroundings(context)?;
    catalogue::check_called(&around.commands.current(), &line).map_err(TaskError::of_a_name)?;
    let connect: Connect = Box::new(|_| Ok(Arc::new(Nobody)));
    let (link, running) = converse::start(context, connect, around, Follow::Nothing).await?;
    let mut console = converse::console(context);
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        console.answers = Some(terminal::read_lines(BufReader::new(std::io::stdin())));
    }
    let exit = headless::expand(link, line, console, terminal::interrupts()).await;
    let _ = running.await;
    Ok(exit.code())
}

/// Stands where a model would; it is not asked.
struct Nobody;

impl Model for Nobody {
    fn stream(&self, _: Arc<Request>) -> BoxStream<'static, Result<Delta, ModelError>> {
        let reason = "no model is asked when a command is expanded".into();
        stream::iter([Err(ModelError::Settings { reason })]).boxed()
    }

    fn name(&self) -> &str {
        "none"
    }

    fn provider(&self) -> &str {
        "none"
    }
}
