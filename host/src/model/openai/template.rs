//! What a model's chat template refuses of a conversation: learned from the server's words when it does so, and left out from
//! then on. The conversation itself stays as it is; what is sent of it is made anew each time, in the same way.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{ModelError, Request, text_tools};
use crate::protocol::{Message, ToolSpec};

/// What was refused so far, for as long as the connection lives.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// Tools: they are described in the system prompt instead.
    tools: AtomicBool,
    /// Several calls in one reply (Llama 3): each gets a reply of its own.
    calls: AtomicBool,
    /// The system prompt (Gemma 2): it opens the user's first message.
    system: AtomicBool,
}

impl Template {
    pub(super) fn new(tools_as_text: bool) -> Template {
        Template { tools: tools_as_text.into(), ..Template::default() }
    }

    /// Whether the error was about something that can be left out, and was not until now.
    pub(super) fn learn(&self, error: &ModelError, request: &Request) -> bool {
        let refused = match error {
            ModelError::ToolsUnsupported { .. } if !request.tools.is_empty() => &self.tools,
            ModelError::Server { message, .. } => {
                let message = message.to_ascii_lowercase();
                if message.contains("single tool-call") {
                    &self.calls
                } else if message.contains("system role not supported") {
                    &self.system
                } else {
                    return false;
                }
            }
            _ => return false,
        };
        !refused.swap(true, Ordering::Relaxed)
    }

    /// Whether a reply may hold several calls.
    pub(super) fn takes_calls(&self) -> bool {
        !self.calls.load(Ordering::Relaxed)
    }

    /// The conversation and the tools as they may be sent.
    pub(super) fn fit<'a>(&self, request: &'a Request) -> (Cow<'a, [Message]>, &'a [ToolSpec]) {
        let (mut messages, tools): (Cow<'a, [Message]>, &[ToolSpec]) = match self.tools.load(Ordering::Relaxed) {
            true => (text_tools::rewrite(&request.messages, &request.tools).into(), &[]),
            false => (Cow::Borrowed(request.messages.as_slice()), &request.tools),
        };
        if !self.takes_calls() {
            messages = one_by_one(&messages).into();
        }
        if self.system.load(Ordering::Relaxed) {
            messages = without_system(&messages).into();
        }
        (messages, tools)
    }
}

/// Each call in a reply of its own, before its result.
fn one_by_one(messages: &[Message]) -> Vec<Message> {
    let mut apart = Vec::with_capacity(messages.len());
    let mut waiting = Vec::new();
    for message in messages {
        match message {
            Message::Assistant { text, reasoning, calls } if calls.len() > 1 => {
                let first = Message::Assistant {
                    text: text.clone(),
                    reasoning: reasoning.clone(),
                    calls: calls.iter().take(1).cloned().collect(),
                };
                apart.push(first);
                let other =
                    |call| Message::Assistant { text: String::new(), reasoning: None, calls: vec![Clone::clone(call)] };
                waiting = calls.iter().skip(1).rev().map(other).collect();
            }
            Message::Tool { .. } => {
                apart.push(message.clone());
                apart.extend(waiting.pop());
            }
            _ => apart.push(message.clone()),
        }
    }
    apart
}

fn without_system(messages: &[Message]) -> Vec<Message> {
    match messages {
        [Message::System { text: system }, Message::User { text }, rest @ ..] => {
            let first = Message::User { text: format!("{}\n\n{text}", system.trim_end()) };
            std::iter::once(first).chain(rest.iter().cloned()).collect()
        }
        [Message::System { text }, rest @ ..] => {
            std::iter::once(Message::User { text: text.clone() }).chain(rest.iter().cloned()).collect()
        }
        _ => messages.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ToolCall;
    use serde_json::json;

    /// `s`, `u`: system and user; `a12`: calls 1 and 2; `r1`: the result of call 1.
    fn messages(shape: &str) -> Vec<Message> {
        let call = |id: char| ToolCall { id: id.into(), name: "x".into(), arguments: json!({}), recovered: None };
        let one = |word: &str| match word.split_at(1) {
            ("s", _) => Message::System { text: "be brief\n".into() },
            ("u", text) => Message::User { text: text.into() },
            ("a", ids) => {
                Message::Assistant { text: "t".into(), reasoning: None, calls: ids.chars().map(call).collect() }
            }
            (_, id) => Message::Tool { call_id: id.into(), tool: "x".into(), text: String::new() },
        };
        shape.split(' ').map(one).collect()
    }

    #[test]
    fn calls_are_told_one_by_one() {
        let check = |shape: &str, expected: &str| {
            let mut apart = one_by_one(&messages(shape));
            for message in &mut apart {
                if let Message::Assistant { text, .. } = message {
                    *text = "t".into();
                }
            }
            assert_eq!(apart, messages(expected), "{shape}");
        };
        check("s u a1 r1 a", "s u a1 r1 a");
        check("s u a123 r1 r2 r3 a4 r4 u", "s u a1 r1 a2 r2 a3 r3 a4 r4 u");
    }

    #[test]
    fn the_system_prompt_opens_the_first_message() {
        let check = |shape: &str, expected: &str| {
            let texts: Vec<_> = without_system(&messages(shape))
                .into_iter()
                .map(|message| match message {
                    Message::User { text } => text,
                    other => format!("{other:?}"),
                })
                .collect();
            assert_eq!(texts[0], expected, "{shape}");
        };
        check("s ugo", "be brief\n\ngo");
        check("s", "be brief\n");
        check("ugo", "go");
    }

    #[test]
    fn what_is_refused_in_words_is_learned_once() {
        let check = |message: &str, expected: bool| {
            let template = Template::default();
            let error = ModelError::Server { status: 500, message: message.into(), retry_after: None };
            assert_eq!(template.learn(&error, &Request::default()), expected, "{message}");
            assert!(!template.learn(&error, &Request::default()), "{message}");
        };
        check("This model only supports single tool-calls at once! at row 54, column 77", true);
        check("System role not supported", true);
        check("out of memory", false);
    }
}
