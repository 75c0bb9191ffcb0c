//! What a component calls its tools, and what its manifest has the model call them: a name may be taken already, or say
//! little beside others. Everybody but the component itself uses the manifest's.

use std::collections::BTreeMap;

use super::manifest::{Manifest, ManifestError};
use crate::sandbox::{Function, Interface, Kind};

/// The manifest's names by the component's: those in its `describe`, or those that its functions would have as tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Fails when the manifest names a function that the component does not have, or has twice.
    pub fn of(manifest: &Manifest, wasm: &[u8]) -> Result<Names, ManifestError> {
        if !manifest.renames() {
            return Ok(Names::default());
        }
        match Interface::read(wasm).map(|interface| interface.kind) {
            Ok(Kind::Plain { functions, .. }) => Names::of_functions(manifest, &functions),
            _ => {
                let renamed = manifest.tools.iter();
                let renamed = renamed.filter_map(|(name, tool)| Some((tool.function.clone()?, name.clone())));
                Ok(Names(renamed.collect()))
            }
        }
    }

    /// The same of a component with plain functions.
    pub fn of_functions(manifest: &Manifest, functions: &[Function]) -> Result<Names, ManifestError> {
        let mut names = BTreeMap::new();
        for (name, tool) in &manifest.tools {
            let Some(wanted) = &tool.function else { continue };
            let Some(function) = Function::find(functions, wanted) else {
                let all: Vec<String> = functions.iter().map(Function::path).collect();
                return Err(ManifestError(format!(
                    "tools.{name}.function: the component has no function '{wanted}', or more than one of this name; its \
                     functions are {}",
                    all.join(", ")
                )));
            };
            if let Some(other) = names.insert(function.tool.clone(), name.clone()) {
                let path = function.path();
                return Err(ManifestError(format!(
                    "tools: '{other}' and '{name}' are both the function '{path}'; one tool has one name"
                )));
            }
        }
        Ok(Names(names))
    }

    /// The manifest's name for what the component calls `own`.
    pub fn public<'a>(&'a self, own: &'a str) -> &'a str {
        self.0.get(own).map_or(own, String::as_str)
    }

    /// Of all that the component has, which are two that would be called by one name, and that name.
    pub fn clash<'a>(&'a self, own: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, &'a str, &'a str)> {
        let mut seen = BTreeMap::new();
        own.into_iter().find_map(|own| {
            let public = self.public(own);
            Some((seen.insert(public, own)?, own, public))
        })
    }
}
