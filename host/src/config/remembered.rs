//! Approvals that the user answered with 'always, in this project': rules in the user's state directory, never in the
//! project's files. They are read as part of the user's layer.

use std::path::PathBuf;

use super::{ConfigError, Paths, file};
use crate::policy::Rule;
use crate::private;

/// Stores a rule for this project; says where. A rule that is there already is not stored again.
pub fn remember(paths: &Paths, rule: &Rule) -> Result<PathBuf, ConfigError> {
    let file = file(paths);
    let wrong = |reason: String| ConfigError::Io { path: file.clone(), reason };
    rule.check().map_err(wrong)?;
    for stored in file::bytes(&file)?.map(|content| file::parse(&content, &file)).transpose()?.into_iter().flatten() {
        if stored.value.try_into::<Rule>().is_ok_and(|stored| Rule { origin: rule.origin.clone(), ..stored } == *rule) {
            return Ok(file);
        }
    }
    let entry = toml::to_string(rule).map_err(|error| wrong(error.to_string()))?;
    private::append(&file, format!("\n[[approval.rules]]\n{entry}").as_bytes())
        .map_err(|error| ConfigError::io(&file, &error))?;
    Ok(file)
}

/// Where the rules of this project are; `garth config show` lists them with their lines.
pub(super) fn file(paths: &Paths) -> PathBuf {
    paths.project_state().join("approvals.toml")
}
