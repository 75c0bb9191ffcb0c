//! One reply of the test server as data: what the model would say, and how the server misbehaves while saying it.

use std::time::Duration;

use serde_json::Value;

/// What one chat request is answered with.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Sent piece by piece.
    pub text: Vec<String>,
    pub reasoning: Vec<String>,
    pub calls: Vec<(String, Value)>,
    /// Prompt, completion and cached tokens.
    pub usage: Option<(u64, u64, u64)>,
    /// `None`: `tool_calls` with calls, else `stop`.
    pub finish: Option<String>,
    /// Passes before the head of the answer.
    pub delay: Option<Duration>,
    /// Not 200: `error` is the whole answer.
    pub status: Option<u16>,
    pub error: Option<Value>,
    pub headers: Vec<(String, String)>,
    pub faults: Vec<Fault>,
    /// Instead of everything above but status and headers: these chunks.
    pub raw: Option<Vec<Vec<u8>>>,
}

/// How a server misbehaves. Several may come together.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The body comes in chunks of so many bytes.
    Split(usize),
    /// A line of noise after the text.
    Garbage,
    /// An error after the text, under HTTP 200.
    ErrorMidStream(Value),
    /// Nothing more comes after the text.
    Hang,
    /// Nothing comes after the head.
    HangAtOnce,
    /// The connection breaks after the text.
    Break,
    /// The body ends in good order after the text, without what would end the reply.
    EndEarly,
    /// No `[DONE]`.
    NoDone,
    /// A line of so many bytes after the text.
    GiantLine(usize),
    ContentType(&'static str),
    /// CRLF at every line end, and a byte order mark first.
    Windows,
    /// Comments and empty lines everywhere.
    KeepAlive,
}

impl Reply {
    /// Sent word by word.
    pub fn text(text: &str) -> Reply {
        Reply { text: text.split_inclusive(' ').map(str::to_string).collect(), ..Reply::default() }
    }

    pub fn call(name: &str, arguments: Value) -> Reply {
        Reply::default().and_call(name, arguments)
    }

    /// An error instead of a reply, with the body that the dialect's server would send.
    pub fn status(status: u16, message: &str) -> Reply {
        Reply { status: Some(status), error: Some(Value::String(message.to_string())), ..Reply::default() }
    }

    /// These bytes, a chunk each, whatever they are.
    pub fn raw<B: AsRef<[u8]>>(chunks: impl IntoIterator<Item = B>) -> Reply {
        Reply { raw: Some(chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect()), ..Reply::default() }
    }

    pub fn redirect(to: &str) -> Reply {
        Reply { status: Some(307), raw: Some(vec![]), ..Reply::default() }.header("location", to)
    }

    pub fn and_call(mut self, name: &str, arguments: Value) -> Reply {
        self.calls.push((name.to_string(), arguments));
        self
    }

    pub fn reasoning(mut self, text: &str) -> Reply {
        self.reasoning = text.split_inclusive(' ').map(str::to_string).collect();
        self
    }

    pub fn usage(mut self, prompt: u64, completion: u64, cached: u64) -> Reply {
        self.usage = Some((prompt, completion, cached));
        self
    }

    pub fn finish(mut self, reason: &str) -> Reply {
        self.finish = Some(reason.to_string());
        self
    }

    pub fn delay(mut self, delay: Duration) -> Reply {
        self.delay = Some(delay);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    pub fn fault(mut self, fault: Fault) -> Reply {
        self.faults.push(fault);
        self
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }
}
