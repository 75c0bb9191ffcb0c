//! The names of the fields, in all their spellings: `allowed-tools`, `allowed_tools` and `allowedTools` are one.

/// What a field's name means to Garth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    Name,
    Description,
    WhenToUse,
    ArgumentHint,
    Arguments,
    DisableModelInvocation,
    UserInvocable,
    AllowedTools,
    DisallowedTools,
    Tools,
    Capabilities,
    Model,
    Effort,
    Complexity,
    Context,
    Subtask,
    Agent,
    Paths,
    Shell,
    Hooks,
    Metadata,
    License,
    Compatibility,
}

use Known::*;

const NAMES: &[(&str, Known)] = &[
    ("name", Name),
    ("description", Description),
    ("when-to-use", WhenToUse),
    ("argument-hint", ArgumentHint),
    ("arguments", Arguments),
    ("disable-model-invocation", DisableModelInvocation),
    ("user-invocable", UserInvocable),
    ("user-invokable", UserInvocable),
    ("allowed-tools", AllowedTools),
    ("disallowed-tools", DisallowedTools),
    ("tools", Tools),
    ("capabilities", Capabilities),
    ("model", Model),
    ("effort", Effort),
    ("complexity", Complexity),
    ("context", Context),
    ("subtask", Subtask),
    ("agent", Agent),
    ("paths", Paths),
    ("shell", Shell),
    ("hooks", Hooks),
    ("metadata", Metadata),
    ("license", License),
    ("licence", License),
    ("compatibility", Compatibility),
];

impl Known {
    pub fn find(key: &str) -> Option<Known> {
        let key = squeezed(key);
        NAMES.iter().find(|(name, _)| squeezed(name) == key).map(|(_, known)| *known)
    }

    /// Its usual spelling.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether it takes rights away, so that it must never go missing.
    pub fn narrows(self) -> bool {
        matches!(self, Tools | Capabilities | DisallowedTools)
    }

    /// Whether its value is prose, which may say anything and run over lines.
    pub fn prose(self) -> bool {
        matches!(self, Description | WhenToUse | ArgumentHint | Compatibility | License)
    }
}

/// The field that was probably meant by an unknown name.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    let key = squeezed(key);
    if key.chars().count() < 4 {
        return None;
    }
    NAMES
        .iter()
        .map(|(name, _)| (strsim::damerau_levenshtein(&squeezed(name), &key), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 10)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn squeezed(key: &str) -> String {
    key.chars().take(64).filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}
