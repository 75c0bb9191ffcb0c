//! Notices that the model goes in circles: the same call with the same result, again and again.

use super::ask::Asked;
use super::call::CallResult;

/// A call and what came of it: tool, arguments, result.
type Seen = (String, String, String);

/// Counts what repeats: one call after the other, and whole replies.
pub(super) struct Guard {
    limit: u32,
    calls: Streak<Seen>,
    replies: Streak<Vec<Seen>>,
}

/// How often the last thing came in a row.
struct Streak<T> {
    last: Option<T>,
    times: u32,
}

impl<T: PartialEq> Streak<T> {
    fn new() -> Streak<T> {
        Streak { last: None, times: 0 }
    }

    fn count(&mut self, next: T) -> u32 {
        self.times = if self.last.as_ref() == Some(&next) { self.times + 1 } else { 1 };
        self.last = Some(next);
        self.times
    }
}

impl Guard {
    pub fn new(limit: u32) -> Guard {
        Guard { limit, calls: Streak::new(), replies: Streak::new() }
    }

    /// The tool and the count when the same call, or the same reply, came to the same result `limit` times in a row.
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
