//! The rules of the Agent Skills specification, which other agents enforce. Here they are remarks: the skill works.

use super::super::{Fields, Place};
use super::notes::{Notes, quoted};

const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 1024;

pub(super) fn check(place: &Place, fields: &Fields, description: Option<&str>, notes: &mut Notes) {
    let folder = place.name.rsplit(':').next().unwrap_or(&place.name);
    match &fields.name {
        None => notes.warning(0, format!("a skill should have a `name`; its folder's, `{folder}`, counts")),
        Some(name) => {
            if !is_name(name) {
                notes.warning(
                    0,
                    format!(
                        "the name {} is not 1 to 64 small letters, digits and single hyphens; the folder's, `{folder}`, \
                         counts",
                        quoted(name)
                    ),
                );
            } else if name != folder {
                notes.warning(0, format!("the name `{name}` is not the folder's; `{folder}` counts"));
            }
        }
    }
    match description.map(|description| description.chars().count()) {
        None => notes.warning(0, "a skill should have a `description`, by which the model knows when to use it"),
        Some(length) if length > LONGEST_DESCRIPTION => {
            notes.warning(
                0,
                format!("the description has {length} characters; other agents take at most {LONGEST_DESCRIPTION}"),
            );
        }
        Some(_) => {}
    }
}

/// `[a-z0-9]+(-[a-z0-9]+)*`, 1 to 64 characters.
fn is_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= LONGEST_NAME && name.split('-').all(part)
}
