//! Notices that the model goes in circles: calls that come again with the same results, one after the other or in turns.

use super::ask::Asked;
use super::call::CallResult;

/// The longest circle that is noticed: A, B, C, D, A, B, C, D, …
const LONGEST: usize = 4;

/// A call and what came of it: tool, arguments, result.
type Seen = (String, String, String);

/// Remembers the last calls, and the last replies as wholes.
pub(super) struct Guard {
    limit: u32,
    calls: Rounds<Seen>,
    replies: Rounds<Vec<Seen>>,
}

/// The last things, no more than are needed to see a circle close `limit` times.
struct Rounds<T> {
    last: Vec<T>,
    most: usize,
}

impl<T: PartialEq> Rounds<T> {
    fn new(limit: u32) -> Rounds<T> {
        Rounds { last: Vec::new(), most: LONGEST * limit as usize }
    }

    /// How often the circle closed that ends with this, whatever its length.
    fn count(&mut self, next: T) -> u32 {
        if self.last.len() == self.most {
            self.last.remove(0);
        }
        self.last.push(next);
        let closed = |length: usize| {
            let (_, circle) = self.last.split_at(self.last.len().saturating_sub(length));
            self.last.rchunks_exact(length).take_while(|round| *round == circle).count()
        };
        (1..=LONGEST).map(closed).max().and_then(|times| u32::try_from(times).ok()).unwrap_or_default()
    }
}

impl Guard {
    pub fn new(limit: u32) -> Guard {
        Guard { limit, calls: Rounds::new(limit), replies: Rounds::new(limit) }
    }

    /// The tool and the count when the same calls, or the same replies, came to the same results `limit` times.
    pub fn repeated(&mut self, asked: &[Asked], results: &[CallResult]) -> Option<(String, u32)> {
        let seen = |(asked, result): (&Asked, &CallResult)| {
            (asked.call.name.clone(), asked.call.arguments.to_string(), result.text.clone())
        };
        let reply: Vec<Seen> = asked.iter().zip(results).map(seen).collect();
        let calls = reply.iter().map(|call| self.calls.count(call.clone())).max().unwrap_or_default();
        let tool = reply.first()?.0.clone();
        let times = calls.max(self.replies.count(reply));
        (times >= self.limit).then_some((tool, times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_counted_whatever_their_length() {
        let check = |calls: &str, expected: u32| {
            let mut rounds = Rounds::new(3);
            let times = calls.chars().map(|call| rounds.count(call)).last().unwrap_or_default();
            assert_eq!(times, expected, "{calls}");
        };
        check("a", 1);
        check("aaa", 3);
        check("aab", 1);
        check("abab", 2);
        check("ababab", 3);
        check("xabcabcabc", 3);
        check("abcdabcdabcd", 3);
        check("abcdeabcdeabcde", 1);
        check("abaab", 1);
    }
}
