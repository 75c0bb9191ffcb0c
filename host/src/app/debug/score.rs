//! Whether the reader finds in each case what an established parser finds: in the whole reply, in its pieces as they came,
//! and cut anywhere. Compared are the calls as they were written, before they are fitted to a schema, with those of which
//! the last argument is cut off. The family of a case is only counted by.

use std::collections::BTreeMap;

use super::cases::{Call, Case};
use crate::protocol::ToolSpec;
use crate::recover::{Found, Reader, find_calls};

/// Shares that should pass.
pub const AGREED_GOAL: f64 = 0.99;
pub const REST_GOAL: f64 = 0.95;

/// Characters of the pieces into which each reply is cut as well, beside random ones.
const SIZES: [usize; 5] = [1, 2, 3, 5, 16];
/// Ways to cut each reply at random.
const RANDOM: u64 = 4;
const LONGEST_RANDOM: u64 = 12;

#[derive(Debug, Default)]
pub struct Score {
    pub families: BTreeMap<String, Counts>,
    pub all: Counts,
    pub failures: Vec<Failure>,
}

/// Cases on which all parsers agree, and the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub agreed: Count,
    pub rest: Count,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub passed: usize,
    pub total: usize,
}

#[derive(Debug)]
pub struct Failure {
    pub id: String,
    pub family: String,
    pub description: String,
    pub agreed: bool,
    pub reply: String,
    pub wrong: Wrong,
}

#[derive(Debug)]
pub enum Wrong {
    Calls {
        found: Vec<Call>,
        accepted: Vec<Vec<Call>>,
    },
    /// In these pieces it gives something else.
    Pieces {
        how: String,
        whole: Found,
        pieces: Found,
    },
}

impl Score {
    pub fn is_met(&self) -> bool {
        self.all.agreed.meets(AGREED_GOAL) && self.all.rest.meets(REST_GOAL)
    }
}

impl Counts {
    fn add(&mut self, agreed: bool, passed: bool) {
        let count = if agreed { &mut self.agreed } else { &mut self.rest };
        count.total += 1;
        count.passed += usize::from(passed);
    }
}

impl Count {
    /// `None` where there are no cases.
    pub fn share(self) -> Option<f64> {
        (self.total > 0).then(|| self.passed as f64 / self.total as f64)
    }

    pub fn meets(self, goal: f64) -> bool {
        self.share().is_none_or(|share| share >= goal)
    }
}

pub fn score(cases: &[Case]) -> Score {
    let mut score = Score::default();
    for (seed, case) in (1..).zip(cases) {
        let wrong = judge(case, seed);
        score.families.entry(case.family.clone()).or_default().add(case.agreed, wrong.is_none());
        score.all.add(case.agreed, wrong.is_none());
        score.failures.extend(wrong.map(|wrong| Failure {
            id: case.id.clone(),
            family: case.family.clone(),
            description: case.description.clone(),
            agreed: case.agreed,
            reply: case.chunks().concat(),
            wrong,
        }));
    }
    score
}

fn judge(case: &Case, seed: u64) -> Option<Wrong> {
    let (tools, reply) = (case.tools(), case.chunks().concat());
    let whole = find_calls(&reply, &tools);
    let found: Vec<Call> =
        whole.calls.iter().map(|call| Call { name: call.name.clone(), arguments: call.arguments.clone() }).collect();
    if !case.accepted().any(|accepted| accepted == found) {
        return Some(Wrong::Calls { found, accepted: case.accepted().map(<[Call]>::to_vec).collect() });
    }
    let came = case.chunks().iter().map(|chunk| chunk.chars().count()).collect::<Vec<_>>();
    let fixed = SIZES.map(|size| (format!("in pieces of {size}"), vec![size]));
    let random = (0..RANDOM).map(|turn| ("in random pieces".to_string(), sizes(seed * RANDOM + turn)));
    let ways = std::iter::once(("in pieces as they came".to_string(), came)).chain(fixed).chain(random);
    for (how, sizes) in ways {
        let pieces = streamed(&reply, &sizes, &tools);
        if pieces != whole {
            return Some(Wrong::Pieces { how, whole, pieces });
        }
    }
    None
}

/// Reads the reply in pieces of so many characters, again and again.
fn streamed(reply: &str, sizes: &[usize], tools: &[ToolSpec]) -> Found {
    let mut reader = Reader::new(tools);
    let (mut parts, mut rest) = (Vec::new(), reply);
    for size in sizes.iter().cycle() {
        let end = rest.char_indices().nth(*size).map_or(rest.len(), |(end, _)| end);
        parts.extend(reader.push(&rest[..end]));
        rest = &rest[end..];
        if rest.is_empty() || sizes.iter().all(|size| *size == 0) {
            parts.extend(reader.push(rest));
            break;
        }
    }
    let (last, mut found) = reader.finish();
    parts.into_iter().chain(last).for_each(|part| found.take(part));
    found
}

/// Sizes that look random and are the same in each run.
fn sizes(seed: u64) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % LONGEST_RANDOM).unwrap_or(0) + 1
    };
    (0..64).map(|_| next()).collect()
}
