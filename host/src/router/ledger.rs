//! What the requests of each tier took: tokens as the servers counted them, and dollars where there is a price.

use std::collections::BTreeMap;

use crate::protocol::{Spent, Tier, Usage};

/// Sums of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger(BTreeMap<Tier, Spent>);

impl Ledger {
    /// Adds a request. One without any count is known to have been sent, and no more.
    pub fn add(&mut self, tier: Tier, usage: &Usage, cost: Option<f64>) {
        let spent = self.0.entry(tier).or_insert_with(|| Spent { tier, ..Spent::default() });
        spent.requests += 1;
        spent.uncounted += u64::from(*usage == Usage::default());
        spent.usage = spent.usage.plus(usage);
        spent.cost = match (spent.cost, cost) {
            (None, cost) => cost,
            (sum, None) => sum,
            (Some(sum), Some(cost)) => Some(sum + cost),
        };
    }

    /// Each tier that was asked, the nearest first.
    pub fn tiers(&self) -> Vec<Spent> {
        self.0.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_summed_and_what_was_not_stays_unknown() {
        let usage = |prompt, cached| Usage { prompt_tokens: prompt, cached_tokens: cached, ..Usage::default() };
        let mut ledger = Ledger::default();
        ledger.add(Tier::Cloud, &usage(Some(10), Some(4)), Some(0.5));
        ledger.add(Tier::Local, &usage(Some(7), None), None);
        ledger.add(Tier::Cloud, &usage(Some(30), None), None);
        ledger.add(Tier::Cloud, &usage(None, None), Some(0.25));
        let [local, cloud] = &ledger.tiers()[..] else { panic!("{ledger:?}") };
        assert_eq!((local.tier, local.requests, local.usage, local.cost), (Tier::Local, 1, usage(Some(7), None), None));
        assert_eq!((cloud.requests, cloud.uncounted, local.uncounted), (3, 1, 0));
        assert_eq!((cloud.usage, cloud.cost), (usage(Some(40), Some(4)), Some(0.75)));
    }
}
