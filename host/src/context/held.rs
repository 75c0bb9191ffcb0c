//! What still holds when the messages are gone that said it: the newest plan, errors that nobody has mended since. It stays
//! whole among the messages, and stands in the note once these are left out. What is pinned is the caller's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::compact::Pinned;
use super::note::{HELD, INDENT};
use super::told::{Done, changed_files, cut, done, says_all, subject};
use super::{Matters, bounded};
use crate::protocol::Message;

/// How the things stand that calls were about: the place of the newest result that says so, and whether it is pinned.
pub(super) struct Standing(BTreeMap<String, (usize, bool)>);

/// What the note is to say of it.
pub(super) struct Holds {
    pub entries: Vec<String>,
    /// Of what nothing that the note says holds any more.
    pub settled: BTreeSet<String>,
}

impl Standing {
    /// A reading of a file, or a change to it that was refused, leaves an error in it as it was.
    pub fn of(messages: &[Message], pinned: Pinned<'_>) -> Standing {
        let mut standing = BTreeMap::new();
        for Done { call, result: place } in done(messages).into_iter().rev() {
            let Message::Tool { text, .. } = &messages[place] else { continue };
            let (is_pinned, changed) = (pinned(call, text), changed_files(&messages[place..=place]));
            let about = match changed.is_empty() {
                false => changed,
                true if is_pinned || says_all(call) => vec![subject(call)],
                true => continue,
            };
            for about in about {
                standing.entry(about).or_insert((place, is_pinned));
            }
        }
        Standing(standing)
    }

    /// The places of results that stay whole.
    pub fn places(&self) -> BTreeSet<usize> {
        self.0.values().filter(|(_, pinned)| *pinned).map(|(place, _)| *place).collect()
    }

    /// For the note, when the messages of this range are left out; each is at most `room` wide.
    pub fn without(&self, messages: &[Message], out: &Range<usize>, room: usize) -> Holds {
        let (mut entries, mut settled) = (BTreeMap::new(), BTreeSet::new());
        for (about, (place, pinned)) in &self.0 {
            match &messages[*place] {
                Message::Tool { text, tool, .. } if *pinned && out.contains(place) => {
                    entries.entry(*place).or_insert_with(|| entry(about, tool, text, room));
                }
                _ => drop(settled.insert(cut(about))),
            }
        }
        Holds { entries: entries.into_values().collect(), settled }
    }
}

/// A line that names it, and the text below, deeper than any line of the rules. At its end stand the errors of a check, and what
/// is open of a list.
fn entry(about: &str, tool: &str, text: &str, room: usize) -> String {
    let text = bounded(text, room, Matters::Tail, "call it again for them");
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let lines: String = lines.map(|line| format!("\n{INDENT}{line}")).collect();
    format!("{HELD}{} ({}):{lines}", cut(about), cut(tool))
}
