//! `garth commands …`: what there is, what was understood of it, and what a command becomes. Nothing is run here but by
//! `expand`, which leaves it to the loop.

mod check;
mod expand;
mod list;
mod new;
mod show;

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::{Context, catalogue};
use crate::cli::Exit;
use crate::cli::args::CatalogueAction;
use crate::terminal::escape_json;

pub async fn run(context: &Context, action: CatalogueAction) -> Result<u8> {
    match action {
        CatalogueAction::List => list(context).map(|()| Exit::Done.code()),
        CatalogueAction::Show { name } => show(context, &name),
        CatalogueAction::New { name, kind, place } => new::write(context, &name, kind, place),
        CatalogueAction::Check { folder } => check(context, folder.as_deref()),
        CatalogueAction::Expand { line } => expand::print(context, line).await,
    }
}

fn list(context: &Context) -> Result<()> {
    let catalogue = catalogue::open(context)?.current();
    if context.flags.json {
        return print_json(&list::json(&catalogue));
    }
    Ok(std::io::stdout().write_all(list::text(&catalogue).as_bytes())?)
}

fn show(context: &Context, name: &str) -> Result<u8> {
    let catalogue = catalogue::open(context)?.current();
    let found = catalogue.find(name).into_iter().chain(catalogue.agent(name));
    let shown: Vec<_> =
        found.map(|entry| show::Shown::new(&catalogue, entry, catalogue::trust(context, entry))).collect();
    if shown.is_empty() {
        return Err(catalogue::no_command(&catalogue, name).of_a_name().into());
    }
    for one in &shown {
        match context.flags.json {
            true => print_json(&one.json())?,
            false => std::io::stdout().write_all(one.text().as_bytes())?,
        }
    }
    Ok(Exit::Done.code())
}

fn check(context: &Context, folder: Option<&Path>) -> Result<u8> {
    let folder = match (folder, &context.flags.cwd) {
        (Some(folder), Some(cwd)) => cwd.join(folder),
        (Some(folder), None) => folder.to_path_buf(),
        (None, Some(cwd)) => cwd.clone(),
        (None, None) => std::env::current_dir()?,
    };
    let report = check::Report::of(&folder)?;
    let mut out = std::io::BufWriter::new(std::io::stdout());
    if context.flags.json {
        for line in report.lines() {
            writeln!(out, "{}", escape_json(&serde_json::to_string(&line)?))?;
        }
        out.flush()?;
        writeln!(std::io::stderr(), "{}", report.summary())?;
    } else {
        write!(out, "{}", report.text())?;
        writeln!(out, "{}", report.summary())?;
        out.flush()?;
    }
    Ok(if report.unusable() == 0 { Exit::Done.code() } else { Exit::Failed.code() })
}

fn print_json(value: &serde_json::Value) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", escape_json(&value.to_string()))?)
}
