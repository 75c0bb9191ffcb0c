//! One file's bytes become an [`Entry`]: text, front matter, fields, description. Whatever is odd about the file becomes a
//! diagnostic and the file is used all the same; only what has no text to send is refused. It reads bytes, not disks.
//!
//! `text` decodes, `front` finds the front matter, `yaml` (else `lines`) and `toml` read it to `node`s, `fields`, `value`
//! and `narrow` understand them.

mod describe;
mod fields;
mod front;
mod known;
mod lines;
mod narrow;
mod node;
mod notes;
mod rules;
mod text;
mod toml;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};

use self::fields::{Understood, understand};
use self::front::Format;
use self::node::{Field, Shape};
use self::notes::Notes;
use super::{Entry, Kind, Place, Unusable};

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 1 << 20;

/// Reads a file. A name that ends in `.toml` is Gemini's format, anything else Markdown.
pub fn parse(place: Place, bytes: &[u8]) -> Result<Entry, Unusable> {
    if bytes.len() > LARGEST {
        let reason = format!("it has {} bytes; a command or skill may have at most 1 MiB", bytes.len());
        return Err(Unusable { shown: place.shown, line: 0, reason });
    }
    let mut notes = Notes::default();
    let text = text::decode(bytes, &mut notes);
    let is_toml = place.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let read = if is_toml { gemini(&place, &text, &mut notes)? } else { markdown(&place, &text, &mut notes) };
    let Read { understood: Understood { fields, description }, body, body_line } = read;
    if body.trim().is_empty() {
        notes.warning(0, "the file has no text that could be sent to a model");
    }
    if place.kind == Kind::Skill {
        rules::check(&place, &fields, description.as_deref(), &mut notes);
    }
    let description = description.unwrap_or_else(|| describe::first_paragraph(&body));
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Entry { place, description, fields, body, body_line, digest, diagnostics: notes.finish() })
}

struct Read {
    understood: Understood,
    body: String,
    body_line: u32,
}

fn markdown(place: &Place, text: &str, notes: &mut Notes) -> Read {
    let split = front::split(text, notes);
    let (entries, source) = match &split.front {
        None => (Vec::new(), ""),
        Some(front) => {
            let strict = match front.format {
                Format::Yaml => yaml::read(front.text, front.line),
                Format::Toml => toml::read(front.text, front.line),
            };
            let entries = strict.unwrap_or_else(|broken| lines::read(front.text, front.line, &broken, notes));
            (entries, front.text)
        }
    };
    let understood = understand(&entries, source, place.kind, notes);
    let (body, blank) = without_blank_lines(split.body);
    Read { understood, body: body.to_string(), body_line: split.body_line + blank }
}

/// The text from its first line on that says something, and how many lines stood before that; all of it where none does.
fn without_blank_lines(text: &str) -> (&str, u32) {
    let (mut rest, mut blank) = (text, 0);
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            return (rest, blank);
        }
        rest = &rest[line.len()..];
        blank += 1;
    }
    (text, 0)
}

/// A table with `prompt`, which is the body, and fields.
fn gemini(place: &Place, text: &str, notes: &mut Notes) -> Result<Read, Unusable> {
    let unusable = |line: u32, reason: String| Unusable { shown: place.shown.clone(), line, reason };
    let mut entries: Vec<Field> = toml::read(text, 1)
        .map_err(|broken| unusable(broken.line, format!("it is not valid TOML: {}", broken.reason)))?;
    let Some(prompt) = entries.iter().position(|entry| entry.key == "prompt").map(|at| entries.remove(at)) else {
        return Err(unusable(0, "it has no `prompt`; write prompt = \"…\"".into()));
    };
    let Shape::Text(body) = prompt.node.shape else {
        return Err(unusable(prompt.line, format!("`prompt` is {}, not a text", prompt.node.what())));
    };
    // The text of `"""` begins on the next line when nothing stands behind the quotes.
    let written = text.get(prompt.node.at.clone()).unwrap_or_default();
    let below = written.starts_with("\"\"\"\n") || written.starts_with("'''\n");
    let body_line = prompt.node.line + u32::from(below);
    Ok(Read { understood: understand(&entries, text, place.kind, notes), body, body_line })
}
