//! The window as a budget: how many tokens a request takes, corrected by what the server counted, and whether it fits.

use super::estimate;
use crate::protocol::Message;

/// Tokens of a message beyond its text: role, separators, the frame of a call.
const FRAME: usize = 6;
/// How far the server's count may pull the estimate. What is below was counted of a part of the request; of what is above, not
/// more is believed.
const LEAST: f64 = 0.5;
const MOST: f64 = 3.0;
/// Tokens that a count may fail to grow by without saying anything.
const LITTLE: usize = 32;

/// Estimates requests, and learns from the server's counts.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    /// Counted tokens for each estimated one.
    factor: f64,
    /// Of the conversation as far as it was then.
    last: Option<Counted>,
}

/// What a server has counted.
#[derive(Clone, Copy, Debug)]
struct Counted {
    tokens: u64,
    messages: usize,
    /// The factor before it.
    before: f64,
}

/// What a count has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    Measure,
    /// It is none of the whole request: some servers count only what they had not in their cache.
    Nothing,
    /// It stays where it was, though the conversation is longer: the server reads only so many tokens, and leaves out the rest.
    Cut {
        window: u64,
    },
}

impl Default for Gauge {
    fn default() -> Self {
        Gauge { factor: 1.0, last: None }
    }
}

impl Gauge {
    /// Tokens of a whole request; `tools` are those that its tools were estimated to.
    pub fn request(&self, messages: &[Message], tools: usize) -> usize {
        self.tokens(tools) + self.messages(messages)
    }

    /// Tokens of messages.
    pub fn messages(&self, messages: &[Message]) -> usize {
        self.tokens(messages.iter().map(weight).sum())
    }

    /// A request of these was counted to so many tokens. The newest count says most about the next.
    pub fn learn(&mut self, messages: &[Message], tools: usize, counted: u64) -> Learned {
        let measured = ratio(messages, tools, counted);
        if measured < LEAST {
            return Learned::Nothing;
        }
        if let Some(last) = self.last
            && let Some((said, added)) = messages.split_at_checked(last.messages)
            && self.messages(added) >= LITTLE
        {
            // What was thought before the user's last words is left out by many templates; how much, only they know.
            let answers = added.iter().any(|message| matches!(message, Message::User { .. }));
            let thought = answers && said.iter().any(|message| thought(message) > 0);
            if !thought && counted <= last.tokens {
                self.factor = self.factor.max(last.before);
                return Learned::Cut { window: last.tokens };
            }
        }
        self.last = Some(Counted { tokens: counted, messages: messages.len(), before: self.factor });
        self.factor = measured.min(MOST);
        Learned::Measure
    }

    /// A request of these was refused as too long, with this count.
    pub fn refused(&mut self, messages: &[Message], tools: usize, counted: u64) {
        self.factor = self.factor.max(ratio(messages, tools, counted).min(MOST));
    }

    /// The same for another conversation, or this one after a compaction, which go on with no request that was counted.
    pub fn anew(self) -> Gauge {
        Gauge { last: None, ..self }
    }

    fn tokens(&self, estimated: usize) -> usize {
        (estimated as f64 * self.factor).ceil() as usize
    }
}

fn ratio(messages: &[Message], tools: usize, counted: u64) -> f64 {
    counted as f64 / Gauge::default().request(messages, tools).max(1) as f64
}

fn thought(message: &Message) -> usize {
    match message {
        Message::Assistant { reasoning: Some(reasoning), .. } => estimate(&reasoning.text),
        _ => 0,
    }
}

/// Estimated tokens of one message.
fn weight(message: &Message) -> usize {
    let text = match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => estimate(text),
        Message::Assistant { text, calls, .. } => {
            let calls = calls.iter().map(|call| FRAME + estimate(&call.name) + estimate(&call.arguments.to_string()));
            estimate(text) + thought(message) + calls.sum::<usize>()
        }
    };
    FRAME + text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_count_corrects_the_estimate() {
        let messages = [Message::User { text: "x".repeat(4_000) }];
        let mut gauge = Gauge::default();
        assert_eq!(gauge.messages(&messages), 1_006);
        gauge.learn(&messages, 0, 1_509);
        let longer = [messages[0].clone(), Message::User { text: "x".repeat(4_000) }];
        assert!((2_990..=3_030).contains(&gauge.messages(&longer)), "{}", gauge.messages(&longer));
        gauge.learn(&messages, 0, 1_000_000);
        assert!(gauge.messages(&messages) <= 3_100, "an absurd count is not believed");
        let before = gauge.messages(&messages);
        assert_eq!(gauge.learn(&messages, 0, 300), Learned::Nothing);
        assert_eq!(gauge.messages(&messages), before, "nor one of a part");
        let mut gauge = Gauge::default();
        gauge.refused(&messages, 0, 1_509);
        gauge.refused(&messages, 0, 1_200);
        assert_eq!(gauge.messages(&messages), 1_509);
    }

    /// Counts of a conversation that grows by 1,000 tokens each time, the last time by the user's words or one more result; the
    /// first message was thought about for 300.
    fn check(by_user: bool, counts: &[u64], expected: Learned) {
        let result = Message::Tool { call_id: "1".into(), tool: "x".into(), text: "x".repeat(4_000) };
        let mut messages = vec![Message::Assistant {
            text: String::new(),
            reasoning: Some("x".repeat(1_200).into()),
            calls: Vec::new(),
        }];
        let mut gauge = Gauge::default();
        for (at, counted) in counts.iter().enumerate() {
            let words = Message::User { text: "x".repeat(4_000) };
            messages.push(if by_user && at + 1 == counts.len() { words } else { result.clone() });
            let learned = gauge.learn(&messages, 500, *counted);
            match at + 1 == counts.len() {
                true => assert_eq!(learned, expected, "{counts:?}"),
                false => assert_eq!(learned, Learned::Measure, "{counts:?}"),
            }
        }
        if let Learned::Cut { .. } = expected {
            assert!(gauge.request(&messages, 500) >= 2_800, "what was cut has taught nothing");
        }
    }

    #[test]
    fn a_count_that_does_not_grow_is_no_measure() {
        check(true, &[1_800, 2_800, 3_800], Learned::Measure);
        check(true, &[1_800, 2_400, 2_050], Learned::Measure); // it may be the thought that is gone
        check(false, &[1_800, 2_400, 2_050], Learned::Cut { window: 2_400 });
        check(true, &[1_800, 2_800, 1_000], Learned::Nothing);
    }
}
