//! What a turn begins with: the user's words, or the prompt of the command that they name, with what the host has to add.
//! It says what to ask the model, and leaves the asking to the turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::draft::Draft;
use super::prepare::{self, Stop};
use super::task::{self, Task};
use super::turn::Turn;
use super::{Context, command, scope, tool_set};
use crate::commands::Entry;
use crate::protocol::TurnEnd;

/// How the turn goes on.
pub(super) enum Opening {
    /// In the conversation, with this message.
    Here { message: String },
    /// The command gets a conversation of its own.
    Apart { entry: Arc<Entry>, prompt: Draft },
}

/// Reads the task and prepares what it needs. `Err`: the turn ends, and the model is not asked.
pub(super) async fn prepare(turn: &Arc<Turn>, context: &mut Context, text: &str) -> Result<Opening, TurnEnd> {
    let command = read(turn, text)?;
    let mut draft = Draft::default();
    if let Some((entry, arguments)) = command {
        turn.services.used(&entry).await;
        if entry.fields.fork {
            expand(turn, &entry, arguments, &mut draft).await?;
            return Ok(Opening::Apart { entry, prompt: draft });
        }
        let (note, news) = context.news(turn, &tool_set::named(&entry));
        note.iter().for_each(|note| draft.note(note));
        expand(turn, &entry, arguments, &mut draft).await?;
        context.told(news);
    } else {
        let (note, news) = context.news(turn, &BTreeSet::new());
        context.told(news);
        let Some(note) = note else { return Ok(Opening::Here { message: text.to_string() }) };
        draft.note(&note);
        draft.words(text);
    }
    let message = draft.text.clone();
    turn.services.recorder.emit(draft.into_event()).await;
    Ok(Opening::Here { message })
}

/// Expands a command and tells the result; nothing else happens.
pub(super) async fn show(turn: &Arc<Turn>, text: &str) -> TurnEnd {
    let shown = async {
        let Some((entry, arguments)) = read(turn, text)? else {
            let name = text.split_whitespace().next().unwrap_or_default();
            return Err(TurnEnd::Failed { error: format!("there is no command '{name}'") });
        };
        let mut draft = Draft::default();
        expand(turn, &entry, arguments, &mut draft).await?;
        turn.services.recorder.emit(draft.into_event()).await;
        Ok(TurnEnd::Done)
    };
    shown.await.unwrap_or_else(|end| end)
}

/// The command that the words name, with its arguments; `None` when they are a task.
fn read<'a>(turn: &Turn, text: &'a str) -> Result<Option<(Arc<Entry>, &'a str)>, TurnEnd> {
    match task::read(text, &turn.catalogue) {
        Task::Plain => Ok(None),
        Task::Command { entry, arguments } => Ok(Some((entry, arguments))),
        Task::Refused(error) => Err(TurnEnd::Failed { error }),
    }
}

async fn expand(turn: &Arc<Turn>, entry: &Entry, arguments: &str, draft: &mut Draft) -> Result<(), TurnEnd> {
    command::begin(turn, entry, arguments).await;
    let prompt = prepare::prompt(turn, entry, arguments).await.map_err(|stop| match stop {
        Stop::Cancelled => TurnEnd::Cancelled,
        Stop::Failed(error) => TurnEnd::Failed { error },
    })?;
    draft.prompt(prompt);
    if let Some(note) = scope::note(entry) {
        draft.note(&note);
    }
    Ok(())
}
