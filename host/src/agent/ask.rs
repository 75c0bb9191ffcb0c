//! Asks the model once and collects its reply: streamed deltas out as events, tool calls in, whether the server named
//! them or the model wrote them as text.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::repetition::{LONG, SHORT, counts_from, repeats_from};
use super::tally::{Ended, Tally};
use super::turn::Turn;
use super::{Context, Lenience, leaving};
use crate::model::retry::{self, Attempt, Backoff};
use crate::model::{Delta, Model, ModelError, RawCall, Request};
use crate::protocol::{Event, FinishReason, Kept, Level, Message, Reasoning, ToolCall, ToolSpec};
use crate::recover::{self, Found, FoundCall, Part, Reader, Unreadable};

/// One call of a reply.
#[derive(Clone)]
pub(super) struct Asked {
    pub call: ToolCall,
    /// Why the arguments could not be read; the call then carries none.
    pub unreadable: Option<String>,
    /// The tool of the host through which the model called it.
    pub through: Option<&'static str>,
    /// Tools to call instead, where its own does not exist.
    pub instead: Vec<String>,
}

/// After so many bytes more, what has arrived is looked at for repetition.
const LOOK: usize = 1_024;
/// Said of arguments that could be repaired and are not to be.
const STRICT: &str = "the arguments are not a JSON object; write them as strict JSON";
/// Said of a call that the reply's token limit has cut.
const CUT: &str = "the reply reached its token limit in the middle of the call. Nothing was done; write less in one call, \
    in several calls where it is long";
/// Said of text that was shown as such.
const THOUGHT: &str = "what the model has said so far was its thought; the answer follows";
/// What a call is named that was announced and has no name.
const NAMELESS: &str = "unreadable_call";

/// One whole reply.
pub(super) struct Reply {
    pub text: String,
    pub reasoning: Option<Reasoning>,
    pub asked: Vec<Asked>,
    pub finish: FinishReason,
    /// Tokens of the request, as the server counted them.
    pub prompt_tokens: Option<u64>,
    /// The user cancelled; what had arrived is kept, calls are not.
    pub cancelled: bool,
    /// It repeated itself and was cut.
    pub repeats: bool,
}

impl Reply {
    /// Of a request that was not sent.
    pub fn none() -> Reply {
        Reply {
            text: String::new(),
            reasoning: None,
            asked: Vec::new(),
            finish: FinishReason::Stop,
            prompt_tokens: None,
            cancelled: false,
            repeats: false,
        }
    }
}

/// What has arrived of a reply so far, without the markup of calls and thoughts.
#[derive(Default)]
struct Arrived {
    /// Text and reasoning.
    said: Found,
    kept: Option<Kept>,
    calls: Vec<RawCall>,
    /// The name of a call that was cut.
    cut_call: Option<String>,
    finish: Option<FinishReason>,
    prompt_tokens: Option<u64>,
    /// Bytes of text and reasoning at which they are looked at for repetition.
    look_at: usize,
    repeats: bool,
}

/// A reply on its way, and what finds calls and reasoning in its text.
struct Arriving {
    arrived: Arrived,
    /// `None`: text is text.
    reader: Option<Reader>,
    /// All that was written, with the markup and the arguments of calls.
    heard: String,
    /// Bytes of that at which it is looked at for repetition.
    look_at: usize,
}

