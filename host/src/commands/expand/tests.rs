//! Golden tests: a body, arguments, what becomes of it. `[sh:…]` stands for a shell line, `[in:…]` for an include.

mod golden;
mod hostile;
mod shell;

use std::path::PathBuf;

use super::*;
use crate::commands::entry::{Fields, Kind, Origin, Place, Severity};

fn entry(body: &str) -> Entry {
    Entry {
        place: Place {
            kind: Kind::Command,
            name: "x".into(),
            path: PathBuf::from("/p/.garth/commands/x.md"),
            shown: ".garth/commands/x.md".into(),
            origin: Origin::Project,
            syntax: Syntax::Dollar,
        },
        description: String::new(),
        fields: Fields::default(),
        body: body.into(),
        body_line: 1,
        digest: String::new(),
        diagnostics: Vec::new(),
    }
}

fn call(arguments: &str) -> Call<'_> {
    Call { arguments, project: "/p", session: "s-1" }
}

fn expand(entry: &Entry, arguments: &str) -> Template {
    template(entry, &call(arguments))
}

/// The text, with parts that are to be filled in brackets.
fn shown(template: Template) -> String {
    let filled = template
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { .. } => None,
            Part::Shell { line, .. } => Some(format!("[sh:{line}]")),
            Part::Include { path, .. } => Some(format!("[in:{path}]")),
        })
        .collect::<Vec<_>>();
    let prompt = template.finish(filled);
    let mut at = 0;
    for span in &prompt.spans {
        assert_eq!(span.start, at, "the spans have a gap or overlap");
        assert!(span.end > at, "an empty span");
        at = span.end;
    }
    assert_eq!(at, prompt.text.len(), "the spans do not reach the end");
    prompt.text
}
