//! What is known of a model's family beyond what its server says: plain data, filled from a profile. How the switch for
//! thinking stands is worked out here; how it is spelled is each provider's.

use super::{Endpoint, Sampling};
use crate::protocol::ToolSet;

/// Of one endpoint's model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// For what a request does not say.
    pub sampling: Sampling,
    /// The tools are described in the prompt from the start.
    pub tools_as_text: bool,
    /// Whether it thinks when nobody says; `None` leaves it to the server.
    pub think: Option<bool>,
    /// Its chat template begins the thought, so that a reply has only its end.
    pub opened: bool,
    /// The variable of its chat template that switches thinking.
    pub switch: Option<String>,
    /// How much it thinks, for families that know degrees and no end of it.
    pub effort: Option<String>,
    pub tools: Option<ToolSet>,
    /// What it has to be told because it is bad at it.
    pub weak: String,
    /// Tokens of the map of the code in its prompt; 0: none.
    pub map: usize,
}

/// What a request says of thinking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Think {
    Switch(bool),
    Effort(String),
}

impl Endpoint {
    /// As the user says, else as the family does.
    pub(super) fn thinking(&self) -> Option<Think> {
        match (&self.family.effort, self.think) {
            // There is no less than this.
            (Some(_), Some(false)) => Some(Think::Effort("low".into())),
            (Some(effort), _) => Some(Think::Effort(effort.clone())),
            (None, think) => think.or(self.family.think).map(Think::Switch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provider;

    #[test]
    fn the_user_comes_before_the_family() {
        let check = |think: Option<bool>, family: Family, expected: Option<Think>| {
            let mut endpoint = Endpoint::new(Provider::Ollama, "http://127.0.0.1:1", "m");
            (endpoint.think, endpoint.family) = (think, family);
            assert_eq!(endpoint.thinking(), expected);
        };
        let switched = |think| Family { think, ..Family::default() };
        let effort = || Family { effort: Some("medium".into()), ..Family::default() };
        check(None, Family::default(), None);
        check(None, switched(Some(true)), Some(Think::Switch(true)));
        check(Some(false), switched(Some(true)), Some(Think::Switch(false)));
        check(None, effort(), Some(Think::Effort("medium".into())));
        check(Some(false), effort(), Some(Think::Effort("low".into())));
    }
}