/// Sends the conversation and waits for the end of the reply. Retries are shown as events. With an error comes what had
/// arrived before it, without calls.
pub(super) async fn model(turn: &Turn, model: &Arc<dyn Model>, context: &Context) -> (Reply, Option<ModelError>) {
    let request = Request {
        messages: context.messages.clone(),
        tools: context.tools.clone(),
        sampling: turn.services.routing.sampling(turn.services.settings.sampling),
    };
    let mut stream = retry::stream(leaving::through(turn, model), Arc::new(request), Backoff::default());
    let lenience = turn.services.settings.lenience;
    let callable = lenience.text_calls.then(|| context.callable(turn));
    let reader = || callable.as_deref().map(|tools| reader(model, tools));
    let mut arriving = Arriving::new(reader());
    let (mut tally, mut cancelled, mut failure) = (Tally::default(), false, None);
    let sends = !turn.cancel.is_cancelled();
    loop {
        let next = tokio::select! {
            biased;
            () = turn.cancel.cancelled() => { cancelled = true; break }
            next = stream.next() => next,
        };
        match next {
            Some(Ok(Attempt::Delta(delta))) => {
                tally.see(&delta);
                arriving.take(delta, turn).await;
                if arriving.arrived.repeats {
                    break;
                }
            }
            Some(Ok(Attempt::Retry { attempt, wait_ms, reason })) => {
                arriving = Arriving::new(reader());
                std::mem::take(&mut tally).close(turn, Ended::There).await;
                turn.services.recorder.emit(Event::Retry { attempt, wait_ms, reason }).await;
            }
            Some(Err(error)) => {
                failure = Some(error);
                break;
            }
            None => break,
        }
    }
    drop(stream); // ends the request where that has not ended
    let cut = sends && (cancelled || arriving.arrived.repeats);
    tally.close(turn, if cut { Ended::Here } else { Ended::There }).await;
    let Arriving { mut arrived, mut reader, .. } = arriving;
    let whole = !cancelled && failure.is_none() && !arrived.repeats;
    match (&mut reader, &arrived.finish) {
        (Some(reader), Some(FinishReason::Stop)) if whole => reader.stopped(),
        (Some(reader), finish) if !whole || *finish == Some(FinishReason::Length) => reader.cut(),
        _ => {}
    }
    let (rest, found) = reader.map_or_else(Default::default, Reader::finish);
    if !arrived.repeats {
        arrived.show(rest, turn).await;
    }
    (Reply { cancelled, ..arrived.reply(context, found, whole, lenience) }, failure)
}

/// For a reply of this model, which may begin in the middle of a thought.
pub(super) fn reader(model: &Arc<dyn Model>, tools: &[ToolSpec]) -> Reader {
    if model.family().opened { Reader::opened(tools) } else { Reader::new(tools) }
}

impl Arriving {
    fn new(reader: Option<Reader>) -> Arriving {
        Arriving { arrived: Arrived::default(), reader, heard: String::new(), look_at: 0 }
    }

    /// Notices a call that never ends. What is written into a file may repeat itself for longer than what is said.
    fn hear(&mut self, text: &str, times: u32) {
        self.heard.push_str(text);
        if self.heard.len() >= self.look_at {
            self.look_at = self.heard.len() + LOOK;
            self.arrived.repeats |= repeats_from(&self.heard, LONG, times).is_some();
        }
    }

    async fn take(&mut self, delta: Delta, turn: &Turn) {
        let times = turn.services.settings.recovery.text_repeats;
        match delta {
            Delta::Text(text) => {
                self.hear(&text, times);
                let parts = match &mut self.reader {
                    Some(reader) => reader.push(&text),
                    None => vec![Part::Text(text)],
                };
                self.arrived.show(parts, turn).await;
            }
            Delta::Reasoning(text) => {
                let mut parts = self.reader.as_mut().map_or_else(Vec::new, Reader::apart);
                parts.push(Part::Reasoning(text));
                self.arrived.show(parts, turn).await;
            }
            Delta::Kept(kept) => self.arrived.kept = Some(kept),
            Delta::Arguments(text) => self.hear(&text, times),
            Delta::Call(call) => self.arrived.calls.push(call),
            Delta::CutCall(name) => self.arrived.cut_call = Some(name),
            Delta::Usage(usage) => self.arrived.prompt_tokens = usage.prompt_tokens,
            Delta::Finish(reason) => self.arrived.finish = Some(reason),
        }
    }
}

impl Arrived {
    async fn show(&mut self, parts: Vec<Part>, turn: &Turn) {
        for part in parts {
            let event = match &part {
                Part::Text(text) => Some(Event::TextDelta { text: text.clone() }),
                Part::Reasoning(text) => Some(Event::ReasoningDelta { text: text.clone() }),
                Part::Thought(text) if self.said.text.is_empty() => Some(Event::ReasoningDelta { text: text.clone() }),
                Part::Thought(_) => Some(Event::Notice { level: Level::Info, text: THOUGHT.into() }),
                Part::Unthought => None,
            };
            self.said.take(part);
            if let Some(event) = event {
                turn.services.recorder.emit(event).await;
            }
        }
        let Found { text, reasoning, .. } = &mut self.said;
        if text.len() + reasoning.len() >= self.look_at {
            self.look_at = text.len() + reasoning.len() + LOOK;
            let times = turn.services.settings.recovery.text_repeats;
            for written in [text, reasoning] {
                let end = repeats_from(written, SHORT, times).or_else(|| counts_from(written, SHORT, times));
                if let Some(end) = end {
                    written.truncate(end);
                    self.repeats = true;
                }
            }
        }
    }

