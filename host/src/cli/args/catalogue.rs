//! `garth commands …`: slash commands and skills from the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `garth commands` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueAction {
    List,
    Show {
        /// Without its slash.
        name: String,
    },
    New {
        name: String,
        kind: NewKind,
        place: NewPlace,
    },
    /// Of a folder, or of the current one.
    Check {
        folder: Option<PathBuf>,
    },
    Expand {
        /// As it would be typed in the conversation: `/name arguments`.
        line: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKind {
    Command,
    Skill,
}

/// Whose directory a new file goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewPlace {
    Project,
    User,
}

#[derive(Debug, Args)]
pub(super) struct CatalogueArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List commands, skills and agents, the files that hide others, and what could not be read
    List,
    /// Show what was understood of one, what it may do, and its text
    Show {
        /// Its name, with or without the slash
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write a new command into .garth/commands of this project, to be edited
    New {
        /// Letters, digits, - and _; a folder stands before a colon: git:amend
        #[arg(value_name = "NAME")]
        name: String,
        /// A skill, which the model knows too and may call by itself
        #[arg(long)]
        skill: bool,
        /// In your own directory, for all projects
        #[arg(long)]
        user: bool,
    },
    /// Read every command, skill and agent under a folder, and print what is odd about them
    ///
    /// Any folder will do: its hidden folders are read too. Exits with 1 when a file cannot be used at all; what is only
    /// odd is used all the same. With --json each file is an object on a line of its own.
    Check {
        /// The folder; the current one without it
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Print the exact prompt that a command becomes, without asking the model
    ///
    /// What the command runs and reads is run and read, by the same rules as in a conversation. A single argument is taken
    /// as it would be typed after the name; of several, those with spaces are quoted. Exit codes are those of 'garth run'.
    Expand {
        /// Its name, with or without the slash
        #[arg(value_name = "NAME")]
        name: String,
        /// What follows the name
        #[arg(value_name = "ARGS")]
        arguments: Vec<String>,
    },
}

impl CatalogueArgs {
    pub fn into_action(self) -> Result<CatalogueAction, String> {
        Ok(match self.action.unwrap_or(Action::List) {
            Action::List => CatalogueAction::List,
            Action::Show { name } => CatalogueAction::Show { name: bare(&name)? },
            Action::New { name, skill, user } => CatalogueAction::New {
                name: bare(&name)?,
                kind: if skill { NewKind::Skill } else { NewKind::Command },
                place: if user { NewPlace::User } else { NewPlace::Project },
            },
            Action::Check { folder } => CatalogueAction::Check { folder },
            Action::Expand { name, arguments } => {
                let name = bare(&name)?;
                if name.contains(char::is_whitespace) {
                    return Err(format!("'{name}' is no name; write: garth commands expand NAME ARGS"));
                }
                let arguments = match arguments.as_slice() {
                    [one] => one.clone(),
                    several => several.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
                };
                CatalogueAction::Expand { line: format!("/{name} {arguments}").trim_end().to_owned() }
            }
        })
    }
}

/// A name without the slash that one types before it.
fn bare(name: &str) -> Result<String, String> {
    let name = name.trim().trim_start_matches('/');
    if name.is_empty() {
        return Err("the name is missing; 'garth commands' lists what there is".into());
    }
    Ok(name.to_owned())
}

/// A word that stays one word where arguments are read; nothing else in it means anything there.
fn quoted(word: &str) -> std::borrow::Cow<'_, str> {
    let splits = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\\');
    if word.is_empty() || word.contains(splits) { shell_words::quote(word) } else { word.into() }
}
