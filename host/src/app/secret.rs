//! `garth secret …`: keeps values that the host puts into requests. A value comes from the terminal, unseen, or from
//! standard input; never from an argument, which other programs can read, and it is never printed.

use std::io::{IsTerminal, Read, Write};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::Context;
use super::services;
use crate::cli::args::SecretAction;
use crate::secrets::{Store, Value};
use crate::terminal::plural;

/// More than any value has; what is longer is refused by the store.
const MOST: u64 = 64 << 10;

/// The exit code.
pub fn run(context: &Context, action: SecretAction) -> Result<u8> {
    let store = services::secrets(&context.paths);
    match action {
        SecretAction::Set { name } => set(context, &store, &name),
        SecretAction::List => list(&store, context.flags.json),
        SecretAction::Remove { name } => remove(context, &store, &name),
    }
}

fn set(context: &Context, store: &Store, name: &str) -> Result<u8> {
    // Before anybody types something that is then not kept.
    Store::check_name(name)?;
    let value = Value::new(read(name)?)?;
    let long_enough = value.is_redactable();
    let replaced = store.set(name, value)?;
    let mut text = format!("{} the secret {name}.\n", if replaced { "Replaced" } else { "Kept" });
    if !long_enough {
        let shortest = crate::secrets::Redactor::SHORTEST;
        text.push_str(&format!("It has fewer than {shortest} characters: it is not taken out of what tools return.\n"));
    }
    text.push_str(
        "A plugin that declares it, and that you grant it, can have it put into requests to one host; it never sees it.",
    );
    context.answer(&json!({"secret": name, "kept": true, "replaced": replaced, "redacted": long_enough}), &text)?;
    Ok(0)
}

fn read(name: &str) -> Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("Value of {name} (not shown): "))
            .context("the value could not be read from the terminal; pipe it into standard input instead");
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut text);
    read.context("the value could not be read from standard input")?;
    Ok(text)
}

fn list(store: &Store, json: bool) -> Result<u8> {
    let names = store.names()?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::json!({ "secrets": names }))?;
    } else if names.is_empty() {
        writeln!(out, "No secrets. Keep one with: garth secret set NAME")?;
    } else {
        names.iter().try_for_each(|name| writeln!(out, "{name}"))?;
        writeln!(out, "\n{}. Their values are not shown by any command.", plural(names.len() as u64, "secret"))?;
    }
    Ok(0)
}

fn remove(context: &Context, store: &Store, name: &str) -> Result<u8> {
    Store::check_name(name)?;
    if !store.remove(name)? {
        bail!("there is no secret named '{name}'; 'garth secret list' names those that are kept");
    }
    let text = format!("Forgot the secret {name}. It stays valid where it came from until it is revoked there.");
    context.answer(&json!({"secret": name, "kept": false, "removed": true}), &text)?;
    Ok(0)
}
