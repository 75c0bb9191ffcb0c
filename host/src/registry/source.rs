//! Where a plugin comes from, as people and lock files write it: a path, an https address, or `oci://HOST/NAME:TAG`. Text
//! only; nothing is looked at.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

use super::{Artifact, RegistryError};

/// A place to get a file from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Relative to wherever it was written.
    File(PathBuf),
    Url(String),
    Oci(Artifact),
}

impl Source {
    pub fn parse(text: &str) -> Result<Source, RegistryError> {
        let wrong = |reason: String| RegistryError::Source { text: text.into(), reason };
        if text.trim().is_empty() || text.contains(char::is_control) {
            return Err(wrong("write a file, https://… or oci://HOST/NAME:TAG".into()));
        }
        if let Some(reference) = text.strip_prefix("oci://") {
            return Artifact::parse(reference).map(Source::Oci).map_err(wrong);
        }
        match text.split_once("://") {
            None => Ok(Source::File(text.into())),
            Some(("https", _)) => url(text).map(Source::Url).map_err(wrong),
            Some(("http", _)) => Err(wrong("only https is followed".into())),
            Some(_) => Err(wrong("write a file, https://… or oci://HOST/NAME:TAG".into())),
        }
    }
}

impl Source {
    /// What the file would be called: some plugins are named by it.
    pub fn file_name(&self) -> String {
        match self {
            Source::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Source::Url(url) => {
                let path = url.split('?').next().unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().into()
            }
            Source::Oci(artifact) => artifact.name().into(),
        }
    }
}

fn url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave out the user and the password".into());
    }
    if url.fragment().is_some() {
        return Err("leave out what comes after #".into());
    }
    Ok(url.into())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => path.display().fmt(f),
            Source::Url(url) => f.write_str(url),
            Source::Oci(artifact) => artifact.fmt(f),
        }
    }
}