    /// Only a whole reply has calls: one that was cut off may lack the half of the last.
    fn reply(self, context: &Context, found: Found, whole: bool, lenience: Lenience) -> Reply {
        let mut ids = used_ids(context);
        let asked = if !whole {
            Vec::new()
        } else if self.calls.is_empty() && self.cut_call.is_none() {
            let made = found.calls.into_iter().map(written).collect::<Vec<_>>();
            let spoiled = found.unreadable.into_iter().map(spoiled);
            let asked = made.into_iter().chain(spoiled);
            asked
                .map(|asked| Asked { call: ToolCall { id: fresh_id(None, &mut ids), ..asked.call }, ..asked })
                .collect()
        } else {
            let mut asked: Vec<Asked> = self.calls.into_iter().map(|raw| read(raw, &mut ids, lenience)).collect();
            asked.extend(self.cut_call.map(|name| cut(name, &mut ids)));
            asked
        };
        let reasoning = Reasoning { text: self.said.reasoning, kept: self.kept };
        let reasoning = Some(reasoning).filter(|reasoning| !reasoning.text.is_empty() || reasoning.kept.is_some());
        let finish = self.finish.unwrap_or(FinishReason::Stop);
        let (prompt_tokens, repeats) = (self.prompt_tokens, self.repeats);
        Reply { text: self.said.text, reasoning, asked, finish, prompt_tokens, cancelled: false, repeats }
    }
}

/// A call that was found in the text.
fn written(FoundCall { name, arguments, form, cut_off }: FoundCall) -> Asked {
    if cut_off {
        let reason = "the reply ended in the middle of the call";
        return spoiled(Unreadable { name: Some(name), form, reason });
    }
    let call = ToolCall { id: String::new(), name, arguments, recovered: Some(form.to_string()) };
    Asked { call, unreadable: None, through: None, instead: Vec::new() }
}

/// A call that was begun in the text and cannot be made: the model is told, as of one that it made.
fn spoiled(Unreadable { name, form, reason }: Unreadable) -> Asked {
    let name = name.unwrap_or_else(|| NAMELESS.to_string());
    let arguments = Value::Object(Map::new());
    let call = ToolCall { id: String::new(), name, arguments, recovered: Some(form.to_string()) };
    Asked {
        call,
        unreadable: Some(format!("{reason}. Nothing was done; make the call again")),
        through: None,
        instead: Vec::new(),
    }
}

/// Reads the arguments that a server passed on, repairing what can be repaired where that is wanted.
fn read(raw: RawCall, ids: &mut BTreeSet<String>, lenience: Lenience) -> Asked {
    let id = fresh_id(raw.id, ids);
    let none = || Value::Object(Map::new());
    let (arguments, recovered, unreadable) = match recover::parse_arguments(&raw.arguments) {
        Ok((_, true)) if !lenience.repair_calls => (none(), None, Some(STRICT.to_owned())),
        Ok((arguments, repaired)) => (arguments, repaired.then(|| "repaired_json".to_string()), None),
        Err(error) => (none(), None, Some(format!("the arguments are not a JSON object: {error}"))),
    };
    Asked {
        call: ToolCall { id, name: raw.name, arguments, recovered },
        unreadable,
        through: None,
        instead: Vec::new(),
    }
}

fn cut(name: String, ids: &mut BTreeSet<String>) -> Asked {
    let name = if name.is_empty() { NAMELESS.to_string() } else { name };
    let call = ToolCall { id: fresh_id(None, ids), name, arguments: Value::Object(Map::new()), recovered: None };
    Asked { call, unreadable: Some(CUT.into()), through: None, instead: Vec::new() }
}

/// Those of this conversation, and those that it must not use again.
pub(super) fn used_ids(context: &Context) -> BTreeSet<String> {
    let calls = context.messages.iter().filter_map(|message| match message {
        Message::Assistant { calls, .. } => Some(calls),
        _ => None,
    });
    calls.flatten().map(|call| call.id.clone()).chain(context.taken.iter().cloned()).collect()
}

/// The server's id where it is new, else one of our own: some servers count from zero in every reply. Mistral's templates refuse
/// ids that are not nine letters and digits.
fn fresh_id(wanted: Option<String>, used: &mut BTreeSet<String>) -> String {
    let id = wanted.filter(|id| !id.is_empty() && !used.contains(id)).unwrap_or_else(|| {
        (used.len() + 1..).map(|number| format!("call{number:05}")).find(|id| !used.contains(id)).unwrap_or_default()
    });
    used.insert(id.clone());
    id
}
